"""What tests of every room share: one thread, hypothesis' profile, and the data outside the repository."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy or PyTorch is imported: later it would have no effect
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).resolve().parent.parent

# No deadline: a busy machine is no failure. Derandomized: CI fails on a change, not by luck of the draw.
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True,
                          suppress_health_check=[HealthCheck.too_slow])
# HYPOTHESIS_PROFILE=search looks further, with new random examples each time.
settings.register_profile("search", max_examples=2000, deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets outside the repository; tests of it skip where it is absent."""
    folder = Path(os.environ.get("CNLU_SHARED") or CHECKOUT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}; CNLU_SHARED names their folder")
    return folder


@pytest.fixture(scope="session")
def rasa_python() -> str:
    """The Python that has Rasa 3.6.21, from CNLU_RASA_PYTHON; tests that need a real Rasa skip without it."""
    path = os.environ.get("CNLU_RASA_PYTHON")
    if not path:
        pytest.skip("no real Rasa: CNLU_RASA_PYTHON names the Python that has it (.ci/rasa makes one)")
    return path
