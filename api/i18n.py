"""Every word on the page, in English and Chinese (`api.words_en`, `api.words_zh`), and which of them to use.

Phases have one sentence each; an installation that only warns (kind A) has its own where no door is held.
"""

from __future__ import annotations

from typing import Final

from api.words_accounts_en import ENGLISH as ACCOUNTS_ENGLISH
from api.words_accounts_zh import CHINESE as ACCOUNTS_CHINESE
from api.words_en import ENGLISH
from api.words_manage_en import MANAGE_ENGLISH
from api.words_manage_zh import MANAGE_CHINESE
from api.words_pages_en import PAGES_ENGLISH
from api.words_pages_zh import PAGES_CHINESE
from api.words_zh import CHINESE

WORDS: Final[dict[str, dict[str, str]]] = {
    "en": ENGLISH | PAGES_ENGLISH | MANAGE_ENGLISH | ACCOUNTS_ENGLISH,
    "zh": CHINESE | PAGES_CHINESE | MANAGE_CHINESE | ACCOUNTS_CHINESE,
}


def choose_language(asked: str | None, accept: str | None) -> str:
    """``en`` or ``zh``: what the address asks for, else the browser's first choice among them, else English.

    Args: asked: ``?lang=``. accept: the Accept-Language header (RFC 9110, 12.5.4).
    """
    if asked in WORDS:
        return asked
    best, best_q = "en", 0.0
    for part in (accept or "")[:500].split(","):
        tag, *rest = part.strip().lower().split(";")
        lang = tag.split("-")[0].strip()
        q = 1.0
        for parameter in rest:
            name, _, value = parameter.strip().partition("=")
            if name == "q":
                try:
                    q = float(value)
                except ValueError:
                    q = 0.0
        if lang in WORDS and q > best_q:
            best, best_q = lang, q
    return best


class Words:
    """The words of one language, for templates: ``words("floor", n=3)``."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.table = WORDS[lang]

    def __call__(self, key: str, **values: object) -> str:
        """The word for ``key``, which must be there."""
        return self.table[key].format_map(values) if values else self.table[key]

    def get(self, key: str) -> str:
        """The word, or the end of the key if a newer guard says something this page does not know."""
        return self.table.get(key, key.rpartition(".")[2].replace("_", " "))
