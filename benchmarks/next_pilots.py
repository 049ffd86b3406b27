"""How much sooner a plan is good if the next pilot is the one worth most, instead of the grid in its order.

usage: python benchmarks/next_pilots.py [--truths 40] [--tasks 3] [--first 0]

Synthetic truths: tasks whose error falls with effective data (labels and, for some tasks, pool labels), pilots with
scatter that falls with the root of the labels, a run of n labels that takes 1 + n / 100 seconds. Both ways begin with
the same runs, the corners of the grid that `labelbudget pilot run` would carry out. One then goes on in the order of
that grid, the other fits all measurements so far and carries out the three pilots that `worth` puts first, again and
again, until none is worth anything or the seconds of the whole grid are spent. After every few runs the plan on what
has been measured is made; its regret is how much less it truly scores than the best plan there is.

Printed: mean regret by seconds spent, and for some regrets how many seconds each way takes until the mean over truths
has fallen there; standard errors from the bootstrap over truths. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from budget import Brief, Measurements
from budget.allocation.further import further_pilots
from budget.allocation.information import worth
from budget.allocation.optimum import optimum
from budget.allocation.problem import Choice, Forecast, Problem, labels_of, problem
from budget.allocation.table import tabulate
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.surface import Surface
from budget.plan import NextPilot
from pilots.design import grid
from pilots.trainers import Run

Array = NDArray[np.float64]
OWNED, POOL_OWNED = 800, 4000
SIZES, LEVELS = (50, 100, 200, 400, 800), (0, 1000, 4000)
SCATTER = 0.02  # of a run at the most labels
AT_ONCE = 3  # pilots carried out before the next are chosen
CHECKPOINTS = 16  # of the seconds at which regret is looked at


@dataclass(frozen=True)
class Truth:
    """error = floor + scale (n + 10 + help n^0.3 P^0.5)^-exponent."""

    floor: float
    scale: float
    exponent: float
    help: float
    most_labels: int = OWNED

    @property
    def most_pools(self) -> Mapping[str, int]:
        return {"general": POOL_OWNED}

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        n = np.atleast_1d(np.asarray(labels, float))
        pool = np.asarray((pools or {}).get("general", 0.0), float)
        return np.asarray(1 - self.floor - self.scale * (n + 10 + self.help * n**0.3 * pool**0.5) ** -self.exponent)

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return self.expected(labels, pools)[None]

    def scatter(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, repeats: ArrayLike = 1) -> Array:
        return np.asarray(SCATTER * np.sqrt(OWNED / np.maximum(np.asarray(labels, float), 1) / repeats))


@dataclass(frozen=True)
class World:
    """One brief with what is true of it."""

    brief: Brief
    truths: Mapping[str, Truth]
    seed: int
    best: float = math.nan  # score of the best plan

    def score(self, run: Run) -> float:
        """What a run measures: the same run always the same."""
        chance = np.random.default_rng(
            [self.seed, int(run.task[1:]), run.labels, sum(p for _, p in run.pools), run.seed]
        )
        truth = self.truths[run.task]
        expected = truth.expected(run.labels, dict(run.pools))[0]
        return float(expected + truth.scatter(run.labels) * chance.standard_normal())

    def regret(self, choice: Choice) -> float:
        """Points that a choice scores less than the best one."""
        return 100 * (self.best - true_score(problem(self.brief, self.truths), choice))


def true_score(asked: Problem, choice: Choice) -> float:
    labels, bought = labels_of(asked, [choice])
    return float(sum(one.weight * asked.expected(i, labels[:, i], bought)[0] for i, one in enumerate(asked.scored)))


def world(seed: int, tasks: int) -> World:
    chance = np.random.default_rng(seed)
    lines, truths = {}, {}
    for number in range(tasks):
        name, exponent = f"t{number}", float(chance.uniform(0.2, 0.6))
        at_most = float(chance.uniform(0.1, 0.5))  # error above the floor with all that is owned, without the pool
        help_ = float(chance.choice([0.0, 0.1, 0.5, 2.0]))
        truths[name] = Truth(float(chance.uniform(0, 0.2)), at_most * (OWNED + 10) ** exponent, exponent, help_)
        lines[name] = {"label_cost": float(chance.choice([0.1, 0.3, 1.0])), "owned": OWNED}
    pool = {"general": {"label_cost": float(chance.choice([0.02, 0.05, 0.2])), "owned": POOL_OWNED}}
    brief = Brief.from_dict({"budget": 3000.0 * tasks, "tasks": lines, "pools": pool})
    return World(brief, truths, seed, true_score(problem(brief, truths), planned(brief, truths)))


def seconds_of(run: Run) -> float:
    return 1 + run.labels / 100


def measured(world: World, runs: list[Run]) -> Measurements:
    rows = [
        {"task": r.task, "labels": r.labels, "seed": r.seed, "score": world.score(r), "seconds": seconds_of(r),
         "pool:general": sum(size for _, size in r.pools)}
        for r in runs
    ]  # fmt: skip
    return Measurements.from_frame(pd.DataFrame(rows))


def fit(known: Measurements, brief: Brief) -> Mapping[str, Surface]:
    """As `budget.fit`, without the backtest, which no plan looks at."""
    return surfaces(list(cells(known, brief).values()), 0)


def planned(brief: Brief, surfaces: Mapping[str, Forecast]) -> Choice:
    asked = problem(brief, surfaces)
    best = optimum(tabulate(asked), asked, "highs")
    assert best is not None
    return best.choice


def in_order(world: World, design: tuple[Run, ...], start: int, every: float) -> Iterator[tuple[float, float]]:
    """(seconds spent, regret): the grid in its order."""
    spent, due = sum(map(seconds_of, design[:start])), 0.0
    for count in range(start, len(design) + 1):
        if spent >= due:
            yield spent, world.regret(planned(world.brief, fit(measured(world, list(design[:count])), world.brief)))
            due = spent + every
        if count < len(design):
            spent += seconds_of(design[count])


def by_worth(world: World, design: tuple[Run, ...], start: int, every: float) -> Iterator[tuple[float, float]]:
    """The same: the pilot worth most, again and again."""
    runs, most, due = list(design[:start]), sum(map(seconds_of, design)), 0.0
    sizes = {**dict.fromkeys(world.truths, SIZES), "general": LEVELS}
    while (spent := sum(map(seconds_of, runs))) <= most:
        known = measured(world, runs)
        fitted = fit(known, world.brief)
        if spent >= due:
            yield spent, world.regret(planned(world.brief, fitted))
            due = spent + every
        asked = problem(world.brief, fitted)
        ranked = worth(asked, further_pilots(world.brief, known, sizes))
        if not ranked:
            yield spent, world.regret(planned(world.brief, fitted))
            return
        for best in ranked[:AT_ONCE]:
            runs += further_seeds(runs, best)


def further_seeds(runs: list[Run], pilot: NextPilot) -> list[Run]:
    """The runs of a pilot, with seeds that its cell has not had."""
    pools = tuple(sorted(pilot.pools.items()))
    taken = [run.seed for run in runs if (run.task, run.labels, run.pools) == (pilot.task, pilot.labels, pools)]
    first = max(taken, default=-1) + 1
    return [Run(pilot.task, pilot.labels, first + more, pools) for more in range(pilot.repeats)]


def curve(points: list[tuple[float, float]], seconds: Array) -> Array:
    """Regret by seconds spent: that of the last plan made by then; before the first plan, the first plan's."""
    spent, regret = np.array(points).T
    return np.asarray(regret[np.maximum(np.searchsorted(spent, seconds, side="right") - 1, 0)])


def reached(seconds: Array, regret: Array, aim: float) -> float:
    """Seconds after which the regret, smoothed to never rise, is at most `aim`."""
    falling = np.minimum.accumulate(regret)
    below = np.flatnonzero(falling <= aim)
    return float(seconds[below[0]]) if len(below) else math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truths", type=int, default=40)
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="number of the first truth")
    options = parser.parse_args()
    design = grid({f"t{number}": SIZES for number in range(options.tasks)}, {"general": LEVELS})
    start = 4 * options.tasks
    total = sum(map(seconds_of, design))
    seconds = np.linspace(sum(map(seconds_of, design[:start])), total, 4 * CHECKPOINTS)
    curves: dict[str, list[Array]] = {"grid": [], "next": []}
    for seed in range(options.first, options.first + options.truths):
        case = world(seed, options.tasks)
        curves["grid"].append(curve(list(in_order(case, design, start, total / CHECKPOINTS)), seconds))
        curves["next"].append(curve(list(by_worth(case, design, start, total / CHECKPOINTS)), seconds))
    report(seconds, {name: np.array(rows) for name, rows in curves.items()}, options.truths)


def report(seconds: Array, curves: dict[str, Array], truths: int) -> None:
    print("seconds   regret, grid in order   regret, worth most (points, mean and standard error)")
    for at in range(0, len(seconds), len(seconds) // 8):
        cells = [f"{rows[:, at].mean():8.3f} ± {rows[:, at].std(ddof=1) / truths**0.5:.3f}" for rows in curves.values()]
        print(f"{seconds[at]:7.0f}   " + "        ".join(cells))
    chance, found = np.random.default_rng(0), {}
    for share in (0.3, 0.5, 0.7):  # the regret of the grid after this share of its seconds
        at = int(share * (len(seconds) - 1))

        def saved(rows: NDArray[np.int64], at: int = at) -> float:
            grid_, next_ = (each[rows].mean(axis=0) for each in curves.values())
            aim = float(np.minimum.accumulate(grid_)[at])
            return 1 - min(reached(seconds, next_, aim) / reached(seconds, grid_, aim), 2.0)

        again = [saved(chance.integers(0, truths, truths, dtype=np.int64)) for _ in range(500)]
        best = saved(np.arange(truths, dtype=np.int64))
        aim = float(np.minimum.accumulate(curves["grid"].mean(axis=0))[at])
        print(f"to a mean regret of {aim:.3f} points: {best:.0%} ± {np.std(again):.0%} fewer seconds")
        found[f"{share:g}"] = {"regret": aim, "saved": best, "error": float(np.std(again))}
    print(json.dumps({"benchmark": "next_pilots", "truths": truths, "saved": found}))


if __name__ == "__main__":
    main()
