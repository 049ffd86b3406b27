"""Scales, ticks, label placement and the strokes of a chart."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.scale import Scale, even_scale, log_scale, spread
from reports.charts.svg import UNSEEN, Axis, Chart, Mark, _thinned, draw, tag
from reports.page import source

VALUES = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(VALUES, min_size=1, max_size=20), st.integers(2, 8))
def test_an_even_scale_holds_its_values_and_has_few_round_rising_ticks(values: list[float], most: int) -> None:
    scale = even_scale(values)
    assert all(0 <= scale.at(value) <= 1 for value in values)
    ticks = scale.ticks(most)
    assert len(ticks) <= most
    assert all(before < after for before, after in pairwise(ticks))
    assert all(scale.low - 1e-6 <= tick <= scale.high + 1e-6 for tick in ticks)


@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=20), st.integers(3, 6))
def test_a_log_scale_keeps_order_and_zero_has_its_own_slot(values: list[int], most: int) -> None:
    scale = log_scale([float(value) for value in values])
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert scale.at(0) == 0.0
    ticks = scale.ticks(most)
    assert len(ticks) <= most + 1
    assert all(before < after for before, after in pairwise(ticks))


def test_values_on_one_spot_get_a_scale_with_a_width() -> None:
    assert even_scale([3.0]).low < 3.0 < even_scale([3.0]).high
    assert even_scale([0.0, 0.0]).low < 0.0 < even_scale([0.0, 0.0]).high


@given(st.lists(st.floats(0, 300), max_size=12))
def test_labels_are_kept_apart_inside_and_in_order(positions: list[float]) -> None:
    placed = spread(positions, 15.0, 0.0, 300.0)
    order = sorted(range(len(positions)), key=positions.__getitem__)
    assert all(placed[after] - placed[before] >= 15.0 - 1e-6 for before, after in pairwise(order))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in placed)


def test_labels_that_do_not_meet_stay_where_they_are() -> None:
    assert spread([10.0, 50.0, 90.0], 15.0, 0.0, 100.0) == [10.0, 50.0, 90.0]


def test_names_that_run_towards_each_other_stand_at_different_heights() -> None:
    """One is written right of its mark and the other left of its own, for the chosen mark stands behind it."""
    axis = Axis(Scale(0.0, 1.0), "", ())
    marks = (Mark(0.2, 0.5, "knee", "one"), Mark(0.35, 0.5, "rival", "two"), Mark(0.5, 0.6, "chosen", "x", above=True))
    drawn = str(draw(Chart("c", "", "", axis, axis, marks=marks)))
    heights = [
        float(y) for y in re.findall(r'<svg x="[^"]*" y="140.0" overflow="visible">.*?<text[^>]* y="([-\d.]+)"', drawn)
    ]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 15


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=40))
def test_thinning_a_line_moves_it_by_less_than_anyone_sees(heights: list[int]) -> None:
    points = [(10 * index, height) for index, height in enumerate(heights)]
    kept = _thinned(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    for (x0, y0), (x1, y1) in pairwise(kept):
        for x, y in points:
            if x0 <= x <= x1:
                assert abs(y0 + (y1 - y0) * (x - x0) / (x1 - x0) - y) <= UNSEEN + 1e-9


def test_a_straight_line_is_two_points() -> None:
    assert _thinned([(x, 2 * x) for x in range(50)]) == [(0, 0), (49, 98)]


@pytest.mark.parametrize("text", ["<b>", '"quoted"', "a & b", "]]>", "'"])
def test_whatever_is_written_into_a_picture_is_escaped(text: str) -> None:
    drawn = tag("text", text, title=text)
    assert "<b>" not in drawn
    assert drawn.count('"') == 2
    assert "& " not in drawn


def test_scale_holds_what_lies_outside_at_its_edge() -> None:
    assert Scale(0, 10).at(-5) == 0.0
    assert Scale(0, 10).at(50) == 1.0
    assert Scale(10, 100, log=True).at(1) == 0.0


# What is left of linear red, green and blue without long, middle or short wave cones (Machado et al., 2009).
BLINDNESS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def colours(scheme: int) -> dict[str, tuple[float, ...]]:
    """The page's colours in light (0) and in the dark (1), as linear red, green and blue."""
    sheet = source("style.css").split("@media screen and (prefers-color-scheme: dark)")[scheme]
    found = re.findall(r"--(\w+): #([0-9a-f]{6});", sheet[: sheet.index("}")])
    return {name: tuple(linear(int(value[place : place + 2], 16)) for place in (0, 2, 4)) for name, value in found}


def linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    dark, light = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, two))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_lines_stand_out_from_the_page_and_words_can_be_read_on_it(scheme: int) -> None:
    page = colours(scheme)
    for name in ("ink", "muted", "accent", "stop", "check", "note", "pool", "task"):
        assert contrast(page[name], page["paper"]) >= (3 if name in ("pool", "task") else 4.5), name


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_shared_and_own_are_told_apart_by_the_colour_blind(kind: str, scheme: int) -> None:
    page = colours(scheme)
    seen = [
        [sum(weight * part for weight, part in zip(row, page[name], strict=True)) for row in BLINDNESS[kind]]
        for name in ("pool", "task")
    ]
    # Far apart on screen: a tenth of the way from black to white is plain to see.
    assert max(abs(max(a, 0) ** (1 / 2.2) - max(b, 0) ** (1 / 2.2)) for a, b in zip(*seen, strict=True)) > 0.2
