"""Trains and parses on request in a process of Rasa's Python, so that Rasa is imported only once.

It runs in a bot's folder. A request is a line of JSON on standard input, {"do": NAME, ...arguments}. The answer is a
line of JSON on standard output: the return value of the function NAME below, with Rasa's log messages in "log" and a
failure in "error".
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import warnings

import rasa.core.agent
import rasa.model_training
import rasa.utils.common
from rasa.core.http_interpreter import RasaNLUHttpInterpreter
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig
from rasa.utils.log_utils import configure_structlog

RECORDS = []
AGENTS = {}


class RecordHandler(logging.Handler):
    def emit(self, record):
        RECORDS.append(record.getMessage())


def train(config, name, finetune=None, force=False, data="data", nlu_only=False, epoch_fraction=1.0):
    options = {
        "output": "models",
        "fixed_model_name": name,
        "model_to_finetune": finetune,
        "finetuning_epoch_fraction": epoch_fraction,
        "domain": "domain.yml",
    }
    if nlu_only:
        path = rasa.model_training.train_nlu(config, data, **options)
    else:
        path = rasa.model_training.train(training_files=data, config=config, force_training=force, **options).model
    return {"model": path}


def load(model):
    """The agent of a model file; loading takes seconds, so agents are cached."""
    key = (model, os.stat(model).st_mtime_ns)
    if key not in AGENTS:
        AGENTS[key] = rasa.core.agent.Agent.load(model)
    return AGENTS[key]


def parse(model, texts):
    agent = load(model)
    return {"results": [asyncio.run(agent.parse_message(text)) for text in texts]}


def talk(model, texts, nlu):
    """The bot's answers to each text, and the parses of the texts; `nlu` is the URL of an NLU server."""
    agent = rasa.core.agent.Agent.load(model)

    async def go():
        agent.processor.http_interpreter = RasaNLUHttpInterpreter(EndpointConfig(nlu))  # made in this event loop
        answers = [[answer.get("text") for answer in await agent.handle_text(text)] for text in texts]
        parsed = [await agent.parse_message(text) for text in texts]
        await agent.processor.http_interpreter.session.close()
        return {"said": answers, "parsed": parsed}

    return asyncio.run(go())


def modules():
    return {"heavy": sorted({"torch", "transformers"} & set(sys.modules))}


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Rasa's own output must not mix with the answers
    sys.path.insert(1, os.getcwd())
    warnings.simplefilter("ignore")
    rasa.utils.common.configure_logging_and_warnings(logging.INFO)
    configure_structlog(logging.INFO)
    logging.getLogger().addHandler(RecordHandler())
    for line in sys.stdin:
        request = json.loads(line)
        RECORDS.clear()
        try:
            answer = globals()[request.pop("do")](**request)
        except (RasaException, SystemExit) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({**answer, "log": RECORDS}, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
