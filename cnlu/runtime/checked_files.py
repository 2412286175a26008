"""Reads and checks the files of a model directory, which any program may have written, not only `cnlu train`."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.config import Config
from cnlu.data.tags import TagSet
from cnlu.errors import CnluError, ModelError
from cnlu.i18n import _
from cnlu.runtime.graph_check import MAX_FEATURES, NetworkSpec
from cnlu.runtime.labels import Labels
from cnlu.text.normalize import simplifier
from cnlu.text.tokens import AlignedTokenizer, from_json


def read_labels(content: str) -> Labels:
    """Reads labels.json. Raises ValueError for anything but lists of names."""
    labels = Labels(**json.loads(content))
    kinds = {**labels.roles, **labels.groups}
    lists = [labels.intents, labels.entities, labels.combined, labels.counting, *kinds.values()]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise ValueError("labels.json: a label is not a string")
    return labels


def read_training(content: str) -> dict[str, Any]:
    """Reads training.json. Raises ValueError if a number that parsing uses is not finite or, where it must be,
    not positive."""
    training: dict[str, Any] = json.loads(content)
    oos_scorer = dict(training.get("oos_scorer") or {})
    if not isinstance(oos_scorer.pop("characters", ""), str):
        raise ValueError("training.json: the characters of the out-of-scope scorer are not a string")
    for number in (training["temperature"], training.get("decision_bias", 0.0), *oos_scorer.values()):
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"training.json: {number!r} is not a finite number")
    if training["temperature"] <= 0 or oos_scorer.get("width", 1.0) <= 0:
        raise ValueError("training.json: a temperature or width is not positive")
    return training


def read_tagger(content: bytes, tags: TagSet) -> NDArray[np.float32]:
    """Reads tagger.npy [tags + 2, tags]: the transitions, the start scores and the end scores. Raises ValueError for
    another shape."""
    return read_array(content, (len(tags.tags) + 2, len(tags.tags)), "tagger.npy")


def read_array(content: bytes, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Reads a .npy file of float32. Raises ValueError for another shape, before it allocates memory."""
    stream = io.BytesIO(content)
    np.lib.format.read_magic(stream)
    actual_shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if actual_shape != shape or dtype != np.float32 or len(content) - stream.tell() != 4 * math.prod(shape):
        raise ValueError(f"{name}: has another shape")
    stream.seek(0)
    array: NDArray[np.float32] = np.load(stream, allow_pickle=False)
    return array


def read_tokens(content: str, config: Config) -> AlignedTokenizer:
    """Reads tokens.json. Raises ModelError for a tokenizer that the tokenizers library cannot run."""
    try:
        return from_json(content, simplifier() if config.text.simplify else None)
    except (CnluError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is not an Exception
        problem = _("it does not hold a usable tokenizer ({error})", error=type(error).__name__)
        raise ModelError("tokens.json", problem, _("train the model again")) from error


def expected_network(config: Config, labels: Labels, tags: TagSet, tokens: AlignedTokenizer | None) -> NetworkSpec:
    """The properties that model.onnx must have according to the other files."""
    model = config.model
    outputs = {
        "emissions": ("BL", len(tags.tags)),
        "intent": ("B", len(labels.intents)),
        "roles": ("BL", 1 + len(labels.role_names)),
        "groups": ("BL", len(labels.group_columns)),
    }
    rows, layer = 3 * MAX_FEATURES * model.sparse_width, 8 * max(3 * model.width, model.feedforward)
    return NetworkSpec(
        outputs=outputs,
        max_length=config.training.max_length,
        elements_per_character=model.members * (rows + layer + model.label_width),
        max_tokens=tokens.special_tokens.limit if tokens else 0,
    )
