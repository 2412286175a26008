"""The arrows between the rooms point one way."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

MAY_USE = {
    "config": set(),
    "io": set(),
    "data": set(),
    "text": set(),
    "encoder": {"text"},
    "features": {"text"},
    "runtime": {"data", "text", "features"},
    "evaluation": {"data", "runtime"},
    "check": {"data", "text", "features"},
    "server": {"data", "runtime"},
    "shell": {"runtime"},
    "starter": set(),
    "convert": {"data"},
    "model": {"data", "encoder"},
    "pytorch": set(),
    "export": {"data", "text", "features", "runtime", "encoder", "model"},
    "training": {"data", "text", "features", "runtime", "evaluation", "encoder", "model", "export", "pytorch"},
}
TRAINING_MAY_USE = {"data": set(), "transfer": {"data"}, "fit": {"data", "transfer"}}
"""Which rooms of cnlu.training each may import; cnlu.training.request, the command line's options, belongs to all"""
PRETRAIN_MAY_USE = {"text", "encoder", "data", "pytorch"}  # of cnlu's rooms; for the rest the wings meet in files
FINE_TUNING_MAY_USE = {"data", "training", "evaluation", "runtime"}  # it trains and evaluates models as cnlu does
RASA_MAY_USE = {"data", "features", "runtime"}  # the component; where it trains in Rasa's process also cnlu.training
PRETRAIN_ROOMS = {
    "corpus": set(),
    "objectives": set(),
    "distill": {"corpus", "objectives"},
    "prepare": {"corpus"},
    "encoder": {"corpus"},
    "similar": {"prepare"},
    "masking": {"corpus", "similar"},
    "batching": {"corpus", "masking", "objectives"},
    "evaluation": {"corpus", "masking", "objectives", "batching"},
    "run": {"corpus", "distill", "similar", "masking", "objectives", "batching", "encoder", "evaluation"},
    "fine_tuning": {"evaluation"},
    "probe": {"corpus", "masking", "objectives", "batching", "encoder", "evaluation", "fine_tuning"},
    "adapt": {"corpus", "prepare", "run", "evaluation", "fine_tuning"},
}
PRETRAIN_EVERYONES = {"config", "load_config", "rng", "training_config"}
EVERYONES = {"bundled", "config", "i18n", "io", "suggest", "errors", "extras", "interrupts", "progress", "resources"}
HEAVY = {"torch", "torchcrf", "transformers", "accelerate", "onnx", "onnxscript", "safetensors"}


def imports(path: Path) -> set[str]:
    """The full names that a module imports, at its top or in functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("room", sorted(MAY_USE))
def test_a_room_imports_only_the_rooms_it_may(checkout: Path, room: str) -> None:
    for path in (checkout / "cnlu" / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("cnlu.")}
        assert rooms - EVERYONES - {room} <= MAY_USE[room], path


@pytest.mark.parametrize("room", sorted(TRAINING_MAY_USE))
def test_arrows_within_training_point_one_way(checkout: Path, room: str) -> None:
    for path in (checkout / "cnlu" / "training" / room).rglob("*.py"):
        own = {name.split(".")[2] for name in imports(path) if name.startswith("cnlu.training.")}
        assert own - {room, "request"} <= TRAINING_MAY_USE[room], path
    (used,) = {frozenset(imports(checkout / "cnlu" / "training" / "request.py"))}
    assert not any(name.startswith("cnlu.training") for name in used)


def modules(checkout: Path) -> dict[str, Path]:
    """Full name -> file, of the three packages; a package by its own name."""
    found = {}
    for folder in (checkout / "cnlu", checkout / "pretrain" / "cnlu_pretrain", checkout / "dialogue" / "cnlu_dialogue"):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def module_imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that a module imports when it is loaded, without those imported in functions."""
    found, waiting = set(), list(ast.parse(path.read_text("utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (submodules & known.keys()) or {str(node.module)}
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)
    return (found & known.keys()) - {name}


def cycles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """The sets of nodes that reach one another."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = list(arrows[start])
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += arrows[node]
        return seen

    reach = {node: reached(node) for node in arrows}
    found: list[set[str]] = []
    for node in sorted(arrows):
        if node in reach[node] and not any(node in cycle for cycle in found):
            found.append({other for other in reach[node] if node in reach[other]})
    return found


def room_of(name: str, known: dict[str, Path]) -> str:
    """The package of a module; a module beside packages is a room by itself."""
    if known[name].name == "__init__.py":
        return name
    package = name.rpartition(".")[0]
    has_packages = any(path.parent.parent == known[name].parent for path in known.values())
    return name if has_packages else package


def test_no_modules_import_one_another(checkout: Path) -> None:
    known = modules(checkout)
    assert cycles({name: module_imports(name, path, known) for name, path in known.items()}) == []


def test_no_rooms_import_one_another(checkout: Path) -> None:
    known = modules(checkout)
    room = {name: room_of(name, known) for name in known}
    arrows: dict[str, set[str]] = {own: set() for own in room.values()}
    for name, path in known.items():
        arrows[room[name]] |= {room[other] for other in module_imports(name, path, known)} - {room[name]}
    assert cycles(arrows) == []


def test_cycles_are_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


@pytest.mark.parametrize("room", sorted(set(MAY_USE) - {"encoder", "export", "model", "pytorch", "training"}))
def test_what_runs_a_model_never_imports_what_trains_it(checkout: Path, room: str) -> None:
    for path in (checkout / "cnlu" / room).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_pretraining_uses_four_rooms_of_cnlu_and_no_more(checkout: Path) -> None:
    for path in (checkout / "pretrain" / "cnlu_pretrain").rglob("*.py"):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("cnlu.")}
        may_use = FINE_TUNING_MAY_USE if path.parent.name == "fine_tuning" else PRETRAIN_MAY_USE
        assert rooms - EVERYONES <= may_use, path


@pytest.mark.parametrize("room", sorted(PRETRAIN_ROOMS))
def test_a_room_of_pretraining_imports_only_the_rooms_it_may(checkout: Path, room: str) -> None:
    for path in (checkout / "pretrain" / "cnlu_pretrain" / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("cnlu_pretrain.")}
        assert rooms - PRETRAIN_EVERYONES - {room} <= PRETRAIN_ROOMS[room], path


def test_the_modules_of_pretraining_import_each_other_without_circles(checkout: Path) -> None:
    folder = checkout / "pretrain"
    graph = {}
    for path in (folder / "cnlu_pretrain").rglob("*.py"):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        graph[module] = {name for name in imports(path) if name.startswith("cnlu_pretrain.")}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_cnlu_knows_of_pretraining_by_its_command_line_alone(checkout: Path) -> None:
    for path in (checkout / "cnlu").rglob("*.py"):
        wings = {name for name in imports(path) if name.split(".")[0] in ("cnlu_pretrain", "cnlu_dialogue")}
        assert wings <= ({"cnlu_pretrain.cli"} if path.name == "cli.py" else set()), path


def test_the_rasa_component_uses_what_runs_a_model_and_no_other_wing(checkout: Path) -> None:
    for path in (checkout / "dialogue" / "cnlu_dialogue" / "rasa").rglob("*.py"):
        names = imports(path)
        rooms = {name.split(".")[1] for name in names if name.startswith("cnlu.")} - EVERYONES
        assert rooms <= RASA_MAY_USE | ({"training"} if path.name == "trainer.py" else set()), path
        assert not {name.split(".")[0] for name in names} & (HEAVY | {"cnlu_pretrain"}), path
        ours = {name.split(".")[1] for name in names if name.startswith("cnlu_dialogue.")}
        assert ours <= {"rasa"}, path


def test_only_the_component_itself_imports_rasa(checkout: Path) -> None:
    users = {
        path.name
        for path in (checkout / "dialogue" / "cnlu_dialogue" / "rasa").rglob("*.py")
        if any(name.split(".")[0] == "rasa" for name in imports(path))
    }
    assert users == {"component.py"}


def test_readers_of_values_depend_on_no_other_room(checkout: Path) -> None:
    for path in (checkout / "dialogue" / "cnlu_dialogue" / "values").rglob("*.py"):
        wings = ("cnlu", "cnlu_pretrain", "cnlu_dialogue", "rasa_sdk", "rasa")
        ours = {name for name in imports(path) if name.split(".")[0] in wings}
        assert all(name.startswith("cnlu_dialogue.values") for name in ours), path


def test_actions_know_rasa_sdk_in_one_place_and_nothing_heavy(checkout: Path) -> None:
    for path in (checkout / "dialogue" / "cnlu_dialogue" / "actions").rglob("*.py"):
        found = imports(path)
        rooms = {name for name in found if name.split(".")[0] in ("cnlu", "cnlu_pretrain", "cnlu_dialogue")}
        assert all(
            name.startswith(("cnlu_dialogue.values", "cnlu_dialogue.actions", "cnlu.errors", "cnlu.i18n"))
            for name in rooms
        ), path
        assert path.name == "sdk.py" or not {name for name in found if name.split(".")[0] in ("rasa_sdk", "rasa")}, path
        assert not {name.split(".")[0] for name in found} & HEAVY, path


@pytest.mark.parametrize("room", ["corpus", "prepare", "masking", "similar"])
def test_preparing_and_masking_need_no_torch(checkout: Path, room: str) -> None:
    for path in (checkout / "pretrain" / "cnlu_pretrain" / room).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_every_room_is_known(checkout: Path) -> None:
    rooms = {path.name for path in (checkout / "cnlu").iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(MAY_USE)


def test_the_table_of_the_architecture_page_is_the_one_checked_here(checkout: Path) -> None:
    page = (checkout / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition("| room | may import |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert {room.strip("`"): set(used.replace("`", "").split(", ")) - {"nothing"} for room, used in rows} == MAY_USE
