"""Numbers as text: nothing lost that matters, nothing shown that is not there."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.numbers import MINUS, Numbers, decimals_for, decimals_of, two_digits

NUMBERS = Numbers("USD")
FINITE = st.floats(-1e9, 1e9, allow_nan=False)


def read(text: str) -> float:
    return float(text.replace(",", "").replace(MINUS, "-").replace("+", ""))


@given(FINITE, st.integers(0, 8))
def test_plain_reads_back_to_within_half_a_unit_and_never_shows_a_negative_zero(value: float, decimals: int) -> None:
    text = NUMBERS.plain(value, decimals)
    assert abs(read(text) - value) <= 0.5 * 10**-decimals * (1 + 1e-9) + 1e-6 * abs(value)
    assert "-" not in text
    assert not (text.startswith(MINUS) and read(text) == 0)


@given(st.floats(1e-6, 1e6), st.floats(-1e4, 1e4))
def test_two_numbers_that_differ_by_the_difference_shown_never_look_the_same(difference: float, start: float) -> None:
    decimals = decimals_for(difference)
    if abs(start) < 1e9 * difference:  # beyond, doubles cannot hold both
        assert NUMBERS.plain(start, decimals) != NUMBERS.plain(start + difference, decimals)


@given(st.floats(1e-6, 1e6))
def test_two_digits_leaves_at_least_two_significant_digits_and_no_needless_one(value: float) -> None:
    decimals = two_digits(value)
    assert abs(round(value, decimals) - value) <= 0.051 * value
    assert decimals == 0 or value < 100 * 10**-decimals


def test_shown_differences_ignore_what_is_no_difference() -> None:
    assert decimals_for(0.0, math.nan, math.inf) == 0
    assert decimals_for(0.0, 0.02) == 2


@pytest.mark.parametrize(
    ("currency", "text"),
    [
        ("$", "$1,234.50"),
        ("EUR", "EUR\u00a01,234.50"),
        ("credits", "1,234.50\u00a0credits"),
        ("usd", "1,234.50\u00a0usd"),
    ],
)
def test_a_sign_and_a_code_stand_before_the_amount_and_a_word_behind(currency: str, text: str) -> None:
    assert Numbers(currency).money(1234.5) == text


def test_money_has_cents_only_where_there_are_some() -> None:
    assert NUMBERS.money(59990.0) == "USD\u00a059,990"
    assert NUMBERS.money(0.01) == "USD\u00a00.01"
    assert Numbers("$").money(-12.5) == f"{MINUS}$12.50"
    assert NUMBERS.cents(1.0, 2.0) == 0
    assert NUMBERS.cents(1.0, 2.5) == 2


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "under 1%"),
        (0.00999, "under 1%"),
        (0.01, "1%"),
        (0.5, "50%"),
        (0.99, "99%"),
        (0.9901, "over 99%"),
        (1.0, "over 99%"),
    ],
)
def test_a_probability_from_draws_is_never_certain(probability: float, text: str) -> None:
    assert NUMBERS.probability(probability) == text


def test_signed_zero_has_no_sign_and_others_have_one() -> None:
    assert NUMBERS.signed(0.0004, 3) == "0.000"
    assert NUMBERS.signed(-0.0004, 3) == "0.000"
    assert NUMBERS.signed(0.0006, 3) == "+0.001"
    assert NUMBERS.signed(-2.0, 0) == f"{MINUS}2"


@given(st.floats(0, 1e6))
def test_decimals_of_a_number_write_all_of_it(value: float) -> None:
    assert float(f"{value:.{decimals_of(value)}f}") == pytest.approx(value, abs=6e-9)
