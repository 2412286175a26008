"""Which encoders there are: bundled, cached, and known on the hubs; and whether the hubs answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cnlu.bundled import BUNDLED, bundled_directory
from cnlu.encoder.catalogue import KNOWN, KnownEncoder, known_encoder
from cnlu.encoder.config_json import EXPORTABLE_FAMILIES, read_hf_config
from cnlu.encoder.describe import Description, describe
from cnlu.encoder.hubs import (
    HUB_TIMEOUT,
    failure_to_reach,
    hugging_face_endpoint,
    is_hugging_face_offline,
    modelscope_endpoint,
)
from cnlu.encoder.hugging_face import all_cached_on_hugging_face, has_hugging_face_client
from cnlu.encoder.modelscope import PREFIX, all_cached_on_modelscope, has_modelscope_client
from cnlu.errors import CnluError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An encoder of the list."""

    name: str
    place: str
    """`bundled`, `cached` or `hub`"""
    directory: str | None = None
    layers: int | None = None
    width: int | None = None
    parameters: float | None = None
    """In millions"""
    megabytes: int | None = None
    licence: str | None = None
    modelscope: str | None = None
    """The name of a copy on ModelScope"""
    is_measured: bool = False


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A hub, and why it does not answer (None: it does, or was not asked)."""

    address: str
    variable: str
    """The environment variable that names another address"""
    missing: str | None
    """The command that installs the hub's client, if it is not installed"""
    failure: str | None = None
    was_asked: bool = False


def encoders() -> list[Entry]:
    """The bundled encoder, those in the caches, and the known ones that are not there."""
    directory = bundled_directory()
    entries = [_entry(BUNDLED, "bundled", directory)] if directory else []
    cached = [_entry(name, "cached", folder) for name, folder in _cached_encoders()]
    present = {encoder.name for encoder in map(known_encoder, (entry.name for entry in cached)) if encoder}
    return entries + cached + [_known_entry(encoder) for encoder in KNOWN if encoder.name not in present]


def _cached_encoders() -> Iterator[tuple[str, Path]]:
    """(name, folder) of what is in the caches and of a family that can be an encoder."""
    for cached in (all_cached_on_hugging_face, all_cached_on_modelscope):
        for name, folder in cached():
            try:
                family = read_hf_config(folder)["model_type"]
            except CnluError:
                continue
            if family in EXPORTABLE_FAMILIES:
                yield name, folder


def _entry(name: str, place: str, directory: Path) -> Entry:
    known = known_encoder(name)
    try:
        found = describe(directory, brief=True)
    except CnluError:
        return Entry(name=name, place=place, directory=str(directory))
    return Entry(
        name=name,
        place=place,
        directory=str(directory),
        layers=found.layers,
        width=found.width,
        parameters=_millions(found, known),
        megabytes=round(found.bytes_on_disk / 1e6),
        licence=found.licence or (known.licence if known else None),
        is_measured=name == BUNDLED or bool(known and known.is_measured),
    )


def _millions(found: Description, known: KnownEncoder | None) -> float | None:
    if found.parameters is not None:
        return round(found.parameters / 1e6, 1)
    return known.parameters if known else None


def _known_entry(encoder: KnownEncoder) -> Entry:
    return Entry(
        name=encoder.name,
        place="hub",
        layers=encoder.layers,
        width=encoder.width,
        parameters=encoder.parameters,
        megabytes=encoder.megabytes,
        licence=encoder.licence,
        modelscope=f"{PREFIX}{encoder.modelscope}" if encoder.modelscope else None,
        is_measured=encoder.is_measured,
    )


def endpoints(ask: bool) -> list[Endpoint]:
    """The two hubs; with `ask` each gets HUB_TIMEOUT seconds to answer, both at once; HF_HUB_OFFLINE is respected."""
    hubs = [
        Endpoint(
            address=hugging_face_endpoint(),
            variable="HF_ENDPOINT",
            missing=None if has_hugging_face_client() else "pip install huggingface_hub",
        ),
        Endpoint(
            address=modelscope_endpoint(),
            variable="MODELSCOPE_ENDPOINT",
            missing=None if has_modelscope_client() else "pip install 'cnlu[modelscope]'",
        ),
    ]
    with ThreadPoolExecutor(len(hubs)) as pool:
        return list(pool.map(lambda hub: _asked(hub) if ask else hub, hubs))


def _asked(hub: Endpoint) -> Endpoint:
    if hub.variable == "HF_ENDPOINT" and is_hugging_face_offline():
        return hub
    return replace(hub, failure=failure_to_reach(hub.address, HUB_TIMEOUT), was_asked=True)
