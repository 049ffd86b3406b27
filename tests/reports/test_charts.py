"""Scales, ticks, label placement and the strokes of a chart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.scale import Scale, even_scale, log_scale, spread
from reports.charts.svg import UNSEEN, _thinned, tag

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
