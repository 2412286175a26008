"""Plain JointBERT, fine-tuned on the same encoder and the same examples, for comparison with cnlu.

    python benchmarks/jointbert.py ENCODER DATA_DIR [--seed N] [--epochs N] [--min-steps N] [--lr X] [--batch 32]
                                   [--bf16] [--train FILE] [--split test|dev] [--keep DIR] [--out metrics.json]

Chen et al. 2019 (arXiv 1902.10909): one encoder, the intent from [CLS] (eq. 1), tags by a linear layer and a CRF
(section 3.3), both losses added. Tokens are single characters, so every annotated span is reachable, and only
characters have labels. ENCODER is a directory that AutoModel loads and whose vocabulary holds single characters; texts
are lower-cased if it has no capitals. Beyond the paper: separate learning rates for the new layers, a warm-up, and the
best epoch by frame accuracy on dev (the last one without dev examples). The defaults are the best of those tried on
dev of smp2019_ecdt; on cais, 12 epochs sufficed.

JointBERT has no roles and groups. If the examples have some, type, role and group together are one label of the tagger
(`place|to|`), so that whole frames can be right.

DATA_DIR has the layout that accuracy.py expects. Without a dev file, or with --train, which replaces the train part, a
tenth of the training examples is held out as in cnlu. `--split dev` reports the dev file, or that tenth.
cnlu's own evaluation scores; --keep writes its report (metrics.json, errors.jsonl: compare.py reads both).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accuracy import part
from torch import Tensor, nn
from torchcrf import CRF
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from cnlu.data.load import load_data
from cnlu.data.schema import Entity, Example
from cnlu.data.split import stratified_split
from cnlu.data.tags import TagSet
from cnlu.errors import CnluError
from cnlu.evaluation.frames import frame_correctness
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.report import check_report_out, find_errors, write_report
from cnlu.runtime.labels import Labels

HEAD_RATE, CRF_RATE = 1e-3, 1e-2  # learning rates of the new layers
DROPOUT, DECAY, WARMUP, CLIP = 0.1, 0.01, 0.1, 1.0
DEV_FRACTION, READ_BATCH = 0.1, 64

Kind = tuple[str, str, str]  # type, role and group of an entity; "" is none


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    try:
        if arguments.keep:
            check_report_out(arguments.keep, force=True)
        train, dev, test = load_parts(arguments)
        baseline = Baseline.start(arguments.encoder, train, torch.device(arguments.device))
        history = fit(baseline, train, dev, arguments)
        found = baseline.parse(test)
        metrics = evaluate(test, found, Labels.collect(train))
        if arguments.keep:
            write_report(arguments.keep, metrics, find_errors(test, found), force=True)
    except CnluError as error:
        sys.exit(f"jointbert: {error}")
    if arguments.out:
        arguments.out.write_text(json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    shown = ("split", "seed", "lr", "batch", "bf16", "threads", "device")
    settings = {name: getattr(arguments, name) for name in shown}
    intent, entity = metrics["intent"] or {}, metrics["entity"] or {}
    figures = {
        "entity_f1": entity.get("f1"),
        "intent_accuracy": intent.get("accuracy"),
        "intent_macro_f1": intent.get("macro_f1"),
        "frame_accuracy": metrics["frame_accuracy"],
    }
    names = {"encoder": arguments.encoder.resolve().name, "data": arguments.data.resolve().name}
    print(json.dumps({**names, **settings, "train": len(train), "dev": len(dev), **history, **figures}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tune and measure plain JointBERT.")
    parser.add_argument("encoder", type=Path, metavar="ENCODER", help="directory of a BERT-like encoder")
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="holds train, test, optionally dev")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--epochs", type=int, default=20, metavar="N", help="passes over the examples")
    parser.add_argument(
        "--min-steps", type=int, default=600, metavar="N", help="epochs are added up to this number of steps"
    )
    parser.add_argument("--lr", type=float, default=5e-5, metavar="X", help="peak learning rate of the encoder")
    parser.add_argument("--batch", type=int, default=32, metavar="N")
    parser.add_argument("--bf16", action="store_true", help="train under bfloat16 autocast; evaluation stays float32")
    parser.add_argument("--train", type=Path, metavar="FILE", help="examples instead of DATA_DIR's train and dev")
    parser.add_argument("--split", choices=("test", "dev"), default="test", help="what to report")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where to write metrics.json and errors.jsonl")
    parser.add_argument("--out", type=Path, metavar="metrics.json", help="where to write the metrics alone")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def load_parts(arguments: argparse.Namespace) -> tuple[list[Example], list[Example], list[Example]]:
    """(Training examples, those that choose the epoch, those that are reported)."""
    train, dev, test = (part(arguments.data, which) for which in ("train", "dev", "test"))
    train = arguments.train or train
    if train is None or (test is None and arguments.split == "test"):
        sys.exit(f"{arguments.data}: needs train and test, as .jsonl, .yml or folders.")
    learned = load_data(train).examples
    if arguments.train or dev is None:
        learned, held = stratified_split(learned, DEV_FRACTION, arguments.seed)
    else:
        held = load_data(dev).examples
    if arguments.split == "test":
        return learned, held, load_data(str(test)).examples
    reported = load_data(dev).examples if dev else held
    if not reported:
        sys.exit(f"{arguments.data}: too small for a dev split; give it one, or report --split test.")
    return learned, held, reported


@dataclass(frozen=True)
class Coder:
    """Converts examples to tensors' ids and scores to parse results."""

    ids: dict[str, int]  # the encoder's vocabulary
    cls: int
    sep: int
    pad: int
    unknown: int
    lower: bool  # the vocabulary has no capitals
    limit: int  # most characters read of a text
    intents: list[str]
    kinds: list[Kind]
    tags: TagSet  # of the kinds' numbers

    @classmethod
    def of(cls, encoder: Path, positions: int, examples: Sequence[Example]) -> Coder:
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        ids = tokenizer.get_vocab()
        kinds = sorted({_kind(entity) for example in examples for entity in example.entities})
        return cls(
            ids=ids,
            cls=tokenizer.cls_token_id,
            sep=tokenizer.sep_token_id,
            pad=tokenizer.pad_token_id,
            unknown=tokenizer.unk_token_id,
            lower=not any(chr(code) in ids for code in range(ord("A"), ord("Z") + 1)),
            limit=min(positions, 512) - 2,
            intents=sorted({example.intent for example in examples if example.intent is not None}),
            kinds=kinds,
            tags=TagSet([str(number) for number in range(len(kinds))], "BIO"),
        )

    def tokens(self, text: str) -> list[int]:
        """Ids of the text between [CLS] and [SEP], one per character."""
        chars = [low if self.lower and len(low := ch.lower()) == 1 else ch for ch in text[: self.limit]]
        return [self.cls, *(self.ids.get(ch, self.unknown) for ch in chars), self.sep]

    def gold(self, example: Example) -> tuple[int, list[int]]:
        """The intent's number, -1 without one, and the tags of the characters read."""
        spans = [Entity(e.start, e.end, str(self.kinds.index(_kind(e))), e.value) for e in example.entities]
        tags, _ = self.tags.encode(min(len(example.text), self.limit), spans)
        return -1 if example.intent is None else self.intents.index(example.intent), tags

    def result(self, text: str, chances: Tensor, tags: Sequence[int]) -> dict[str, Any]:
        """A parse result in Rasa's shape from intent probabilities [I] and the tags of the characters."""
        intent: dict[str, Any] = {"name": None, "confidence": 0.0}
        if self.intents:
            best = int(chances.argmax())
            intent = {"name": self.intents[best], "confidence": float(chances[best])}
        entities = []
        for start, end, number in self.tags.decode(tags):
            kind, role, group = self.kinds[int(number)]
            entity = {"entity": kind, "start": start, "end": end, "value": text[start:end]}
            entities.append(entity | ({"role": role} if role else {}) | ({"group": group} if group else {}))
        return {"text": text, "intent": intent, "entities": entities}


def _kind(entity: Entity) -> Kind:
    return entity.entity, entity.role or "", entity.group or ""


class JointBert(nn.Module):
    """The encoder and its two heads."""

    def __init__(self, encoder: Any, intents: int, tags: int) -> None:
        super().__init__()
        self.encoder, self.dropout, width = encoder, nn.Dropout(DROPOUT), encoder.config.hidden_size
        self.intent, self.tag = nn.Linear(width, max(1, intents)), nn.Linear(width, tags)
        self.crf = CRF(tags, batch_first=True)

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Float32 scores of the intents [B, I] and of the characters' tags [B, L, T], from tokens [B, 2 + L]."""
        hidden = self.dropout(self.encoder(tokens, attention_mask=mask.long()).last_hidden_state)
        return self.intent(hidden[:, 0]).float(), self.tag(hidden[:, 1:-1]).float()


@dataclass(frozen=True)
class Baseline:
    """A network with its coder and device."""

    network: JointBert
    coder: Coder
    device: torch.device

    @classmethod
    def start(cls, encoder: Path, examples: Sequence[Example], device: torch.device) -> Baseline:
        """A model with the encoder's weights and new heads for the labels of `examples`."""
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        backbone, report = AutoModel.from_pretrained(encoder, output_loading_info=True)
        if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
            sys.exit(f"{encoder}: lacks {len(missing)} weights, such as {missing[0]}; give a complete encoder.")
        coder = Coder.of(encoder, backbone.config.max_position_embeddings, examples)
        network = JointBert(backbone.float(), len(coder.intents), len(coder.tags.tags))
        return cls(network.to(device), coder, device)

    def inputs(self, rows: Sequence[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Padded tokens [B, 2 + L], their mask, and the mask of the characters [B, L]."""
        sizes = torch.tensor([len(row) for row in rows])
        longest = int(sizes.max())
        tokens = torch.tensor([row + [self.coder.pad] * (longest - len(row)) for row in rows])
        mask = torch.arange(longest) < sizes[:, None]
        return tokens.to(self.device), mask.to(self.device), mask[:, 2:].to(self.device)

    def loss(self, examples: Sequence[Example], bf16: bool) -> Tensor:
        """The sum of both losses of a batch, each the mean over its sentences."""
        tokens, mask, chars = self.inputs([self.coder.tokens(example.text) for example in examples])
        intents, tags = zip(*(self.coder.gold(example) for example in examples), strict=True)
        gold = torch.tensor([row + [0] * (chars.shape[1] - len(row)) for row in tags], device=self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
            scores, emissions = self.network(tokens, mask)
        wanted = torch.tensor(intents, device=self.device)
        intent = nn.functional.cross_entropy(scores, wanted, ignore_index=-1, reduction="sum") / len(examples)
        return intent - self.network.crf(emissions, gold, chars, reduction="mean")

    @torch.no_grad()
    def parse(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Parse results in the order of the examples, whose annotations are ignored."""
        self.network.eval()
        found: list[dict[str, Any]] = [{}] * len(examples)
        order = sorted(range(len(examples)), key=lambda i: len(examples[i].text))
        for start in range(0, len(order), READ_BATCH):
            chosen = order[start : start + READ_BATCH]
            tokens, mask, chars = self.inputs([self.coder.tokens(examples[i].text) for i in chosen])
            scores, emissions = self.network(tokens, mask)
            answers = zip(scores.softmax(-1).cpu(), self.network.crf.decode(emissions, chars), strict=True)
            for i, (chances, tags) in zip(chosen, answers, strict=True):
                found[i] = self.coder.result(examples[i].text, chances, tags)
        return found


def fit(baseline: Baseline, train: list[Example], dev: list[Example], arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the network, keep the weights of the best epoch, and return figures about the training."""
    per_pass = math.ceil(len(train) / arguments.batch)
    epochs = max(arguments.epochs, arguments.min_steps // per_pass)
    network = baseline.network
    rates = {network.encoder: arguments.lr, network.intent: HEAD_RATE, network.tag: HEAD_RATE, network.crf: CRF_RATE}
    groups = [{"params": list(module.parameters()), "lr": rate} for module, rate in rates.items()]
    optimizer = torch.optim.AdamW(groups, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(step, epochs * per_pass))
    draw = random.Random(arguments.seed)
    best, best_pass, weights = -1.0, 0, network.state_dict()
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(1, epochs + 1):
        network.train()
        total = 0.0
        for batch in batches(train, arguments.batch, draw):
            loss = baseline.loss(batch, arguments.bf16)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch) / len(train)
        score = float(frame_correctness(dev, baseline.parse(dev)).mean()) if dev else float(number)
        if score >= best:
            best, best_pass, weights = score, number, copy.deepcopy(network.state_dict())
        on_dev = f", dev frames {score:.4f} (best {best:.4f}, pass {best_pass})" if dev else ""
        print(f"pass {number}/{epochs}: loss {total:.3f}{on_dev}, {time.process_time() - cpu:.0f} CPU s", flush=True)
    network.load_state_dict(weights)
    return {
        "epochs": epochs,
        "steps": epochs * per_pass,
        "best_pass": best_pass,
        "dev_frame_accuracy": best if dev else None,
        "training_cpu_s": round(time.process_time() - cpu, 1),
        "training_wall_s": round(time.perf_counter() - wall, 1),
    }


def rate_share(step: int, steps: int) -> float:
    """The share of the peak rate: it rises over the first tenth of the steps and falls linearly after."""
    rise = max(1.0, WARMUP * steps)
    return min((step + 1) / rise, (steps - step) / max(1.0, steps - rise))


def batches(examples: Sequence[Example], size: int, draw: random.Random) -> Iterator[list[Example]]:
    """One pass in random order, texts of like length together."""
    order = draw.sample(examples, len(examples))
    pools = [order[start : start + 50 * size] for start in range(0, len(order), 50 * size)]
    order = [example for pool in pools for example in sorted(pool, key=lambda example: len(example.text))]
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return iter(draw.sample(found, len(found)))


if __name__ == "__main__":
    main()
