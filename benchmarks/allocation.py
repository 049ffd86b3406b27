"""How fast and how close to the optimum plans are made, beside the same problem as programs over levels and by SLSQP.

T tasks, one pool, effective-data surfaces with 200 draws. Prints the time, the gap and the ratio to the rival of the
same run. The rival is what most people would write: for each of 64 levels of the pool a PuLP program over 32 segments a
task, solved by CBC.

usage: python benchmarks/allocation.py [--tasks 1000] [--rival-tasks 200] [--rival-levels 64] [--slsqp-tasks 20]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from budget import Brief
from budget.allocation import frontier
from budget.allocation.optimum import optimum
from budget.allocation.problem import Problem, problem
from budget.allocation.solver import solve
from budget.allocation.table import tabulate

Array = NDArray[np.float64]
DRAWS = 200


@dataclass(frozen=True)
class EffectiveData:
    """score = 1 - floor_s - scale_s (1 + (n + k P^c n^d) / n0)^-b, one floor and scale a draw."""

    floor: Array
    scale: Array
    exponent: float
    gain: float
    most_labels: int = 10_000

    @property
    def most_pools(self) -> Mapping[str, int]:
        return {"pool": 100_000}

    def _shape(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None) -> Array:
        n = np.asarray(labels, float)
        pool = np.asarray((pools or {}).get("pool", 0.0), float)
        return np.asarray((1 + (n + self.gain * pool**0.5 * (n + 1) ** 0.4) / 100.0) ** -self.exponent)

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return np.asarray(1 - self.floor.mean() - self.scale.mean() * self._shape(labels, pools))

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return np.asarray(1 - self.floor[:, None] - self.scale[:, None] * self._shape(labels, pools))


def posed(count: int, **common: float) -> Problem:
    """A brief of so many tasks with random prices and weights, and its surfaces."""
    rng = np.random.default_rng(count)
    names = [f"t{i:04d}" for i in range(count)]
    surfaces = {
        name: EffectiveData(
            rng.uniform(0, 0.2) + 0.02 * rng.random(DRAWS),
            rng.uniform(0.3, 0.7) * (1 + 0.1 * rng.standard_normal(DRAWS)),
            float(rng.uniform(0.2, 0.8)),
            float(rng.uniform(0, 1)),
        )
        for name in names
    }
    tasks = {name: {"label_cost": round(float(rng.uniform(0.05, 2)), 3), "weight": 1.0, **common} for name in names}
    pools = {"pool": {"label_cost": 0.02, "max_labels": 50_000 * count}}
    return problem(Brief.from_dict({"budget": 500.0 * count, "tasks": tasks, "pools": pools}), surfaces)


def timed(label: str, asked: Problem) -> float:
    """Solve one problem; print the seconds and the gap."""
    started = time.perf_counter()
    table = tabulate(asked)
    sampled = time.perf_counter()
    found = optimum(table, asked, "highs", seconds=30.0)
    ended = time.perf_counter()
    gap = found.bound - found.value if found is not None else float("nan")
    print(f"{label:34s} {ended - started:8.2f} s (of it sampling {sampled - started:.2f})   gap {gap:.1e}")
    return ended - started


def rival(asked: Problem, levels: int, segments: int = 32) -> tuple[float, float]:
    """Seconds and best score of one program a level of the pool, each over segments of all tasks."""
    started, best = time.perf_counter(), -np.inf
    pool = asked.pools[0]
    for level in np.concatenate([[0.0], np.geomspace(100, pool.most, levels - 1)]):
        left = asked.budget - level * float(pool.price)
        if left < 0:
            continue
        program = pulp.LpProblem("level", pulp.LpMaximize)
        gains, costs = [], []
        for i, line in enumerate(asked.tasks):
            labels = np.concatenate([[0.0], np.geomspace(1, line.most, segments)])
            score = asked.expected(i, labels, np.full((len(labels), 1), level))
            parts = [program.add_variable(f"x{i}_{k}", 0, 1) for k in range(segments)]
            gains += list(zip(parts, asked.scored[i].weight * np.diff(score), strict=True))
            costs += list(zip(parts, float(line.price) * np.diff(labels), strict=True))
            gains.append((program.add_variable(f"b{i}", 1, 1), asked.scored[i].weight * score[0]))
        program.setObjective(pulp.LpAffineExpression(gains))
        program.addConstraint(pulp.LpAffineExpression(costs) <= left)
        solve(program, "cbc")
        best = max(best, float(program.objective.value()))
    return time.perf_counter() - started, best


def slsqp(asked: Problem) -> tuple[float, float]:
    """Seconds and score of scipy's SLSQP with numerical gradients, as marketing-budget tools use it."""
    prices = np.array([float(line.price) for line in asked.lines])

    def loss(shares: Array) -> float:
        labels = shares * asked.budget / prices
        mix = labels[None, len(asked.tasks) :]
        return -sum(one.weight * asked.expected(i, labels[i : i + 1], mix)[0] for i, one in enumerate(asked.scored))

    started = time.perf_counter()
    start = np.full(len(prices), 1 / len(prices))
    money = {"type": "ineq", "fun": lambda shares: 1 - shares.sum()}
    found = minimize(loss, start, method="SLSQP", bounds=[(0, 1)] * len(prices), constraints=[money])
    return time.perf_counter() - started, -float(found.fun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rival-tasks", type=int, default=200)
    parser.add_argument("--rival-levels", type=int, default=64)
    parser.add_argument("--slsqp-tasks", type=int, default=20)
    arguments = parser.parse_args()
    count = arguments.tasks
    small = timed(f"{count * 2 // 5} tasks", posed(count * 2 // 5))
    timed(f"{count} tasks", posed(count))
    large = timed(f"{count * 4} tasks", posed(count * 4))
    print(f"cost grows as tasks ** {np.log(large / small) / np.log(10):.2f}")
    asked = posed(count)
    started = time.perf_counter()
    points = frontier.along_budgets(tabulate(asked), asked, (), None)
    print(
        f"{'frontier at ' + str(count) + ' tasks':34s} {time.perf_counter() - started:8.2f} s for {len(points)} budgets"
    )
    few = posed(arguments.rival_tasks)
    ours = timed(f"{arguments.rival_tasks} tasks, as the rival", few)
    theirs, score = rival(few, arguments.rival_levels)
    found = optimum(tabulate(few), few, "highs")
    short = found.bound - score if found is not None else float("nan")
    print(f"{'one program a level, CBC':34s} {theirs:8.2f} s   gap {short:.1e}   ratio {theirs / ours:.0f}")
    tiny = posed(arguments.slsqp_tasks)
    ours = timed(f"{arguments.slsqp_tasks} tasks, as SLSQP", tiny)
    theirs, score = slsqp(tiny)
    found = optimum(tabulate(tiny), tiny, "highs")
    short = found.bound - score if found is not None else float("nan")
    print(f"{'SLSQP':34s} {theirs:8.2f} s   gap {short:.1e}   ratio {theirs / ours:.1f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
