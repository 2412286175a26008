"""What was converted as YAML or JSONL; dictionaries, which JSONL cannot hold, in a YAML file beside it."""

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
from cnlu.io.text_files import write_bytes


def rendered(data: NluData, to: str, out: Path | None) -> Mapping[Path | None, bytes]:
    """The files to write by their paths; None is standard output.

    Raises DataError for what YAML cannot say, and UsageError where JSONL needs a second file and has no first.
    """
    if to == "yaml":
        return {out: to_yaml(data).encode("utf-8")}
    files: dict[Path | None, bytes] = {out: to_jsonl(data.examples)}
    said = {(x.text[e.start : e.end], e.value) for x in data.examples for e in x.entities}
    synonyms = {surface: value for surface, value in data.synonyms.items() if (surface, value) not in said}
    if synonyms or data.regexes or data.lookups:
        if out is None:
            raise UsageError(
                "JSONL has no synonyms, regexes and lookup tables, and these data have some; give --out, "
                "and they are written beside it, or take --to yaml."
            )
        dictionaries = replace(data, examples=[], synonyms=synonyms)
        files[out.with_name(f"{out.stem}-dictionaries.yml")] = to_yaml(dictionaries).encode("utf-8")
    return files


def write(files: Mapping[Path | None, bytes], out: Path | None) -> None:
    """Raises CnluError where a place cannot be written, and UsageError where a file beside `out` is in the way."""
    for path in files:
        if path not in (None, out) and path is not None and os.path.lexists(path) and out and not os.path.lexists(out):
            raise UsageError(f"{path}: exists already, and the dictionaries belong there; choose another --out.")
    for path, content in files.items():
        if path is None:
            _print(content)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)


def _print(content: bytes) -> None:
    if sys.stdout is None:
        raise CnluError("standard output is closed; give --out FILE.")
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:  # a stream of text, as of a test
        sys.stdout.write(content.decode("utf-8"))
