"""The page as a document: one file, well-formed, complete, safe, and with the plan inside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from budget.errors import InvalidInput
from budget.plan import Plan
from reports import render
from reports.embedded import extract
from reports.language import language_of
from reports.view import view_of
from tests.reports.plans import HOSTILE, PLANS

SECTIONS = [
    "verdict",
    "findings",
    "allocation",
    "alternatives",
    "frontier",
    "shared",
    "evidence",
    "changes",
    "method",
]
XHTML = "{http://www.w3.org/1999/xhtml}"


@cache
def plan_of(name: str) -> Plan:
    return PLANS[name]()


@cache
def page_of(name: str) -> str:
    return render(plan_of(name))


def tree_of(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(page_of(name).replace("<!DOCTYPE html>", "").strip())


def texts(element: ElementTree.Element) -> Iterator[str]:
    """Everything a reader sees outside the pictures."""
    if element.tag.removeprefix(XHTML) in ("script", "style", "svg"):
        return
    yield element.text or ""
    for child in element:
        yield from texts(child)
        yield child.tail or ""


@pytest.mark.parametrize("name", PLANS)
def test_page_is_well_formed_xml_with_all_sections_in_order(name: str) -> None:
    sections = [section.get("id") for section in tree_of(name).iter(f"{XHTML}section")]
    assert sections == SECTIONS


@pytest.mark.parametrize("name", PLANS)
def test_ids_are_unique_and_headings_go_down_one_step_at_a_time(name: str) -> None:
    tree = tree_of(name)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    levels = [int(element.tag[-1]) for element in tree.iter() if re.fullmatch(r".*}h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PLANS)
def test_page_holds_the_very_plan_it_was_drawn_from_and_draws_itself_again(name: str) -> None:
    again = extract(page_of(name))
    assert again == plan_of(name)
    assert render(again) == page_of(name)


@pytest.mark.parametrize("name", PLANS)
def test_what_a_decision_rests_on_stands_plainly_in_the_page(name: str) -> None:
    script = next(s for s in tree_of(name).iter(f"{XHTML}script") if s.get("id") == "plan")
    values, whole = json.loads(script.text or ""), plan_of(name).to_dict()
    assert {key: values[key] for key in values if key not in ("evidence", "frontier")} == {
        key: whole[key] for key in whole if key not in ("evidence", "frontier")
    }


@pytest.mark.parametrize(
    "page", ["", "<p>no plan</p>", '<script id="plan">{</script>', '<script id="plan">[]</script>'], ids=str
)
def test_a_page_without_a_readable_plan_is_refused_in_words(page: str) -> None:
    with pytest.raises(InvalidInput, match="plan"):
        extract(page, "page.html")


@pytest.mark.parametrize("name", PLANS)
def test_nothing_on_the_page_points_anywhere_else(name: str) -> None:
    for element in tree_of(name).iter():
        for attribute in ("src", "href", "action", "data", "poster", "srcset"):
            assert element.get(attribute, "#").startswith("#")
        assert not [key for key in element.attrib if key.startswith("on") or key == "style"]
    style = re.search(r"<style>(.*?)</style>", page_of(name), re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_policy_allows_only_the_style_and_script_of_the_page() -> None:
    tree = tree_of("four")
    policy = next(meta.get("content") for meta in tree.iter(f"{XHTML}meta") if meta.get("http-equiv"))
    assert policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    script = [s.text or "" for s in tree.iter(f"{XHTML}script") if s.get("type") is None]
    style = [s.text or "" for s in tree.iter(f"{XHTML}style")]
    for kind, sources in (("script-src", script), ("style-src", style)):
        assert len(sources) == 1
        digest = base64.b64encode(hashlib.sha256(sources[0].encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_names_from_outside_are_shown_and_never_run() -> None:
    page = page_of("hostile")
    assert "<img" not in page
    assert page.count("</script>") == 3
    assert "49" not in page[page.index("<body>") : page.index("<body>") + 900]  # {{ 7*7 }} is text
    shown = "".join(texts(tree_of("hostile")))
    for name in HOSTILE:
        assert (name if len(name) <= 44 else name[:31] + "…") in shown
    assert HOSTILE[4] in page  # the whole of a long name is in a title


@pytest.mark.parametrize("name", PLANS)
def test_every_number_on_the_page_is_in_the_view(name: str) -> None:
    written = set(re.findall(r"\d[\d,.]*", "\n".join(_strings(view_of(plan_of(name))))))
    written |= set(re.findall(r"\d[\d,.]*", str(language_of("en").texts)))
    shown = set(re.findall(r"\d[\d,.]*", "\n".join(texts(tree_of(name)))))
    assert shown - written == set()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, Markup):
        return  # a picture may not be where a number on the page comes from
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _strings(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _strings(part)


@pytest.mark.parametrize("name", PLANS)
def test_every_picture_has_title_description_and_its_numbers_as_a_table(name: str) -> None:
    tree = tree_of(name)
    charts = [svg for svg in tree.iter(f"{XHTML}svg") if svg.get("role") == "img"]
    assert charts
    for chart in charts:
        named = [child.get("id") for child in chart if child.tag in (f"{XHTML}title", f"{XHTML}desc") and child.text]
        assert (chart.get("aria-labelledby") or "").split() == named
    for figure in tree.iter(f"{XHTML}figure"):
        assert list(figure.iter(f"{XHTML}table")) or "split-figure" in (figure.get("class") or "")
    small = [svg for svg in tree.iter(f"{XHTML}svg") if "cell" in (svg.get("class") or "")]
    assert all(svg.get("aria-hidden") == "true" for svg in small)


def test_importing_reports_loads_neither_templates_nor_anything_heavy() -> None:
    code = (
        "import sys, reports; print([m for m in ('jinja2', 'torch', 'pandas', 'scipy', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_the_page_loads_nothing_that_measures_or_plans() -> None:
    heavy = "('torch', 'pandas', 'scipy', 'statsmodels', 'pulp', 'numpy')"
    code = f"import sys, reports.page; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_order_of_tasks_in_the_plan_changes_only_the_order_on_the_page() -> None:
    plan = plan_of("four")
    values = plan.to_dict()
    values["tasks"] = dict(reversed(values["tasks"].items()))
    turned = ElementTree.fromstring(render(Plan.from_dict(values)).replace("<!DOCTYPE html>", "").strip())
    pages = [sorted(re.findall(r"[\w.,]*\w", " ".join(texts(tree)))) for tree in (turned, tree_of("four"))]
    assert pages[0] == pages[1]
