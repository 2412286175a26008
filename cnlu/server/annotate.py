"""Corrected sentences, appended to the one YAML file that the server was started with.

Nothing in the file is lost or changed: the new content is read back before it takes the file's place, and must give
the old examples and the new one. A lock beside the file makes writers wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnlu.data.files import read_text, write_bytes
from cnlu.data.rasa_yaml import read_yaml
from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.wording import shown
from cnlu.data.yaml_writer import to_yaml
from cnlu.errors import CnluError, DataError, UsageError
from cnlu.server.answers import ApiError
from cnlu.server.limits import check_fields, check_text
from cnlu.server.settings import ServerSettings

SOURCE = "this sentence"
"""How messages of cnlu's writer name the example."""

_FIELDS = ("text", "intent", "entities")
_ENTITY_FIELDS = ("start", "end", "entity", "value", "role", "group")
_MOST_NAME = 200
_BLOCK_LINE = re.compile(r"[ \t]+- ")
_PROBE = Example("试一试", "cnlu_probe")


class AlreadyThere(CnluError):
    """The file has this very example."""


class Contradiction(CnluError):
    """The file has this sentence with another annotation."""


def check_file(path: Path) -> None:
    """Raises UsageError, before the server starts, for a file that sentences could not be appended to."""
    if path.suffix.lower() not in (".yml", ".yaml"):
        raise UsageError(f"--annotate {path}: corrections are written as YAML; name a file that ends in .yml.")
    if not path.parent.is_dir():
        raise UsageError(f"--annotate {path}: its folder does not exist; make it first.")
    try:
        with _locked(path):
            if path.exists() and path.stat().st_size:
                _with(path, _PROBE, to_yaml(NluData([_PROBE])))
    except (AlreadyThere, Contradiction):
        pass
    except OSError as error:
        raise UsageError(f"--annotate {path}: cannot be written there ({error.strerror}); choose another.") from None
    except CnluError as error:
        raise UsageError(f"--annotate: {error}") from None
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"--annotate {path}: cannot be written; check its permissions or choose another.")


def read_example(content: dict[str, Any], settings: ServerSettings) -> Example:
    """The example of a request's body; raises ApiError 422."""
    check_fields(content, _FIELDS)
    text = check_text(content.get("text"), settings)
    intent = _name(content.get("intent"), "intent")
    written = content.get("entities", [])
    if not isinstance(written, list) or len(written) > len(text):
        raise _invalid('"entities" must be a list, with no more entries than the text has characters.')
    entities = sorted((_entity(one, text) for one in written), key=lambda entity: entity.start)
    return Example(text, intent, tuple(entities), source=SOURCE)


def append_example(path: Path, example: Example) -> None:
    """Adds the example to the file, below the others of its intent; makes the file if there is none.

    Raises AlreadyThere, Contradiction, DataError for what Rasa's YAML cannot express, CnluError for a file that
    cannot be read or written (this last names the path: it is for the log).
    """
    alone = to_yaml(NluData([example]))
    try:
        with _locked(path):
            if path.exists() and path.stat().st_size:
                mode = path.stat().st_mode
                write_bytes(path, _with(path, example, alone).encode())
                os.chmod(path, mode)
            else:
                write_bytes(path, alone.encode())
    except OSError as error:
        raise CnluError(f"{path}: cannot be written ({error.strerror}); make room there.") from None


def _with(path: Path, example: Example, alone: str) -> str:
    """The file's text with the example in it."""
    text = read_text(path)
    try:
        before = read_yaml(path).examples
    except DataError as error:  # its sentence names the path, which is for the log
        raise CnluError(str(error)) from None
    for other in before:
        if other.text == example.text:
            if (other.intent, other.entities) == (example.intent, example.entities):
                raise AlreadyThere("the example is there")
            line = other.source.rpartition(":")[2]
            raise Contradiction(
                f"The file has this sentence already, annotated otherwise, as intent {shown(other.intent or '')} "
                f"in line {line}; change it there."
            )
    section = alone.split("nlu:\n", 1)[1].strip("\n")
    wanted = sorted(map(_key, [*before, example]))
    for candidate in _candidates(text, before, example, section):
        if _reads_as(path, candidate) == wanted:
            return candidate
    raise CnluError(f"{path}: sentences can only be appended where `nlu:` is the last section; move it to the end.")


def _candidates(text: str, before: list[Example], example: Example, section: str) -> Iterator[str]:
    """Ways to write it, the neatest first: a line below the intent's last example, else a section at the end."""
    lines = text.splitlines(keepends=True)
    siblings = [int(other.source.rpartition(":")[2]) for other in before if other.intent == example.intent]
    if siblings and "  examples: |\n" in section and (at := max(siblings)) <= len(lines):
        indent = _BLOCK_LINE.match(lines[at - 1])
        if indent:
            above = lines[at - 1] if lines[at - 1].endswith("\n") else lines[at - 1] + "\n"
            new = indent[0] + section.rpartition("    - ")[2] + "\n"
            yield "".join([*lines[: at - 1], above, new, *lines[at:]])
    end = "" if text.endswith("\n") else "\n"
    yield f"{text}{end}\n{section}\n"
    indented = "".join(f"  {line}\n" for line in section.splitlines())  # where the list below `nlu:` is indented
    yield f"{text}{end}\n{indented}"


def _reads_as(path: Path, candidate: str) -> list[str] | None:
    """The examples of a text in the file's place; None where it could not be read."""
    trial = path.with_name(f".{path.name}.{os.getpid()}.trial")
    try:
        trial.write_text(candidate, encoding="utf-8")
        return sorted(map(_key, read_yaml(trial).examples))
    except DataError:
        return None
    finally:
        trial.unlink(missing_ok=True)


def _key(example: Example) -> str:
    return repr((example.text, example.intent, example.entities, example.metadata))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the file among all that lock it: threads, workers, other servers. Raises OSError."""
    real = Path(os.path.realpath(path))
    handle = os.open(real.with_name(f".{real.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _entity(written: Any, text: str) -> Entity:
    if not isinstance(written, dict):
        raise _invalid('Each of "entities" must be an object.')
    check_fields(written, _ENTITY_FIELDS)
    start, end = written.get("start"), written.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise _invalid('"start" and "end" of an entity must be places in the text, counted in characters.')
    value = written.get("value", text[start:end])
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_NAME:
        raise _invalid(f'"value" of an entity must be a string of 1 to {_MOST_NAME} characters.')
    extra = {name: _name(written[name], name) for name in ("role", "group") if written.get(name) is not None}
    return Entity(start, end, _name(written.get("entity"), "entity"), value, extra.get("role"), extra.get("group"))


def _name(written: Any, what: str) -> str:
    if not isinstance(written, str) or not written.strip() or len(written) > _MOST_NAME:
        raise _invalid(f'"{what}" must be a string of 1 to {_MOST_NAME} characters.')
    return written


def _invalid(message: str) -> ApiError:
    return ApiError(422, "invalid", message)
