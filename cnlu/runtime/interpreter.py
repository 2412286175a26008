"""Parses text with a trained model: intent and entities, on ONNX Runtime alone."""

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
from cnlu.i18n import _, n_
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
from cnlu.runtime.grouping import GroupDecoder
from cnlu.runtime.labels import Labels
from cnlu.runtime.lattice import build_lattice
from cnlu.runtime.model_dir import ModelFiles, read_model_dir
from cnlu.runtime.onnx_session import Session, open_graph
from cnlu.runtime.out_of_scope import OosScorer
from cnlu.text.tokens import AlignedTokenizer, pad_tokens
from cnlu.text.view import View, view


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A loaded model; threads may share it. Load one with `cnlu.load(path)`."""

    config: Config
    labels: Labels
    training: dict[str, Any]
    """The content of training.json: calibration, dev figures, epochs"""
    extractor: Extractor
    characters: Vocabulary
    sentence: Vocabulary
    assembler: Assembler
    session: Session
    tokens: AlignedTokenizer | None = None
    """The encoder's tokenizer, if the model has an encoder"""
    digest: str = ""
    """The manifest's checksum, which identifies the model"""

    @classmethod
    def load(cls, path: str | Path, threads: int = 1) -> Interpreter:
        """Loads a model directory. Raises ModelError if it is missing, damaged, of another format, or not the output
        of `cnlu train`."""
        return cls.of(read_model_dir(path), threads)

    @classmethod
    def of(cls, files: ModelFiles, threads: int = 1) -> Interpreter:
        """Builds the interpreter from files in memory; raises ModelError as `load` does."""
        try:
            return _build(files, threads)
        except CnluError:
            raise
        except BadGraph as error:
            problem = _("this is not a network that `cnlu train` writes: {reason}", reason=error)
            fix = _("do not use it, and train the model again")
            raise ModelError(f"{files.path}/model.onnx", problem, fix) from error
        except Exception as error:
            problem = _("the files of the model do not fit together ({error})", error=type(error).__name__)
            raise ModelError(files.path, problem, _("train the model again")) from error

    def parse(self, text: str) -> dict[str, Any]:
        """One parse result in Rasa's shape; offsets count characters of `text`."""
        return self.parse_batch([text])[0]

    def parse_batch(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Parse results in the order of `texts`; each is the same as when its text is parsed alone."""
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"parse takes text as str, not {type(text).__name__}")
        results: list[Any] = [None] * len(texts)
        views = [view(text) for text in texts]
        for indices, scores in self.scored(views):
            for i, text_scores in zip(indices, scores, strict=True):
                results[i] = self.assembler.result(texts[i], text_scores, self.extractor.hits(views[i]))
        return [
            self.assembler.result(text, None) if result is None else result
            for text, result in zip(texts, results, strict=True)
        ]

    def scores(self, text: str) -> Scores:
        """The network's scores for one text with at least one visible character, a row for each visible character."""
        return next(iter(self.scored([view(text)])))[1][0]

    def scored(self, texts: Sequence[View]) -> Iterator[tuple[list[int], list[Scores]]]:
        """Indices and scores of the texts with visible characters, in batches of similar lengths."""
        short = []
        for i, text in enumerate(texts):
            if len(text) and self._is_long(text):
                yield [i], [self._scored_in_windows(text)]
            elif len(text):
                short.append(i)
        # An int8 network rounds activations over a whole batch, so other texts in it would change a result.
        one_by_one = self.training.get("int8", False)
        batches = [[k] for k in range(len(short))] if one_by_one else in_batches([len(texts[i]) for i in short])
        for batch in batches:
            indices = [short[k] for k in batch]
            yield indices, self._run([texts[i] for i in indices])

    def has_seen(self, value: str, kind: str) -> bool:
        """Whether training saw this value, or the lookup table or regex `kind` matches all of it.

        A model may store neither its examples nor its rare features. So a value counts as seen if the vocabulary has
        all its character trigrams (a shorter value as a whole). A value that occurred only once may count as unseen.
        """
        visible = view(value)
        if any((m.name, m.start, m.end) == (kind, 0, len(visible)) for m in self.extractor.matches(visible)):
            return True
        rows = self.extractor.extract(visible).characters
        size = min(3, len(rows))
        template = "c[0]=" if size == 1 else f"c[0:{size}]="
        inside = rows[: len(rows) - size + 1]  # n-grams of later rows reach beyond the end
        ngrams = (next(feature for feature in row if feature.startswith(template)) for row in inside)
        return all(ngram in self.characters.ids for ngram in ngrams)

    def _is_long(self, text: View) -> bool:
        fits = self.tokens is None or self.tokens.fits(text.text)
        return len(text) > self.config.training.max_length or not fits

    def _scored_in_windows(self, text: View) -> Scores:
        settings = self.config.training
        window_plan = plan(
            text.text, settings.max_length, settings.long_intent, self.tokens.fits if self.tokens else None
        )
        pieces = [(window, self._run([text.part([(window.start, window.end)])])[0]) for window in window_plan.windows]
        return stitch(pieces, self._run([text.part(window_plan.intent)])[0] if window_plan.intent else None)

    def _run(self, texts: list[View]) -> list[Scores]:
        rows, known_shares = [], []
        seen = self.assembler.oos_scorer.characters if self.assembler.oos_scorer else ""
        for text in texts:
            features = self.extractor.extract(text)
            characters = self.characters.rows(features.characters)
            rows.append((characters, self.sentence.row(features.sentence)))
            known_shares.append(known_share(features, int(np.count_nonzero(characters)), seen))
        inputs = _padded(rows)
        if self.tokens is not None:
            inputs |= pad_tokens([self.tokens.encode(text.text) for text in texts], inputs["mask"].shape[1])
        try:
            outputs = self.session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's errors have no common base class
            length = len(texts[-1])
            problem = n_(
                "the network fails on a text of {count} character ({error})",
                "the network fails on a text of {count} characters ({error})",
                length,
                error=type(error).__name__,
            )
            raise ModelError("model.onnx", problem, _("train the model again")) from error
        if not all(np.isfinite(output).all() for output in outputs):
            raise ModelError("model.onnx", _("its scores are not finite numbers"), _("train the model again"))
        return [
            Scores(*(o[i, : len(t)] if o.ndim == 3 else o[i] for o in outputs), known_share=known_shares[i])
            for i, t in enumerate(texts)
        ]


def _padded(rows: list[tuple[Any, Any]]) -> dict[str, Any]:
    """The graph's inputs, padded to the longest text."""
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
        _warn_of_segmenter(files.path)
    training = read_training(text("training.json"))
    synonyms = Synonyms(lexicon["synonyms"], lexicon.get("synonyms_of", {}), extractor.normalizer)
    assembler = _assembler(files, config, labels, training, synonyms)
    tokens = read_tokens(text("tokens.json"), config) if "tokens.json" in files.files else None
    graph = files.files["model.onnx"]
    check_graph(graph, expected_network(config, labels, assembler.tags, tokens))
    return Interpreter(
        config=config,
        labels=labels,
        training=training,
        extractor=extractor,
        characters=Vocabulary.from_text(text("character_features.tsv"), "character_features.tsv"),
        sentence=Vocabulary.from_text(text("sentence_features.tsv"), "sentence_features.tsv"),
        assembler=assembler,
        session=open_graph(graph, threads),
        tokens=tokens,
        digest=str(files.manifest["sha256"]),
    )


def _warn_of_segmenter(path: Path) -> None:
    message = _(
        "{path}: the model was trained with another jieba dictionary than the installed one, so some words are "
        "segmented differently; install that version of jieba, or train the model again.",
        path=path,
    )
    warnings.warn(message, stacklevel=6)  # the caller of cnlu.load


def _assembler(
    files: ModelFiles, config: Config, labels: Labels, training: dict[str, Any], synonyms: Synonyms
) -> Assembler:
    tags = labels.tag_set(config.model.tagging)
    tagger = read_tagger(files.files["tagger.npy"], tags)
    oos_scorer = training.get("oos_scorer")
    return Assembler(
        labels=labels,
        tags=tags,
        lattice=build_lattice(tagger[:-2], tagger[-2], tagger[-1], tags),
        temperature=training["temperature"],
        synonyms=synonyms,
        multi_label=config.model.multi_label,
        oos_scorer=OosScorer(**oos_scorer) if oos_scorer else None,
        out_of_scope_intent=config.model.out_of_scope,
        decision_bias=training.get("decision_bias", 0.0),
        group_decoder=_group_decoder(labels, files),
    )


def _group_decoder(labels: Labels, files: ModelFiles) -> GroupDecoder | None:
    """None if no type has groups. Raises ModelError for a model of an older cnlu, which decided groups differently."""
    if labels.items is None:
        return None
    if "groups.npy" not in files.files:
        raise ModelError(files.path, _("an older cnlu made the groups of this model"), _("train the model again"))
    return GroupDecoder(labels.items, read_array(files.files["groups.npy"], (len(WEIGHTS),), "groups.npy"))
