"""A training step never makes the host wait for the device, and its shapes never change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModel, BertConfig

from cnlu.errors import UsageError
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.batching.stream import Position, Stream
from cnlu_pretrain.batching.tensors import step_tensors
from cnlu_pretrain.config import ArchitectureConfig, MaskingConfig, ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import TensorBatch, model_inputs
from cnlu_pretrain.run import loop
from cnlu_pretrain.run.build import build_run
from cnlu_pretrain.run.checkpoint import Progress
from cnlu_pretrain.run.device import accelerator_for
from cnlu_pretrain.run.model import for_distillation, load_run_model
from cnlu_pretrain.run.progress import Window
from cnlu_pretrain.run.request import RunRequest
from tests.pretrain.runs import SMALL, pretrain

META = torch.device("meta")
"""A device without data: PyTorch raises an error where the host reads a value or a shape depends on one."""
SIZE = ArchitectureConfig(num_hidden_layers=1, hidden_size=32, num_attention_heads=2, intermediate_size=32)


class NoBlockingCopies(TorchDispatchMode):
    """Raises an error where a copy to the device waits for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        copied = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        if copied and result.device != args[-1 if func is torch.ops.aten.copy_.default else 0].device:
            assert kwargs.get("non_blocking"), f"{func} waits for the device"
        return result


@pytest.fixture
def steps_on(tmp_path, corpus, tiny_encoder, monkeypatch) -> Callable[..., Callable[[], Any]]:
    """Returns a function that builds a run on a device and returns a function that takes one step of it."""

    def build(device: torch.device, *, teacher: bool = False, objectives: Any = None, **run_settings: Any) -> Any:
        settings = RunConfig(**{**SMALL, **run_settings})
        config = PretrainConfig(run=settings, objectives=ObjectivesConfig(**objectives or {}), encoder=SIZE)
        encoder = {"teacher" if teacher else "encoder": str(tiny_encoder)}
        config = for_distillation(config) if teacher else config
        request = RunRequest(corpus=corpus, out=tmp_path / "e", config=config, max_steps=9, **encoder)
        model = load_run_model(request, [open_corpus(corpus)])
        accelerator = accelerator_for("cpu", config.run, unused_parameters=False)
        for state in (PartialState, AcceleratorState):  # what accelerate takes for the device of this process
            monkeypatch.setitem(state._shared_state, "device", device)
        run = build_run(
            request,
            model.corpora,
            similar=None,
            model=model,
            accelerator=accelerator,
            folder=tmp_path,
            resumed=Progress(),
            log=print,
        )
        run.plain.train()
        (phase,) = run.phases
        batches = phase.stream.steps(Position())
        counter = iter(range(9))

        def step() -> Any:
            tensors = step_tensors(next(batches), config.run.accumulate, device)
            return loop._step(run, tensors, next(counter), phase)

        return step

    return build


STEPS = pytest.mark.parametrize(
    "settings",
    [
        {},
        {"attention": "eager"},
        {"isolate": "sentence"},
        {"accumulate": 2, "checkpointing": True},
        {"objectives": {"span_boundary": 1.0}},
        {"objectives": {"order": "sop"}},
        {"objectives": {"replaced_token": 50.0}},
        {"objectives": {"simcse": 1.0}, "isolate": "sentence"},
        {"objectives": {"original": 1.0}},
        {"teacher": True},
    ],
    ids=["mlm", "eager", "isolated", "accumulated", "sbo", "sop", "rtd", "simcse", "original", "distilled"],
)


@STEPS
def test_a_step_reads_no_value_from_the_device(steps_on, settings):
    step = steps_on(META, **settings)
    step()  # moves the teacher, or the original encoder, to the device
    with NoBlockingCopies():
        total, sums = step()
    assert total.device == META and {values.device for values in sums.values()} == {META}


@STEPS
def test_a_step_does_not_wait_for_a_gpu(steps_on, settings):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU, whose driver alone knows about all waits")
    step = steps_on(torch.device("cuda"), **settings)
    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_line_of_the_log_takes_one_transfer():
    window, transfers = Window(), []

    class Transfers(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            transfers.append(func)
            return func(*args, **(kwargs or {}))

    for number in range(3):
        window.add(number + 1, torch.tensor(2.0), {"masked": torch.tensor([6.0, 2.0, 1.0])}, 64, 0.0)
        window.add(number + 1, torch.tensor(2.0), {"order": torch.tensor([1.0, 4.0, 4.0])}, 64, 0.0)
    with Transfers():
        line = window.line()
    assert line["masked"] == {"loss": 3.0, "accuracy": 0.5} and line["order"] == {"loss": 0.25, "accuracy": 1.0}
    assert [str(func) for func in transfers] == ["aten.stack.default", "aten.cat.default"]


def padded_batch() -> TensorBatch:
    tokens, none = torch.tensor([[5, 6, 7, 8], [9, 8, 0, 0]]), torch.zeros(0, dtype=torch.long)
    return TensorBatch(
        tokens=tokens,
        kinds=torch.zeros_like(tokens),
        mask=tokens > 0,
        at=none,
        labels=none,
        span_first=none,
        span_last=none,
        order=none,
    )


def test_flash_attention_takes_the_padding_mask_of_a_row_of_tokens():
    """It removes the padding, and accepts no other mask."""
    batch = padded_batch()
    inputs = model_inputs(BertConfig(attn_implementation="flash_attention_2"), batch)
    assert inputs["attention_mask"] is batch.mask


FAMILIES = ["bert", "electra", "ernie", "roberta", "xlm-roberta", "camembert", "albert", "distilbert", "roformer"]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", [*FAMILIES, "megatron-bert"])
def test_each_family_takes_the_prepared_padding_mask(family, attention):
    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    if family == "distilbert":
        sizes = {"dim": 32, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}
    config = AutoConfig.for_model(family, vocab_size=40, pad_token_id=0, **sizes)
    try:
        model = AutoModel.from_config(config, attn_implementation=attention).eval()
    except ValueError as error:
        pytest.skip(f"{family} has no such attention: {error}")
    batch = padded_batch()
    tokens = batch.tokens
    prepared = model(input_ids=tokens, **model_inputs(model.config, batch)).last_hidden_state
    usual = model(input_ids=tokens, attention_mask=tokens > 0).last_hidden_state
    assert torch.allclose(prepared[tokens > 0], usual[tokens > 0], atol=1e-6)


@pytest.mark.parametrize("settings", [{"accumulate": 2}, {"isolate": "sentence"}], ids=["accumulated", "isolated"])
def test_compiled_code_is_never_compiled_again(tmp_path, corpus, tiny_encoder, monkeypatch, settings):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with torch._dynamo.config.patch(error_on_recompile=True):
        pretrain(tmp_path / "e", corpus, tiny_encoder, steps=50, compile=True, evaluate_every=100, **settings)
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] == 1 and not counters["graph_break"]


@pytest.mark.parametrize("strategy", ["ngram", "span"])
def test_parts_with_a_fixed_shape_count_what_they_predict(corpus, strategy):
    """Masked tokens beyond the shape are not predicted, and the loss is not divided by their number."""
    opened, config = open_corpus(corpus), MaskingConfig(strategy=strategy)
    layout = Layout(opened.special_tokens, 64, "none")
    masker = Masker(config, seed=1, mask=opened.mask, random_tokens=random_tokens_of(opened))
    steps = Stream([RowIndex(opened, layout)], layout, masker, seed=1, rows=8).steps(Position())
    shapes = set()
    for _ in range(30):
        step = next(steps)
        for fixed in (0.02, config.rate):  # not all masked tokens fit into the first
            tensors = step_tensors(step, 2, torch.device("cpu"), fixed)
            labels = np.concatenate([part.labels.numpy() for part in tensors.parts])
            assert tensors.counts[0] == (labels >= 0).sum()
            shapes.add((fixed, *(tuple(part.labels.shape) for part in tensors.parts)))
    assert shapes == {(0.02, (64,), (64,)), (config.rate, (64,), (64,))}


def test_parts_of_unequal_size_are_refused_for_compiled_code(tmp_path, corpus, tiny_encoder):
    with pytest.raises(UsageError, match=r"run\.accumulate: a step of 8 rows has no 9 parts of the same size"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, steps=1, compile=True, accumulate=9)
