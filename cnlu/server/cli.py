"""The options of `cnlu serve`; what serves is imported when it runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.server.settings import RANGES, ServerSettings
from cnlu.setting import real, whole

TOKEN_VARIABLE = "CNLU_TOKEN"


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = "Serve MODEL over HTTP: a JSON API, Rasa's NLU endpoint, and a page to try sentences on."
    new = ServerSettings(Path("MODEL"))
    add = parser.add_argument
    add("model", metavar="MODEL")
    add("--host", default=new.host, help=f"where to listen (default {new.host}: this machine only)")
    add("--port", type=_whole("port"), default=new.port, metavar="N", help=f"(default {new.port}; 0: any free one)")
    add("--workers", type=_whole("workers"), default=new.workers, metavar="N", help="processes, each with its own copy of the model")
    add("--token", metavar="T", help=f"asked of every client; better in the variable {TOKEN_VARIABLE}, which other "
        "users of this machine do not see")  # fmt: skip
    add("--allowed-host", action="append", dest="allowed_hosts", default=[], metavar="NAME", help="answer to this name "
        "too, such as a proxy's (may be given several times)")  # fmt: skip
    add("--annotate", metavar="F.yml", help="append sentences corrected on the page to this file (default: no saving)")
    add("--fallback-threshold", type=_real("fallback_threshold"), metavar="X", help="for Rasa: answer nlu_fallback below this confidence")
    add("--ambiguity", type=_real("ambiguity"), metavar="X", help="for Rasa: answer nlu_fallback when two intents are this close; "
        "with one of the two options given, the other is Rasa's default, 0.3 and 0.1")  # fmt: skip
    add("--max-body", type=_whole("max_body"), default=new.max_body, metavar="N", help=f"bytes of a request (default {new.max_body})")
    add("--max-bodies", type=_whole("max_bodies"), default=new.max_bodies, metavar="N",
        help=f"bytes of all bodies in a worker; more are refused with 503 (default {new.max_bodies})")  # fmt: skip
    add("--max-text", type=_whole("max_text"), default=new.max_text, metavar="N", help=f"characters a text (default {new.max_text})")
    add("--max-waiting", type=_whole("max_waiting"), default=new.max_waiting, metavar="N",
        help=f"texts waiting in a worker; more are refused with 503 (default {new.max_waiting})")  # fmt: skip
    add("--max-waiting-characters", type=_whole("max_waiting_characters"), default=new.max_waiting_characters, metavar="N",
        help=f"the same in characters (default {new.max_waiting_characters})")  # fmt: skip
    add("--read-timeout", type=_real("read_timeout"), default=new.read_timeout, metavar="S",
        help=f"seconds a client has to send its request (default {new.read_timeout:g})")  # fmt: skip
    add("--write-timeout", type=_real("write_timeout"), default=new.write_timeout, metavar="S",
        help=f"seconds an answer waits until its client reads it (default {new.write_timeout:g})")  # fmt: skip
    add("--parse-timeout", type=_real("parse_timeout"), default=new.parse_timeout, metavar="S",
        help=f"seconds a batch may take; then its worker is replaced (default {new.parse_timeout:g})")  # fmt: skip
    add("--log-texts", action="store_true", help="write every parsed text to the log (default: none)")
    parser.set_defaults(run=_serve)


def _whole(name: str) -> Callable[[str], int]:
    low, high = RANGES[name]
    return whole(int(low), int(high))


def _real(name: str) -> Callable[[str], float]:
    return real(*RANGES[name])


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        from cnlu.server.serve import serve
    except ImportError as error:
        if error.name in ("fcntl", "resource"):
            raise UsageError("Serving needs Linux or macOS: this system cannot share a socket between workers as they "
                             "do.") from error  # fmt: skip
        raise UsageError(
            f"Serving needs {error.name}, which is not installed; install it with: pip install 'cnlu[serve]'."
        ) from error
    return serve(settings)


def settings_of(arguments: argparse.Namespace) -> ServerSettings:
    """Raises UsageError for what cannot work."""
    given = {name: value for name, value in vars(arguments).items() if name != "run"}
    given["model"] = Path(given["model"])
    given["annotate"] = None if given["annotate"] is None else Path(given["annotate"])
    given["allowed_hosts"] = tuple(given["allowed_hosts"])
    if given["token"] is None:
        given["token"] = os.environ.get(TOKEN_VARIABLE) or None
    return ServerSettings(**given)
