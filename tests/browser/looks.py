"""What a thumb needs, measured."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Page

PHONE: Final = (360, 740)
DESK: Final = (1280, 860)
THUMB_PX: Final = 44
"""Apple's guidelines and WCAG 2.5.5; links inside a sentence need not be as large."""

_SMALL = """least => {
  const wanted = [
    'button', 'select', 'summary', 'input:not([type=hidden])', 'textarea',
    'a.button', 'a.lang', 'a.tab', 'a.segment', 'a.back', '.places a',
  ];
  return [...document.querySelectorAll(wanted.join())].flatMap((e) => {
    if (!e.checkVisibility()) return [];
    const label = e.matches('[type=checkbox]') ? e.closest('label') : null;
    const { width, height } = (label ?? e).getBoundingClientRect();
    const small = Math.min(width, height) + 0.5 < least;
    return small ? [`${e.outerHTML.slice(0, 90)} ${width | 0} x ${height | 0}`] : [];
  });
}"""


def too_small(page: Page) -> list[Any]:
    """What a thumb would miss: visible controls of less than `THUMB_PX` in either direction."""
    found: list[Any] = page.evaluate(_SMALL, THUMB_PX)
    return found
