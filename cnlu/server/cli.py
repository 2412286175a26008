"""The options of `cnlu serve`; what serves is imported when it runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from cnlu.config.setting import real, whole
from cnlu.errors import UsageError
from cnlu.server.settings import RANGES, ServerSettings

TOKEN_VARIABLE = "CNLU_TOKEN"


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Describes the verb to the parser of the command line."""
    parser.description = "Serve MODEL over HTTP: a JSON API, Rasa's NLU endpoint, and a page to try sentences on."
    new = ServerSettings(Path("MODEL"))
    add = parser.add_argument
    add("model", metavar="MODEL")
    add("--host", default=new.host, help=f"where to listen (default {new.host}: this machine only)")
    _number(parser, "port", f"(default {new.port}; 0: any free one)")
    _number(parser, "workers", "processes, each with its own copy of the model")
    add(
        "--token",
        metavar="T",
        help=f"asked of every client; better in the variable {TOKEN_VARIABLE}, which other "
        "users of this machine do not see",
    )
    add(
        "--allowed-host",
        action="append",
        dest="allowed_hosts",
        default=[],
        metavar="NAME",
        help="answer to this name too, such as a proxy's (may be given several times)",
    )
    add("--annotate", metavar="F.yml", help="append sentences corrected on the page to this file (default: no saving)")
    _number(parser, "fallback_threshold", "for Rasa: answer nlu_fallback below this confidence", "X")
    _number(
        parser,
        "ambiguity",
        "for Rasa: answer nlu_fallback when two intents are this close; with one of the two "
        "options given, the other is Rasa's default, 0.3 and 0.1",
        "X",
    )
    _number(parser, "max_body", f"bytes of a request (default {new.max_body})")
    _number(
        parser, "max_bodies", f"bytes of all bodies in a worker; more are refused with 503 (default {new.max_bodies})"
    )
    _number(parser, "max_text", f"characters a text (default {new.max_text})")
    _number(parser, "max_waiting", f"texts waiting in a worker; more are refused with 503 (default {new.max_waiting})")
    _number(parser, "max_waiting_characters", f"the same in characters (default {new.max_waiting_characters})")
    _number(parser, "read_timeout", f"seconds a client has to send its request (default {new.read_timeout:g})", "S")
    _number(
        parser,
        "write_timeout",
        f"seconds an answer waits until its client reads it (default {new.write_timeout:g})",
        "S",
    )
    _number(
        parser,
        "parse_timeout",
        f"seconds a batch may take; then its worker is replaced (default {new.parse_timeout:g})",
        "S",
    )
    add("--log-texts", action="store_true", help="write every parsed text to the log (default: none)")
    parser.set_defaults(run=_serve)


def _number(parser: argparse.ArgumentParser, name: str, text: str, metavar: str = "N") -> None:
    """The option of a setting; whole where N stands for its value."""
    low, high = RANGES[name]
    read = whole(int(low), int(high)) if metavar == "N" else real(low, high)
    option = f"--{name.replace('_', '-')}"
    parser.add_argument(option, type=read, default=getattr(ServerSettings, name), metavar=metavar, help=text)


def _serve(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    try:
        from cnlu.server.serve import serve
    except ImportError as error:
        if error.name in ("fcntl", "resource"):
            raise UsageError(
                "Serving needs Linux or macOS: this system cannot share a socket between workers as they do."
            ) from error
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
