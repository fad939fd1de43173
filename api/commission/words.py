"""What the acceptance test says, in English and Chinese: `words.en.toml`, `words.zh.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from api.commission.values import Language

FOLDER: Final = Path(__file__).parent


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.texts: dict[str, str] = tomllib.loads((FOLDER / f"words.{language}.toml").read_text("utf-8"))

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with its places filled in. Raises: KeyError for a key or a value that is not there."""
        return self.texts[key].format(**values)
