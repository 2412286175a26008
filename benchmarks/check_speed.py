"""CPU time and memory of `cnlu check` on many examples.

    python benchmarks/check_speed.py [--examples 20000] [--keep FOLDER]

Generates --examples examples, the same in every run: 40 intents of unequal size, sentences of about 17 characters with
values of 5 entity types from lookup tables of 2,300 entries; a tenth of them are the test set. They contain mistakes:
2 % also have a second intent, 2 % lack an annotation, 2 % repeat another example except for one character, and 1 % are
full-width or end a span in punctuation. Prints CPU time, peak memory, the number of findings per code, and the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import measure

INTENTS = 40
CHECK = "import sys; from cnlu.cli import main; main(sys.argv[1:])"
_SYLLABLES = "安北长东福高海江兰明宁平青泉山石泰通武西新阳永云中州德城河林"
_OPENERS = ("我想", "麻烦", "帮我", "请问", "能不能", "想要", "可以", "给我", "现在", "到时候")
_VERBS = "查看订退改问取送换找选看算排交写读听放停"
_NOUNS = "票单车房餐卡号座货件门路费钱课会片歌书图"
_ENDS = ("", "吗", "呢", "吧", "好不好", "行不行", "多少钱", "怎么办", "。", "？", "啊", "谢谢")
_TYPES = {"city": 1500, "person": 500, "product": 200, "date": 60, "count": 40}


def values(rng: random.Random) -> dict[str, list[str]]:
    """Invented values of each type, two to four characters long."""
    used: set[str] = set()
    values_by_type: dict[str, list[str]] = {}
    for kind, size in _TYPES.items():
        values_by_type[kind] = []
        while len(values_by_type[kind]) < size:
            word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
            if word not in used:
                used.add(word)
                values_by_type[kind].append(word)
    return values_by_type


def sentence(rng: random.Random, phrases: list[str], words: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Pieces of text, each with its entity type or an empty string."""
    pieces = [(rng.choice(_OPENERS), "")]
    for _ in range(rng.randint(1, 3)):
        pieces.append((rng.choice(phrases), ""))
        if rng.random() < 0.6:
            kind = rng.choice(list(words))
            pieces.append((rng.choice(words[kind]), kind))
    return [*pieces, (rng.choice(_ENDS), "")]


def record(pieces: list[tuple[str, str]], intent: str) -> dict[str, object]:
    text, entities = "", []
    for piece, kind in pieces:
        if kind:
            entities.append({"start": len(text), "end": len(text) + len(piece), "entity": kind})
        text += piece
    return {"text": text, "intent": intent, "entities": entities}


def with_mistake(rng: random.Random, pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The sentence, unchanged in most cases, else with a mistake that annotators make."""
    chance = rng.random()
    at = rng.randrange(len(pieces))
    text, kind = pieces[at]
    if chance < 0.02:
        return [(text, "") for text, _ in pieces]
    if chance < 0.025:
        return [*pieces, ("Ｇ１２", "")]
    if chance < 0.03 and kind:
        return [*pieces[:at], (text + "，", kind), *pieces[at + 1 :]]
    return pieces


def examples(count: int, words: dict[str, list[str]], seed: int) -> list[dict[str, object]]:
    rng = random.Random(seed)
    phrases = random.Random(0)
    by_intent = [
        [phrases.choice(_VERBS) + phrases.choice(_VERBS) + phrases.choice(_NOUNS) + "的" for _ in range(12)]
        for _ in range(INTENTS)
    ]
    records: list[dict[str, object]] = []
    last = [("你好", "")]
    while len(records) < count:
        intent = min(int(rng.expovariate(0.12)), INTENTS - 1)
        chance = rng.random()
        if chance < 0.02:
            records.append(record(last, f"intent_{(intent + 1) % INTENTS}"))
        elif chance < 0.04:
            records.append(record([*last[:-1], ("呀", "")], f"intent_{intent}"))
        else:
            last = with_mistake(rng, sentence(rng, by_intent[intent], words))
            records.append(record(last, f"intent_{intent}"))
    return records


def write(folder: Path, count: int) -> None:
    words = values(random.Random(1))
    test = count // 10
    for name, size, seed in (("train", count - test, 2), ("test", test, 3)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in examples(size, words, seed)]
        (folder / name / "examples.jsonl").write_text("".join(lines), encoding="utf-8")
    tables = [
        f"- lookup: {kind}\n  examples: |\n" + "".join(f"    - {entry}\n" for entry in entries)
        for kind, entries in words.items()
    ]
    (folder / "train" / "lookups.yml").write_text('version: "3.1"\nnlu:\n' + "".join(tables), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the examples here and keep them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        write(folder, arguments.examples)
        log = Path(temporary) / "found.json"
        data = ["check", folder / "train", "--test", folder / "test", "--format", "json"]
        cost = measure.run([sys.executable, "-c", CHECK, *data], log)
        report = json.loads(log.read_text("utf-8"))
    print(
        measure.table(
            ("examples", "CPU s", "peak MiB", "findings"),
            [
                (
                    f"{report['examples'] + report['test_examples']:,}",
                    f"{cost.cpu_s:.1f}",
                    f"{cost.peak_mib:.0f}",
                    f"{len(report['findings']):,}",
                )
            ],
        )
    )
    codes = Counter(one["code"] for one in report["findings"]).most_common()
    print("\n" + measure.table(("code", "findings"), [(code, str(count)) for code, count in codes]))
    print("\n" + json.dumps(measure.machine()))


if __name__ == "__main__":
    main()
