"""The optimizer against other people's: scipy's SLSQP and a CVXPY model, on smooth problems without lots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from budget import Brief
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.problem import Problem, problem
from budget.allocation.table import tabulate
from tests.budget.allocation.surfaces import Known


def smooth(seed: int, tasks: int, pool: bool) -> tuple[Problem, dict[str, Known]]:
    """Power laws with a floor; with a pool, effective data."""
    rng = np.random.default_rng(seed)
    names = [f"t{i:02d}" for i in range(tasks)]
    surfaces = {
        name: Known(
            name, rng.uniform(0, 0.3), rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.8), rng.uniform(5, 50),
            {"p": rng.uniform(0, 1)} if pool else {}, seed=i,
        )
        for i, name in enumerate(names)
    }  # fmt: skip
    brief = {
        "budget": 2000.0,
        "tasks": {
            name: {"label_cost": round(float(rng.uniform(0.05, 2)), 3), "weight": float(rng.integers(1, 4))}
            for name in names
        },
        "pools": {"p": {"label_cost": 0.01}} if pool else {},
    }
    return problem(Brief.from_dict(brief), surfaces), surfaces


def solved(asked: Problem) -> Optimum:
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(6))
def test_slsqp_finds_nothing_better_than_the_bound_and_ends_where_the_plan_is(seed: int) -> None:
    asked, _ = smooth(seed, 4, pool=seed % 2 == 0)
    prices = np.array([float(line.price) for line in asked.lines])
    found = solved(asked)

    def loss(shares: np.ndarray) -> float:
        labels = shares * asked.budget / prices
        pools = labels[None, len(asked.tasks) :]
        return -sum(s.weight * asked.expected(i, labels[i : i + 1], pools)[0] for i, s in enumerate(asked.scored))

    start = np.full(len(prices), 1 / len(prices))
    money = {"type": "ineq", "fun": lambda shares: 1 - shares.sum()}
    other = minimize(
        loss,
        start,
        method="SLSQP",
        bounds=[(0, 1)] * len(prices),
        constraints=[money],
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert -other.fun <= found.bound + 1e-6  # it buys parts of labels, which the bound need not cover
    assert found.value == pytest.approx(-other.fun, abs=2e-5)
    assert found.bound - found.value <= 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_a_cvxpy_model_of_the_same_problem_has_the_same_optimum(seed: int) -> None:
    cvxpy = pytest.importorskip("cvxpy")
    asked, surfaces = smooth(seed, 5, pool=False)
    labels = cvxpy.Variable(len(asked.tasks), nonneg=True)
    score = 0.0
    for i, one in enumerate(asked.scored):
        known = surfaces[one.name]
        curve = cvxpy.power((labels[i] + known.shift) / known.shift, -known.exponent_value, approx=False)
        score += one.weight * (1 - known.floor_error - known.scale * curve)
    prices = np.array([float(line.price) for line in asked.lines])
    model = cvxpy.Problem(cvxpy.Maximize(score), [prices @ labels <= asked.budget])
    model.solve(solver=cvxpy.CLARABEL)
    found = solved(asked)
    assert found.bound == pytest.approx(model.value, abs=2e-6)
    assert found.value == pytest.approx(model.value, abs=2e-6)


def test_the_example_that_is_solved_by_hand() -> None:
    surfaces = {name: Known(name, 0.1, 0.8, 0.5, 100.0) for name in ("a", "b")}
    brief = {"budget": 1800, "tasks": {"a": {"label_cost": 1}, "b": {"label_cost": 8}}}
    found = solved(problem(Brief.from_dict(brief), surfaces))
    assert found.choice.tasks == (800, 125)
    assert found.value == pytest.approx(0.5, abs=1e-12)
    assert found.bound == pytest.approx(0.5, abs=1e-6)
