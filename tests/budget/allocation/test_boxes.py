"""Boxes of pools: the bound is above every plan, the gap closes, and no clock has a say in it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from budget import Brief
from budget.allocation import boxes
from budget.allocation.box_prices import Inside, Prices
from budget.allocation.problem import Problem, problem
from budget.allocation.search import Search
from tests.budget.allocation.surfaces import Known


def steep(power: float, take_off: float, goal: str = "mean", setup: float = 30) -> Problem:
    """Two tasks and a pool whose labels bring more the more there are: several thousand labels of each, one by one."""
    surfaces = {
        "a": Known("a", 0.05, 0.9, 0.5, 30.0, {"p": 0.3}, power=power, close=0.5, take_off=take_off),
        "b": Known("b", 0.1, 0.8, 0.4, 30.0, {"p": 0.1}, power=power, close=0.5, seed=1),
    }
    tasks = {name: {"label_cost": 1, "setup_cost": setup} for name in surfaces}
    pools = {"p": {"label_cost": 0.05, "lot": 500, "setup_cost": 100}}
    return problem(Brief.from_dict({"budget": 3000, "goal": goal, "tasks": tasks, "pools": pools}), surfaces)


def best_by_dense_search(asked: Problem) -> float:
    """Of all amounts of the pool, all labels of one task and all that is left for the other."""
    best = -np.inf
    pool = asked.pools[0]
    for bought in range(0, pool.most + 1, pool.lot):
        left = float(asked.money - pool.cost(bought))
        first = np.arange(0.0, left + 1)
        first = first[asked.tasks[0].costs(first) <= left]
        second = np.maximum(left - asked.tasks[0].costs(first) - float(asked.tasks[1].setup), 0.0) // 1
        labels, mixes = np.array([first, second]), np.full((len(first), 1), float(bought))
        scores = asked.scores(labels, mixes)
        best = max(best, float((scores.min(axis=0) if asked.goal == "worst" else asked.weights @ scores).max()))
    return best


def over_boxes(asked: Problem) -> tuple[float, float, int]:
    """The best plan's value, the bound, and how many boxes that took."""
    search = Search(asked, "highs", None)
    for bought in (0, 20_000, 40_000):
        search.attempt((bought,))
    assert search.best is not None
    bound, count = boxes.bound_over_boxes(asked, search.attempt, search.best, 5e-5, None, "highs")
    return search.value, bound, count


@pytest.mark.parametrize(
    ("power", "take_off", "goal"), [*itertools.product((0.8, 1.3), (0.0, 200.0), ("mean",)), (1.3, 200.0, "worst")]
)
def test_no_plan_of_thousands_of_labels_exceeds_the_bound(power: float, take_off: float, goal: str) -> None:
    asked = steep(power, take_off, goal)
    value, bound, count = over_boxes(asked)
    best = best_by_dense_search(asked)
    assert count > 1
    assert bound >= best - 1e-9
    assert best - 1e-4 <= value <= best + 1e-9
    assert bound - value <= 1e-4


def test_no_clock_stops_the_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = steep(1.3, 200.0)
    first, hours = over_boxes(asked), itertools.count(0.0, 3600.0)
    monkeypatch.setattr(boxes.time, "monotonic", lambda: next(hours))
    assert over_boxes(asked) == first


def test_boxes_end_where_they_bring_little() -> None:
    assert not boxes._stalled([1.0] * boxes.PATIENCE)
    assert boxes._stalled([1.0] * (boxes.PATIENCE + 1))
    assert not boxes._stalled([0.98**k for k in range(100)])


@pytest.mark.parametrize("seed", range(3))
def test_where_targets_are_cheapest_inside_a_box_no_corner_of_it_says_otherwise(seed: int) -> None:
    random = np.random.default_rng(seed)
    floors, exponents, prices = (
        random.uniform(0, 0.2, 3),
        random.uniform(0.2, 0.5, 3),
        random.uniform(0.2, 2, 3).round(2),
    )
    surfaces = {
        f"t{i}": Known(f"t{i}", floor, 0.7, exponent, 10.0, {"p": 1.0}, power=0.8)
        for i, (floor, exponent) in enumerate(zip(floors, exponents, strict=True))
    }
    tasks = {
        name: {"label_cost": float(price), "target": round(float(each.expected([2000], {"p": 2e4})[0]), 4)}
        for (name, each), price in zip(surfaces.items(), prices, strict=True)
    }
    brief = {"budget": 20_000, "goal": "cheapest", "tasks": tasks, "pools": {"p": {"label_cost": 0.05}}}
    asked = problem(Brief.from_dict(brief), surfaces)
    lists = [np.unique(np.geomspace(1, line.most + 1, 60).round() - 1) for line in asked.tasks]
    every = np.arange(200.0, 60_001, 200)
    money = 0.05 * every
    for price, task, each in zip(prices, tasks.values(), surfaces.values(), strict=True):
        enough = np.arange(1, 4001, 2.0)  # a label too many at most
        reached = np.stack([each.expected(enough, {"p": pool}) >= task["target"] for pool in every])
        money += np.where(reached.any(axis=1), price * enough[reached.argmax(axis=1)], np.inf)
    for low, high in itertools.combinations((200, 1000, 5000, 20_000, 60_000), 2):
        inside = Inside(asked, (low,), ((low + high) // 2,), (high,), None, lists)
        proof = inside.bound(Prices(np.zeros(1), asked.weights), -np.inf, 1e-6, "highs")
        least = money[(low <= every) & (every <= high)].min()
        assert -20_000 * proof.bound <= least + 1e-6
