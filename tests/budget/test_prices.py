"""Prices are reckoned as the sources reckon them, and to the last digit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.brief import Brief, Pool, Priced, Task
from budget.prices import (
    affordable,
    cost,
    exact_cost,
    exact_label_cost,
    label_cost,
    label_hours,
    largest_buy,
    tiers,
    total_cost,
)


def test_ten_thousand_images_at_five_seconds_three_annotators_and_a_check_for_a_dollar_an_hour() -> None:
    # 10,000 x 5 s = 50,000 s; three people and one check of every item: x 3 x 2 = 300,000 s = 83 h 20 min = 83.33 USD.
    line = Pool(label_seconds=5.0, hourly_wage=1.0, annotators=3, review=1.0)
    assert round(cost(line, 10_000), 2) == 83.33
    assert exact_cost(line, 10_000) == Fraction(250, 3)
    hours = label_hours(line)
    assert hours is not None
    assert hours * 10_000 == pytest.approx(300_000 / 3600)


def test_one_annotator_and_no_check_pays_the_bare_seconds() -> None:
    assert round(cost(Pool(label_seconds=5.0, hourly_wage=1.0), 10_000), 2) == 13.89


def test_a_box_priced_per_object_costs_as_many_times_more_as_there_are_objects() -> None:
    # COCO has about 7.7 instances an image (Lin et al. 2014); 25.5 s a box (Su et al. 2012).
    image = Task(label_seconds=25.5, hourly_wage=12.0, objects_per_label=7.7)
    assert label_cost(image) == pytest.approx(25.5 / 3600 * 12 * 7.7)


def test_a_list_price_is_paid_for_each_annotator() -> None:
    assert label_cost(Pool(label_cost=0.012, annotators=5)) == 0.06


def test_hours_are_unknown_where_seconds_are() -> None:
    assert label_hours(Pool(label_cost=0.05)) is None
    assert label_hours(Pool(label_cost=0.05, label_seconds=7.2, annotators=2)) == 0.004


def test_tiers_price_each_label_beyond_so_many() -> None:
    line = Pool(tiers=((0, 0.05), (100_000, 0.04)), annotators=2)
    assert tiers(line) == ((0, 0.1), (100_000, 0.08))
    assert (cost(line, 100_000), cost(line, 100_001)) == (10_000.0, 10_000.08)


def test_set_up_is_paid_once_and_only_if_something_is_bought() -> None:
    line = Pool(label_cost=0.1, setup_cost=50.0)
    assert (cost(line, 0), cost(line, 1), cost(line, 10)) == (0.0, 50.1, 51.0)


def test_ten_labels_of_ten_cents_cost_a_dollar_and_not_a_rounding_error_more() -> None:
    brief = Brief.from_dict({"budget": 0.9, "tasks": {"a": {"label_cost": 0.1}, "b": {"label_cost": 0.2}}})
    assert affordable(brief, {"a": 3, "b": 3})
    assert not affordable(brief, {"a": 4, "b": 3})
    assert 0.1 * 3 + 0.2 * 3 > 0.9  # what floats would have said


prices = st.decimals(0, 100, places=5).map(float)
counts = st.integers(0, 10**7)
common = {"annotators": st.integers(1, 9), "review": st.decimals(0, 1, places=2).map(float), "setup_cost": prices}
limits = {"lot": st.integers(1, 5000), "min_buy": st.integers(0, 10_000), "owned": st.integers(0, 10_000)}
steps = st.lists(st.tuples(st.integers(1, 10**5), prices), max_size=4, unique_by=lambda pair: pair[0]).map(sorted)
priced = st.one_of(
    st.builds(Task, label_cost=prices, **common, **limits, max_labels=st.integers(10_000, 10**6)),
    st.builds(
        Pool, label_seconds=prices.filter(bool), hourly_wage=prices, **common, max_labels=st.integers(10_000, 10**6)
    ),
    st.builds(
        lambda first, rest, **rules: Pool(tiers=((0, first), *rest), **rules),
        prices, steps, max_labels=st.integers(10_000, 10**6), **common, **limits,
    ),
)  # fmt: skip


def brute_largest(line: Priced, money: Fraction) -> int:
    """The same by trying every multiple of the lot, smallest first, while it is allowed."""
    assert line.max_labels is not None
    best = 0
    for buy in range(line.lot, line.max_labels - line.owned + 1, line.lot):
        if exact_cost(line, buy) > money:
            break
        best = buy if buy >= line.min_buy else best
    return best


@given(priced, st.integers(2000, 20_000), st.decimals(0, 10**5, places=2))
def test_largest_buy_is_what_trying_all_would_find(line: Priced, lot: int, money: object) -> None:
    line, exact_money = line.model_copy(update={"lot": lot}), Fraction(str(money))
    assert largest_buy(line, exact_money) == brute_largest(line, exact_money)


@given(priced, st.decimals(0, 10**6, places=2).map(float))
def test_one_lot_more_than_the_largest_buy_is_too_much(line: Priced, money: float) -> None:
    buy = largest_buy(line, money)
    limit = Fraction(str(money))
    assert exact_cost(line, buy) <= limit
    assert buy % line.lot == 0
    assert buy == 0 or buy >= line.min_buy
    more = max(buy + line.lot, -(-line.min_buy // line.lot) * line.lot)
    assert line.max_labels is not None
    assert more > line.max_labels - line.owned or exact_cost(line, more) > limit


@given(priced, counts, counts)
def test_more_labels_never_cost_less(line: Priced, one: int, other: int) -> None:
    assert cost(line, min(one, other)) <= cost(line, max(one, other))


@given(st.lists(st.tuples(priced, counts), max_size=6))
def test_a_sum_does_not_depend_on_its_order(purchases: list[tuple[Priced, int]]) -> None:
    assert total_cost(purchases) == total_cost(reversed(purchases))


def test_the_price_of_a_label_is_exact() -> None:
    assert exact_label_cost(Pool(label_cost=0.07, annotators=3, review=0.1)) == Fraction(231, 1000)


def test_a_line_that_nobody_checked_is_not_priced() -> None:
    with pytest.raises(ValueError, match="without a price"):
        label_cost(Pool())
