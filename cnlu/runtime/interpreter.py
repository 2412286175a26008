"""A trained model at work: text in, intent and entities out, on ONNX Runtime alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnlu.config import Config
from cnlu.config.files import build_config
from cnlu.data.grouping import WEIGHTS
from cnlu.errors import CnluError, ModelError
from cnlu.features.build_extractor import build_extractor
from cnlu.features.coverage import known_share
from cnlu.features.extract import Extractor
from cnlu.features.synonyms import Synonyms
from cnlu.features.vocabulary import Vocabulary
from cnlu.features.windows import plan
from cnlu.runtime.assemble import Assembler, Scores, stitch
from cnlu.runtime.batching import in_batches
from cnlu.runtime.checked_files import (
    expected_network,
    read_array,
    read_labels,
    read_tagger,
    read_tokens,
    read_training,
)
from cnlu.runtime.graph_check import BadGraph, check_graph
from cnlu.runtime.grouping import Items
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.runtime.model_dir import ModelFiles, read_model_dir
from cnlu.runtime.onnx_session import Session, open_graph
from cnlu.runtime.out_of_scope import OosScorer
from cnlu.text.tokens import AlignedTokenizer, pad_tokens
from cnlu.text.view import View, view


@dataclass(frozen=True)
class Interpreter:
    """A loaded model; threads may share it. Make one with `cnlu.load(path)`."""

    config: Config
    labels: Labels
    training: dict[str, Any]
    """How training went: dev figures, epochs."""
    extractor: Extractor
    characters: Vocabulary
    sentence: Vocabulary
    assembler: Assembler
    session: Session
    tokens: AlignedTokenizer | None = None
    """The encoder's, for a model with one."""
    digest: str = ""
    """The manifest's checksum, which tells two models apart."""

    @classmethod
    def load(cls, path: str | Path, threads: int = 1) -> Interpreter:
        """Raises ModelError when the directory is missing, damaged, of another format, or not as training writes it."""
        return cls.of(read_model_dir(path), threads)

    @classmethod
    def of(cls, files: ModelFiles, threads: int = 1) -> Interpreter:
        """Of files that are read already; raises ModelError as `load`."""
        try:
            return _build(files, threads)
        except CnluError:
            raise
        except BadGraph as error:
            raise ModelError(
                f"{files.path}/model.onnx: is no network that `cnlu train` writes: {error}; do not use "
                "it, train the model again."
            ) from error
        except Exception as error:
            raise ModelError(
                f"{files.path}: the model's files do not fit together ({type(error).__name__}); train it again."
            ) from error

    def parse(self, text: str) -> dict[str, Any]:
        """One parse result in Rasa's shape; offsets count characters of `text`."""
        return self.parse_batch([text])[0]

    def parse_batch(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Parse results in the order of `texts`, the same as parsing each alone."""
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"parse takes text as str, not {type(text).__name__}")
        found: list[Any] = [None] * len(texts)
        seen = [view(text) for text in texts]
        for numbers, scores in self.scored(seen):
            for number, answer in zip(numbers, scores, strict=True):
                found[number] = self.assembler.result(texts[number], answer, self.extractor.hits(seen[number]))
        return [
            self.assembler.result(text, None) if result is None else result
            for text, result in zip(texts, found, strict=True)
        ]

    def scores(self, text: str) -> Scores:
        """The network's own answer to one text that has something to read, a row for each character read."""
        return next(iter(self.scored([view(text)])))[1][0]

    def scored(self, texts: Sequence[View]) -> Iterator[tuple[list[int], list[Scores]]]:
        """Numbers and scores of the texts that have something to read, those of similar lengths together."""
        short = []
        for i, text in enumerate(texts):
            if len(text) and self._is_long(text):
                yield [i], [self._scored_in_windows(text)]
            elif len(text):
                short.append(i)
        alone = self.training.get("int8", False)  # activations are rounded over a batch: others must not matter
        places = [[k] for k in range(len(short))] if alone else in_batches([len(texts[i]) for i in short])
        for batch in places:
            numbers = [short[k] for k in batch]
            yield numbers, self._run([texts[n] for n in numbers])

    def has_read(self, said: str, kind: str) -> bool:
        """Whether training read these words, or a lookup table or regex `kind` matches all of them.

        A model need not keep its examples, and of features no rare ones: read are words of whose characters all runs
        of three (of shorter words: the whole) are known. Of words that training met once this may say that it did not.
        """
        seen = view(said)
        if any((hit.name, hit.start, hit.end) == (kind, 0, len(seen)) for hit in self.extractor.matches(seen)):
            return True
        rows = self.extractor.extract(seen).characters
        size = min(3, len(rows))
        template = "c[0]=" if size == 1 else f"c[0:{size}]="
        whole = rows[: len(rows) - size + 1]  # the others reach beyond the end
        runs = (next(feature for feature in row if feature.startswith(template)) for row in whole)
        return all(run in self.characters.ids for run in runs)

    def _is_long(self, seen: View) -> bool:
        fits = self.tokens is None or self.tokens.fits(seen.text)
        return len(seen) > self.config.training.max_length or not fits

    def _scored_in_windows(self, seen: View) -> Scores:
        settings = self.config.training
        found = plan(seen.text, settings.max_length, settings.long_intent, self.tokens.fits if self.tokens else None)
        parts = [(window, self._run([seen.part([(window.start, window.end)])])[0]) for window in found.windows]
        return stitch(parts, self._run([seen.part(found.intent)])[0] if found.intent else None)

    def _run(self, texts: list[View]) -> list[Scores]:
        rows, known = [], []
        met = self.assembler.oos_scorer.characters if self.assembler.oos_scorer else ""
        for text in texts:
            features = self.extractor.extract(text)
            characters = self.characters.rows(features.characters)
            rows.append((characters, self.sentence.row(features.sentence)))
            known.append(known_share(features, int(np.count_nonzero(characters)), met))
        inputs = _padded(rows)
        if self.tokens is not None:
            inputs |= pad_tokens([self.tokens.read(text.text) for text in texts], inputs["mask"].shape[1])
        try:
            outputs = self.session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise ModelError(
                f"the model's network fails on a text of {len(texts[-1])} characters "
                f"({type(error).__name__}); train it again."
            ) from error
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError("The model's scores are not finite numbers: its training diverged, train again.")
        return [
            Scores(*(o[i, : len(t)] if o.ndim == 3 else o[i] for o in outputs), known=known[i])
            for i, t in enumerate(texts)
        ]


def _padded(rows: list[tuple[Any, Any]]) -> dict[str, Any]:
    """The graph's inputs, filled up to the longest text."""
    if len(rows) == 1:
        table, whole = rows[0]
        mask = np.ones((1, len(table)), np.float32)
        return {
            "characters": table[None].astype(np.int64),
            "sentence": whole[None].astype(np.int64),
            "mask": mask,
        }
    length, width = max(len(t) for t, _ in rows), max(t.shape[1] for t, _ in rows)
    characters = np.zeros((len(rows), length, width), np.int64)
    sentence = np.zeros((len(rows), max(len(s) for _, s in rows)), np.int64)
    mask = np.zeros((len(rows), length), np.float32)
    for i, (table, whole) in enumerate(rows):
        characters[i, : len(table), : table.shape[1]] = table
        sentence[i, : len(whole)] = whole
        mask[i, : len(table)] = 1.0
    return {"characters": characters, "sentence": sentence, "mask": mask}


def _build(files: ModelFiles, threads: int) -> Interpreter:
    def text(name: str) -> str:
        return files.files[name].decode("utf-8")

    config = build_config(json.loads(text("config.json")), where=f"{files.path}/config.json")
    labels = read_labels(text("labels.json"))
    lexicon = json.loads(text("lexicon.json"))
    extractor = build_extractor(config, lexicon["lookups"], lexicon["regexes"])
    if config.features.words and extractor.segmenter.digest != files.manifest["segmenter"]:
        warnings.warn(
            f"{files.path}: was trained with another jieba dictionary than the one installed here, so some words "
            "are cut differently; install the jieba it was trained with, or train it again.",
            stacklevel=5,
        )
    tags = labels.tag_set(config.model.tagging)
    tagger = read_tagger(files.files["tagger.npy"], tags)
    training = read_training(text("training.json"))
    oos_scorer = training.get("oos_scorer")
    assembler = Assembler(
        labels,
        tags,
        build_lattice(tagger[:-2], tagger[-2], tagger[-1], tags),
        training["temperature"],
        Synonyms(lexicon["synonyms"], lexicon.get("synonyms_of", {}), extractor.normalizer),
        config.model.multi_label,
        OosScorer(**oos_scorer) if oos_scorer else None,
        config.model.out_of_scope,
        training.get("decision_bias", 0.0),
        _items(labels, files),
    )
    tokens = read_tokens(text("tokens.json"), config) if "tokens.json" in files.files else None
    graph = files.files["model.onnx"]
    check_graph(graph, expected_network(config, labels, tags, tokens))
    return Interpreter(
        config,
        labels,
        training,
        extractor,
        Vocabulary.from_text(text("character_features.tsv"), "character_features.tsv"),
        Vocabulary.from_text(text("sentence_features.tsv"), "sentence_features.tsv"),
        assembler,
        open_graph(graph, threads),
        tokens,
        str(files.manifest["sha256"]),
    )


def _items(labels: Labels, files: ModelFiles) -> Items | None:
    """How groups are decided. Raises ModelError for a model of a cnlu that decided them otherwise."""
    if labels.items is None:
        return None
    if "groups.npy" not in files.files:
        raise ModelError(f"{files.path}: was made by an older cnlu, which decided groups otherwise; train it again.")
    return Items(labels.items, read_array(files.files["groups.npy"], (len(WEIGHTS),), "groups.npy"))
