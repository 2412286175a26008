"""Whether an adapted encoder is kept, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnlu.i18n import _
from cnlu_pretrain.fine_tuning.gain import Gain


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an adaptation."""

    gain: Gain
    original: float
    """Frame accuracy of the models on the original encoder"""
    adapted: float
    steps: int
    written: Path | None
    """The encoder, or None where it is rejected"""

    @property
    def kept(self) -> bool:
        """Whether the gain is shown."""
        return self.gain.outcome == "better"

    def describe(self) -> str:
        """One sentence: kept or rejected, and why."""
        gain = self.gain.describe()
        if self.kept:
            return _("{encoder}: kept, because fine-tuned models gain {gain}", encoder=self.written, gain=gain)
        reasons = {
            "few": _("fine-tuned models differ by {gain}; give more examples, or a test set with --test", gain=gain),
            "none": _("fine-tuned models differ by {gain}, so use the original encoder", gain=gain),
            "worse": _("fine-tuned models differ by {gain}, so the original encoder is better", gain=gain),
        }
        reason = reasons[self.gain.outcome]
        if self.written:
            return _("{encoder}: written because of --keep-anyway: {reason}", encoder=self.written, reason=reason)
        return _("rejected: {reason}", reason=reason)

    def to_dict(self) -> dict[str, Any]:
        """The content of adaptation.json and the output of --json."""
        return {
            "kept": self.kept,
            "written": None if self.written is None else str(self.written),
            "outcome": self.gain.outcome,
            "sentence": self.describe(),
            "gain": asdict(self.gain),
            "frame_accuracy": {"original": self.original, "adapted": self.adapted},
            "steps": self.steps,
        }
