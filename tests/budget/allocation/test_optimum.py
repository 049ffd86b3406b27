"""The optimizer against every whole plan there is, on small problems with every feature of a brief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from budget import Brief
from budget.allocation.baselines import baselines
from budget.allocation.goals import goal_value, kept
from budget.allocation.optimum import ONE_PRICE, optimum
from budget.allocation.problem import Problem, problem
from budget.allocation.search import nearby
from budget.allocation.table import tabulate
from budget.errors import InvalidInput
from tests.budget.allocation.lattice import FEATURES, THREE, best_by_trying, drawn
from tests.budget.allocation.surfaces import Known

Array = NDArray[np.float64]


def posed(seed: int, features: frozenset[str]) -> Problem | None:
    """The problem of a seed, or None where the brief contradicts itself in ways that the brief's own check refuses."""
    brief, surfaces = drawn(seed, features)
    try:
        asked = problem(Brief.from_dict(brief), surfaces)
    except InvalidInput:
        return None
    return asked if sum(line.cost(line.least) for line in asked.lines) <= asked.money else None


def check_against_every_plan(seed: int, features: frozenset[str], solver: str = "highs") -> None:
    asked = posed(seed, features)
    if asked is None:
        return
    best = best_by_trying(asked)
    found = optimum(tabulate(asked), asked, solver, tuple(baselines(asked).values()))
    if found is None:
        assert best == -float("inf"), f"seed {seed}: a plan exists, none was found"
        return
    assert kept(asked, found.choice)
    assert found.value == pytest.approx(goal_value(asked, found.choice), abs=1e-9)
    assert found.value <= best + 1e-9
    assert found.bound >= best - 1e-8, f"seed {seed}: a plan exceeds the bound"
    if asked.goal != "cheapest" and THREE not in features:
        assert found.bound - found.value <= 1e-4, f"seed {seed}: the gap stays open"


@pytest.mark.parametrize("feature", [*FEATURES, ""])
def test_with_one_feature_no_plan_exceeds_the_bound_and_the_gap_closes(feature: str) -> None:
    wanted = {feature, "targets"} if feature == "cheapest" else {feature}
    for seed in range(12):
        check_against_every_plan(seed, frozenset(wanted))


def test_with_all_features_at_once_no_plan_exceeds_the_bound_and_the_gap_closes() -> None:
    for seed in range(100, 160):
        check_against_every_plan(seed, frozenset(FEATURES))


@dataclass(frozen=True)
class Gamble(Known):
    """A score that a pool raises on average, and lowers in its worst draws."""

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        luck = self._factors()[:, None] - 1
        return self.expected(labels, pools) + 2 * luck * np.asarray((pools or {}).get("p", 0.0)) / 1e4


def test_under_risk_no_money_left_over_buys_what_lowers_the_worst_draws() -> None:
    task = {"label_cost": 1, "lot": 5, "max_labels": 20}
    free = {"label_cost": 0, "setup_cost": 1, "lot": 100, "max_labels": 800}
    brief = Brief.from_dict({"budget": 50, "risk": 0.1, "tasks": {"a": task}, "pools": {"p": free}})
    asked = problem(brief, {"a": Gamble("a", gains={"p": 0.05})})
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert asked.risk > 0
    assert found.value == pytest.approx(best_by_trying(asked), abs=1e-9)
    assert optimum(tabulate(asked), replace(asked, risk=0.0), "highs").choice.pools == (800,)  # type: ignore[union-attr]


@pytest.mark.parametrize("confidence", [1e-12, 1 - 1e-12])
def test_any_confidence_there_is_can_be_asked_for(confidence: float) -> None:
    task = {"label_cost": 1, "target": 0.3, "target_confidence": confidence}
    asked = problem(Brief.from_dict({"budget": 50, "tasks": {"a": task}}), {"a": Known("a")})
    draws = asked.draws(0, np.array([50.0]), np.zeros((1, 0)))[:, 0] - 0.3
    assert asked.reaches(0, np.array([50.0]), np.zeros((1, 0)))[0] == (draws.max() if confidence < 0.5 else draws.min())


def test_around_a_plan_every_pool_is_tried_with_a_lot_more_and_less_and_for_a_lot_of_another() -> None:
    pools = {
        "p": {"label_cost": 1, "lot": 10},
        "q": {"label_cost": 2, "lot": 10},
        "r": {"label_cost": 1, "lot": 10, "min_buy": 40},
    }
    asked = problem(
        Brief.from_dict({"budget": 500, "tasks": {"a": {"label_cost": 1}}, "pools": pools}), {"a": Known("a")}
    )
    tried = set(nearby(asked.pools, (100, 0, 0)))
    assert {(90, 0, 0), (110, 0, 0), (100, 10, 0), (100, 0, 40), (90, 10, 0), (50, 20, 0), (50, 0, 50)} <= tried
    assert all(line.allows(buy) for mix in tried for line, buy in zip(asked.pools, mix, strict=True))


LATE = Known("a", take_off=3000, exponent_value=2.0)  # a score that rises slowly at first


@pytest.mark.parametrize(
    ("task", "surface", "reason"),
    [
        ({"label_cost": 0.01}, Known("a"), ONE_PRICE),
        ({"setup_cost": 5}, Known("a"), "the brief has set-up costs"),
        ({"target": 0.5, "min_buy": 30}, Known("a"), "the brief has least orders, targets"),
        ({"label_cost": 0.3}, LATE, "the score of a bends up along its labels, by 0."),
    ],
)
def test_the_form_says_what_made_it_necessary(task: dict[str, float], surface: Known, reason: str) -> None:
    tasks = {"a": {"label_cost": 1} | task, "b": {"label_cost": 0.5}}
    asked = problem(Brief.from_dict({"budget": 500, "tasks": tasks}), {"a": surface, "b": Known("b")})
    found = optimum(tabulate(asked), asked, "highs")
    assert found is not None
    assert found.form.split("; ")[1].startswith(reason)


def test_with_three_pools_the_gap_that_is_shown_is_true() -> None:
    for seed in range(10):
        check_against_every_plan(seed, frozenset({THREE}))
    for seed in range(10, 16):
        check_against_every_plan(seed, frozenset({THREE, "setup", "targets", "subgroups"}))


def test_the_bundled_solver_proves_the_same() -> None:
    for seed in range(10):
        check_against_every_plan(seed, frozenset({"setup", "constraints", "targets"}), "cbc")


@pytest.mark.slow
@pytest.mark.parametrize("block", range(24))
def test_two_thousand_problems_hold_against_every_plan(block: int) -> None:
    features = frozenset(FEATURES) if block % 2 else frozenset({FEATURES[block // 2]})
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        check_against_every_plan(seed, features)


@pytest.mark.parametrize(("price", "lot", "slack", "least"), [(0.333, 50, 1.0, 999_000), (0.3, 3, 1.0001, 999_900)])
def test_a_plan_that_only_rounding_lets_keep_to_its_rows_is_none(
    price: float, lot: int, slack: float, least: int
) -> None:
    for budget in (1e3, 1e4, 1e6):
        limit = least * budget / 1e6
        brief = {
            "budget": budget,
            "tasks": {"a": {"label_cost": 1.0}, "b": {"label_cost": price, "lot": lot, "owned": 100}},
            "constraints": [f"a.cost <= {slack} * b.cost", f"b.cost <= {slack} * a.cost", f"total.cost >= {limit}"],
        }
        asked = problem(Brief.from_dict(brief), {"a": Known("a"), "b": Known("b", exponent_value=0.3)})
        found = optimum(tabulate(asked), asked, "highs")
        assert found is None or kept(asked, found.choice)
