"""The manifest of a finished corpus, and its summary for the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import FORMAT, MANIFEST, tokenizer_fingerprint
from cnlu_pretrain.prepare.lexicon_matches import Lexicon
from cnlu_pretrain.prepare.state import State
from cnlu_pretrain.prepare.tokenizer import CorpusTokenizer


def write_manifest(
    part: Path,
    state: State,
    *,
    settings: PrepareConfig,
    texts: Sequence[str],
    exclude: Sequence[str],
    encoder: str | None,
    tokenizer: CorpusTokenizer,
    lexicon: Lexicon,
) -> dict[str, Any]:
    """Write the manifest and return it; empty held-out shards are deleted.

    Raises DataError if there was no text or no line was kept.
    """
    _check_not_empty(", ".join(texts), state)
    manifest = {
        "format": FORMAT,
        "fingerprint": tokenizer_fingerprint(tokenizer.content),
        "base_fingerprint": tokenizer.base,
        "special_tokens": tokenizer.special_tokens.to_dict(),
        "mask": tokenizer.mask,
        "vocabulary": tokenizer.vocabulary,
        "token_type": tokenizer.token_type,
        "added_tokens": tokenizer.added,
        "settings": asdict(settings),
        "sources": list(texts),
        "exclude": list(exclude),
        "encoder": encoder,
        "lexicon": {"words": len(lexicon.words), "broken": lexicon.broken},
        "counts": _counts(state),
        "left_out": state.dropped,
        "left_out_examples": state.dropped_examples,
        "shards": state.shards,
        "held_out": _without_empty(part, state.held_out),
    }
    content = json.dumps(manifest, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    write_bytes(part / MANIFEST, content)
    return manifest


def log_summary(out: Path, manifest: Mapping[str, Any], log: Callable[[str], None]) -> None:
    """The size of the corpus, what was left out, and a warning if many tokens are unknown."""
    counts, left_out = manifest["counts"], _listed(manifest["left_out"])
    tokens, held_out = counts["tokens"], counts["held_out_tokens"]
    log(
        f"{out}: {tokens} tokens in {len(manifest['shards'])} shards and {held_out} held-out tokens, from "
        f"{counts['lines']} lines" + (f"; left out: {left_out}" if left_out else "")
    )
    if (share := counts["unknown"] / max(1, tokens + held_out)) > 0.01:
        log(f"warning: {share:.1%} of the tokens are [UNK] in this vocabulary; add characters with --add-tokens")


def _check_not_empty(texts: str, state: State) -> None:
    if not state.lines:
        raise DataError(texts, _("there is no text"), _("give files with one sentence per line"))
    if not _tokens(state.shards):
        raise DataError(
            texts,
            _("all {lines} lines were left out ({reasons})", lines=state.lines, reasons=_listed(state.dropped)),
            _("loosen prepare.min_length or prepare.han_share"),
        )


def _counts(state: State) -> dict[str, int]:
    return {
        "lines": state.lines,
        "characters": state.characters,
        "unknown": state.unknown,
        "tokens": _tokens(state.shards),
        "held_out_tokens": _tokens(state.held_out),
    }


def _tokens(shards: Sequence[Mapping[str, Any]]) -> int:
    return sum(shard["tokens"] for shard in shards)


def _listed(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items())


def _without_empty(part: Path, shards: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    for shard in shards:
        if not shard["tokens"]:
            for file in part.glob(f"{shard['name']}.*"):
                file.unlink()
    return [shard for shard in shards if shard["tokens"]]
