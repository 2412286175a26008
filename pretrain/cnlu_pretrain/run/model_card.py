"""The model card of an encoder: what it came from, what it read, how it learned, how well it guesses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnlu_pretrain.evaluation.page import points_of


def write_card(folder: Path, about: Mapping[str, Any]) -> None:
    """README.md, from the content of pretraining.json."""
    (folder / "README.md").write_text(card(about), "utf-8")


def card(about: Mapping[str, Any]) -> str:
    masking, run = about["settings"]["masking"], about["settings"]["run"]
    counts = about["corpus"]
    lines = [
        "---",
        "language: zh",
        "library_name: transformers",
        "tags: [fill-mask, cnlu]",
        "---",
        "",
        "# A Chinese encoder, pretrained further on domain text",
        "",
        f"- from: {about['encoder'] or 'random weights'}",
        f"- text: {counts['lines']} lines, {counts['tokens']} tokens to learn from, {counts['held_out_tokens']} held "
        f"out ({', '.join(Path(source).name for source in about['sources'])})",
        f"- steps: {about['steps']}, {about['tokens']} tokens seen, peak rate {run['learning_rate']}, rows of "
        f"{run['length']} tokens" + (f", then {run['long_length']}" if run["long_length"] else ""),
        f"- hidden: {masking['rate']:.0%} of the tokens, by {masking['strategy']}, {masking['replaced']:.0%} "
        f"{'[MASK]' if masking['replacement'] == 'mask' else 'similar words'}, {masking['random']:.0%} random",
    ]
    points = points_of(about["history"])
    if points:
        lines += [
            "",
            "Hidden tokens of held-out text guessed rightly (whole words as [MASK] / as in the run), "
            "and frames of a small NLU model on the frozen encoder:",
            "",
            "| step | whole words | as in the run | NLU frames |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {p.step} | {_percent(p.reference_masking)} | {_percent(p.own)} | {_percent(p.frames)} |" for p in points
        ]
    if "warning" in about:
        lines += ["", f"Warning: {about['warning']}"]
    lines += [
        "",
        "Use it as any encoder of its family, or: `cnlu train DATA --encoder DIR`. A better guess at hidden tokens "
        "is no promise of better intents and entities: measure those, with `cnlu evaluate` or `cnlu pretrain probe`.",
        "All settings: pretraining.json. The course of the losses: log.jsonl.",
        "",
    ]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
