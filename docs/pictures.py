"""Draws the pictures of the page that the documents show, in a real Chromium.

The package must be installed from this checkout (pip install -e .): the plans are those of the tests. Those in the
repository are drawn with the fonts of Liberation (Debian: fonts-liberation).

usage: python docs/pictures.py [--to docs/pictures] [--plan demo/plan.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from budget import Brief, Measurements, plan
from budget.errors import CannotBeMet
from budget.plan import Plan
from reports import render, render_refusal
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.reports.plans import forty_tasks, four_tasks, one_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TALL = 2600  # pixels of a page that a picture shows
TOO_MUCH = {
    "title": "Perception roadmap",
    "budget": 3000,
    "tasks": {
        "detection": {"label_cost": 0.35, "target": 0.99},
        "segmentation": {"label_cost": 0.9, "target": 0.97},
        "keypoints": {"label_cost": 0.5, "target": 0.6},
    },
}


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
        "infeasible": refusal(),
    }
    if given.plan:
        pages["demo"] = render(Plan.from_file(given.plan))
    draw(pages, given.to)


def refusal() -> str:
    """The page of a brief whose targets are out of reach."""
    brief = Brief.from_dict(TOO_MUCH)
    powers = dict(zip(TOO_MUCH["tasks"], (0.3, 0.25, 0.35), strict=True))
    runs = [
        {"task": task, "labels": labels, "seed": seed, "score": 1 - 2 * labels**-power + 0.004 * (seed - 0.5)}
        for task, power in powers.items()
        for labels in (100, 200, 400, 800, 1600)
        for seed in (0, 1)
    ]
    try:
        plan(brief, Measurements.from_frame(pd.DataFrame(runs)))
    except CannotBeMet as error:
        return render_refusal(error, brief.title, currency=brief.currency)
    raise AssertionError("the targets can be reached")


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
        window = browser.new_page(viewport={"width": width, "height": 300}, color_scheme="dark" if dark else "light")
        window.goto(source.as_uri())
        height = min(TALL, window.evaluate("document.documentElement.scrollHeight"))
        window.set_viewport_size({"width": width, "height": height})
        window.screenshot(path=target)
        window.close()
    print(target)


if __name__ == "__main__":
    main()
