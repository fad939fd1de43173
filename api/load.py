"""Read the settings tree once at start-up, and explain what is wrong with it.

Order, strongest first: values passed by the command line, environment variables, what was set on the page
(`api.overlay`), the TOML file, the defaults in `api.settings`. ``LIFTGUARD_WEB__PORT=9090`` sets
``web.port``: two underscores step into a table or, with a number, into a list; a value that begins with
``[`` is read as a JSON list.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from api import overlay
from api.settings import ElevatorSettings, Settings
from vision.errors import ConfigError

ENV_PREFIX: Final = "LIFTGUARD_"
CONFIG_ENV: Final = "LIFTGUARD_CONFIG"
DEFAULT_CONFIG_FILES: Final = (Path("liftguard.toml"), Path("/etc/liftguard/liftguard.toml"))
_SHOWN_CHARS: Final = 80  # longest value repeated in a message


def load_settings(
    config: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the tree once.

    Args:
        config: a TOML file. None: ``$LIFTGUARD_CONFIG``, else the first existing of `DEFAULT_CONFIG_FILES`.
        env: environment variables; None: this process's.
        overrides: dotted keys from the command line, e.g. ``{"web.port": 9090}``;
            ``elevators.0.camera.source`` reaches into the list.

    Raises:
        ConfigError: naming each wrong key, the value seen and the allowed range.
    """
    env = os.environ if env is None else env
    path = find_config(config, env)
    tree: dict[str, Any] = _read_toml(path) if path else {}
    whole = deepcopy(tree)
    _put_strongest(whole, env, overrides or {})
    kept = overlay.read(_data_dir(whole))
    if kept is not None:
        overlay.lay_over(tree, kept.changes, _places(whole))
    _put_strongest(tree, env, overrides or {})
    try:
        return Settings.model_validate(tree)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, path)) from exc


def _put_strongest(tree: dict[str, Any], env: Mapping[str, str], overrides: Mapping[str, Any]) -> None:
    for name, value in sorted(env.items()):
        if name.startswith(ENV_PREFIX) and name != CONFIG_ENV:
            keys = name.removeprefix(ENV_PREFIX).lower().split("__")
            _put(tree, keys, _env_value(name, value), f"environment variable {name}")
    for dotted, value in overrides.items():
        _put(tree, dotted.split("."), value, f"option for {dotted}")


def _data_dir(tree: Mapping[str, Any]) -> Path:
    """Where the page keeps its settings; a value that is no path is found wrong later, by its model."""
    value = tree.get("data_dir")
    return Path(value) if isinstance(value, (str, Path)) else Settings.model_fields["data_dir"].default


def _places(tree: Mapping[str, Any]) -> dict[str, int]:
    """Elevator id -> place in the list, as it will be. Without a list there is the default elevator."""
    default = str(ElevatorSettings.model_fields["id"].default)
    elevators = tree.get("elevators")
    if not isinstance(elevators, (list, tuple)):
        return {default: 0}
    ids = [e.get("id", default) if isinstance(e, dict) else default for e in elevators] or [default]
    return {str(id_): place for place, id_ in enumerate(ids)}


def find_config(config: Path | None, env: Mapping[str, str]) -> Path | None:
    """The settings file that will be read, or None where defaults run.

    Raises:
        ConfigError: a file was named and does not exist.
    """
    named = config or (Path(env[CONFIG_ENV]) if env.get(CONFIG_ENV) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"settings file {named} does not exist; check the path or leave --config out")
        return named
    return next((path for path in DEFAULT_CONFIG_FILES if path.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"settings file {path} is not valid TOML: {exc}") from exc
    except OSError as exc:
        raise ConfigError(f"settings file {path} cannot be read: {exc}") from exc


def _env_value(name: str, value: str) -> object:
    if not value.startswith("["):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as exc:
        raise ConfigError(f"environment variable {name} begins with '[' but is no JSON list: {exc}") from exc


def _put(tree: dict[str, Any], keys: list[str], value: object, where: str) -> None:
    """Set one nested value. A number steps into a list and may extend it by one."""
    node: Any = tree
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        slot: Any = key
        if isinstance(node, list):
            if not key.isdigit() or int(key) > len(node):
                raise ConfigError(
                    f"{where}: {key!r} is no place in a list of {len(node)}; use 0 to {len(node)}"
                )
            slot = int(key)
            if slot == len(node):
                node.append({})
        if following is None:
            node[slot] = value
            return
        child = node[slot] if isinstance(node, list) else node.get(slot)
        if child is None:
            child = [] if following.isdigit() else {}
            node[slot] = child
        if not isinstance(child, (dict, list)):
            raise ConfigError(f"{where}: {key!r} is a value, not a table; check the key's spelling")
        node = child


def _explain(exc: ValidationError, path: Path | None) -> str:
    lines = []
    errors = exc.errors()
    for error in errors:
        inside = [e for e in errors if e["loc"][: len(error["loc"])] == error["loc"]]
        if error["type"] == "too_short" and len(inside) > 1:
            continue  # pydantic says so of a list whose only item is wrong; the item's own error says what
        key = ".".join(str(part) for part in error["loc"]) or "settings"
        seen = (
            ""
            if error["type"] in {"missing", "extra_forbidden"} or not error["loc"]
            else f" (got {_shown(key, error['input'])})"
        )
        what = (
            "unknown key; `liftguard config schema` lists the known ones"
            if error["type"] == "extra_forbidden"
            else error["msg"]
        )
        lines.append(f"  {key}: {what}{seen}")
    return f"settings are wrong ({path or 'no file; environment and options only'}):\n" + "\n".join(lines)


def _shown(key: str, value: object) -> str:
    """The value as it may appear in a message: never an address, which can hold a password."""
    if isinstance(value, (dict, list)):
        return f"a {type(value).__name__} of {len(value)}"
    text = "…" if key.endswith(("source", "url")) else repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
