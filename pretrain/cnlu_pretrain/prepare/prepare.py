"""The steps of `cnlu pretrain prepare`, in order.

Everything is written to CORPUS.part, shard by shard, and renamed to CORPUS at the end. A shard ends with the first
block of text that fills it, so neither the number of processes nor an interruption changes a byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path

from cnlu.errors import CnluError, DataError, UsageError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals
from cnlu.io.atomic_directory import check_out, replace_dir, resolve
from cnlu.io.text_files import write_bytes
from cnlu.progress import no_log, progress
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import MANIFEST, TOKENIZER
from cnlu_pretrain.prepare.exclusion import Exclusion, read_exclusion
from cnlu_pretrain.prepare.lexicon_matches import Lexicon, read_lexicon
from cnlu_pretrain.prepare.manifest import log_summary, write_manifest
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts
from cnlu_pretrain.prepare.scan import Scanned, ScanOptions, scan
from cnlu_pretrain.prepare.shard_writer import write_shards
from cnlu_pretrain.prepare.sources import blocks, expand
from cnlu_pretrain.prepare.state import STATE, State, fingerprint_of, load_state
from cnlu_pretrain.prepare.tokenizer import CorpusTokenizer, choose_tokenizer, count_vocabulary

Log = Callable[[str], None]

_STDIN_COPY = "input.txt"
_BYTES_PER_PROCESS = 4 << 20
"""Bytes of text on disk for which another process is worth starting."""


@dataclass(frozen=True)
class PrepareRequest:
    """The options of `cnlu pretrain prepare`."""

    texts: Sequence[str]
    """Files and folders; - is standard input"""
    out: Path
    config: PrepareConfig
    encoder: str | None = None
    _: KW_ONLY
    new_vocab: int | None = None
    add_tokens: Path | None = None
    lexicon: Sequence[str] = ()
    exclude: Sequence[str] = ()
    """Files with text that the corpus must not contain, such as test sets"""
    resume: bool = False
    force: bool = False


def prepare(request: PrepareRequest, log: Log = no_log) -> None:
    """Write a corpus; raises CnluError for whatever the user can fix.

    On a full disk the finished shards stay in CORPUS.part.
    """
    check_out(request.out, request.force, "corpus", lambda folder: (folder / MANIFEST).exists())
    out = resolve(request.out)
    part = out.with_name(out.name + ".part")
    _check_resume(request, part)
    try:
        part.mkdir(parents=True, exist_ok=True)
        _prepare(request, part, log)
        replace_dir(out, part)
    except (DataError, UsageError):
        if not request.resume:  # corrected text is different text, so nothing here could be resumed
            shutil.rmtree(part, ignore_errors=True)
        raise
    except OSError as error:
        raise CnluError(
            part,
            _("cannot be written ({reason})", reason=error.strerror or type(error).__name__),
            _("free space there and continue with --resume; the finished shards are kept"),
        ) from error
    except KeyboardInterrupt:
        _keep_or_remove(part, log)
        raise


def _check_resume(request: PrepareRequest, part: Path) -> None:
    if not request.resume:
        shutil.rmtree(part, ignore_errors=True)
    elif "-" in request.texts:
        raise UsageError("--resume", _("standard input cannot be read again"), _("save it to a file"))
    elif not part.exists():
        raise UsageError(part, _("there is nothing to resume"), _("leave --resume out"))


def _keep_or_remove(part: Path, log: Log) -> None:
    """After Ctrl-C, keep the folder only if --resume can use it."""
    if (part / STATE).exists():
        log(f"{part}: the finished part is kept; continue with --resume")
    else:
        with defer_signals():
            shutil.rmtree(part, ignore_errors=True)


def _prepare(request: PrepareRequest, part: Path, log: Log) -> None:
    files = _files(request, part)
    lexicon = read_lexicon(request.lexicon)
    if lexicon.broken:
        log(f"{len(lexicon.broken)} lines of the lexicon cannot be used: " + " ".join(lexicon.broken[:5]))
    exclusion = read_exclusion(request.exclude, request.config.exclude_ngram)
    tokenizer = choose_tokenizer(request.encoder, request.new_vocab, request.add_tokens)
    for note in tokenizer.notes:
        log(note)
    state = load_state(part, _fingerprint(request, files, lexicon, exclusion, tokenizer), request.resume)
    processes = request.config.processes or _default_processes(files)
    counts = CharacterCounts()
    scanned = _scan(request, files, part, state, counts=counts, processes=processes)
    if request.new_vocab:
        tokenizer = count_vocabulary(counts, request.new_vocab, part)
    write_bytes(part / TOKENIZER, tokenizer.content.encode())
    write_shards(
        files,
        part,
        state,
        config=request.config,
        tokenizer=tokenizer,
        lexicon=lexicon,
        exclusion=exclusion,
        total_bytes=scanned.bytes if scanned else None,
        processes=processes,
    )
    _finish(request, part, state, tokenizer=tokenizer, lexicon=lexicon, log=log)


def _files(request: PrepareRequest, part: Path) -> list[Path]:
    """The files to read; standard input, which can be read only once, is copied to a file first."""
    files: list[Path] = []
    for text in request.texts:
        if text != "-":
            files += expand([text])
            continue
        copy = part / _STDIN_COPY
        with open(copy, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        files.append(copy)
    return files


def _default_processes(files: list[Path]) -> int:
    """One process per CPU, but fewer for little text, because starting one takes a second."""
    size = sum(path.stat().st_size for path in files)
    return max(1, min(os.cpu_count() or 1, size // _BYTES_PER_PROCESS))


def _fingerprint(
    request: PrepareRequest, files: list[Path], lexicon: Lexicon, exclusion: Exclusion, tokenizer: CorpusTokenizer
) -> str:
    settings = {key: value for key, value in asdict(request.config).items() if key != "processes"}
    read = [path for path in files if path.name != _STDIN_COPY]
    stats = [(str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in read]
    excluded = hashlib.sha256(exclusion.keys.tobytes()).hexdigest()
    return fingerprint_of(settings, stats, lexicon.words, excluded, tokenizer.content, request.new_vocab)


def _scan(
    request: PrepareRequest, files: list[Path], part: Path, state: State, *, counts: CharacterCounts, processes: int
) -> Scanned | None:
    """The result of the scan, made now or before an interruption; None if no scan is needed."""
    config = request.config
    options = ScanOptions(config.duplicates, config.near_duplicates, bool(request.new_vocab))
    if not options:
        return None
    if state.scanned and not options.characters:  # character counts are not saved
        return Scanned(**state.scanned)
    folder = part / "scan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    scanned = Scanned()
    with progress("reading", None, "B") as bar:
        for scanned in scan(blocks(files), options, folder, counts, processes):
            bar.update(scanned.bytes - bar.n)
    if not state.scanned:
        state.scanned = asdict(scanned)
        state.save(part)
    return scanned


def _finish(
    request: PrepareRequest, part: Path, state: State, *, tokenizer: CorpusTokenizer, lexicon: Lexicon, log: Log
) -> None:
    """Write the manifest and remove everything that only --resume needs."""
    manifest = write_manifest(
        part,
        state,
        settings=request.config,
        texts=request.texts,
        exclude=request.exclude,
        encoder=request.encoder,
        tokenizer=tokenizer,
        lexicon=lexicon,
    )
    shutil.rmtree(part / "scan", ignore_errors=True)
    for name in (STATE, _STDIN_COPY):
        (part / name).unlink(missing_ok=True)
    log_summary(request.out, manifest, log)
