"""Probe results as one self-contained HTML page, and the warning if NLU gets worse."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, EDGE = 860, 260, 44


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The accuracies of one encoder or checkpoint; None if one was not measured."""

    name: str
    step: int
    reference: float | None = None
    """Accuracy on held-out text with the reference masking: 15 % of the tokens, whole words, all [MASK]"""
    own: float | None = None
    """Accuracy on held-out text with the masking of the run"""
    loss: float | None = None
    """Loss of the masked objective on held-out text with the masking of the run"""
    frames: float | None = None
    """Frame accuracy of a small NLU model on the frozen encoder"""
    fine_tuned: float | None = None
    """Frame accuracy of models that `cnlu train` fine-tunes on the encoder"""


def results_of(history: Sequence[Mapping[str, Any]]) -> list[ProbeResult]:
    """One result per step, from the evaluations and probes in the history of a run."""
    steps: dict[int, dict[str, Any]] = {}
    for entry in history:
        steps.setdefault(entry["step"], {}).update(entry)
    return [_result_of(step, entry) for step, entry in sorted(steps.items())]


def _result_of(step: int, entry: Mapping[str, Any]) -> ProbeResult:
    held_out = entry.get("held_out", {})
    reference, own = (held_out.get(masking, {}).get("masked", {}) for masking in ("reference", "own"))
    return ProbeResult(
        name=f"step {step}" if step else "before",
        step=step,
        reference=reference.get("accuracy"),
        own=own.get("accuracy"),
        loss=own.get("loss"),
        frames=entry.get("frames"),
    )


COLOURS: Mapping[str, str] = {
    "frames": "#c0392b",
    "reference": "#2c6fbb",
    "own": "#7fb069",
    "fine_tuned": "#8e44ad",
}
LABELS = {
    "frames": "NLU frames (frozen encoder)",
    "reference": "held-out, whole words",
    "own": "held-out, as in the run",
    "fine_tuned": "NLU frames (fine-tuned)",
}


def warning(results: Sequence[ProbeResult], tolerance: float = 0.01) -> str | None:
    """A warning if the NLU accuracy is below its best although the loss has fallen since then, else None."""
    complete = [result for result in results if result.frames is not None and result.loss is not None]
    if len(complete) < 2:
        return None
    last, best = complete[-1], max(complete, key=lambda result: result.frames or 0.0)
    assert last.frames is not None and best.frames is not None and last.loss is not None and best.loss is not None
    if best.frames - last.frames > tolerance and last.loss < best.loss:
        return (
            f"The NLU probe fell from {best.frames:.1%} ({best.name}) to {last.frames:.1%} ({last.name}) while the "
            f"loss fell from {best.loss:.3f} to {last.loss:.3f}: the encoder gets better at masked tokens but "
            "worse for NLU; use the earlier one, or lower run.learning_rate."
        )
    return None


def page(results: Sequence[ProbeResult], title: str, sentences: Sequence[str] = ()) -> str:
    """The HTML document; `sentences` follow the table."""
    message = warning(results)
    lines = _lines(results)
    head = "".join(f"<th>{name}</th>" for name in ("", "step", *map(LABELS.get, lines), "held-out loss"))
    rows = "".join(
        f"<tr><td>{html.escape(result.name)}</td><td>{result.step}</td>"
        + "".join(f"<td>{_percent(getattr(result, line))}</td>" for line in lines)
        + f"<td>{'-' if result.loss is None else format(result.loss, '.3f')}</td></tr>"
        for result in results
    )
    note = f'<p class="warning">{html.escape(message)}</p>' if message else ""
    after = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>body{{font:15px sans-serif;margin:2em;max-width:60em}}"
        "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .7em;text-align:right}"
        ".warning{background:#fdecea;padding:1em}</style>"
        f"<h1>{html.escape(title)}</h1>{note}{_chart(results)}<table><tr>{head}</tr>{rows}</table>{after}</html>\n"
    )


def _lines(results: Sequence[ProbeResult]) -> list[str]:
    """The figures to show; fine-tuning only where it was measured."""
    tuned = any(result.fine_tuned is not None for result in results)
    return [line for line in LABELS if line != "fine_tuned" or tuned]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _chart(results: Sequence[ProbeResult]) -> str:
    """An SVG line chart: values from 0 to 1 over the steps."""
    last = max((result.step for result in results), default=0) or 1

    def position(result: ProbeResult, value: float) -> tuple[float, float]:
        return (EDGE + (WIDTH - 2 * EDGE) * result.step / last, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * value)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{share:.0%}</text>')
    for number, line in enumerate(_lines(results)):
        colour = COLOURS[line]
        points = [position(result, value) for result in results if (value := getattr(result, line)) is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{EDGE + 200 * number}" y="16" font-size="12" fill="{colour}">{LABELS[line]}</text>')
    below = HEIGHT - EDGE + 18
    parts.append(f'<text x="{WIDTH - EDGE}" y="{below}" font-size="11" text-anchor="end">step {last}</text>')
    return "".join([*parts, "</svg>"])
