"""The request of a training command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from cnlu.config import Config

Log = Callable[[str], None]
"""Receives the progress of a training, one line at a time"""


@dataclass
class Request:
    """The options of a training command, with its settings."""

    data: Sequence[str | Path]
    out: Path
    config: Config
    _: KW_ONLY
    dev: Sequence[str | Path] = ()
    """Empty: a part of `data` is held out."""
    encoder: str | None = None
    """Directory or hub name of a pretrained encoder, or zh-mini; None trains on sparse features alone."""
    int8: bool | None = None
    """Store the encoder in 8 bits; None: as the model that training continues from, otherwise only the bundled one."""
    device: str | None = None
    """cpu or cuda; None uses CUDA if it is available."""
    resume: bool = False
    force: bool = False
    quiet: bool = False
    """No progress bar."""
    store_examples: bool = True
    """Whether the model directory keeps examples, which a training that continues from it replays."""
    store_weights: bool = True
    """Whether the model directory holds network.safetensors, which --from needs."""
