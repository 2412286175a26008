"""Writes converted data as YAML or JSONL; with JSONL, dictionaries go to a YAML file beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cnlu.data.jsonl import to_jsonl
from cnlu.data.schema import NluData
from cnlu.data.yaml_writer import to_yaml
from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes


def render(data: NluData, to: str, out: Path | None) -> Mapping[Path | None, bytes]:
    """The files to write, by path; None is standard output.

    Raises DataError for data that YAML cannot express, and UsageError if JSONL needs a second file but `out` is None.
    """
    if to == "yaml":
        return {out: to_yaml(data).encode("utf-8")}
    files: dict[Path | None, bytes] = {out: to_jsonl(data.examples)}
    annotated = {(x.text[e.start : e.end], e.value) for x in data.examples for e in x.entities}
    synonyms = {surface: value for surface, value in data.synonyms.items() if (surface, value) not in annotated}
    if synonyms or data.regexes or data.lookups:
        if out is None:
            problem = _("JSONL cannot hold the synonyms, regexes and lookup tables of this data")
            raise UsageError("--to", problem, _("give --out, to write them beside it, or choose --to yaml"))
        dictionaries = replace(data, examples=[], synonyms=synonyms)
        files[out.with_name(f"{out.stem}-dictionaries.yml")] = to_yaml(dictionaries).encode("utf-8")
    return files


def write(files: Mapping[Path | None, bytes], out: Path | None) -> None:
    """Write the files; raises CnluError if one cannot be written, UsageError if the dictionaries' file exists."""
    for path in files:
        if path not in (None, out) and path is not None and os.path.lexists(path) and out and not os.path.lexists(out):
            raise UsageError(path, _("the file for the dictionaries exists"), _("choose another --out"))
    for path, content in files.items():
        if path is None:
            _print(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)


def _print(content: bytes) -> None:
    if sys.stdout is None:
        raise CnluError("", _("standard output is closed"), _("give --out FILE"))
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:  # a text stream, as in a test
        sys.stdout.write(content.decode("utf-8"))
