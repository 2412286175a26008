"""CPU time of `cnlu pretrain prepare` on one core, compared with jieba alone on the same text.

    python benchmarks/prepare_speed.py TEXT --encoder DIR [--megabytes 16] [--rounds 2] [--out FIGURES.json]

TEXT is a file of sentences (.txt, also .gz and .xz), of which the first --megabytes are used. Whole processes are
measured, including their start: one in which jieba segments every line, and the command with each segmenter. Both
segmenters must give byte-identical corpora.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

from measure import machine, run, table

from cnlu_pretrain.prepare.sources import blocks

JIEBA = """
import sys, jieba
jieba.setLogLevel(60)
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        jieba.lcut(line)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of preparing text.")
    parser.add_argument("text", type=Path, metavar="TEXT")
    parser.add_argument("--encoder", required=True, metavar="DIR")
    parser.add_argument("--megabytes", type=int, default=16, metavar="N")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="runs of each; the fastest counts")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        size = write_beginning(arguments.text, place / "text.txt", arguments.megabytes << 20)
        commands = {"jieba alone": [sys.executable, "-c", JIEBA, str(place / "text.txt")]}
        for segmenter in ("jieba", "rjieba"):
            commands[f"prepare, {segmenter}"] = [
                sys.executable,
                "-m",
                "cnlu",
                "pretrain",
                "prepare",
                str(place / "text.txt"),
                "--encoder",
                arguments.encoder,
                "--out",
                str(place / segmenter),
                "--force",
                "--set",
                "prepare.processes=1",
                "--set",
                f"prepare.segmenter={segmenter}",
            ]
        seconds: dict[str, float] = {}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                cost = run(command, place / "log.txt")
                seconds[name] = min(seconds.get(name, cost.cpu_s), cost.cpu_s)
        same = digest(place / "jieba") == digest(place / "rjieba")
        shutil.rmtree(place / "jieba")
    rows = [
        [
            name,
            f"{spent:.1f}",
            f"{size / spent / 1e6:.2f}",
            f"{spent / seconds['jieba alone']:.2f}",
            f"{seconds['prepare, jieba'] / spent:.1f}x",
        ]
        for name, spent in seconds.items()
    ]
    print(table(["", "CPU s", "MB/s", "of jieba alone", "as fast as prepare with jieba"], rows))
    print(f"\n{size / 1e6:.1f} MB; the corpora of both segmenters are {'the same' if same else 'NOT the same'}.")
    if arguments.out:
        report = {"machine": machine(), "bytes": size, "cpu_s": seconds, "same": same}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def write_beginning(source: Path, target: Path, size: int) -> int:
    """Write whole blocks of lines until there are at least `size` bytes. Returns the number of bytes."""
    written = 0
    with open(target, "wb") as file:
        for block in blocks([source]):
            file.write(block.data)
            written += len(block.data)
            if written >= size:
                break
    return written


def digest(corpus: Path) -> str:
    """The hash of the arrays, without the manifest: it names the segmenter."""
    content = hashlib.sha256()
    for path in sorted(corpus.iterdir()):
        if path.name != "manifest.json":
            content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()


if __name__ == "__main__":
    main()
