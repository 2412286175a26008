"""The steps of `cnlu pretrain prepare`, in order.

Everything is written to CORPUS.part, shard by shard, and renamed to CORPUS at the end. A shard ends with the first
block of text that fills it, so neither the number of processes nor an interruption changes a byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cnlu.errors import CnluError, DataError, UsageError
from cnlu.interrupts import held_back
from cnlu.io.atomic_directory import check_out, replace_dir, resolve
from cnlu.io.text_files import write_bytes
from cnlu.progress import Bar, Lines, progress
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import FORMAT, MANIFEST, TOKENIZER, tokenizer_fingerprint
from cnlu_pretrain.corpus.shards import Arrays, Shard, joined, shard_of, write_shard
from cnlu_pretrain.prepare.encode import SHOWN, Encoded, Encoder, Item, encode
from cnlu_pretrain.prepare.lexicon_matches import Entries, read_lexicon
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts
from cnlu_pretrain.prepare.parallel import in_order
from cnlu_pretrain.prepare.scan import Seen, Wanted, line_bounds, repeats, scan
from cnlu_pretrain.prepare.sources import Block, blocks, expand
from cnlu_pretrain.prepare.tokenizer import Chosen, choose_tokenizer, count_vocabulary

Log = Callable[[str], None]

_WORTH_A_PROCESS = 4 << 20  # bytes on disk


@dataclass(frozen=True)
class PrepareRequest:
    """What was asked of `cnlu pretrain prepare`."""

    texts: Sequence[str]
    """Files and folders; - is standard input"""
    out: Path
    config: PrepareConfig
    encoder: str | None = None
    new_vocab: int | None = None
    add_tokens: Path | None = None
    lexicon: Sequence[str] = ()
    resume: bool = False
    force: bool = False


@dataclass
class Progress:
    """What is done and safe on disk; state.json holds it."""

    fingerprint: str
    seen: dict[str, int] | None = None
    """What the first look found, when it is over"""
    blocks: int = 0
    """How many are in the shards"""
    lines: int = 0
    characters: int = 0
    unknown: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    shown: dict[str, list[str]] = field(default_factory=dict)
    shards: list[dict[str, Any]] = field(default_factory=list)
    held_out: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: Encoded) -> None:
        self.blocks += 1
        self.lines += found.lines
        self.characters += found.characters
        self.unknown += found.unknown
        self.dropped = dict(sorted((Counter(self.dropped) + found.dropped).items()))
        for reason, lines in found.shown.items():
            self.shown[reason] = [*self.shown.get(reason, []), *lines][:SHOWN]


def prepare(request: PrepareRequest, log: Log = lambda line: None) -> None:
    """Raises CnluError for whatever the user can mend; what was complete on a full disk stays in CORPUS.part."""
    check_out(request.out, request.force, "corpus", lambda folder: (folder / MANIFEST).exists())
    out = resolve(request.out)
    part = out.with_name(out.name + ".part")
    if not request.resume:
        shutil.rmtree(part, ignore_errors=True)
    elif "-" in request.texts:
        raise UsageError("--resume: standard input cannot be read again; save it to a file.")
    elif not part.exists():
        raise UsageError(f"{part}: there is nothing to resume; leave --resume out.")
    try:
        part.mkdir(parents=True, exist_ok=True)
        _prepare(request, part, log)
        replace_dir(out, part)
    except (DataError, UsageError):
        if not request.resume:  # the mended text is another text: nothing of this could be gone on with
            shutil.rmtree(part, ignore_errors=True)
        raise
    except OSError as error:
        raise CnluError(
            f"{part}: cannot be written ({error.strerror or type(error).__name__}); make room there and go on with "
            "--resume: the shards that were complete are kept."
        ) from error
    except KeyboardInterrupt:
        if (part / "state.json").exists():
            log(f"{part}: what was complete is kept; go on with --resume")
        else:
            with held_back():
                shutil.rmtree(part, ignore_errors=True)
        raise


def _prepare(request: PrepareRequest, part: Path, log: Log) -> None:
    files = _files(request, part)
    lexicon = read_lexicon(request.lexicon)
    if lexicon.broken:
        log(f"{len(lexicon.broken)} lines of the lexicon cannot be used: " + " ".join(lexicon.broken[:5]))
    chosen = choose_tokenizer(request.encoder, request.new_vocab, request.add_tokens)
    for note in chosen.notes:
        log(note)
    progress = _begun(part, _fingerprint(request, files, lexicon, chosen), request.resume)
    processes = request.config.processes or _usual_processes(files)
    counts = CharacterCounts()
    seen = _first_look(request, files, part, progress, counts, processes)
    if request.new_vocab:
        chosen = count_vocabulary(counts, request.new_vocab, part)
    write_bytes(part / TOKENIZER, chosen.content.encode())
    _shards(request, files, part, progress, seen, chosen, lexicon, processes)
    _finish(request, part, progress, chosen, lexicon, log)


def _files(request: PrepareRequest, part: Path) -> list[Path]:
    """The files to read; standard input, which can be read only once, is written to one first."""
    found: list[Path] = []
    for text in request.texts:
        if text != "-":
            found += expand([text])
            continue
        spool = part / "input.txt"
        with open(spool, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        found.append(spool)
    return found


def _usual_processes(files: list[Path]) -> int:
    """One for each CPU, but not more than there are few megabytes to read: starting one takes a second."""
    size = sum(path.stat().st_size for path in files)
    return max(1, min(os.cpu_count() or 1, size // _WORTH_A_PROCESS))


def _fingerprint(request: PrepareRequest, files: list[Path], lexicon: Entries, chosen: Chosen) -> str:
    """Of all that decides the result: a resumed run must have the same."""
    settings = {key: value for key, value in asdict(request.config).items() if key != "processes"}
    stats = [(str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files if path.name != "input.txt"]
    about = [FORMAT, settings, stats, lexicon.words, chosen.content, request.new_vocab]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _begun(part: Path, fingerprint: str, resume: bool) -> Progress:
    path = part / "state.json"
    if not resume or not path.exists():
        return Progress(fingerprint)
    try:
        progress = Progress(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: is damaged; leave --resume out to start afresh.") from error
    if progress.fingerprint != fingerprint:
        raise UsageError(
            f"{part}: was begun with other text, settings or tokenizer; give the same ones, or leave --resume out to "
            "start afresh."
        )
    return progress


def _save(part: Path, progress: Progress) -> None:
    write_bytes(part / "state.json", json.dumps(asdict(progress), ensure_ascii=False).encode("utf-8", "replace"))


def _first_look(
    request: PrepareRequest, files: list[Path], part: Path, progress: Progress, counts: CharacterCounts, processes: int
) -> Seen | None:
    """What the first look found, now or before an interruption; None where none is needed."""
    config = request.config
    wanted = Wanted(config.duplicates, config.near_duplicates, bool(request.new_vocab))
    if not wanted:
        return None
    if progress.seen and not wanted.characters:  # counted characters are not kept
        return Seen(**progress.seen)
    folder = part / "scan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    seen = Seen()
    with _bar("reading", None) as bar:
        for seen in scan(blocks(files), wanted, folder, counts, processes):
            bar.update(seen.bytes - bar.n)
    if not progress.seen:
        progress.seen = asdict(seen)
        _save(part, progress)
    return seen


def _shards(
    request: PrepareRequest,
    files: list[Path],
    part: Path,
    progress: Progress,
    seen: Seen | None,
    chosen: Chosen,
    lexicon: Entries,
    processes: int,
) -> None:
    start = partial(Encoder, chosen.content, chosen.special_tokens.unknown, lexicon.words, request.config)
    waiting: list[Encoded] = []
    tokens = 0
    stream = _Stream(blocks(files), progress.blocks, part / "scan")
    with _bar("preparing", seen.bytes if seen else None) as bar:
        for found in in_order(stream, start, encode, processes):
            waiting.append(found)
            tokens += len(found.train.tokens)
            bar.update(stream.sizes.pop(progress.blocks + len(waiting) - 1) + stream.skipped())
            if tokens >= request.config.shard_tokens:
                _write(part, progress, waiting, chosen)
                waiting, tokens = [], 0
        if waiting:
            _write(part, progress, waiting, chosen)


class _Stream:
    """The blocks from a certain one on, with what the first look knows of their lines."""

    def __init__(self, found: Iterator[Block], first: int, folder: Path) -> None:
        self._blocks, self._first = found, first
        self._exact, self._near = repeats(folder, "exact"), repeats(folder, "near")
        self._bounds = line_bounds(folder)
        self._skipped = 0
        self.sizes: dict[int, int] = {}
        """Bytes of each block under way"""

    def skipped(self) -> int:
        """Bytes passed over since the last call."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def __iter__(self) -> Iterator[Item]:
        for number, block in enumerate(self._blocks):
            if number < self._first:
                self._skipped += len(block.data)
                continue
            self.sizes[number] = len(block.data)
            lines = slice(*self._bounds[number : number + 2]) if len(self._bounds) else slice(0)
            exact, near = (None if r is None else np.array(r[lines]) for r in (self._exact, self._near))
            yield number, block, exact, near


def _write(part: Path, progress: Progress, found: list[Encoded], chosen: Chosen) -> None:
    """One more shard, then the state that knows of it."""
    number = len(progress.shards)
    for kind, shards, pieces in (
        ("", progress.shards, [one.train for one in found]),
        ("held-", progress.held_out, [one.held_out for one in found]),
    ):
        arrays: Arrays = joined(pieces, chosen.token_type)
        shards.append(write_shard(part, f"{kind}{number:05}", arrays).to_dict())
    for one in found:
        progress.add(one)
    _save(part, progress)


def _finish(
    request: PrepareRequest, part: Path, progress: Progress, chosen: Chosen, lexicon: Entries, log: Log
) -> None:
    if not progress.lines:
        raise DataError(f"{', '.join(request.texts)}: there is no text; give files with a sentence a line.")
    tokens, held = (sum(shard_of(s).tokens for s in shards) for shards in (progress.shards, progress.held_out))
    left_out = ", ".join(f"{count} {reason}" for reason, count in progress.dropped.items())
    if not tokens:
        raise DataError(
            f"{', '.join(request.texts)}: all {progress.lines} lines were left out ({left_out}); loosen "
            f"prepare.min_length "
            "or prepare.han_share."
        )
    kept = [Shard(**s).to_dict() for s in progress.held_out if s["tokens"]]
    for s in progress.held_out:
        if not s["tokens"]:
            for file in part.glob(f"{s['name']}.*"):
                file.unlink()
    manifest = {
        "format": FORMAT,
        "fingerprint": tokenizer_fingerprint(chosen.content),
        "base_fingerprint": chosen.base,
        "marks": chosen.special_tokens.to_dict(),
        "mask": chosen.mask,
        "vocabulary": chosen.vocabulary,
        "token_type": chosen.token_type,
        "added_tokens": chosen.added,
        "settings": asdict(request.config),
        "sources": list(request.texts),
        "encoder": request.encoder,
        "lexicon": {"words": len(lexicon.words), "broken": lexicon.broken},
        "counts": {
            "lines": progress.lines,
            "characters": progress.characters,
            "unknown": progress.unknown,
            "tokens": tokens,
            "held_out_tokens": held,
        },
        "left_out": progress.dropped,
        "left_out_examples": progress.shown,
        "shards": progress.shards,
        "held_out": kept,
    }
    content = json.dumps(manifest, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    write_bytes(part / MANIFEST, content)
    shutil.rmtree(part / "scan", ignore_errors=True)
    for name in ("state.json", "input.txt"):
        (part / name).unlink(missing_ok=True)
    log(
        f"{request.out}: {tokens} tokens in {len(progress.shards)} shards, {held} more held out, of {progress.lines} "
        f"lines" + (f"; left out: {left_out}" if left_out else "")
    )
    if (share := progress.unknown / max(1, tokens + held)) > 0.01:
        log(f"warning: {share:.1%} of the tokens are [UNK] to this vocabulary; --add-tokens can teach it characters")


def _bar(what: str, total: int | None) -> Bar | Lines:
    return progress(what, total, "B")
