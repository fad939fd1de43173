"""Imports point one way: vision <- models, hardware <- api; the runtime needs no torch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "vision": {"vision"},
    "models": {"models", "vision"},
    "hardware": {"hardware", "vision"},
    "api": {"api", "hardware", "models", "vision"},
}
TRAIN_ONLY = {"torch", "torchvision", "ultralytics"}
ROOMS = set(ALLOWED) | {"datasets", "benchmarks", "tests"}


def imports(path: Path) -> list[tuple[str, bool]]:
    """(module, at import time) of every import in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in lazy) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the room's name"
            found.append((node.module or "", id(node) not in lazy))
    return found


def room_files() -> list[Path]:
    return [path for room in ALLOWED for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize("path", room_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for module, eager in imports(path):
        top = module.split(".")[0]
        if top in ROOMS:
            assert top in ALLOWED[room], f"{room} may not import {module}"
        if eager:
            assert top not in TRAIN_ONLY, f"{path.name} imports {module} at import time; only `train` has it"


def test_the_walk_sees_every_room() -> None:
    seen = {path.relative_to(ROOT).parts[0] for path in room_files()}
    assert seen == set(ALLOWED)


def test_datasets_is_no_package() -> None:
    assert not (ROOT / "datasets" / "__init__.py").exists(), "it would shadow the `datasets` package on PyPI"
