"""Chinese encoders of the hubs that are worth a try: what their authors say of them, and whether we measured them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KnownEncoder:
    """A model of the Hugging Face hub. docs/encoders.md names the sources of these facts."""

    name: str
    modelscope: str | None = None
    """The id of a copy on ModelScope"""
    layers: int
    width: int
    parameters: float
    """In millions, without heads"""
    megabytes: int
    """The size of the weights' file that is fetched"""
    licence: str
    is_measured: bool = False
    """Whether docs/benchmarks has figures of it"""


KNOWN = (
    KnownEncoder(
        name="BAAI/bge-small-zh-v1.5",
        modelscope="Xorbits/bge-small-zh-v1.5",
        layers=4,
        width=512,
        parameters=24,
        megabytes=95,
        licence="MIT",
        is_measured=True,
    ),
    KnownEncoder(name="BAAI/bge-base-zh-v1.5", layers=12, width=768, parameters=102, megabytes=409, licence="MIT"),
    KnownEncoder(
        name="hfl/chinese-macbert-base", layers=12, width=768, parameters=102, megabytes=412, licence="Apache-2.0"
    ),
    KnownEncoder(
        name="hfl/chinese-roberta-wwm-ext",
        modelscope="dienstag/chinese-roberta-wwm-ext",
        layers=12,
        width=768,
        parameters=102,
        megabytes=412,
        licence="Apache-2.0",
    ),
    KnownEncoder(
        name="hfl/chinese-lert-base", layers=12, width=768, parameters=102, megabytes=412, licence="Apache-2.0"
    ),
    KnownEncoder(
        name="hfl/chinese-lert-small", layers=12, width=256, parameters=15, megabytes=61, licence="Apache-2.0"
    ),
    KnownEncoder(name="hfl/minirbt-h256", layers=6, width=256, parameters=10.4, megabytes=42, licence="Apache-2.0"),
)


def known_encoder(source: str) -> KnownEncoder | None:
    """The entry of a name on the Hugging Face hub, or of `modelscope:` and the id of its copy there."""
    for encoder in KNOWN:
        if source == encoder.name or (encoder.modelscope and source == f"modelscope:{encoder.modelscope}"):
            return encoder
    return None
