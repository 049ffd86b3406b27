"""The plans that need no optimizer: they keep to the budget and to every line's limits, and split as they say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from budget import Brief
from budget.allocation.baselines import baselines
from budget.allocation.problem import Problem, problem
from budget.errors import InvalidInput
from tests.budget.allocation.lattice import drawn
from tests.budget.allocation.surfaces import Known

PRICED = frozenset({"setup", "min_buy", "min_labels", "tiers"})


def posed(tasks: dict[str, dict[str, Any]], budget: float, **more: Any) -> Problem:
    brief = Brief.from_dict({"budget": budget, "tasks": tasks, **more})
    return problem(brief, {name: Known(name) for name in tasks})


def test_no_baseline_spends_more_than_the_budget_or_breaks_a_limit_of_a_line() -> None:
    tried = 0
    for seed in range(120):
        try:
            brief, surfaces = drawn(seed, PRICED)
            asked = problem(Brief.from_dict(brief), surfaces)
        except InvalidInput:
            continue
        if sum(line.cost(line.least) for line in asked.lines) <= asked.money:
            for name, choice in baselines(asked).items():
                assert asked.broken(choice) == (), f"seed {seed}: {name}"
                tried += 1
    assert tried > 300


@pytest.mark.parametrize(
    ("dear", "buy"),
    [
        ({"label_cost": 1}, 50),
        ({"label_cost": 1, "setup_cost": 20}, 30),
        ({"tiers": [[0, 1], [10, 2]]}, 30),
        ({"tiers": [[0, 2], [10, 0.5]]}, 70),
        ({"label_cost": 1, "setup_cost": 51}, 0),
        ({"label_cost": 0.1}, 500),
    ],
)
def test_an_even_split_buys_what_each_half_of_the_money_pays_for(dear: dict[str, Any], buy: int) -> None:
    even = baselines(posed({"a": dear, "b": {"label_cost": 1}}, 100))["even split"]
    assert even.tasks == (buy, 50)


def test_what_a_line_cannot_take_goes_to_the_others_to_the_last_digit() -> None:
    tasks = {name: {"label_cost": 0.1} for name in "abc"} | {"d": {"label_cost": 0.1, "max_labels": 10}}
    asked = posed(tasks, 100)
    even = baselines(asked)["even split"]
    assert even.tasks == (330, 330, 330, 10)
    assert asked.cost(even) == Fraction(100)


def test_a_compared_plan_never_takes_the_name_of_one_of_ours() -> None:
    asked = posed({"a": {"label_cost": 1}}, 100)
    assert baselines(asked, {"last year": {"a": 7}})["last year"].tasks == (7,)
    with pytest.raises(InvalidInput, match="compare: found 'even split'"):
        baselines(asked, {"even split": {"a": 7}})
