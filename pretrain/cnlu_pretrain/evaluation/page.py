"""The points of a probe as one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

WIDTH, HEIGHT, EDGE = 640, 260, 44


@dataclass(frozen=True)
class Point:
    """One encoder, or one checkpoint of it."""

    name: str
    step: int
    reference_masking: float | None
    """Share of 15 % whole words hidden by [MASK] that are guessed rightly, on held-out text"""
    own: float | None
    """The same, hidden as in the run"""
    loss: float | None
    """Of the masked objective on held-out text, hidden as in the run"""
    frames: float | None
    """Frame accuracy of a small NLU model on the frozen encoder"""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def points_of(history: Sequence[Mapping[str, Any]]) -> list[Point]:
    """From the looks and probes that a run noted, one point a step."""
    steps: dict[int, dict[str, Any]] = {}
    for entry in history:
        steps.setdefault(entry["step"], {}).update(entry)
    points = []
    for step, entry in sorted(steps.items()):
        looks = entry.get("held_out", {})
        reference_masking, own = (looks.get(way, {}).get("masked", {}) for way in ("yardstick", "own"))
        name = f"step {step}" if step else "before"
        accuracies = reference_masking.get("accuracy"), own.get("accuracy")
        points.append(Point(name, step, *accuracies, own.get("loss"), entry.get("frames")))
    return points


LINES: Mapping[str, str] = {"frames": "#c0392b", "reference_masking": "#2c6fbb", "own": "#7fb069"}
CALLED = {
    "frames": "NLU frames (frozen encoder)",
    "reference_masking": "held-out, whole words",
    "own": "held-out, as in the run",
}


def warning(points: Sequence[Point], tolerance: float = 0.01) -> str | None:
    """A sentence where the last point's NLU accuracy is below the best while its loss is below that one's."""
    known = [point for point in points if point.frames is not None and point.loss is not None]
    if len(known) < 2:
        return None
    last, best = known[-1], max(known, key=lambda point: point.frames or 0.0)
    assert last.frames is not None and best.frames is not None and last.loss is not None and best.loss is not None
    if best.frames - last.frames > tolerance and last.loss < best.loss:
        return (
            f"The NLU probe fell from {best.frames:.1%} ({best.name}) to {last.frames:.1%} ({last.name}) while the "
            f"loss fell from {best.loss:.3f} to {last.loss:.3f}: the encoder learns to guess words at the expense of "
            "what NLU needs; take the earlier one, or lower run.learning_rate."
        )
    return None


def page(points: Sequence[Point], title: str) -> str:
    """The whole document."""
    told = warning(points)
    head = "".join(f"<th>{name}</th>" for name in ("", "step", *CALLED.values(), "held-out loss"))
    rows = "".join(
        f"<tr><td>{html.escape(point.name)}</td><td>{point.step}</td>"
        + "".join(f"<td>{_percent(getattr(point, line))}</td>" for line in CALLED)
        + f"<td>{'-' if point.loss is None else format(point.loss, '.3f')}</td></tr>"
        for point in points
    )
    note = f'<p class="warning">{html.escape(told)}</p>' if told else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>body{{font:15px sans-serif;margin:2em;max-width:60em}}"
        "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .7em;text-align:right}"
        ".warning{background:#fdecea;padding:1em}</style>"
        f"<h1>{html.escape(title)}</h1>{note}{_chart(points)}<table><tr>{head}</tr>{rows}</table></html>\n"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _chart(points: Sequence[Point]) -> str:
    """Lines over the steps, each from 0 to 1."""
    last = max((point.step for point in points), default=0) or 1

    def place(point: Point, value: float) -> tuple[float, float]:
        return (EDGE + (WIDTH - 2 * EDGE) * point.step / last, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * value)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{share:.0%}</text>')
    for number, (line, colour) in enumerate(LINES.items()):
        found = [place(point, value) for point in points if (value := getattr(point, line)) is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in found)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in found]
        parts.append(f'<text x="{EDGE + 200 * number}" y="16" font-size="12" fill="{colour}">{CALLED[line]}</text>')
    below = HEIGHT - EDGE + 18
    parts.append(f'<text x="{WIDTH - EDGE}" y="{below}" font-size="11" text-anchor="end">step {last}</text>')
    return "".join([*parts, "</svg>"])
