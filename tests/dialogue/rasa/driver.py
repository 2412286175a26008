"""Run by Rasa's own Python in a bot's folder: trains and parses on request, so that Rasa is imported only once.

A request is a line of JSON on standard input, {"do": NAME, ...arguments}; the answer a line of JSON on standard output:
what the function NAME below returns, with "log", the messages of Rasa's log meanwhile, and "error" where it failed.
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


class Keep(logging.Handler):
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
    """The agent of a model file; loading takes seconds, so each is kept."""
    key = (model, os.stat(model).st_mtime_ns)
    if key not in AGENTS:
        AGENTS[key] = rasa.core.agent.Agent.load(model)
    return AGENTS[key]


def parse(model, texts):
    agent = load(model)
    return {"results": [asyncio.run(agent.parse_message(text)) for text in texts]}


def talk(model, texts, nlu):
    """What the bot says to each text, and the texts' parses; `nlu` is the URL of an NLU server."""
    agent = rasa.core.agent.Agent.load(model)

    async def go():
        agent.processor.http_interpreter = RasaNLUHttpInterpreter(EndpointConfig(nlu))  # of this event loop
        said = [[answer.get("text") for answer in await agent.handle_text(text)] for text in texts]
        parsed = [await agent.parse_message(text) for text in texts]
        await agent.processor.http_interpreter.session.close()
        return {"said": said, "parsed": parsed}

    return asyncio.run(go())


def modules():
    return {"heavy": sorted({"torch", "transformers"} & set(sys.modules))}


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what Rasa prints must not stand between the answers
    sys.path.insert(1, os.getcwd())
    warnings.simplefilter("ignore")
    rasa.utils.common.configure_logging_and_warnings(logging.INFO)
    configure_structlog(logging.INFO)
    logging.getLogger().addHandler(Keep())
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
