"""The documents match the repository: files, commands, settings, examples."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from cnlu.cli import _parser
from cnlu.config import Config
from cnlu.data.load import load_data
from cnlu_pretrain.config import PretrainConfig
from tests.project.documents import BLOCK, COMMENT, DOCS, ROOT

LINK = re.compile(r"\[[^\]\[]+\]\(([^)\s]+)\)")


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of one language in a document."""
    return [body for kind, body in BLOCK.findall(path.read_text("utf-8")) if kind == language]


def prose(path: Path) -> str:
    """A document without its code blocks and code spans, which may look like links."""
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", path.read_text("utf-8")))


def anchors(path: Path) -> set[str]:
    """The link fragments of a document's headings, as common viewers generate them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def by_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("language", ["bash", "python", "yaml", "json"])
def test_both_readmes_show_the_same_commands_and_code(language: str) -> None:
    english, chinese = (
        [COMMENT.sub("", body).split() for body in blocks(ROOT / name, language)]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
    assert english


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_links_inside_the_repository_resolve(path: Path) -> None:
    for target in LINK.findall(prose(path)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), f"{by_name(path)} links to {target}, which is not there"
        if fragment:
            assert fragment in anchors(found), f"{by_name(path)} links to {target}: no such heading"


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    modules = [by_name(path) for wing in ("cnlu", "dialogue", "pretrain") for path in (ROOT / wing).rglob("*.py")]
    empty = {name for name in modules if name.endswith("/__init__.py") and name != "cnlu/__init__.py"}
    assert not [name for name in modules if name not in empty and f"`{name}`" not in text]


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_named_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    roots = ("cnlu", "dialogue", "pretrain", "tests", "benchmarks", "configs", "corpora", r"\.ci")
    named = re.findall(rf"`((?:{'|'.join(roots)})/[\w./-]*\w|Makefile|constraints\.txt)`", text)
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_the_command_line_takes_every_command_shown(path: Path) -> None:
    parser = _parser()
    for body in blocks(path, "bash"):
        for line in body.splitlines():
            for part in line.partition(" #")[0].split("|"):
                words = shlex.split(part.partition(" > ")[0])
                if words[:1] == ["cnlu"]:
                    assert parser.parse_args(words[1:])


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_scripts_and_make_targets_shown_exist(path: Path) -> None:
    shown = "\n".join(blocks(path, "bash"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for script in re.findall(r"^python (\S+\.py)", shown, re.MULTILINE):
        assert (ROOT / script).is_file(), script
    for target in re.findall(r"^make ([\w-]+)", shown, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_settings_named_exist(path: Path) -> None:
    sections: dict[str, set[str]] = {}
    for kind in (Config, PretrainConfig):  # both have a section `encoder`
        for f in dataclasses.fields(kind):
            names = {s.name for s in dataclasses.fields(f.default_factory)}  # type: ignore[arg-type,misc]
            sections.setdefault(f.name, set()).update(names)
    text = path.read_text("utf-8")
    for section, key in re.findall(rf"(?:`|--set )({'|'.join(sections)})\.(\w+)[=:`]", text):
        assert key in sections[section] or key in ("json", "onnx", "safetensors"), f"{section}.{key}"


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_examples_shown_can_be_read(path: Path, tmp_path: Path) -> None:
    shown = [(".yml", body) for body in blocks(path, "yaml") if "\nnlu:" in f"\n{body}"]
    shown += [
        (".jsonl", body)
        for body in blocks(path, "json")
        if all('"entities": [' in line and '"intent": "' in line for line in body.splitlines())
    ]
    for number, (suffix, body) in enumerate(shown):
        file = tmp_path / f"{number}{suffix}"
        file.write_text(body, encoding="utf-8")
        if "- intent:" not in body and suffix == ".yml":  # dictionaries alone are no training data
            body += "- intent: a\n  examples: |\n    - b\n"
            file.write_text(body, encoding="utf-8")
        assert load_data(file).examples


@pytest.mark.parametrize("path", DOCS, ids=by_name)
def test_no_figure_is_missing(path: Path) -> None:
    assert not re.findall(r"<!-- figure.*?-->", path.read_text("utf-8"))
