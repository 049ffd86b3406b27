"""How much sooner a plan is good if the next pilot is the one worth most, instead of the grid in its order.

usage: python benchmarks/next_pilots.py [--truths 24] [--tasks 4] [--first 0]

Synthetic truths: tasks whose error falls with effective data (labels and, for some tasks, pool labels); they differ in
weight, in the price of a label, in how long a run takes (so many seconds, and more with the labels) and in how much its
score scatters. Both ways begin with the same runs, the corners of the grid that `labelbudget pilot run` would carry
out. One then goes on in the order of that grid. The other fits all measurements so far and carries out, for each
task, the pilot that `worth` puts first, again and again, until none is worth anything or the seconds of
the whole grid are spent. After every few runs the plan on what has been measured is made; its regret is how much less
it truly scores than the best plan there is.

Printed: mean regret by seconds spent, and for some regrets how many seconds fewer it takes until the mean over truths
has fallen there; standard errors from the bootstrap over truths. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from budget import Brief, Measurements
from budget.allocation.forecasts import Forecast
from budget.allocation.further import further_pilots
from budget.allocation.information import worth
from budget.allocation.optimum import optimum
from budget.allocation.problem import Choice, Problem, labels_of, problem
from budget.allocation.table import tabulate
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.surface import Surface
from budget.plan import NextPilot
from pilots.design import grid
from pilots.trainers import Run

Array = NDArray[np.float64]
OWNED, POOL_OWNED = 3200, 8000
SIZES, LEVELS = (50, 100, 200, 400, 800, 1600, 3200), (0, 2000, 8000)
AT_ONCE = 4  # pilots, of different tasks, carried out before the next are chosen
CHECKPOINTS = 12  # of the seconds at which regret is looked at


@dataclass(frozen=True)
class Truth:
    """error = floor + scale (n + 10 + help n^0.3 P^0.5)^-exponent."""

    floor: float
    scale: float
    exponent: float
    help: float
    noise: float  # deviation of one run at the most labels
    pace: float  # seconds of a run: pace (1 + labels / 100)
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
        return np.asarray(self.noise * np.sqrt(OWNED / np.maximum(np.asarray(labels, float), 1) / repeats))


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

    def seconds(self, runs: Iterable[Run]) -> float:
        return sum(self.truths[run.task].pace * (1 + run.labels / 100) for run in runs)

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
        noise, pace = float(chance.choice([0.003, 0.01, 0.03])), float(chance.choice([0.3, 1, 3]))
        scale = at_most * (OWNED + 10) ** exponent
        truths[name] = Truth(float(chance.uniform(0, 0.2)), scale, exponent, help_, noise, pace)
        price, weight = float(chance.choice([0.1, 0.3, 1.0])), float(chance.choice([0.5, 1, 2]))
        lines[name] = {"label_cost": price, "owned": OWNED, "weight": weight}
    pool = {"general": {"label_cost": float(chance.choice([0.02, 0.05, 0.2])), "owned": POOL_OWNED}}
    brief = Brief.from_dict({"budget": 2000.0 * tasks, "tasks": lines, "pools": pool})
    return World(brief, truths, seed, true_score(problem(brief, truths), planned(brief, truths)))


def measured(world: World, runs: list[Run]) -> Measurements:
    rows = [
        {"task": r.task, "labels": r.labels, "seed": r.seed, "score": world.score(r), "seconds": world.seconds([r]),
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


def in_order(world: World, design: tuple[Run, ...], start: int) -> Iterator[tuple[float, float]]:
    """(share of the whole grid's seconds, regret): the grid in its order."""
    total, due = world.seconds(design), 0.0
    for count in range(start, len(design) + 1):
        spent = world.seconds(design[:count]) / total
        if spent >= due or count == len(design):
            yield spent, world.regret(planned(world.brief, fit(measured(world, list(design[:count])), world.brief)))
            due = spent + 1 / CHECKPOINTS


def by_worth(world: World, design: tuple[Run, ...], start: int) -> Iterator[tuple[float, float]]:
    """The same: the pilots worth most, each of another task, again and again."""
    runs, total, due = list(design[:start]), world.seconds(design), 0.0
    sizes = {**dict.fromkeys(world.truths, SIZES), "general": LEVELS}
    while (spent := world.seconds(runs) / total) <= 1:
        known = measured(world, runs)
        fitted = fit(known, world.brief)
        ranked = worth(problem(world.brief, fitted), further_pilots(world.brief, known, sizes))
        if spent >= due or not ranked:
            yield spent, world.regret(planned(world.brief, fitted))
            due = spent + 1 / CHECKPOINTS
        if not ranked:
            return
        of_task = {pilot.task: pilot for pilot in reversed(ranked)}
        for best in [pilot for pilot in ranked if of_task[pilot.task] is pilot][:AT_ONCE]:
            runs += further_seeds(runs, best)


def further_seeds(runs: list[Run], pilot: NextPilot) -> list[Run]:
    """The runs of a pilot, with seeds that its cell has not had."""
    pools = tuple(sorted(pilot.pools.items()))
    taken = [run.seed for run in runs if (run.task, run.labels, run.pools) == (pilot.task, pilot.labels, pools)]
    first = max(taken, default=-1) + 1
    return [Run(pilot.task, pilot.labels, first + more, pools) for more in range(pilot.repeats)]


def curve(points: Iterable[tuple[float, float]], shares: Array) -> Array:
    """Regret by share of the seconds: that of the last plan made by then; before the first plan, the first plan's."""
    spent, regret = np.array(list(points)).T
    return np.asarray(regret[np.maximum(np.searchsorted(spent, shares, side="right") - 1, 0)])


def reached(shares: Array, regret: Array, aim: float) -> float:
    """Share of the seconds after which the regret, smoothed to never rise, is at most `aim`."""
    falling = np.minimum.accumulate(regret)
    below = np.flatnonzero(falling <= aim)
    return float(shares[below[0]]) if len(below) else math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truths", type=int, default=24)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first truth")
    options = parser.parse_args()
    design = grid({f"t{number}": SIZES for number in range(options.tasks)}, {"general": LEVELS})
    start = 4 * options.tasks
    shares = np.linspace(0.1, 1, 91)
    curves: dict[str, list[Array]] = {"grid": [], "next": []}
    for seed in range(options.first, options.first + options.truths):
        case = world(seed, options.tasks)
        curves["grid"].append(curve(in_order(case, design, start), shares))
        curves["next"].append(curve(by_worth(case, design, start), shares))
    report(shares, {name: np.array(rows) for name, rows in curves.items()}, options.truths)


def report(shares: Array, curves: dict[str, Array], truths: int) -> None:
    print("share of the grid's seconds   regret, grid in order   regret, worth most (points, mean and standard error)")
    for at in range(0, len(shares), len(shares) // 8):
        cells = [f"{rows[:, at].mean():8.3f} ± {rows[:, at].std(ddof=1) / truths**0.5:.3f}" for rows in curves.values()]
        print(f"{shares[at]:27.0%}   " + "         ".join(cells))
    chance, found = np.random.default_rng(0), {}
    for share in (0.4, 0.5, 0.6, 0.7):  # the regret of the grid after this share of its seconds
        aim, saved, error = bootstrapped(shares, curves, share, chance)
        print(f"to a mean regret of {aim:.3f} points: {saved:.0%} ± {error:.0%} fewer seconds")
        found[f"{share:g}"] = {"regret": aim, "saved": saved, "error": error}
    print(json.dumps({"benchmark": "next_pilots", "truths": truths, "saved": found}))


def bootstrapped(
    shares: Array, curves: dict[str, Array], share: float, chance: np.random.Generator
) -> tuple[float, float, float]:
    """The least mean regret that the grid has had by this share of its seconds, the share of these seconds that the
    other way saves, and its standard error over truths."""
    count, at = len(curves["grid"]), int(np.searchsorted(shares, share - 1e-9)) + 1
    saved = []
    for rows in [np.arange(count), *(chance.integers(0, count, count) for _ in range(500))]:
        grid_, next_ = (curves[name][rows].mean(axis=0) for name in ("grid", "next"))
        aim = float(grid_[:at].min())
        saved.append(1 - min(reached(shares, next_, aim), 2.0) / reached(shares, grid_, aim))
    return float(curves["grid"].mean(axis=0)[:at].min()), saved[0], float(np.std(saved[1:]))


if __name__ == "__main__":
    main()
