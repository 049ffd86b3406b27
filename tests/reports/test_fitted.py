"""The picture of a fitted task: what it shows, and that nothing from outside breaks it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.plan import Curve, Dot, Evidence, Score
from reports import fits_to_svg

SVG = "{http://www.w3.org/2000/svg}"
LABELS = (50.0, 100.0, 200.0, 400.0, 800.0)


def curve(pools: dict[str, int], shift: float = 0.0) -> Curve:
    rising = tuple(0.4 + shift + 0.1 * i for i in range(5))
    return Curve(pools, LABELS, rising, tuple(v - 0.05 for v in rising), tuple(v + 0.05 for v in rising))


def fitted(pools: bool = False) -> Evidence:
    runs = [Dot(labels, 0.4 + labels / 1000 + 0.02 * seed, seed, {}) for labels in (50, 100, 200) for seed in (0, 1)]
    shared = [Dot(100, 0.6, 0, {"general": 1000})] if pools else []
    curves = (curve({"general": 1000}, 0.1), curve({"general": 0})) if pools else (curve({}),)
    exponent = Score(0.5, 0.4, 0.6, 0.9)
    return Evidence((*runs, *shared, Dot(50, None, 9, {})), curves, 200, {"general": 1000}, exponent=exponent)


def words(chart: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(chart).iter(f"{SVG}text")]


def test_a_chart_has_a_title_dots_a_line_a_band_the_end_of_the_pilots_and_a_legend() -> None:
    (chart,) = fits_to_svg({"cars": fitted()}).values()
    assert "Score against labels: cars" in words(chart)
    assert {"one run", "expected score", "where nothing was measured", "beyond the pilots"} <= set(words(chart))
    assert "90% range of the expected score" in words(chart)
    paths = {element.get("class"): element.get("d", "") for element in ElementTree.fromstring(chart).iter(f"{SVG}path")}
    assert {"line plan", "line plan dashed", "band plan"} <= set(paths)
    dots = [e.get("d", "") for e in ElementTree.fromstring(chart).iter(f"{SVG}path") if e.get("class") == "dots plan"]
    assert [d.count("M") for d in dots] == [6, 1]  # six runs with a score, and the legend's sample


def test_a_chart_with_shared_labels_tells_runs_and_lines_with_them_from_those_without() -> None:
    (chart,) = fits_to_svg({"cars": fitted(pools=True)}).values()
    said = {"one run with shared labels", "one run without shared labels", "without shared labels"}
    assert {*said, "expected score with the most shared labels"} <= set(words(chart))


def test_a_chart_speaks_german() -> None:
    (chart,) = fits_to_svg({"cars": fitted(pools=True)}, "de").values()
    assert "90-%-Bereich des erwarteten Ergebnisses" in words(chart)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60), max_size=4, unique=True)
)
def test_names_from_outside_are_shown_and_never_obeyed(names: list[str]) -> None:
    charts = fits_to_svg(dict.fromkeys(names, fitted()))
    assert len(charts) == len(names)
    for file, chart in charts.items():
        assert file.endswith(".svg")
        assert not set(file) & set('/\\:*?"<>|\n')
        ElementTree.fromstring(chart)


def test_markup_in_a_name_is_text() -> None:
    ((file, chart),) = fits_to_svg({"<script>alert('a&b')</script>/../x": fitted()}).items()
    assert "<script" not in chart
    assert file == "curve-01-script-alert-a-b-script-x.svg"


@pytest.mark.parametrize("evidence", [Evidence(), Evidence(dots=(Dot(0, 0.5, 0, {}),)), Evidence(curves=(curve({}),))])
def test_little_evidence_still_makes_a_chart(evidence: Evidence) -> None:
    (chart,) = fits_to_svg({"cars": evidence}).values()
    ElementTree.fromstring(chart)
