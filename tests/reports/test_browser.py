"""The page in a real Chromium: what it shows, at every width, in the dark, on paper, without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from budget.errors import CannotBeMet, Shortfall
from reports import render, render_refusal
from reports.numbers import Numbers
from reports.view.frontier import solved
from tests.reports.plans import HOSTILE, PLANS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (390, 768, 1161, 1280, 1920)

# Every element whose text is wider than its box, or that reaches out of the window.
CLIPPED = """() => {
  const out = [], wide = document.documentElement.clientWidth;
  for (const e of document.querySelectorAll("body *")) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (!box.width || style.visibility === "hidden" || e.closest(".unseen, .skip, thead")) continue;
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (own && (box.right > wide + 1 || box.left < -1)) out.push(["outside", e.tagName, e.textContent.slice(0, 60)]);
    if (own && e.scrollWidth > e.clientWidth + 1 && style.display !== "inline" && !e.closest("svg"))
      out.push(["clipped", e.tagName, e.textContent.slice(0, 60)]);
  }
  for (const table of document.querySelectorAll("table"))
    if (table.getBoundingClientRect().right > table.parentElement.getBoundingClientRect().right + 1)
      out.push(["wider than its place", "TABLE", table.textContent.slice(0, 60)]);
  return out;
}"""

# Words of up to 14 letters, in a table or the verdict's figures, that are torn in two.
TORN = """() => {
  const out = [];
  for (const e of document.querySelectorAll("tbody th, .wide td.text, .facts b")) {
    const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
      for (const word of texts.currentNode.textContent.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index); range.setEnd(texts.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
        if (word[0].length <= 14 && lines.size > 1) out.push(word[0]);
      }
  }
  return out;
}"""

# Pairs of visible cells of one row that lie on one another.
OVERLAPS = """() => {
  const out = [];
  for (const row of document.querySelectorAll("tr")) {
    const cells = [...row.children].map(cell => {
      const range = document.createRange(); range.selectNodeContents(cell);
      return [cell, range.getBoundingClientRect()];
    }).filter(([cell, box]) => box.width && !cell.querySelector("svg") && !cell.closest("thead, .unseen"));
    cells.forEach(([one, a], i) => cells.slice(i + 1).forEach(([two, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1) out.push([one.textContent, two.textContent]);
    }));
  }
  return out;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One page a plan, written once."""
    where = tmp_path_factory.mktemp("pages")
    for name in ("one", "four", "forty", "hostile", "minimised", "zero"):
        (where / f"{name}.html").write_text(render(PLANS[name]()), encoding="utf-8")
    for name in ("four", "forty"):
        (where / f"{name}-german.html").write_text(render(PLANS[name](), language="de"), encoding="utf-8")
    impossible = CannotBeMet((Shortfall("the budget is 60", "raise it to 70"), Shortfall("x" * 300, HOSTILE[1])))
    (where / "refused.html").write_text(render_refusal(impossible, HOSTILE[2]), encoding="utf-8")
    return where


@pytest.fixture
def opened(page: Page, folder: Path) -> Iterator[Page]:
    """The page of four tasks, with everything that it asks for or complains of being an error."""
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith("file:") else None)
    page.goto((folder / "four.html").as_uri())
    yield page
    assert trouble == []


def step_to(page: Page, index: int) -> None:
    """Move the slider with the keyboard, as a reader would."""
    page.locator("#budget").focus()
    page.keyboard.press("Home")
    for _ in range(index):
        page.keyboard.press("ArrowRight")


def row(page: Page, index: int) -> dict[str, str]:
    """The cells of one line of the allocation that follow the slider; -1 is the total."""
    cells = page.locator("tr[data-row]").nth(index).locator("[data-cell]")
    return {cells.nth(i).get_attribute("data-cell") or "": cells.nth(i).inner_text() for i in range(cells.count())}


@pytest.mark.parametrize("index", [0, 4, 9])
def test_slider_shows_the_values_of_the_plan_that_was_solved_there(opened: Page, index: int) -> None:
    plan, numbers = PLANS["four"](), Numbers("USD")
    point = solved(plan)[index]
    step_to(opened, index)
    names = [*plan.pools, *plan.tasks]
    for position, name in enumerate(names):
        shown = row(opened, position)
        assert shown["buy"] == numbers.count(point.buy[name])
        assert float(shown["cost"].replace(",", "")) == pytest.approx(point.costs[name], abs=0.005)
        if name in point.tasks:
            assert float(shown["expected"]) == pytest.approx(point.tasks[name].expected, abs=0.006)
    total = row(opened, -1)
    assert total["buy"] == numbers.count(sum(point.buy.values()))
    assert float(total["cost"].replace(",", "")) == pytest.approx(point.cost, abs=0.005)
    verdict = opened.locator("h2.verdict").inner_text()
    assert ("Buy nothing" if point.cost == 0 else numbers.money(point.cost)) in verdict
    assert f"{100 * point.score.expected:.1f}" in opened.locator(".expect").inner_text()
    gain = opened.locator("[data-live=gain]").inner_text().replace("−", "-")
    assert float(gain.split()[0]) == pytest.approx(100 * (point.score.expected - plan.score.expected), abs=0.051)
    assert opened.locator("#looking").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_slider_stays_under_the_hand_and_leaves_no_hole(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    place = "document.getElementById('budget').getBoundingClientRect().top"
    opened.locator("#budget").scroll_into_view_if_needed()
    step_to(opened, 0)
    before = opened.evaluate(place)
    for _ in range(9):
        opened.keyboard.press("ArrowRight")
        assert abs(opened.evaluate(place) - before) <= 1
    shown = opened.locator("#verdict, #allocation").evaluate_all(
        "all => all.flatMap(one => [...one.querySelectorAll('*')].filter(e => e.getClientRects().length"
        " && getComputedStyle(e).visibility === 'hidden' && !e.closest('svg, td')).map(e => e.outerHTML))"
    )
    assert shown == []
    said = opened.locator("#verdict").inner_text()
    assert "Against the proposed plan" in said
    assert "even split" not in said
    assert "in the proposed plan" in said


def test_slider_back_at_the_plan_restores_every_text_and_picture(opened: Page) -> None:
    before = opened.locator("main").inner_html()
    step_to(opened, 2)
    assert opened.locator("main").inner_html() != before
    opened.locator("#back").click()
    after = opened.locator("main").inner_html()
    assert re.sub(r' aria-valuetext="[^"]*"', "", after) == re.sub(r' aria-valuetext="[^"]*"', "", before)
    assert not opened.locator("#looking").is_visible()


def test_print_is_whole_and_shows_the_plan_whatever_the_slider_says(opened: Page) -> None:
    verdict = opened.locator("h2.verdict").inner_text()
    step_to(opened, 1)
    opened.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    opened.emulate_media(media="print")
    assert opened.locator("h2.verdict").inner_text() == verdict
    assert opened.locator("details:not([open])").count() == 0
    assert all(table.is_visible() for table in opened.locator("details table").all())
    assert not opened.locator("#stepper").is_visible()
    opened.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.locator("h2.verdict").inner_text() != verdict


def test_paper_shows_folded_tables_without_scripts_too(browser: Browser, folder: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((folder / "four.html").as_uri())
    page.emulate_media(media="print")
    tables = page.locator("details table")
    assert tables.count() > 5
    assert all((tables.nth(index).bounding_box() or {"height": 0})["height"] > 20 for index in range(tables.count()))
    page.close()


@pytest.mark.parametrize("name", ["four", "forty-german"])
def test_paper_is_as_wide_as_the_page(browser: Browser, folder: Path, name: str) -> None:
    """A4 less its margins; what is wider would make the printer shrink everything."""
    page = browser.new_page(viewport={"width": 688, "height": 1000})
    page.emulate_media(media="print")
    page.goto((folder / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    page.close()


@pytest.mark.parametrize("name", ["four", "hostile", "forty", "four-german", "forty-german", "refused"])
def test_no_width_scrolls_sideways_clips_or_tears_text_or_lets_cells_meet(
    browser: Browser, folder: Path, name: str
) -> None:
    page = browser.new_page()
    page.goto((folder / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CLIPPED) == []
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate(TORN) == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["four", "hostile", "four-german", "refused"])
def test_axe_finds_no_violation(browser: Browser, folder: Path, name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    page.goto((folder / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"][:4]]) for one in found] == []
    page.close()


def test_axe_finds_no_violation_while_another_plan_is_shown(opened: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    step_to(opened, 3)
    assert [one["id"] for one in Axe().run(opened).response["violations"]] == []


def test_everything_that_can_be_used_is_reached_by_the_tab_key_in_reading_order(opened: Page) -> None:
    usable = "a[href], summary, input, button"
    expected = opened.locator(usable).evaluate_all("all => all.filter(e => e.getClientRects().length).length")
    tops, names = [], []
    for _ in range(expected):
        opened.keyboard.press("Tab")
        names.append(opened.evaluate("document.activeElement.tagName + ' ' + document.activeElement.textContent"))
        tops.append(opened.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert names[0] == "A To the verdict"
    assert "BODY" not in {name.split()[0] for name in names}
    columns = 40  # links of one line, and figures side by side, share a height
    assert all(after >= before - columns for before, after in pairwise(tops[1:]) if after < 3000)
    opened.locator("summary").first.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("details[open]").count() == 1


@pytest.mark.parametrize(("motion", "behaviour"), [("reduce", "auto"), ("no-preference", "smooth")])
def test_nothing_moves_for_readers_who_asked_for_that(opened: Page, motion: str, behaviour: str) -> None:
    opened.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    assert opened.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour
    assert opened.evaluate("document.getAnimations().length") == 0
    assert "transition" not in opened.locator("style").first.inner_text()


def test_without_scripts_everything_but_the_slider_is_there(browser: Browser, folder: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((folder / "four.html").as_uri())
    assert page.locator("main > section").count() == 9
    assert "Spend" in page.locator("h2.verdict").inner_text()
    assert page.locator("svg.plot").count() == 6
    assert not page.locator("#stepper").is_visible()
    page.close()


def test_the_eye_sees_the_same_totals_as_plan_json(opened: Page) -> None:
    plan = json.loads(opened.locator("#plan").inner_text() or opened.locator("#plan").text_content() or "")
    total = row(opened, -1)
    lines = [*plan["pools"].values(), *plan["tasks"].values()]
    assert float(total["cost"].replace(",", "")) == plan["cost"]
    assert int(total["buy"].replace(",", "")) == sum(line["buy"] for line in lines)
    costs = [row(opened, index)["cost"].replace(",", "") for index in range(len(lines))]
    assert sum(map(float, costs)) == pytest.approx(plan["cost"], abs=1e-6)


@pytest.mark.parametrize("name", ["one", "minimised", "zero", "hostile"])
def test_hostile_names_and_odd_plans_run_nothing_and_ask_for_nothing(page: Page, folder: Path, name: str) -> None:
    trouble: list[str] = []
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith("file:") else None)
    page.goto((folder / f"{name}.html").as_uri())
    page.locator("#budget").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    assert trouble == []
