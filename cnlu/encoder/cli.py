"""`cnlu encoder`: lists, describes and fetches encoders. Everything else is imported when a command runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnlu.bundled import bundled_directory
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.messages import encodable

if TYPE_CHECKING:
    from cnlu.encoder.catalogue import KnownEncoder
    from cnlu.encoder.describe import Description
    from cnlu.encoder.listing import Endpoint, Entry

NAME_HELP = "zh-mini, a directory, a name on the Hugging Face hub (owner/name), or modelscope:OWNER/ID"


def add_encoder(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `cnlu encoder`."""
    parser.description = (
        "List, describe and fetch pretrained encoders. HF_ENDPOINT names a mirror of the Hugging Face hub, HF_HOME "
        "another folder for its cache; MODELSCOPE_ENDPOINT and MODELSCOPE_CACHE do the same for ModelScope."
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_list(verbs.add_parser("list", help="list the encoders that are bundled, cached, and known on the hubs"))
    _add_info(verbs.add_parser("info", help="describe an encoder that is on this machine"))
    _add_fetch(verbs.add_parser("fetch", help="download an encoder, and print its directory"))


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "List the encoders that are bundled with cnlu, cached on this machine, and known on the hubs, and say whether "
        "the hubs can be reached."
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the hubs")
    _add_format(parser)
    parser.set_defaults(run=_list)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Describe an encoder that is on this machine: family, size, licence, tokenizer, and whether it has a head for "
        "masked language modelling. Nothing is downloaded, and no code of the encoder runs."
    )
    parser.add_argument("encoder", metavar="NAME|DIR", help=NAME_HELP)
    _add_format(parser)
    parser.set_defaults(run=_info)


def _add_fetch(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Download an encoder into its hub's cache, or with its model card into --out, and print the directory. An "
        "interrupted download continues when the command is run again."
    )
    parser.add_argument("encoder", metavar="NAME", help=NAME_HELP)
    parser.add_argument(
        "--out", metavar="DIR", help="write a directory that can be copied to a machine without a network"
    )
    parser.add_argument("--force", action="store_true", help="replace the encoder at --out")
    parser.set_defaults(run=_fetch)


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="json has every field (default text)"
    )


def _list(arguments: argparse.Namespace) -> int:
    from cnlu.encoder.listing import encoders, endpoints

    entries, hubs = encoders(), endpoints(ask=not arguments.offline)
    if arguments.format == "json":
        _print_json({"encoders": [dataclasses.asdict(entry) for entry in entries], "hubs": list(map(_hub_json, hubs))})
        return 0
    for line in [*_table(entries), "", *map(_hub_line, hubs)]:
        print(encodable(line))
    return 0


def _table(entries: list[Entry]) -> list[str]:
    from cnlu.io.terminal_table import align

    header = [_("name"), _("layers x width"), _("parameters"), "MB", _("licence"), _("measured"), _("place")]
    rows = [
        [
            entry.name,
            f"{entry.layers or '?'} x {entry.width or '?'}",
            f"{entry.parameters:g} M" if entry.parameters else "?",
            str(entry.megabytes or "?"),
            entry.licence or "?",
            _("yes") if entry.is_measured else _("no"),
            _place(entry),
        ]
        for entry in entries
    ]
    aligned = align([row[:-1] for row in [header, *rows]])
    return [f"{line}  {row[-1]}" for line, row in zip(aligned, [header, *rows], strict=True)]


def _place(entry: Entry) -> str:
    if entry.place == "bundled":
        return _("bundled with cnlu")
    if entry.directory:
        return entry.directory
    return _("not fetched; also {name}", name=entry.modelscope) if entry.modelscope else _("not fetched")


def _hub_json(hub: Endpoint) -> dict[str, object]:
    reachable = hub.failure is None if hub.was_asked else None
    client = {"client_installed": hub.missing is None}
    return {"address": hub.address, "variable": hub.variable, "reachable": reachable, "reason": hub.failure, **client}


def _hub_line(hub: Endpoint) -> str:
    if hub.missing is None:
        return _reachability(hub)
    return _("{line}; its client is missing: {command}", line=_reachability(hub), command=hub.missing)


def _reachability(hub: Endpoint) -> str:
    values = {"address": hub.address, "variable": hub.variable}
    if not hub.was_asked:
        return _("{address} ({variable}): not asked", **values)
    if hub.failure is not None:
        return _("{address} ({variable}): cannot be reached ({reason})", reason=hub.failure, **values)
    return _("{address} ({variable}): can be reached", **values)


def _info(arguments: argparse.Namespace) -> int:
    from cnlu.encoder.catalogue import known_encoder
    from cnlu.encoder.describe import describe
    from cnlu.encoder.source import local_copy

    directory = local_copy(arguments.encoder)
    if directory is None:
        command = f"cnlu encoder fetch {arguments.encoder}"
        fix = _("download it with `{command}`", command=command)
        raise UsageError(arguments.encoder, _("is not on this machine"), fix)
    known = known_encoder(arguments.encoder)
    description = describe(directory)
    if description.licence is None and known is not None:
        description = dataclasses.replace(description, licence=known.licence)
    if arguments.format == "json":
        _print_json(dataclasses.asdict(description))
        return 0
    from cnlu.io.terminal_table import display_width, pad

    rows = _facts(description, known)
    width = max(display_width(name) for name, _value in rows)
    for name, value in rows:
        print(encodable(f"{pad(name, width)}  {value}"))
    return 0


def _facts(found: Description, known: KnownEncoder | None) -> list[tuple[str, str]]:
    """(name, value) of each line that describes an encoder."""
    unknown = _("not known")
    tokens = {"kind": found.tokenizer, "count": f"{found.tokenizer_tokens or 0:,}"}
    problem = found.tokenizer_problem or unknown
    head = {True: _("yes"), False: _("no"), None: unknown}[found.has_masked_lm_head]
    is_measured = found.directory == str(bundled_directory()) or bool(known and known.is_measured)
    return [
        (_("directory"), found.directory),
        (_("family"), found.family),
        (_("layers"), _figure(found.layers)),
        (_("width"), _figure(found.width)),
        (_("vocabulary"), _figure(found.vocabulary)),
        (_("parameters"), _figure(found.parameters)),
        (_("size on disk"), f"{found.bytes_on_disk / 1e6:.1f} MB"),
        (_("weights"), found.weights if found.weights_problem is None else found.weights_problem),
        (_("masked-LM head"), head),
        (_("tokenizer"), _("{kind}, {count} tokens", **tokens) if found.tokenizer else problem),
        (_("licence"), found.licence or unknown),
        (_("measured"), _("yes") if is_measured else _("no")),
    ]


def _figure(value: int | None) -> str:
    return _("not known") if value is None else f"{value:,}"


def _fetch(arguments: argparse.Namespace) -> int:
    from cnlu.encoder.fetch import fetch

    if arguments.force and not arguments.out:
        raise UsageError("--force", _("has no effect without --out"), _("leave it out"))
    out = Path(arguments.out) if arguments.out else None
    print(encodable(str(fetch(arguments.encoder, out, arguments.force, _log))))
    return 0


def _log(line: str) -> None:
    print(_("note: {note}", note=line), file=sys.stderr)


def _print_json(content: object) -> None:
    """JSON with readable characters if the encoding of the output can represent them, otherwise with escapes."""
    written = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    print(written if encodable(written) == written else json.dumps(content, indent=1, allow_nan=False))
