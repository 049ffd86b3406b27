"""Small random problems with every feature of a brief, and their best plan by trying every one: the oracle."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from budget.allocation.problem import Choice, Problem
from tests.budget.allocation.surfaces import Known

FEATURES = (
    "setup",
    "min_buy",
    "min_labels",
    "tiers",
    "hours",
    "groups",
    "constraints",
    "targets",
    "worst",
    "cheapest",
    "risk",
    "subgroups",
)
THREE = "three pools"  # not among the features: where scores are not concave in so many pools the gap stays open


def drawn(seed: int, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Known]]:
    """A brief of one to three tasks and up to two pools, few whole lots each, with surfaces of many shapes."""
    rng = np.random.default_rng(seed)
    pools = [f"p{j}" for j in range(rng.integers(0, 3) if THREE not in features else 3)]
    surfaces, tasks = {}, {}
    for i in range(rng.integers(1, 4)):
        name = f"t{i}"
        gains = {pool: float(rng.choice([0, 0.2, 1])) for pool in pools}
        surfaces[name] = Known(
            name, rng.uniform(0, 0.3), rng.uniform(0.1, 0.7), rng.uniform(0.1, 1), float(rng.choice([1, 10, 100])),
            gains, power=float(rng.choice([0.5, 0.5, 1.2])), seed=i, take_off=float(rng.choice([0, 0, 60])), spread=0.2,
        )  # fmt: skip
        lot, owned, lots = int(rng.choice([1, 5, 20])), int(rng.choice([0, 7, 100])), int(rng.integers(0, 9))
        task = {
            "lot": lot,
            "owned": owned,
            "max_labels": owned + lot * lots,
            "weight": float(rng.choice([0.5, 1, 1, 3])),
        }
        task |= _priced(rng, lot, owned, lots, features, [0.1, 0.35, 1, 3])
        if "targets" in features and rng.random() < 0.4:
            low, high = surfaces[name].expected([owned, owned + lot * lots])
            task["target"] = float(np.clip(low + (high - low) * rng.uniform(-0.1, 1.05), 0, 1))
            if rng.random() < 0.5:
                task["target_confidence"] = float(rng.choice([0.5, 0.8, 0.95]))
        if "groups" in features and rng.random() < 0.5:
            task["group"] = "g"
        tasks[name] = task
    brief: dict[str, Any] = {"budget": float(rng.choice([0, 3, 10, 40, 100])), "tasks": tasks, "pools": {}}
    for pool in pools:
        lots = int(rng.integers(0, 9 if THREE not in features else 4))
        brief["pools"][pool] = {"lot": 50, "max_labels": 50 * lots, **_priced(rng, 50, 0, lots, features, [0.01, 0.1])}
    _limits(rng, brief, features)
    if "subgroups" in features and rng.random() < 0.6 and brief.get("goal", "mean") != "cheapest":
        gains = {pool: float(rng.choice([0, 0.5])) for pool in pools}
        surfaces["s"] = Known("s", rng.uniform(0, 0.3), rng.uniform(0.1, 0.7), rng.uniform(0.1, 1), 10.0, gains, seed=7)
        tasks["s"] = {"measured_on": "t0", "weight": float(rng.choice([0.5, 1, 3]))}
    return brief, surfaces


def _priced(
    rng: np.random.Generator, lot: int, owned: int, lots: int, features: frozenset[str], prices: list[float]
) -> dict[str, Any]:
    base, part = float(rng.choice(prices)), {}
    if "tiers" in features and rng.random() < 0.4 and lots > 1:
        part["tiers"] = [[0, base], [lot * int(rng.integers(1, lots)), base * float(rng.choice([0.3, 0.7, 2]))]]
    else:
        part["label_cost"] = base
    if "setup" in features and rng.random() < 0.5:
        part["setup_cost"] = float(rng.choice([1, 5]))
    if "min_buy" in features and rng.random() < 0.5 and lots > 0:
        part["min_buy"] = lot * int(rng.integers(1, lots + 1))
    if "min_labels" in features and rng.random() < 0.3 and lots > 0:
        part["min_labels"] = owned + lot * int(rng.integers(0, min(lots, 2) + 1))
    return part


def _limits(rng: np.random.Generator, brief: dict[str, Any], features: frozenset[str]) -> None:
    tasks = brief["tasks"]
    if "hours" in features and rng.random() < 0.7:
        for part in (*tasks.values(), *brief["pools"].values()):
            part["label_seconds"] = float(rng.choice([30, 60, 600]))
        brief["hours"] = float(rng.choice([0.5, 2, 10]))
    if "groups" in features and any("group" in task for task in tasks.values()):
        limits = {"max_cost": brief["budget"] * float(rng.choice([0.5, 0.8]))} if rng.random() < 0.5 else {}
        if rng.random() < 0.4:
            limits["min_share"] = float(rng.choice([0.1, 0.3]))
        brief["groups"] = {"g": limits} if limits else {}
    if "constraints" in features and len(tasks) > 1 and rng.random() < 0.8:
        texts = [
            "t0.cost <= 2 * t1.cost",
            "t0.buy >= t1.buy",
            "t0.labels + t1.labels <= 150",
            "total.cost >= 0.5 * t0.cost + 1",
        ]
        brief["constraints"] = [str(rng.choice(texts))]
    if "worst" in features and rng.random() < 0.5:
        brief["goal"] = "worst"
    if "cheapest" in features and all("target" in task for task in tasks.values()):
        brief["goal"] = "cheapest"
    if "risk" in features and brief.get("goal", "mean") == "mean" and rng.random() < 0.6:
        brief["risk"] = float(rng.choice([0.1, 0.5]))


def best_by_trying(problem: Problem) -> float:
    """The goal of the best plan among all there are; -inf if none keeps to the brief. Reckoned without the planner's
    goals, programs or tables."""
    sides = [[b for b in range(0, line.most + 1, line.lot) if line.allows(b)] for line in problem.lines]
    count = len(problem.tasks)
    plans = [Choice(each[:count], each[count:]) for each in itertools.product(*sides)]
    plans = [plan for plan in plans if not problem.broken(plan)]
    if not plans:
        return -np.inf
    bought = np.array([plan.tasks for plan in plans], float)
    mixes = np.array([plan.pools for plan in plans], float).reshape(len(plans), -1)
    labels = [bought[:, s.line] + problem.tasks[s.line].owned for s in problem.scored]
    expected = np.stack([problem.expected(i, labels[i], mixes) for i in range(len(labels))], axis=1)
    draws = np.stack([problem.draws(i, labels[i], mixes) for i in range(len(labels))], axis=2)  # (S, plans, n)
    fine = np.ones(len(plans), bool)
    for i, one in enumerate(problem.scored):
        if one.target is not None and problem.goal != "worst":
            target = one.normal(np.array(one.target)) - 1e-12
            reached = expected[:, i] >= target
            if one.confidence is not None:
                reached = (draws[:, :, i] >= target).mean(axis=0) >= one.confidence - 1e-9
            fine &= reached
    weights = np.array([s.weight for s in problem.scored])
    if problem.goal == "cheapest":
        values = np.array([-float(problem.cost(plan)) / max(problem.budget, 1e-12) for plan in plans])
    elif problem.goal == "worst":
        scales = [
            1.0 if s.target is None or s.target <= 0 else float(s.normal(np.array(s.target))) for s in problem.scored
        ]
        values = (expected / np.array(scales)).min(axis=1)
    elif problem.risk > 0:
        totals = np.sort(draws @ weights, axis=0)
        tail = np.clip(problem.risk * len(totals) - np.arange(len(totals)), 0, 1)
        values = tail @ totals / tail.sum()
    else:
        values = expected @ weights
    return float(values[fine].max()) if fine.any() else -np.inf
