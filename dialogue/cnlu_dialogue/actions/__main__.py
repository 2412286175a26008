"""`python -m cnlu_dialogue.actions [--port 5055]`: the railway bot's action server; rasa-sdk gets the rest."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys

from cnlu.errors import CnluError
from cnlu_dialogue.actions.environment import data_folder, now
from cnlu_dialogue.actions.store import Store


def main() -> None:
    """Checks what can be wrong before the first conversation, then hands over to rasa-sdk."""
    if importlib.util.find_spec("rasa_sdk") is None:
        sys.exit("the action server needs rasa-sdk; install it with: pip install 'cnlu[actions]'")
    try:
        now()
        Store(data_folder())
    except CnluError as error:
        sys.exit(str(error))
    os.environ.setdefault("SANIC_HOST", "127.0.0.1")  # rasa-sdk's own default is every address of the machine
    sys.argv = ["rasa_sdk", "--actions", "cnlu_dialogue.actions.sdk", *sys.argv[1:]]
    runpy.run_module("rasa_sdk", run_name="__main__")


if __name__ == "__main__":
    main()
