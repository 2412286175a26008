"""A process that parses with cnlu or Rasa; `speed.py` and `train_rasa.py` start it and send it commands.

    python parse_worker.py cnlu|rasa MODEL TEXTS.json

TEXTS.json is a list of sentences. The worker loads the model, parses the first sentence, and prints one line
of JSON: {"cpu_s"}. Then it answers each line on its standard input with one line of JSON:
`time N` parses the first N sentences and gives {"ms": [...], "cpu_ms": [...]}; `parse` gives all parse results.
It imports only the standard library itself, so that it runs in Rasa's environment too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Parse = Callable[[str], Awaitable[Any]]


def open_cnlu(path: str) -> Parse:
    import cnlu

    model = cnlu.load(path)

    async def parse(text: str) -> Any:
        return model.parse(text)

    return parse


def open_rasa(path: str) -> Parse:
    import logging

    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.INFO)  # as under `rasa run`; a bare script would print a line for each parse
    agent = Agent.load(path)

    async def parse(text: str) -> Any:
        return await agent.parse_message(text)

    return parse


async def timed(parse: Parse, texts: list[str]) -> dict[str, list[float]]:
    """Wall and CPU milliseconds of each parse."""
    wall, cpu = [], []
    for text in texts:
        start, worked = time.perf_counter(), time.process_time()
        await parse(text)
        cpu.append(round((time.process_time() - worked) * 1000, 4))
        wall.append(round((time.perf_counter() - start) * 1000, 4))
    return {"ms": wall, "cpu_ms": cpu}


async def main() -> None:
    kind, path, texts_path = sys.argv[1:4]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print must not stand between the answers
    with open(texts_path, encoding="utf-8") as stream:
        texts = json.load(stream)
    parse = (open_cnlu if kind == "cnlu" else open_rasa)(path)
    await parse(texts[0])
    print(json.dumps({"cpu_s": time.process_time()}), file=answers, flush=True)
    for line in sys.stdin:
        command, _, number = line.strip().partition(" ")
        answer = await timed(parse, texts[: int(number)]) if command == "time" else [await parse(t) for t in texts]
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
