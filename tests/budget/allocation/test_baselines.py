"""The plans that need no optimizer: they keep to the budget and to every line's limits, and split as they say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pandas as pd
import pytest

from budget import Brief, Measurements, plan
from budget.allocation.baselines import baselines, repaired
from budget.allocation.problem import Choice, Problem, problem
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


@pytest.mark.parametrize(
    "rows",
    [
        {"constraints": ["a.cost <= 0.5 * b.cost"]},
        {"constraints": ["a.buy == b.buy"]},
        {"constraints": ["a.cost >= 12", "a.buy + b.labels <= 17"]},
        {"hours": 0.002},
    ],
)
def test_a_repaired_baseline_is_the_nearest_plan_in_money(rows: dict[str, Any]) -> None:
    tasks = {
        "a": {"label_cost": 1, "lot": 3, "max_labels": 30, "label_seconds": 1},
        "b": {"label_cost": 2, "min_buy": 2, "max_labels": 30, "label_seconds": 2},
    }
    asked = posed(tasks, 24, **rows)
    plans = baselines(asked)
    mended = repaired(asked, plans, "highs")
    assert set(mended) == {name for name, choice in plans.items() if asked.broken(choice)} != set()
    every = [Choice((a, b), ()) for a in range(0, 31, 3) for b in (0, *range(2, 31))]
    kept = [choice for choice in every if not asked.broken(choice)]

    def away(one: Choice, other: Choice) -> int:
        return abs(one.tasks[0] - other.tasks[0]) + 2 * abs(one.tasks[1] - other.tasks[1])

    for name, (choice, keys) in mended.items():
        assert keys == asked.broken(plans[name])
        assert choice in kept
        assert away(choice, plans[name]) == min(away(each, plans[name]) for each in kept)


def test_a_plan_shows_baselines_that_keep_to_its_rows_and_what_they_were_changed_for() -> None:
    tasks = {name: {"label_cost": 1, "owned": 50} for name in "ab"}
    brief = Brief.from_dict({"budget": 100, "tasks": tasks, "constraints": ["a.cost <= 0.25 * b.cost"]})
    rows = [{"task": t, "labels": n, "seed": 0, "score": 1 - n**-0.3} for t in "ab" for n in (10, 20, 50)]
    answer = plan(brief, Measurements.from_frame(pd.DataFrame(rows)))
    even = answer.baselines["even split"]
    assert (even.breaks, even.repaired) == ((), ("constraints[0]",))
    assert even.buy["a"] * 4 <= even.buy["b"]
    assert answer.score.expected >= even.score.expected - 1e-9
