"""The settings as people may see them: every value in force, without passwords."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.settings import Settings
from api.storage_engine import parse_address, shown_address
from vision.sources import redact


def shown_tree(settings: Settings) -> dict[str, Any]:
    """The tree as JSON values, credentials removed from camera addresses and from the store's URL.

    Raises: ConfigError if store.url cannot be read: then nobody knows where its password is.
    """
    tree: dict[str, Any] = settings.model_dump(mode="json")
    for elevator in tree["elevators"]:
        elevator["camera"]["source"] = redact(elevator["camera"]["source"])
    if tree["store"]["url"]:
        tree["store"]["url"] = shown_address(parse_address(tree["store"]["url"]))
    return tree


def settings_lines(tree: object, prefix: str = "") -> list[str]:
    """One ``key = value`` line per setting."""
    return list(_lines(tree, prefix))


def _lines(node: object, prefix: str) -> Iterator[str]:
    items: list[tuple[object, object]] = []
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list) and any(isinstance(item, dict) for item in node):
        items = list(enumerate(node))
    if not items:
        yield f"{prefix} = {node!r}"
    for key, value in items:
        yield from _lines(value, f"{prefix}.{key}" if prefix else str(key))
