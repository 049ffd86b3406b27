"""The smooth search and its cuts: against the slow path, a lattice, and what has to hold at an optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from budget import Brief
from budget.allocation.filling import fill
from budget.allocation.frontier import along_budgets
from budget.allocation.goals import goal_value, worst_tail
from budget.allocation.optimum import optimum
from budget.allocation.plain import plain
from budget.allocation.problem import Problem, problem
from budget.allocation.search import CLOSED
from budget.allocation.smooth import values
from budget.allocation.steps import by_prices
from budget.allocation.table import tabulate
from budget.allocation.tail import least_mixture
from tests.budget.allocation.lattice import best_by_trying, drawn
from tests.budget.allocation.surfaces import Known

ROWS = ("t0.cost <= 0.5 * t1.cost", "t0.cost >= 2 * t1.cost", "t1.buy >= 3 * t2.buy", "t0.cost + t1.cost <= 500")


def posed(seed: int, pools: int = 0, row: str | None = None, lot: int = 1, **more: float) -> Problem:
    """Three to eight concave tasks with random prices."""
    rng = np.random.default_rng(seed)
    names = [f"t{i}" for i in range(rng.integers(3, 9))]
    surfaces = {
        name: Known(
            name, rng.uniform(0, 0.3), rng.uniform(0.1, 0.7), rng.uniform(0.1, 0.9), float(rng.choice([2.0, 20.0])),
            {f"p{j}": float(rng.uniform(0, 1)) for j in range(pools)}, seed=i, spread=0.3,
        )
        for i, name in enumerate(names)
    }  # fmt: skip
    brief = {
        "budget": float(rng.integers(1000, 90_000)),
        "tasks": {name: {"lot": lot, "label_cost": float(rng.integers(1, 40) / 16)} for name in names},
        "pools": {f"p{j}": {"label_cost": (j + 1) / 64, "lot": 10 * lot} for j in range(pools)},
        "constraints": [] if row is None else [row],
    }
    return problem(Brief.from_dict(brief | more), surfaces)


@pytest.mark.parametrize("pools", [0, 1, 2, 3])
@pytest.mark.parametrize("row", [None, *ROWS])
def test_the_search_ends_where_no_plan_in_parts_of_labels_is_better(pools: int, row: str | None) -> None:
    for seed in range(3):
        asked = posed(seed, pools, row)
        table = tabulate(asked)
        found = plain(table, [asked])
        here = float(values(found.cases, found.smooth.tasks[:, None], found.smooth.pools[:, None]).sum())
        assert found.smooth.step[0] < 1e-6
        assert abs(found.cuts(table).program(0).solve("highs").bound - here) <= 1e-8
        assert found.cuts(table).bounds("highs")[0] >= here - 1e-12


def test_where_a_row_binds_and_the_budget_does_not_whole_lots_keep_to_it_and_lose_next_to_nothing() -> None:
    rng = np.random.default_rng(0)
    names = [f"t{i:02d}" for i in range(80)]
    surfaces = {name: Known(name, exponent_value=rng.uniform(0.2, 0.8), gains={"p": 0.2}) for name in names}
    line = {"lot": 50, "max_labels": 5000}
    tasks = {name: {"label_cost": round(float(rng.uniform(0.1, 2)), 2)} | line for name in names}
    row = f"{' + '.join(f'{name}.cost' for name in names)} <= 100000"
    pools = {"p": {"label_cost": 0.01, "max_labels": 10_000}}
    brief = {"budget": 1e6, "tasks": tasks, "pools": pools, "constraints": [row]}
    asked = problem(Brief.from_dict(brief), surfaces)
    table = tabulate(asked)
    found = plain(table, [asked])
    assert asked.broken(found.choices[0]) == ()
    assert -1e-9 <= found.cuts(table).program(0).solve("highs").bound - goal_value(asked, found.choices[0]) <= CLOSED


def test_filling_in_money_buys_nothing_that_brings_nothing_but_what_is_asked_for() -> None:
    values_, costs = np.array([[[0.0, 0.4, 0.4, 0.4]]]), np.array([[0.0, 1.0, 2.0, 3.0]])
    points = np.array([[0.0, 10.0, 20.0, 30.0]])
    assert fill(values_, costs).bought(0, 3.0, points).tolist() == [10.0]
    least = np.maximum(costs, 2.0), np.maximum(points, 20.0)
    assert fill(values_, least[0]).bought(0, 1.0, least[1]).tolist() == [20.0]


@pytest.mark.parametrize("seed", range(3))
def test_slsqp_finds_no_better_plan_under_a_row(seed: int) -> None:
    asked = posed(seed, 1, ROWS[seed])
    found = plain(tabulate(asked), [asked])
    bound = found.cuts(tabulate(asked)).program(0).solve("highs").bound
    prices = np.array([float(line.price) for line in asked.lines])
    uses = np.concatenate([found.cases.tasks[0], found.cases.pools[0]], axis=1)

    def loss(shares: np.ndarray) -> float:
        labels = shares * asked.budget / prices
        tasks, mix = labels[None, None, :-1], labels[None, None, -1:]
        return -float(values(found.cases, tasks, mix).sum())

    within = {"type": "ineq", "fun": lambda s: (found.cases.right[0] - uses @ (s * asked.budget / prices)) / 1e3}
    start = np.full(len(prices), 0.5 / len(prices))
    other = minimize(
        loss, start, method="SLSQP", bounds=[(0, 1)] * len(prices), constraints=[within], options={"ftol": 1e-13}
    )
    if other.success and within["fun"](other.x).min() >= -1e-9:
        assert -other.fun <= bound + 1e-7


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.25, 0.5]), st.integers(0, 1))
def test_under_risk_the_plan_of_the_mixture_is_the_plan(seed: int, risk: float, pools: int) -> None:
    asked = posed(seed, pools, risk=risk)
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert found.value == pytest.approx(goal_value(asked, found.choice), abs=1e-12)
    assert -1e-9 <= found.bound - found.value <= CLOSED
    expected = optimum(tabulate(asked), posed(seed, pools), "highs")
    assert expected is not None
    assert goal_value(asked, expected.choice) <= found.bound + 1e-9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0.05, 0.95))
@example([0.0, 0.0, -3.0, *[-2.8147563375705618] * 4], 0.703125)
def test_without_curvature_the_least_mixture_is_the_worst_tail(scores: list[float], risk: float) -> None:
    score = np.array(scores)
    most = max(1 / (risk * len(score)), 1 / len(score))
    mixture = least_mixture(score, np.zeros((len(score), len(score))), min(most, 1.0))
    best = linprog(score, A_eq=np.ones((1, len(score))), b_eq=[1.0], bounds=[(0, min(most, 1.0))] * len(score))
    assert mixture.sum() == pytest.approx(1)
    assert mixture @ score == pytest.approx(best.fun, abs=1e-5)


def test_the_worst_tail_is_the_least_mixture() -> None:
    asked = posed(0, risk=0.25)
    totals = np.array([3.0, 1.0, 2.0, 4.0])
    assert worst_tail(asked, totals)[1] == 1.0


@pytest.mark.parametrize("row", [None, ROWS[0]])
def test_every_budget_of_the_frontier_is_the_best_plan_for_it_within_its_gap(row: str | None) -> None:
    asked = posed(4, 1, row, lot=10)
    points = along_budgets(tabulate(asked), asked, (), None, steps=8)
    for point in points[1:]:
        assert point.plan is not None
        alone = optimum(tabulate(asked), asked.with_budget(point.budget), "highs")
        assert alone is not None
        assert point.plan.expected <= alone.bound + 1e-9
        assert point.bound >= alone.value - 1e-9
        assert point.bound - point.plan.expected <= 1e-3


def test_budgets_that_no_plan_keeps_to_say_why() -> None:
    surfaces = {"a": Known("a"), "b": Known("b", seed=1)}
    tasks = {"a": {"label_cost": 1, "min_labels": 500}, "b": {"label_cost": 1}}
    asked = problem(Brief.from_dict({"budget": 1000, "tasks": tasks}), surfaces)
    points = along_budgets(tabulate(asked), asked, (), None, steps=8)
    failed = [point for point in points if point.plan is None]
    assert [point.budget for point in failed] == [0, 250]
    assert all(point.reason == "the least that must be bought costs 500" for point in failed)


def test_no_plan_exceeds_the_bound_by_prices_with_lots_and_set_up() -> None:
    looked_at = 0
    for seed in range(60):
        brief, surfaces = drawn(seed, frozenset({"setup", "min_buy", "min_labels"}))
        pools = {name: pool | {"setup_cost": 0, "min_buy": 0} for name, pool in brief["pools"].items()}
        asked = problem(Brief.from_dict(brief | {"pools": pools}), surfaces)
        table = tabulate(asked)
        least = sum(line.cost(line.least) for line in asked.lines)
        if len(pools) > 1 or table.bulge > 1e-9 or asked.budget <= 0 or least > asked.money:
            continue
        looked_at += 1
        found, best = by_prices(table, asked, 1e-9), best_by_trying(asked)
        assert found.bound >= best - 1e-9, f"seed {seed}: a plan exceeds the bound"
        assert asked.broken(found.choice) or goal_value(asked, found.choice) <= best + 1e-9
    assert looked_at >= 10


def test_many_tasks_with_lots_and_set_up_are_planned_within_a_millionth() -> None:
    rng = np.random.default_rng(0)
    names = [f"t{i:03d}" for i in range(60)]
    surfaces = {name: Known(name, rng.uniform(0, 0.3), exponent_value=rng.uniform(0.2, 0.8)) for name in names}
    tasks = {name: {"label_cost": round(float(rng.uniform(0.1, 2)), 2), "lot": 50, "setup_cost": 5} for name in names}
    asked = problem(Brief.from_dict({"budget": 30_000, "tasks": tasks}), surfaces)
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert not asked.broken(found.choice)
    assert -1e-12 <= found.bound - found.value <= 1e-4
    assert found.form.startswith("best purchases at the price of money")


def test_both_solvers_give_the_same_plan() -> None:
    for seed in range(4):
        asked = posed(seed, seed % 3, ROWS[seed], lot=10)
        found, other = (optimum(tabulate(asked), asked, solver) for solver in ("highs", "cbc"))
        assert found is not None
        assert other is not None
        assert abs(found.value - other.value) <= 1e-9 + max(found.bound - found.value, other.bound - other.value)
        assert found.choice == other.choice or found.value == pytest.approx(other.value, abs=1e-6)
