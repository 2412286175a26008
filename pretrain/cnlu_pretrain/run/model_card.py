"""The model card of an encoder: its origin, text, training and accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu_pretrain.config import ObjectivesConfig
from cnlu_pretrain.evaluation.page import ProbeResult, results_of


def write_card(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write README.md from the content of pretraining.json."""
    (folder / "README.md").write_text(card(metadata), "utf-8")


def card(metadata: Mapping[str, Any]) -> str:
    """The text of the model card."""
    objectives = ObjectivesConfig(**metadata["settings"]["objectives"])
    lines = [
        "---",
        "language: zh",
        "library_name: transformers",
        f"tags: [{'fill-mask, ' if objectives.trains_head else ''}cnlu]",
        "---",
        "",
        f"# {_title(metadata)}",
        "",
        *_facts(metadata),
        f"- objectives: {', '.join(_objectives(objectives))}",
        *_table(results_of(metadata["history"]), objectives),
    ]
    if not objectives.trains_head:
        lines += [
            "",
            "The encoder has no head for masked language modelling, because these objectives do not train one.",
        ]
    if "warning" in metadata:
        lines += ["", f"Warning: {metadata['warning']}"]
    lines += [
        "",
        "Use it like any encoder of its family, or with `cnlu train DATA --encoder DIR`. Better predictions of masked "
        "tokens do not guarantee better intents and entities: evaluate those with `cnlu evaluate` or `cnlu pretrain "
        "probe`.",
        "All settings are in pretraining.json, the losses of all steps in log.jsonl. The folder training holds the "
        "state of the optimizer, from which the run can be extended; the encoder itself does not need it.",
        "",
    ]
    return "\n".join(lines)


def _title(metadata: Mapping[str, Any]) -> str:
    if teacher := metadata.get("teacher"):
        return f"A small Chinese encoder, distilled from {Path(teacher).name}"
    return "A Chinese encoder, pretrained further on domain text"


def _facts(metadata: Mapping[str, Any]) -> list[str]:
    masking, run = metadata["settings"]["masking"], metadata["settings"]["run"]
    counts, sources = metadata["corpus"], ", ".join(Path(source).name for source in metadata["sources"])
    long_rows = f", then {run['long_length']}" if run["long_length"] else ""
    replacement = "[MASK]" if masking["replacement"] == "mask" else "similar words"
    return [
        f"- {_origin(metadata)}",
        f"- text: {counts['lines']} lines, {counts['tokens']} training tokens, {counts['held_out_tokens']} held-out "
        f"tokens ({sources})",
        *(_mixed(one) for one in metadata.get("mix", ())),
        f"- training: {metadata['steps']} steps, {metadata['tokens']} tokens, peak learning rate "
        f"{run['learning_rate']}, rows of {run['length']} tokens{long_rows}",
        f"- masking: {masking['rate']:.0%} of the tokens, strategy {masking['strategy']}, {masking['replaced']:.0%} "
        f"{replacement}, {masking['random']:.0%} random",
        *_kept(run),
    ]


def _kept(run: Mapping[str, Any]) -> Iterator[str]:
    """What the encoder keeps of the original one."""
    if layers := run.get("frozen_layers"):
        yield f"- not trained: the embeddings and the first {layers} layers"
    if (alpha := run.get("wise_ft", 1.0)) < 1:
        yield f"- weights: {alpha:.0%} of the trained ones plus {1 - alpha:.0%} of the original ones (WiSE-FT)"


def _mixed(one: Mapping[str, Any]) -> str:
    sources = ", ".join(Path(source).name for source in one["sources"])
    return f"- mixed with: {one['corpus']['tokens']} training tokens ({sources}), {one['share']:.1%} of the rows"


def _origin(metadata: Mapping[str, Any]) -> str:
    if teacher := metadata.get("teacher"):
        weights = metadata["settings"]["distill"]
        return (
            f"teacher: {teacher}; weights of its hidden states {weights['hidden']:g}, of its sentence vectors "
            f"{weights['sentence']:g}, of masked language {metadata['settings']['objectives']['masked']:g}"
        )
    return f"starting point: {metadata['encoder'] or 'random weights'}"


def _objectives(config: ObjectivesConfig) -> Iterator[str]:
    if config.masked:
        yield "masked language (generator)" if config.replaced_token else "masked language"
    if config.replaced_token:
        yield "replaced tokens"
    if config.span_boundary:
        yield "span boundary"
    if config.order != "none":
        yield {"sop": "sentence order", "nsp": "next sentence"}[config.order]
    if config.simcse:
        yield "contrastive sentence vectors (SimCSE)"
    if config.original:
        yield "distance to the original encoder"


def _table(results: Sequence[ProbeResult], objectives: ObjectivesConfig) -> list[str]:
    if not results:
        return []
    generator = " of the generator" if objectives.replaced_token else ""
    return [
        "",
        f"Accuracy{generator} on masked tokens of held-out text (whole words as [MASK], and masked as in the run), "
        "and frame accuracy of a small NLU model on the frozen encoder:",
        "",
        "| step | whole words | as in the run | NLU frames |",
        "|---|---|---|---|",
        *(f"| {r.step} | {_percent(r.reference)} | {_percent(r.own)} | {_percent(r.frames)} |" for r in results),
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
