"""A plan that is known to be possible is never lost, whatever a solver says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from budget import Brief, plan
from budget.allocation import fixed
from budget.allocation.choice_program import Chosen, Columns, choose
from tests.budget.allocation.surfaces import Array, Known, measured


@dataclass(frozen=True)
class Step(Known):
    """A score that rises, is flat, and rises again at far more labels: its concave envelope bridges a wide valley."""

    def _relative(self, labels: ArrayLike, pools: object) -> Array:
        n = np.atleast_1d(np.asarray(labels, float))
        return 1 - 0.5 * (1 - np.exp(-n / 8000)) - 0.5 / (1 + np.exp((60_000 - n) / 3000)) - 1e-8 * n


def valley() -> tuple[dict[str, Any], dict[str, Known]]:
    """The money ends inside the valley, and prices a label are small beside the whole."""
    surfaces = {name: Step(name, scale=0.5) for name in ("a", "b")}
    tasks = {name: {"label_cost": 0.3, "max_labels": 100_000} for name in surfaces}
    return {"budget": 30_000, "tasks": tasks}, surfaces


def test_a_budget_that_ends_in_a_valley_has_a_plan_with_a_true_bound() -> None:
    brief, surfaces = valley()
    answer = plan(Brief.from_dict(brief), measured(surfaces), surfaces)  # type: ignore[arg-type]
    grid = np.arange(0, 100_001, 50)
    scores = surfaces["a"].expected(grid)
    pairs = (scores[:, None] + scores[None]) / 2
    best = float(pairs[(grid[:, None] + grid[None]) * 0.3 <= 30_000].max())
    assert answer.cost <= 30_000
    assert answer.certificate.bound >= best
    assert answer.score.expected >= best - 1e-4


@pytest.mark.parametrize("goal", ["mean", "worst", "cheapest"])
@pytest.mark.parametrize("fails", ["whole choices", "everything"])
def test_a_solver_that_finds_nothing_leaves_the_best_known_plan(
    goal: str, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(columns: Columns, whole: bool, *others: Any) -> Chosen:
        found = choose(columns, whole, *others)
        lost = whole or fails == "everything"
        return Chosen(False, (), -np.inf, np.inf, np.zeros(1), np.zeros(1), np.zeros(0), "", False) if lost else found

    monkeypatch.setattr(fixed, "choose", broken)
    surfaces = {name: Known(name, seed=k, take_off=500.0) for k, name in enumerate(("a", "b"))}
    tasks = {name: {"label_cost": 1, "lot": 70, "setup_cost": 10} for name in surfaces}
    tasks = {name: task | {"target": 0.2} for name, task in tasks.items()} if goal == "cheapest" else tasks
    brief = Brief.from_dict({"budget": 5000, "goal": goal, "tasks": tasks})
    answer = plan(brief, measured(surfaces), surfaces)  # type: ignore[arg-type]
    assert answer.status == ("optimal" if answer.certificate.gap <= 1e-4 else "feasible")
    assert answer.cost <= 5000
    assert 0 <= answer.certificate.gap < np.inf
    if goal != "cheapest":
        assert (
            all(answer.score.expected >= each.score.expected - 1e-9 for each in answer.baselines.values())
            or goal == "worst"
        )
