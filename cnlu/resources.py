"""Locates the settings and corpora shipped with cnlu: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _

PACKAGE = Path(__file__).resolve().parent


def config_path(name: str) -> Path:
    """The shipped settings file called `name`, with or without `.yaml`; UsageError when there is none."""
    folder = _folder("configs")
    for candidate in (name, f"{name}.yaml"):
        path = _inside(folder, candidate)
        if path is not None and path.is_file():
            return path
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.yaml"))
    problem = _("no settings file '{name}' is shipped with cnlu", name=name)
    raise UsageError("", problem, _("there are: {names}", names=_listed(names)))


def corpus_path(name: str) -> Path:
    """The folder or file `name` of the shipped corpora, such as `railway` or `railway/train`.

    Raises UsageError, listing the corpora, when there is none of that name."""
    folder = _folder("corpora")
    path = _inside(folder, name)
    if path is not None and path.exists():
        return path
    names = sorted(p.name for p in folder.glob("*") if p.is_dir())
    problem = _("no corpus '{name}' is shipped with cnlu", name=name)
    raise UsageError("", problem, _("there are: {names}", names=_listed(names)))


def _folder(kind: str) -> Path:
    """`configs` or `corpora`: the wheel's copy, else the checkout's."""
    packaged = PACKAGE / "_resources"
    return (packaged if packaged.is_dir() else PACKAGE.parent) / kind


def _inside(folder: Path, name: str) -> Path | None:
    """`folder/name`, or None if that is the folder itself, outside it, or not a path (it has a NUL byte)."""
    if "\0" in name:
        return None
    path = (folder / name).resolve()
    return path if folder.resolve() in path.parents else None


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else _("none")
