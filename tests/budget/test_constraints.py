"""A constraint means what its text says, and a wrong one is refused where it is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.constraints import QUANTITIES, parse
from budget.errors import InvalidInput

NAMES = {"detection", "segmentation", "lane marks (EU)", 'a "b" \\ c', "driving"}


@pytest.mark.parametrize(
    ("text", "coefficients", "sense", "right"),
    [
        ("detection.cost <= 2 * segmentation.cost", {("detection", "cost"): 1, ("segmentation", "cost"): -2}, "<=", 0),
        ("driving.cost >= 10000", {("driving", "cost"): 1}, ">=", 10000),
        ('"lane marks (EU)".cost <= 900', {("lane marks (EU)", "cost"): 1}, "<=", 900),
        (r'"a \"b\" \\ c".buy == 1e3', {('a "b" \\ c', "buy"): 1}, "==", 1000),
        ("total.cost<=.5*8", {("total", "cost"): 1}, "<=", 4),
        (
            "-driving.buy/4 + 2 - 1 >= -driving.cost * 2 * 3",
            {("driving", "buy"): -0.25, ("driving", "cost"): 6},
            ">=",
            -1,
        ),
        ("detection.buy + detection.buy <= 10", {("detection", "buy"): 2}, "<=", 10),
    ],
)
def test_a_text_becomes_coefficients(
    text: str, coefficients: dict[tuple[str, str], float], sense: str, right: float
) -> None:
    constraint = parse(text, NAMES)
    assert (constraint.coefficients, constraint.sense, constraint.right) == (coefficients, sense, right)


@pytest.mark.parametrize(
    ("text", "character", "hint"),
    [
        ("detektion.cost <= 3", 1, "did you mean detection?"),
        ("1 <= detection.costs", 6, "did you mean cost?"),
        ("total.buy <= 3", 1, ""),
        ("detection.cost < 3", 16, ""),
        ("detection.cost <= ", 18, ""),
        ("", 1, ""),
        ("detection.cost <= 3 <= 4", 21, ""),
        ("detection.cost * segmentation.cost <= 3", 18, ""),
        ("3 / detection.cost <= 3", 5, ""),
        ("detection.cost / 0 <= 3", 18, ""),
        ("1 <= 2", 7, ""),
        ("detection.cost <= detection.cost", 33, ""),
        ("detection.cost <= 1e999", 24, ""),
        ("__import__('os').system('x') <= 3", 1, ""),
    ],
)
def test_a_wrong_text_is_refused_where_it_is_wrong(text: str, character: int, hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text, NAMES)
    (fault,) = refused.value.faults
    assert (fault.path, fault.hint) == (f"character {character}", hint)


@given(st.text(alphabet='detcion.su <>=*/+-0123456789e"\\()\n\t', max_size=60) | st.text(max_size=30))
def test_any_text_is_a_constraint_or_an_error_of_ours(text: str) -> None:
    try:
        constraint = parse(text, {*NAMES, "d", "e", "t"})
    except InvalidInput:
        return
    assert constraint.coefficients


quantities = st.tuples(st.sampled_from(["detection", "segmentation", "driving"]), st.sampled_from(QUANTITIES))
terms = st.lists(st.tuples(st.integers(-1000, 1000), st.none() | quantities), min_size=1, max_size=6)
amounts = st.dictionaries(quantities, st.integers(0, 1000), min_size=9, max_size=9)


def written(side: list[tuple[int, tuple[str, str] | None]]) -> str:
    parts = [str(abs(value)) + (f" * {key[0]}.{key[1]}" if key else "") for value, key in side]
    signs = ["- " if value < 0 else "+ " for value, _ in side]
    return " ".join(sign + part for sign, part in zip(signs, parts, strict=True))


@given(terms, terms, amounts)
def test_both_sides_keep_their_difference(
    left: list[tuple[int, tuple[str, str] | None]],
    right: list[tuple[int, tuple[str, str] | None]],
    amount: dict[tuple[str, str], int],
) -> None:
    def value(side: list[tuple[int, tuple[str, str] | None]]) -> int:
        return sum(factor * (amount[key] if key else 1) for factor, key in side)

    try:
        constraint = parse(f"{written(left)} <= {written(right)}", NAMES)
    except InvalidInput:
        return  # everything cancelled
    reckoned = sum(factor * amount[key] for key, factor in constraint.coefficients.items())
    assert reckoned - constraint.right == value(left) - value(right)
