"""Reads a scenario file and says in which line something is not right; finds the shipped ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from api.simulate.schema import Scenario
from vision.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """YAML without the surprises of its old version: ``off`` is a word, and ``1:30`` is not the number 90."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0].endswith((":null", ":timestamp"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?", "-+0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))

SHIPPED: Final = Path(__file__).parents[1] / "scenarios"
MAX_BYTES: Final = 1_000_000


def shipped() -> dict[str, Path]:
    """The scenarios that come with the product, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find(name: str) -> Path:
    """A shipped scenario, or a file. Raises: ConfigError."""
    known = shipped()
    if name in known:
        return known[name]
    path = Path(name)
    if path.is_file():
        return path
    raise ConfigError(f"no scenario {name!r}: give a file, or one of {', '.join(known)}")


def load(path: Path) -> Scenario:
    """Read and check a scenario. Raises: ConfigError with file, line and what is wrong, for every mistake."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} has more than {MAX_BYTES} bytes: that is no scenario")
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
        _no_key_twice(path, node)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read the scenario {path}: {exc}") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is empty or no table: a scenario begins with `name:`")
    try:
        return Scenario.model_validate(data)
    except ValidationError as exc:
        said = [
            f"line {_line(node, error['loc'])}: {_where(error['loc'])}: {_what(error['type'], error['msg'])}"
            for error in exc.errors(include_url=False)
        ]
        raise ConfigError(f"{path} is not right:\n  " + "\n  ".join(said)) from exc


def _no_key_twice(path: Path, node: yaml.Node | None) -> None:
    """YAML would take the last one without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(
                    f"{path}, line {line}: {key.value!r} is there twice (line {seen[key.value]})"
                )
            seen[key.value] = line
            _no_key_twice(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_key_twice(path, item)


def _line(node: yaml.Node | None, loc: Sequence[int | str]) -> int:
    """The line of the deepest part of ``loc`` that is in the file; a missing key is where its table is."""
    line = 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _where(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the scenario"


def _what(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such key"
    return message.removeprefix("Value error, ")
