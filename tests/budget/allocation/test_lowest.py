"""The goal `worst` by weights of the scores, every budget of its frontier, and how firm amounts are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from budget import Brief, plan
from budget.allocation.evaluation import means
from budget.allocation.frontier import REACH, along_budgets
from budget.allocation.goals import goal_value
from budget.allocation.optimum import optimum
from budget.allocation.problem import Problem, problem
from budget.allocation.quick import quick
from budget.allocation.relaxation import level
from budget.allocation.search import CLOSED, search_at
from budget.allocation.stability import NEAR, SHARE, bands, nearly_as_good
from budget.allocation.table import tabulate
from tests.budget.allocation.surfaces import Known, measured


def posed(seed: int, row: str | None = None, goal: str = "worst", risk: float = 0.0, lot: int = 1) -> Problem:
    """Four concave tasks and a pool; one of the tasks cannot rise far."""
    rng = np.random.default_rng(seed)
    gains = {"p": float(rng.uniform(0, 1))}
    surfaces = {
        f"t{i}": Known(f"t{i}", rng.uniform(0, 0.3), rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.8), 20.0, gains, seed=i)
        for i in range(4)
    }
    tasks: dict[str, dict[str, float]] = {
        name: {"label_cost": float(rng.integers(1, 20) / 16), "lot": lot} for name in surfaces
    }
    tasks["t3"]["max_labels"] = 200 * lot
    for task in tasks.values() if goal == "cheapest" else ():
        task["target"] = 0.55
    brief = {"budget": 6000.0, "goal": goal, "risk": risk, "tasks": tasks, "pools": {"p": {"label_cost": 1 / 64}}}
    return problem(Brief.from_dict(brief | {"constraints": [row] if row else []}), surfaces)


@pytest.mark.slow
@pytest.mark.parametrize("row", [None, "t0.cost <= 0.5 * t1.cost", "t0.cost >= 2 * t1.cost"])
@pytest.mark.parametrize("lot", [1, 20])
def test_the_lowest_score_is_as_high_as_whole_choices_make_it_and_proved(row: str | None, lot: int) -> None:
    for seed in range(1 + (lot > 1)):
        asked = posed(seed, row, lot=lot)
        found = optimum(tabulate(asked), asked, "highs")
        assert found is not None
        assert not asked.broken(found.choice)
        assert -1e-9 <= found.bound - found.value <= CLOSED
        other = search_at(asked, found.choice.pools, np.array(found.choice.tasks, float))
        assert other is not None
        assert found.bound >= goal_value(asked, other) - 1e-9
        assert found.value >= goal_value(asked, other) - CLOSED


def test_where_all_the_money_is_best_spent_on_a_pool_the_bands_reach_there() -> None:
    """So much is between two points of the table, whose next one costs more than there is."""
    surfaces = {f"t{i}": Known(f"t{i}", 0.1, 0.6, 0.3, 20.0, {"p": 30.0}, seed=i) for i in range(2)}
    brief = {
        "budget": 300,
        "goal": "worst",
        "tasks": {name: {"label_cost": 3.0, "owned": 800} for name in surfaces},
        "pools": {"p": {"label_cost": 0.02, "max_labels": 100_000}},
    }
    asked = problem(Brief.from_dict(brief), surfaces, REACH)
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert found.choice.pools == (15_000,)
    assert level(tabulate(asked), asked)[0] == pytest.approx(found.value, abs=1e-4)
    low, high = bands(asked, found.prices)[-1]
    assert low <= 15_000 <= high


def test_scores_above_one_that_cannot_rise_are_raised_too() -> None:
    asked = posed(0)
    asked = replace(
        asked,
        tasks=tuple(replace(line, most=min(line.most, 50 if t == 0 else 10**6)) for t, line in enumerate(asked.tasks)),
    )
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert float(asked.money - asked.cost(found.choice)) < max(line.about for line in asked.lines)
    labels = np.array(found.choice.tasks, float)[:, None]
    scores = asked.scores(labels, np.array([found.choice.pools], float))[:, 0]
    free = [t for t, line in enumerate(asked.tasks) if line.least < found.choice.tasks[t] < line.most]
    assert len(free) >= 2
    assert np.ptp(scores[free]) <= 2e-3


@pytest.mark.slow
@pytest.mark.parametrize(("goal", "risk"), [("worst", 0.0), ("mean", 0.2)])
def test_every_budget_of_the_frontier_is_proved_in_what_the_goal_counts(goal: str, risk: float) -> None:
    asked = posed(1, goal=goal, risk=risk)
    points = along_budgets(tabulate(asked), asked, (), None, steps=2)
    for point in points[1:]:
        assert point.plan is not None
        case = asked.with_budget(point.budget)
        alone = optimum(tabulate(asked), case, "highs")
        assert alone is not None
        assert point.value == pytest.approx(goal_value(case, point.plan.choice))
        assert point.bound >= alone.value - 1e-9
        assert point.value >= alone.value - CLOSED
        assert point.bound - point.value <= (CLOSED if goal == "worst" else 1e-3)


@pytest.mark.parametrize(("goal", "risk"), [("mean", 0.0), ("mean", 0.2), ("worst", 0.0), ("cheapest", 0.0)])
def test_the_plan_lies_within_what_is_nearly_as_good_and_bands_within_the_limits(goal: str, risk: float) -> None:
    asked = posed(2, "t0.cost <= 0.5 * t1.cost", goal, risk)
    table, prices = tabulate(asked), np.zeros(1)
    plan = quick(table, [asked])[0].choice
    assert plan is not None
    near, firm = nearly_as_good(table, asked, plan, prices), bands(asked, prices)
    for line, buy, (fewest, most), (low, high) in zip(asked.lines, plan.all, near, firm, strict=True):
        assert line.least <= fewest <= buy <= most <= line.most
        assert line.least <= low <= high <= line.most
    assert any(fewest < most for fewest, most in near)


def test_with_a_row_a_line_can_be_moved_as_far_as_is_said_and_no_plan_needs_more_than_a_point_in_a_thousand() -> None:
    asked = posed(2, "t0.cost <= 0.5 * t1.cost", "mean")
    table = tabulate(asked)
    found = optimum(table, asked, "highs")
    assert found is not None
    for j, ends in enumerate(nearly_as_good(table, asked, found.choice, found.prices)):
        for end in ends:
            held = optimum(table, _held(asked, j, end), "highs")
            assert held is not None
            assert held.value >= found.value - NEAR - 1e-4


@pytest.mark.parametrize("goal", ["mean", "cheapest"])
def test_with_targets_a_line_can_be_moved_as_far_as_is_said_and_all_targets_are_still_reached(goal: str) -> None:
    asked = posed(3, None, goal)
    free = optimum(tabulate(posed(3, None, "mean")), posed(3, None, "mean"), "highs")
    assert free is not None
    reached = means(asked, [free.choice])[0] + (0.002, -0.004, -0.02, 0.0)  # of some more than the best plan has
    scored = tuple(replace(one, target=float(score)) for one, score in zip(asked.scored, reached, strict=True))
    asked = replace(asked, scored=scored)
    table = tabulate(asked)
    found = optimum(table, asked, "highs")
    assert found is not None
    near = nearly_as_good(table, asked, found.choice, found.prices)
    assert any(fewest < most for fewest, most in near)
    share = NEAR if goal == "mean" else SHARE * -found.value
    for j, ends in enumerate(near):
        for end in ends:
            held = optimum(table, _held(asked, j, end), "highs")
            assert held is not None, (asked.lines[j].name, end)
            assert held.value >= found.value - 1.3 * share - 1e-5


def _held(asked: Problem, index: int, buy: int) -> Problem:
    lines = list(asked.lines)
    lines[index] = replace(lines[index], least=buy, most=buy)
    count = len(asked.tasks)
    return replace(asked, tasks=tuple(lines[:count]), pools=tuple(lines[count:]))


def test_a_pool_that_is_bought_whole_or_not_at_all_is_not_said_to_be_dispensable_where_most_of_it_would_do() -> None:
    tasks = {"a": {"label_cost": 1}, "b": {"label_cost": 1}}
    surfaces = {name: Known(name, 0.1, 0.8, 0.3, 20.0, {"p": 30.0}, power=0.01, seed=i) for i, name in enumerate(tasks)}
    whole = {"label_cost": 0.01, "min_buy": 10_000, "lot": 5000, "max_labels": 10_000}
    brief = Brief.from_dict({"budget": 200, "goal": "worst", "tasks": tasks, "pools": {"p": whole}})
    answer = plan(brief, measured(surfaces), surfaces)  # type: ignore[arg-type]
    assert answer.pools["p"].buy == 10_000
    assert answer.pools["p"].could_be == (10_000, 10_000)


@pytest.mark.parametrize("goal", ["mean", "worst"])
def test_no_line_is_said_to_be_movable_to_where_rows_leave_no_plan(goal: str) -> None:
    tasks = {"a": {"label_cost": 1, "setup_cost": 1}, "b": {"label_cost": 1}, "c": {"label_cost": 1}}
    surfaces = {name: Known(name, 0.1 * i, 0.5, 0.1 + 0.3 * i, 20.0, seed=i) for i, name in enumerate(tasks)}
    rows = ["a.buy <= 15", "b.buy == c.buy", "2 * b.buy + a.buy <= 70"]
    brief = Brief.from_dict({"budget": 500, "goal": goal, "tasks": tasks, "constraints": rows})
    answer = plan(brief, measured(surfaces), surfaces)  # type: ignore[arg-type]
    for name, most in (("a", 15), ("b", 35), ("c", 35)):
        for ends in (answer.tasks[name].could_be, answer.tasks[name].band):
            assert ends is not None
            assert 0 <= ends[0] <= ends[1] <= most
