"""How far the live page is behind the camera: from the capture of a picture to its place on the screen.

The real command with the bundled clip as its camera, and Chromium looking at the page. Guard's word of when
each picture was captured travels with it; the browser, on the same machine and clock, says when it had been
drawn and shown. The network to a phone comes on top.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks.report import Target, emit, parser, run, spread
from tests.support.chromium import headless
from tests.support.whole import Whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TARGET_MS: Final = 500.0
TARGETS: Final = (Target("behind_ms.p99", "the live page is at most so far behind", most=TARGET_MS),)
WARM_UP_MS: Final = 5_000

NOTE = """() => {
  const taken = new Map();
  window.behind = [];
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        if (typeof data !== "string") return;
        const info = JSON.parse(data);
        taken.set(String(info.seq), Date.parse(info.at));
      });
    }
  };
  const shown = (figure) => {
    const at = taken.get(figure.dataset.seq);
    // The second frame after the drawing begins once the first one has been shown.
    requestAnimationFrame(() => requestAnimationFrame(() => window.behind.push(Date.now() - at)));
  };
  new MutationObserver((all) => all.forEach(({ target }) => shown(target))).observe(document, {
    subtree: true, attributes: true, attributeFilter: ["data-seq"],
  });
}"""


def watch(browser: Browser, address: str) -> Page:
    """A page that looks and takes notes."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.add_init_script(f"({NOTE})()")
    page.goto(address)
    page.locator('.picture[data-live="yes"]').first.wait_for()
    return page


def measure(seconds: float, pages: int) -> np.ndarray[Any, Any]:
    """Milliseconds behind, of every picture on every page."""
    with (
        tempfile.TemporaryDirectory(prefix="lg") as folder,
        Whole(Path(folder), {}, "sample") as whole,
        headless() as browser,
    ):
        watching = [watch(browser, whole.url()) for _ in range(pages)]
        watching[0].wait_for_timeout(WARM_UP_MS)
        for page in watching:
            page.evaluate("window.behind.length = 0")
        watching[0].wait_for_timeout(seconds * 1000)
        return np.array([ms for page in watching for ms in page.evaluate("window.behind")], float)


def main() -> None:
    """Measure, print one JSON line and draw the plot."""
    options = parser(__doc__)
    options.add_argument(
        "--seconds", type=float, default=60.0, help="how long to look (default: %(default)g)"
    )
    options.add_argument("--pages", type=int, default=1, help="pages that look at the same time (default: 1)")
    asked = options.parse_args()
    behind = measure(asked.seconds, asked.pages)
    figures = {
        "seconds": asked.seconds,
        "pages": asked.pages,
        "pictures_per_s": round(behind.size / asked.seconds / asked.pages, 2),
        "behind_ms": spread(behind) | {"most": round(float(behind.max()), 1)},
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(behind, bins=60)
        axes.axvline(TARGET_MS, linestyle="--")
        axes.set(xlabel="milliseconds from capture to screen", ylabel="pictures", title="Live page")

    emit("live", figures, asked, targets=TARGETS, draw=draw)


if __name__ == "__main__":
    run(main)
