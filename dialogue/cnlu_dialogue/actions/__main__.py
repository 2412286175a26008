"""`python -m cnlu_dialogue.actions [--port 5055]`: the railway bot's action server; rasa-sdk takes the arguments."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys

from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu_dialogue.actions.environment import data_folder, now
from cnlu_dialogue.actions.store import Store


def main() -> None:
    """Checks the environment and the data files, then starts rasa-sdk."""
    if importlib.util.find_spec("rasa_sdk") is None:
        problem, fix = _("the action server needs rasa-sdk"), _("install it with: pip install 'cnlu[actions]'")
        sys.exit(str(CnluError("", problem, fix)))
    try:
        now()
        Store(data_folder())
    except CnluError as error:
        sys.exit(str(error))
    os.environ.setdefault("SANIC_HOST", "127.0.0.1")  # by default rasa-sdk listens on every address of the machine
    sys.argv = ["rasa_sdk", "--actions", "cnlu_dialogue.actions.sdk", *sys.argv[1:]]
    runpy.run_module("rasa_sdk", run_name="__main__")


if __name__ == "__main__":
    main()
