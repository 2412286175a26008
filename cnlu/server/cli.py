"""The options of `cnlu serve`; the server itself is imported only when it runs."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path

from cnlu.config.setting import real, whole
from cnlu.errors import UsageError
from cnlu.i18n import VARIABLE, _
from cnlu.server.settings import RANGES, ServerSettings

TOKEN_VARIABLE = "CNLU_TOKEN"


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `cnlu serve` to its parser."""
    parser.description = "Serve MODEL over HTTP: a JSON API, Rasa's NLU endpoint, and a page to try sentences on."
    parser.add_argument("model", metavar="MODEL")
    _add_address_options(parser)
    _add_feature_options(parser)
    _add_limit_options(parser)
    parser.set_defaults(run=_serve)


def _add_address_options(parser: argparse.ArgumentParser) -> None:
    defaults = ServerSettings(Path("MODEL"))
    host_help = f"address to listen on (default {defaults.host}: this machine only)"
    parser.add_argument("--host", default=defaults.host, help=host_help)
    _add_number(parser, "port", f"(default {defaults.port}; 0: any free port)")
    _add_number(parser, "workers", "number of processes, each with its own copy of the model")
    parser.add_argument(
        "--token",
        metavar="T",
        help=f"token that every client must send; prefer the variable {TOKEN_VARIABLE}, which other users of this "
        "machine cannot see",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        dest="allowed_hosts",
        default=[],
        metavar="NAME",
        help="further host name to answer to, such as a proxy's (may be given several times)",
    )


def _add_feature_options(parser: argparse.ArgumentParser) -> None:
    annotate_help = "append sentences corrected on the page to this file (default: no saving)"
    parser.add_argument("--annotate", metavar="F.yml", help=annotate_help)
    _add_number(parser, "fallback_threshold", "for Rasa: answer nlu_fallback below this confidence", "X")
    _add_number(
        parser,
        "ambiguity",
        "for Rasa: answer nlu_fallback if the two best intents are this close; if only one of these two options is "
        "given, the other is Rasa's default, 0.3 and 0.1",
        "X",
    )
    parser.add_argument("--log-texts", action="store_true", help="write every parsed text to the log (default: none)")


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    for name, text, metavar in (
        ("max_body", "bytes of a request body", "N"),
        ("max_bodies", "bytes of all bodies in a worker; more are refused with 503", "N"),
        ("max_text", "characters of a text", "N"),
        ("max_waiting", "texts waiting in a worker; more are refused with 503", "N"),
        ("max_waiting_characters", "characters waiting in a worker; more are refused with 503", "N"),
        ("read_timeout", "seconds that a client has to send its request", "S"),
        ("write_timeout", "seconds that a response waits for its client to read it", "S"),
        ("parse_timeout", "seconds that parsing a batch may take before its worker is replaced", "S"),
    ):
        _add_number(parser, name, f"{text} (default {getattr(ServerSettings, name):g})", metavar)


def _add_number(parser: argparse.ArgumentParser, name: str, text: str, metavar: str = "N") -> None:
    """Adds the option of a numeric setting; the metavar N means a whole number."""
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
            problem = _("this system cannot share a socket between worker processes")
            raise UsageError("cnlu serve", problem, _("use Linux or macOS")) from error
        problem = _("needs {package}, which is not installed", package=error.name)
        raise UsageError("cnlu serve", problem, _("install it with: pip install 'cnlu[serve]'")) from error
    return serve(settings)


def settings_of(arguments: argparse.Namespace) -> ServerSettings:
    """The settings that the options give; raises UsageError for values that cannot work."""
    values = {field.name: getattr(arguments, field.name) for field in fields(ServerSettings) if field.name in arguments}
    values["model"] = Path(values["model"])
    values["annotate"] = None if values["annotate"] is None else Path(values["annotate"])
    values["allowed_hosts"] = tuple(values["allowed_hosts"])
    values["language"] = _language(getattr(arguments, "lang", None) or os.environ.get(VARIABLE))
    if values["token"] is None:
        values["token"] = os.environ.get(TOKEN_VARIABLE) or None
    return ServerSettings(**values)


def _language(name: str | None) -> str | None:
    """The language of a name such as zh_CN.UTF-8; None without a name."""
    if not name:
        return None
    return "zh" if name.lower().startswith("zh") else "en"
