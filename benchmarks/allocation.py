"""How fast and how close to the optimum plans are made, beside the same problem as programs over levels and by SLSQP.

T tasks, one pool, effective-data surfaces with 200 draws. Every figure stands beside its target; ratios are to the
rival of the same run. The rival is what most people would write: for each of 64 levels of the pool a PuLP program over
32 segments a task, solved by CBC. By default it solves a sample of its levels and the time is multiplied; SLSQP gets
few tasks, for its time grows with the cube of them. Every gap is that of a plan in whole labels, scored by the surfaces
and set against the bound that is proved here. The whole takes about a minute.

usage: python benchmarks/allocation.py [--tasks 1000] [--rival-solved 12] [--slsqp-tasks 100]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pulp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from budget import Brief
from budget.allocation import frontier
from budget.allocation.evaluation import expected
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.plain import plain
from budget.allocation.problem import Choice, Problem, problem
from budget.allocation.smooth import values
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
    mean_floor: float
    mean_scale: float
    most_labels: int = 10_000

    @property
    def most_pools(self) -> Mapping[str, int]:
        return {"pool": 100_000}

    def _shape(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None) -> Array:
        n = np.asarray(labels, float)
        pool = np.asarray((pools or {}).get("pool", 0.0), float)
        return np.asarray((1 + (n + self.gain * pool**0.5 * (n + 1) ** 0.4) / 100.0) ** -self.exponent)

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return np.asarray(1 - self.mean_floor - self.mean_scale * self._shape(labels, pools))

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return np.asarray(1 - self.floor[:, None] - self.scale[:, None] * self._shape(labels, pools))

    @staticmethod
    def together(surfaces: Sequence[EffectiveData]) -> Curves:
        return Curves(*(np.array([[getattr(s, key)] for s in surfaces]) for key in Curves.__annotations__))


@dataclass(frozen=True)
class Curves:
    """Expected scores of several such surfaces; all parameters (n, 1)."""

    exponent: Array
    gain: Array
    mean_floor: Array
    mean_scale: Array

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        effective = labels + self.gain * pools["pool"] ** 0.5 * (labels + 1) ** 0.4
        return np.asarray(1 - self.mean_floor - self.mean_scale * (1 + effective / 100.0) ** -self.exponent)


def surface(rng: np.random.Generator) -> EffectiveData:
    floor = rng.uniform(0, 0.2) + 0.02 * rng.random(DRAWS)
    scale = rng.uniform(0.3, 0.7) * (1 + 0.1 * rng.standard_normal(DRAWS))
    exponent, gain = float(rng.uniform(0.2, 0.8)), float(rng.uniform(0, 1))
    return EffectiveData(floor, scale, exponent, gain, float(floor.mean()), float(scale.mean()))


def posed(count: int, risk: float = 0.0, **common: float) -> Problem:
    """A brief of so many tasks with random prices, and its surfaces."""
    rng = np.random.default_rng(count)
    names = [f"t{i:04d}" for i in range(count)]
    surfaces = {name: surface(rng) for name in names}
    tasks = {name: {"label_cost": round(float(rng.uniform(0.05, 2)), 3), "weight": 1.0, **common} for name in names}
    pools = {"pool": {"label_cost": 0.02, "max_labels": 50_000 * count}}
    brief = {"budget": 500.0 * count, "risk": risk, "tasks": tasks, "pools": pools}
    return problem(Brief.from_dict(brief), surfaces)  # type: ignore[arg-type]


def line(name: str, seconds: float, gap: float, target: str) -> None:
    print(f"{name:44s} {seconds:8.2f} s   gap {gap:8.1e}   target {target}", flush=True)


def solved(name: str, asked: Problem, target: str) -> tuple[float, Optimum]:
    """Solve one problem with everything that belongs to it; print seconds and gap. The best of three short runs."""
    taken: list[float] = []
    while len(taken) < 3 and sum(taken) < 3:
        started = time.perf_counter()
        found = optimum(tabulate(asked), asked, "highs", seconds=30.0)
        taken.append(time.perf_counter() - started)
    assert found is not None
    line(name, min(taken), found.bound - found.value, target)
    return min(taken), found


def without_lots(asked: Problem) -> float:
    """What lots of one label leave open aside: the gap of the plan in parts of labels."""
    table = tabulate(asked)
    easy = plain(table, [asked])
    scores = values(easy.cases, easy.smooth.tasks[:, None], easy.smooth.pools[:, None])
    return easy.cuts(table).program(0).solve("highs").bound - float(scores.sum())


def rival(asked: Problem, levels: int, solved_levels: int, segments: int = 32) -> tuple[float, Choice]:
    """Seconds for all levels and the best plan of one program a level of the pool, each over segments of all tasks.

    Of the levels half of those that are solved are the nearest to the best pool, the others are spread evenly; the time
    is multiplied to all of them.
    """
    pool = asked.pools[0]
    best_pool = plain(tabulate(asked), [asked]).smooth.pools[0, 0]
    every = np.concatenate([[0.0], np.geomspace(100, pool.most, levels - 1)])
    every = every[every * float(pool.price) <= asked.budget]
    near = np.argsort(np.abs(np.log(every + 1) - np.log(best_pool)))
    spread = near[np.linspace(solved_levels // 2, len(near) - 1, solved_levels - solved_levels // 2).astype(int)]
    started = time.perf_counter()
    plans = [at_level(asked, float(every[k]), segments) for k in [*near[: solved_levels // 2], *spread]]
    taken = (time.perf_counter() - started) * levels / len(plans)
    scores = expected(asked, plans)
    return taken, plans[int(scores.argmax())]


def at_level(asked: Problem, level: float, segments: int) -> Choice:
    """The plan of the program at one level of the pool, in whole labels."""
    program = pulp.LpProblem("level", pulp.LpMaximize)
    labels = np.array([[0.0, *np.geomspace(1, one.most, segments)] for one in asked.tasks])
    scores = asked.scores(labels, np.full((segments + 1, 1), level))
    gains, costs, bought = [], [], []
    for i, one in enumerate(asked.tasks):
        parts = [program.add_variable(f"x{i}_{k}", 0, 1) for k in range(segments)]
        gains += list(zip(parts, asked.scored[i].weight * np.diff(scores[i]), strict=True))
        costs += list(zip(parts, float(one.price) * np.diff(labels[i]), strict=True))
        bought.append(parts)
    program.setObjective(pulp.LpAffineExpression(gains))
    program.addConstraint(pulp.LpAffineExpression(costs) <= asked.budget - level * float(asked.pools[0].price))
    found = solve(program, "cbc").values
    shares = np.array([[found.get(part.name, 0.0) for part in parts] for parts in bought])
    return whole(asked, np.append((shares * np.diff(labels)).sum(axis=1), level))


def whole(asked: Problem, bought: Array) -> Choice:
    """Purchases of tasks and pools, rounded down to whole labels."""
    buys = tuple(int(buy + 1e-9) for buy in bought)
    return Choice(buys[: len(asked.tasks)], buys[len(asked.tasks) :])


def gap(asked: Problem, plan: Choice, bound: float) -> float:
    """How far a plan in whole labels is from what no plan exceeds, scored by the surfaces as ours is."""
    assert asked.cost(plan) <= asked.money * (1 + Fraction(1, 10**9))
    return bound - float(expected(asked, [plan])[0])


def slsqp(asked: Problem) -> tuple[float, Choice]:
    """Seconds and plan of scipy's SLSQP with numerical gradients, as marketing-budget tools use it."""
    prices = np.array([float(one.price) for one in asked.lines])

    def loss(shares: Array) -> float:
        labels = shares * asked.budget / prices
        mix = labels[None, len(asked.tasks) :]
        return -float(
            sum(one.weight * asked.expected(i, labels[i : i + 1], mix)[0] for i, one in enumerate(asked.scored))
        )

    started = time.perf_counter()
    start = np.full(len(prices), 1 / len(prices))
    money = {"type": "ineq", "fun": lambda shares: 1 - shares.sum()}
    found = minimize(loss, start, method="SLSQP", bounds=[(0, 1)] * len(prices), constraints=[money])
    return time.perf_counter() - started, whole(asked, np.clip(found.x, 0, None) * asked.budget / prices)


def ours(count: int) -> tuple[float, Optimum]:
    """The problems without rivals; seconds and plan of the plain one."""
    small, _ = solved(f"{count * 2 // 5} tasks", posed(count * 2 // 5), "")
    middle, plan = solved(f"{count} tasks", posed(count), "0.5 s")
    line("  before whole labels", middle, without_lots(posed(count)), "1e-9")
    large, _ = solved(f"{count * 4} tasks", posed(count * 4), "2 s")
    print(f"{'cost grows as tasks to the power of':44s} {np.log(large / small) / np.log(10):8.2f}   target 1.2")
    started, asked = time.perf_counter(), posed(count)
    points = frontier.along_budgets(tabulate(asked), asked, (), None, steps=99)
    gaps = [point.bound - point.plan.expected for point in points if point.plan is not None]
    line(f"frontier, {len(points)} budgets, {count} tasks", time.perf_counter() - started, max(gaps), "5 s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory up to here':44s} {peak:8.0f} MB  target 500")
    solved(f"CVaR 10 %, {count} tasks", posed(count, risk=0.1), "2 s, 1e-6")
    solved(f"lots of 50 and set-up, {count} tasks", posed(count, lot=50, setup_cost=5.0), "10 s, 1e-6")
    return middle, plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rival-levels", type=int, default=64)
    parser.add_argument("--rival-solved", type=int, default=12, help="of the rival's levels; the time is multiplied")
    parser.add_argument("--slsqp-tasks", type=int, default=100)
    arguments = parser.parse_args()
    middle, plan = ours(arguments.tasks)
    asked = posed(arguments.tasks)
    theirs, other = rival(asked, arguments.rival_levels, arguments.rival_solved)
    name = f"one program a level, CBC ({arguments.rival_solved} of {arguments.rival_levels} solved)"
    line(name, theirs, gap(asked, other, plan.bound), "")
    print(f"{'  times as long as ours':44s} {theirs / middle:8.0f}     target 500")
    asked = posed(arguments.slsqp_tasks)
    mine, plan = solved(f"{arguments.slsqp_tasks} tasks", asked, "")
    theirs, other = slsqp(asked)
    line("SLSQP", theirs, gap(asked, other, plan.bound), "")
    print(f"{'  times as long as ours':44s} {theirs / mine:8.0f}")


if __name__ == "__main__":
    main()
