"""Rows that leave one plan, or next to none: it is found, whatever the lots."""

from __future__ import annotations

import pytest

from budget import Brief
from budget.allocation.goals import kept
from budget.allocation.optimum import optimum
from budget.allocation.problem import problem
from budget.allocation.table import tabulate
from tests.budget.allocation.surfaces import Known

SURFACES = {"a": Known("a", gains={"p": 0.5}), "b": Known("b", seed=1, gains={"p": 0.1}), "c": Known("c", seed=2)}


def found(*constraints: str, goal: str = "mean", solver: str = "highs", **lots: int) -> dict[str, int] | None:
    tasks = {name: {"label_cost": 1, "lot": lots.get(name, 1)} for name in "abc"}
    for task in tasks.values() if goal == "cheapest" else ():
        task["target"] = 0.01
    pools = {"p": {"label_cost": 0.25, "lot": lots.get("p", 1)}}
    brief = {"budget": 90_000, "goal": goal, "tasks": tasks, "pools": pools, "constraints": list(constraints)}
    asked = problem(Brief.from_dict(brief), SURFACES)
    answer = optimum(tabulate(asked), asked, solver)
    if answer is None:
        return None
    assert kept(asked, answer.choice)
    return asked.buys(answer.choice)


@pytest.mark.parametrize("goal", ["mean", "worst", "cheapest"])
@pytest.mark.parametrize("solver", ["highs", "cbc"])
def test_one_exact_plan_is_found(goal: str, solver: str) -> None:
    only = {"a": 12_347, "b": 4_001, "c": 8_002, "p": 33_333}
    rows = ("a.buy == 12347", "b.buy == 4001", "c.buy == 2 * b.buy", "p.buy == 33333")
    assert found(*rows, goal=goal, solver=solver) == only


def test_lots_that_meet_in_few_places_are_found() -> None:
    buys = found("a.buy == b.buy", "b.buy == c.buy", "p.buy == 4 * a.buy", a=7, b=11, c=13, p=1)
    assert buys is not None
    assert buys["a"] == buys["b"] == buys["c"] == 22_022  # 22 times 7 x 11 x 13: the last that the money pays for


def test_what_lots_never_meet_is_not_found() -> None:
    assert found("a.buy == 1001", a=2) is None


def test_one_exact_plan_is_found_with_tiers_and_set_up_costs() -> None:
    tasks = {name: {"tiers": [[0, 1], [3_000, 0.5], [8_000, 1]], "setup_cost": 50} for name in "abc"}
    rows = ["a.buy == 12347", "b.buy == 4001", "c.cost == b.cost + 3000.5"]  # 50 + 3,000 + 2,500 + 1,001
    asked = problem(Brief.from_dict({"budget": 90_000, "tasks": tasks, "constraints": rows}), SURFACES)
    answer = optimum(tabulate(asked), asked, "highs")
    assert answer is not None
    assert asked.buys(answer.choice) == {"a": 12_347, "b": 4_001, "c": 9_001}
