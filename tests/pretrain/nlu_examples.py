"""A few NLU examples for models on top of tiny encoders, and settings that train these in a second."""

from __future__ import annotations

from pathlib import Path

TEXTS = {
    "买票": ["买张票", "我要买票", "订票", "来张票", "帮我买票", "买两张票"],
    "退票": ["退票", "我要退票", "不要了退掉", "票退了吧", "帮我退票", "退两张"],
}
QUICK = (
    "model.members=1",
    "encoder.members=1",
    "training.min_steps=1",
    "training.epochs=2",
    "training.min_epochs=1",
    "model.layers=1",
)


def write_examples(path: Path) -> Path:
    """Write twelve examples of two intents as YAML."""
    blocks = (
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts)
        for intent, texts in TEXTS.items()
    )
    path.write_text("nlu:\n" + "".join(blocks), "utf-8")
    return path
