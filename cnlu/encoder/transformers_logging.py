"""What transformers would tell at length, kept from the user, who gets notes and sentences of ours instead."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def silent_transformers() -> Iterator[None]:
    """Neither logs nor progress bars of transformers, nor any warnings; afterwards as before."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
