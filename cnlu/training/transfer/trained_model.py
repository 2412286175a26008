"""A trained model loaded for training: as a teacher, or to continue from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cnlu.data.schema import NluData
from cnlu.data.tags import TagSet
from cnlu.encoder.load import Pretrained
from cnlu.export.network_weights import read_weights
from cnlu.model.crf import LegalCRF
from cnlu.model.encoder_output import AlignedEncoder
from cnlu.runtime.checked_files import read_tagger
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import ModelFiles, read_model_dir
from cnlu.text.tokens import SpecialTokens


@dataclass(frozen=True)
class TrainedModel:
    """The content of a model directory and its interpreter."""

    path: Path
    files: ModelFiles
    model: Interpreter

    @classmethod
    def load(cls, path: Path, threads: int) -> TrainedModel:
        """Raises ModelError when the directory is missing or damaged."""
        # Read once, so that training takes its weights from the files that the interpreter has checked.
        files = read_model_dir(path)
        return cls(path, files, Interpreter.of(files, threads))

    @property
    def tags(self) -> TagSet:
        return self.model.labels.tag_set(self.model.config.model.tagging)

    @property
    def digest(self) -> str:
        return str(self.files.manifest["sha256"])

    @property
    def in_8_bits(self) -> bool:
        """Whether the model was written with --int8."""
        return bool(self.model.training.get("int8"))

    def dictionaries(self) -> NluData:
        """The model's lookup tables, regexes and synonyms, without examples."""
        lexicon = json.loads(self.files.files["lexicon.json"])
        return NluData(
            synonyms=lexicon["synonyms"],
            regexes=lexicon["regexes"],
            lookups=lexicon["lookups"],
            synonyms_of=lexicon.get("synonyms_of", {}),
        )

    def tagger(self) -> LegalCRF:
        """The tagger with the model's transitions."""
        rows = read_tagger(self.files.files["tagger.npy"], self.tags)
        crf = LegalCRF(self.tags)
        parts = {"transitions": rows[:-2], "start_transitions": rows[-2], "end_transitions": rows[-1]}
        crf.load_state_dict({name: torch.from_numpy(part) for name, part in parts.items()})
        return crf

    def network_weights(self, encoder_width: int = 0) -> dict[str, Tensor]:
        """The weights of the ensemble by parameter name; `encoder_width` and errors as in `read_weights`."""
        return read_weights(self.files, self.model, encoder_width)

    def item_weights(self) -> Tensor | None:
        """The weights of the grouping CRF; None without groups."""
        decoder = self.model.assembler.group_decoder
        return None if decoder is None else torch.from_numpy(decoder.weights).float()

    def aligned_encoder(self) -> AlignedEncoder:
        """The encoder as a PyTorch module. Raises UsageError if the model has none that can be recovered."""
        from cnlu.encoder.from_model import load_from_graph  # imports transformers, which takes seconds

        backbone = load_from_graph(self.files.files["model.onnx"], str(self.path))
        assert self.model.tokens is not None
        return AlignedEncoder(backbone, self.model.config.encoder.sentence, self.model.tokens.special_tokens.summary)

    def pretrained(self) -> Pretrained:
        """The encoder, as the start of another training; raises as `aligned_encoder`."""
        backbone = self.aligned_encoder().backbone
        tokens = json.loads(self.files.files["tokens.json"])
        return Pretrained(backbone, json.dumps(tokens["tokenizer"]), SpecialTokens(**tokens["special_tokens"]), [])
