"""Draws the pictures of the page that the documents show, in a real Chromium.

The package must be installed from this checkout (pip install -e .): the plans are those of the tests.

usage: python docs/pictures.py [--to docs/pictures] [--plan demo/plan.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import CannotBeMet, Shortfall
from budget.plan import Plan
from reports import render, render_refusal
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.reports.plans import forty_tasks, four_tasks, one_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TALL = 2600  # pixels of a page that a picture shows
IMPOSSIBLE = CannotBeMet(
    (
        Shortfall("the least that must be bought costs 7,200, the budget is 6,000", "raise the budget to 7,200"),
        Shortfall("detection must reach 0.95, its curve ends at 0.91", "lower its target to 0.91"),
    )
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--to", type=Path, default=Path(__file__).with_name("pictures"))
    options.add_argument("--plan", type=Path, help="also draw the page of this plan.json, as `demo`")
    given = options.parse_args()
    pages = {
        "one-task": render(one_task()),
        "four-tasks": render(four_tasks()),
        "forty-tasks": render(forty_tasks()),
        "four-tasks-german": render(four_tasks(), language="de"),
        "infeasible": render_refusal(IMPOSSIBLE, "Perception roadmap"),
    }
    if given.plan:
        pages["demo"] = render(Plan.from_file(given.plan))
    draw(pages, given.to)


def draw(pages: dict[str, str], folder: Path) -> None:
    """One picture a page; of the page with four tasks also the whole of it in the dark and on a telephone."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        for name, page in pages.items():
            shoot(browser, page, folder / f"{name}.png")
        shoot(browser, pages["four-tasks"], folder / "four-tasks-dark.png", dark=True)
        shoot(browser, pages["four-tasks"], folder / "four-tasks-390.png", width=390)
        browser.close()


def shoot(browser: Browser, page: str, target: Path, width: int = 1280, dark: bool = False) -> None:
    """The top of one page."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "page.html")
        source.write_text(page, encoding="utf-8")
        window = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
        window.goto(source.as_uri())
        height = min(TALL, window.evaluate("document.documentElement.scrollHeight"))
        window.set_viewport_size({"width": width, "height": height})
        window.screenshot(path=target)
        window.close()
    print(target)


if __name__ == "__main__":
    main()
