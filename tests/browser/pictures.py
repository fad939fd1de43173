"""Pictures of every page, for the eyes of whoever works on them and for `docs/screenshots`.

python -m tests.browser.pictures                     every picture below into ./pictures
python -m tests.browser.pictures --only audit users  those whose name contains one of these
python -m tests.browser.pictures --docs              those of the documentation into docs/screenshots
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page

from api.store import EventFilter, Store
from tests.browser.demo import NAMES, demo
from tests.browser.sites import Site, running
from tests.support.accounts import PASSWORD
from tests.support.chromium import headless

PHONE, DESK, WALL = (360, 740), (1280, 860), (1920, 1080)
DOCS: Final = Path(__file__).parents[2] / "docs" / "screenshots"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. ``{1}`` in the address is the newest event that is over."""

    name: str
    path: str
    who: str | None = "manager"  # the role; None: nobody is signed in
    size: tuple[int, int] = DESK
    lang: Literal["en", "zh"] = "en"
    dark: bool = False
    full: bool = True  # the whole page, else what fits the screen
    docs: bool = False
    act: Callable[[Page], object] | None = None


def _open_first(page: Page) -> None:
    page.locator(".item .open").nth(1).click()  # the first goes on and has no clip yet
    page.locator("#detail article").wait_for()


def _release(page: Page) -> None:
    page.locator(".release-open").first.click()


def _release_phone(page: Page) -> None:
    _release(page)
    page.locator(".release-form").first.scroll_into_view_if_needed()


def _try(page: Page) -> None:
    page.locator('.thresholds [name="confirm_prob"]').fill("0.99")
    page.locator(".try").click()
    page.locator(".preview .first").wait_for()


def _picture(page: Page) -> None:
    for summary in page.locator(".camera-troubles summary").all()[:1]:
        summary.click()


def _one_user(page: Page) -> None:
    page.locator('main a[href^="/users/"]').nth(1).click()
    page.wait_for_url("**/users/*")


SHOTS: Final = (
    Shot("live-wall", "/", "guard", WALL, "zh", dark=True, full=False, docs=True),
    Shot("live-phone", "/", "guard", PHONE, "zh"),
    Shot("live-release-phone", "/", "manager", PHONE, "zh", full=False, act=_release_phone),
    Shot("live-desk", "/", "manager", DESK, dark=False),
    Shot("review", "/review", "manager", DESK, full=False, docs=True),
    Shot("review-dark-zh", "/review", "manager", DESK, "zh", dark=True, full=False),
    Shot("review-list-phone", "/review", "manager", PHONE, "zh", full=False),
    Shot("review-phone", "/review", "manager", PHONE, "zh", full=False, docs=True, act=_open_first),
    Shot("review-phone-whole", "/review", "manager", PHONE, "zh", act=_open_first),
    Shot("event", "/events/{1}", "manager", (1280, 1220), full=False, docs=True),
    Shot("event-viewer", "/events/{1}", "viewer", DESK, "zh"),
    Shot("event-phone-dark", "/events/{1}", "guard", PHONE, "zh", dark=True),
    Shot("statistics", "/statistics?span=month", "manager", DESK, docs=True),
    Shot("statistics-phone", "/statistics?span=week", "manager", PHONE, "zh"),
    Shot("statistics-dark", "/statistics?span=month", "manager", DESK, "zh", dark=True),
    Shot("devices", "/devices", "manager", DESK, docs=True, act=_picture),
    Shot("devices-phone", "/devices", "manager", PHONE, "zh"),
    Shot("settings", "/settings", "admin", DESK, docs=True, act=_try),
    Shot("settings-phone", "/settings", "admin", PHONE, "zh", dark=True),
    Shot("audit", "/audit", "admin", DESK, full=False, docs=True),
    Shot("audit-phone", "/audit", "admin", PHONE, "zh", dark=True),
    Shot("webhooks", "/webhooks", "admin", DESK, docs=True),
    Shot("webhooks-phone", "/webhooks", "admin", PHONE, "zh", dark=True),
    Shot("users", "/users", "admin", DESK, docs=True),
    Shot("users-phone", "/users", "admin", PHONE, "zh", dark=True),
    Shot("user", "/users", "admin", DESK, docs=True, act=_one_user),
    Shot("user-phone", "/users", "admin", PHONE, "zh", dark=True, act=_one_user),
    Shot("account", "/account", "admin", DESK, full=False, docs=True),
    Shot("account-phone", "/account", "guard", PHONE, "zh", dark=True, full=False, docs=True),
    Shot("sign-in", "/sign-in", None, DESK, full=False, docs=True),
    Shot("sign-in-phone", "/sign-in", None, PHONE, "zh", dark=True, full=False, docs=True),
)


def take(browser: Browser, site: Site, shot: Shot, folder: Path) -> None:
    """One picture into ``folder``."""
    context = browser.new_context(
        viewport={"width": shot.size[0], "height": shot.size[1]},
        device_scale_factor=2 if shot.size == PHONE else 1,
        color_scheme="dark" if shot.dark else "light",
        locale="zh-CN" if shot.lang == "zh" else "en-GB",
        has_touch=shot.size == PHONE,
        is_mobile=shot.size == PHONE,
    )
    page = context.new_page()
    page.on("console", lambda said: print(f"{shot.name}: {said.text}") if said.type == "error" else None)
    if shot.who:
        page.goto(f"{site.base}/sign-in?lang={shot.lang}")
        page.locator('[name="login"]').fill(shot.who)
        page.locator('[name="password"]').fill(PASSWORD)
        page.locator("button.main").click()
        page.wait_for_url(f"{site.base}/")
    path = shot.path.format(*site.ids)
    page.goto(f"{site.base}{path}{'&' if '?' in path else '?'}lang={shot.lang}")
    page.wait_for_timeout(1500)  # live pictures, videos' first frames
    if shot.act:
        shot.act(page)
        page.wait_for_timeout(1000)
    wide = int(page.evaluate("document.documentElement.scrollWidth"))
    if wide > shot.size[0]:
        print(f"{shot.name}: sticks out, {wide} px of {shot.size[0]}")
    path_png = folder / f"{shot.name}.png"
    page.screenshot(path=path_png, full_page=shot.full)
    with Image.open(path_png) as picture:  # a third of the size, and no eye sees a difference
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path_png, optimize=True)
    context.close()


def pictures(folder: Path, shots: Sequence[Shot]) -> None:
    """Serve the made-up fortnight and take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        store = Store(root / "liftguard.db")
        store.migrate()
        app = demo(root, store)
        with running(app, store, root) as site, headless() as browser:
            guard = site.start_guard()
            guard.second, guard.more, guard.names = True, 2, NAMES
            guard.hold()
            site.ids = [event.id for event in store.search(EventFilter(), 5).events]  # the first goes on
            for shot in shots:
                take(browser, site, shot, folder)
        store.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of pictures")
    parser.add_argument(
        "--docs", action="store_true", help="those of the documentation, into docs/screenshots"
    )
    parser.add_argument("--into", type=Path, default=Path("pictures"), help="folder")
    asked = parser.parse_args()
    shots = [s for s in SHOTS if any(part in s.name for part in asked.only) and (s.docs or not asked.docs)]
    pictures(DOCS if asked.docs else asked.into, shots)


if __name__ == "__main__":
    main()
