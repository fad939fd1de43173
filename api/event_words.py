"""The words that an event is found by: those of its note and its labels. Pure.

A small inverted index of our own instead of SQLite's FTS5 and PostgreSQL's tsvector: it is the same on both,
gives its finds in order of time without sorting, and finds Chinese words of two characters, which trigrams
and the built-in parsers do not. The beginnings of a word are entries of their own, so that looking for one is
looking for a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

WORD_MAX: Final = 64  # characters, as the column of the table; a longer word is cut
WORDS_MAX: Final = 3000  # entries of one event: all of a note of 2000 characters, at the least its beginning
PREFIX_MIN: Final = 3  # a word asked for finds longer ones from this length on
PREFIX_MAX: Final = 16  # the longest beginning that is found; a longer word only as a whole
TERMS_MAX: Final = 12  # words of one question

# Han, kana and hangul are written without spaces between words: pairs of characters stand for words.
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN: Final = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]{0,27})?")


def fold(text: str) -> str:
    """Case, width and composition do not matter (Unicode NFKC and case folding)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def label_word(label: str) -> str:
    """The word that stands for a label. No word of a note looks like it."""
    return ("#" + fold(label))[:WORD_MAX]


def event_words(note: str, labels: Iterable[str]) -> frozenset[str]:
    """The words to store for an event, at most `WORDS_MAX`."""
    found: dict[str, None] = {}
    for label in labels:
        found[label_word(label)] = None
        found.update(dict.fromkeys(_words(label)))
    found.update(dict.fromkeys(_words(note)))
    return frozenset(list(found)[:WORDS_MAX])


def terms(text: str) -> tuple[str, ...]:
    """The words that must be there to be found by ``text``, at most `TERMS_MAX`; empty: no word is in it."""
    found: dict[str, None] = {}
    for run in _RUN.findall(fold(text)):
        if not _IS_UNSPACED.match(run):
            found[run[:WORD_MAX]] = None
        elif len(run) == 1:
            found[run] = None
        else:
            found.update(dict.fromkeys(_pairs(run)))
    return tuple(found)[:TERMS_MAX]


def id_range(text: str) -> tuple[str, str] | None:
    """The range (from, before) of the ids that begin with ``text``, or None: it is not the beginning of one.

    At least the first eight characters are needed: shorter ones are words.
    """
    start = text.strip().lower()
    if not _ID.fullmatch(start):
        return None
    return start, start + "g"  # sorts after every hex digit and dash, in any collation of ASCII


def _words(text: str) -> Iterator[str]:
    for run in _RUN.findall(fold(text)):
        if _IS_UNSPACED.match(run):
            yield from run
            yield from _pairs(run)
        else:
            yield from (run[:n] for n in range(PREFIX_MIN, min(len(run), PREFIX_MAX + 1)))
            yield run[:WORD_MAX]


def _pairs(run: str) -> Iterator[str]:
    return (run[i : i + 2] for i in range(len(run) - 1))
