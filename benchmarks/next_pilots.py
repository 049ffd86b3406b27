"""How much sooner a plan is good if the next pilots are those worth most, instead of a grid in its order.

usage: python benchmarks/next_pilots.py [--truths 140] [--tasks 4] [--first 0] [--processes 1]

Synthetic truths: tasks whose error falls with effective data (labels and, for some tasks, pool labels); they differ in
weight, in the price of a label, in how long a run takes (so many seconds, and more with the labels) and in how much its
score scatters. Three ways to spend the seconds that a grid of runs takes:

worth most   begins with the corners of the grid; then fits all measurements so far and carries out the list of
             `labelbudget pilot next` from its top until the next checkpoint, again and again, until no pilot is worth
             anything
grid         the same runs at first, and on in the order of `labelbudget pilot run`: corners first, then what halves
             the widest gap
plain grid   the same cells and repeats in the order that a loop over sizes gives: fewest labels first, of those the
             smallest pool first, tasks in turn

At every checkpoint the plan on what has been measured is made; its regret is how much less it truly scores than the
best plan there is. Printed: mean regret by seconds spent, and how many seconds fewer it takes until the mean over
truths has come down to some levels between the grid's at the first and at the last checkpoint; then the mean of these
(of logarithms of ratios). Curves of means are made to fall (isotonic regression) and read off between checkpoints on a
line in the logarithm of seconds; standard errors from the bootstrap over truths. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from budget import Brief, Measurements
from budget.allocation.forecasts import Forecast
from budget.allocation.further import further_pilots
from budget.allocation.information import DRAWS as MANY
from budget.allocation.information import in_turn
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.problem import Choice, Problem, labels_of, problem
from budget.allocation.table import tabulate
from budget.fitting.assemble import DRAWS, surfaces
from budget.fitting.cells import cells
from budget.fitting.surface import Surface
from budget.plan import NextPilot
from pilots.design import grid
from pilots.trainers import Run

Array = NDArray[np.float64]
OWNED, POOL_OWNED = 3200, 8000
SIZES, LEVELS = (50, 100, 200, 400, 800, 1600, 3200), (0, 2000, 8000)
CORNERS = 4  # runs of each task that both begin with
CHECKPOINTS = (0.2, 0.3, 0.4, 0.55, 0.75)  # shares of the grid's seconds after which a plan is made
FALLS = (0.25, 0.5, 0.75)  # shares of what the grid's regret falls over the checkpoints, that are to be reached
LISTED = 40  # pilots in a list, at most
NEVER = math.log(1.5)  # what counts as the share at which a regret that was not reached is
RESAMPLES = 500


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


def fit(known: Measurements, brief: Brief, draws: int = DRAWS) -> Mapping[str, Surface]:
    """As `budget.fit`, without the backtest, which no plan looks at."""
    return surfaces(list(cells(known, brief).values()), 0, draws=draws)


def planned(brief: Brief, surfaces: Mapping[str, Forecast]) -> Choice:
    return solved(problem(brief, surfaces)).choice


def solved(asked: Problem) -> Optimum:
    best = optimum(tabulate(asked), asked, "highs")
    assert best is not None
    return best


def ways(seed: int, tasks: int) -> dict[str, list[tuple[float, float]]]:
    """{way: (share of the whole grid's seconds, regret) at every checkpoint} on one truth."""
    case = world(seed, tasks)
    design = grid(dict.fromkeys(case.truths, SIZES), {"general": LEVELS})
    plain = sorted(design, key=lambda run: (run.labels, sum(size for _, size in run.pools), run.seed, run.task))
    return {
        "worth most": list(by_worth(case, design)),
        "grid": list(in_order(case, design)),
        "plain grid": list(in_order(case, plain)),
    }


def in_order(world: World, design: Sequence[Run]) -> Iterator[tuple[float, float]]:
    """(share of all seconds, regret): runs in their order, from where every task has some and the corners are done."""
    spent = np.cumsum([world.seconds([run]) for run in design]) / world.seconds(design)
    first = next(count for count in range(len(design)) if {run.task for run in design[:count]} == {*world.truths})
    first = max(first, CORNERS * len(world.truths))
    counts = {max(first, int(np.searchsorted(spent, share + 1e-9, side="right"))) for share in CHECKPOINTS}
    for count in sorted(counts):
        fitted = fit(measured(world, list(design[:count])), world.brief)
        yield float(spent[count - 1]), world.regret(planned(world.brief, fitted))


def by_worth(world: World, design: Sequence[Run]) -> Iterator[tuple[float, float]]:
    """The same: after the corners, until each checkpoint, the pilots worth most of those that can be done by then."""
    runs, total = list(design[: CORNERS * len(world.truths)]), world.seconds(design)
    sizes, fitted_on = {**dict.fromkeys(world.truths, SIZES), "general": LEVELS}, 0
    for until in (*CHECKPOINTS, 0.0):
        if len(runs) > fitted_on:
            known, fitted_on = measured(world, runs), len(runs)
            best = solved(problem(world.brief, fit(known, world.brief)))
            yield world.seconds(runs) / total, world.regret(best.choice)
            asked = problem(world.brief, fit(known, world.brief, MANY))
        left = until * total - world.seconds(runs)
        if left > 0:
            for pilot in in_turn(asked, further_pilots(world.brief, known, sizes), LISTED, seconds=left, now=best):
                runs += further_seeds(runs, pilot)


def further_seeds(runs: list[Run], pilot: NextPilot) -> list[Run]:
    """The runs of a pilot, with seeds that its cell has not had."""
    pools = tuple(sorted(pilot.pools.items()))
    taken = [run.seed for run in runs if (run.task, run.labels, run.pools) == (pilot.task, pilot.labels, pools)]
    first = max(taken, default=-1) + 1
    return [Run(pilot.task, pilot.labels, first + more, pools) for more in range(pilot.repeats)]


def curve(points: Sequence[tuple[float, float]]) -> Array:
    """Regret at the checkpoints: on a line in the logarithm of seconds between plans; before the first one, the first
    one's, and after the last one, the last one's."""
    spent, regret = np.array(points).T
    return np.interp(np.log(CHECKPOINTS), np.log(spent), regret)


def reached(regret: Array, aim: float) -> float:
    """Logarithm of the share of the seconds after which a curve that falls (isotonic regression) is at `aim`; never: of
    twice the grid."""
    falls = -isotonic_regression(-regret).x
    if falls[-1] > aim + 1e-12:
        return NEVER
    after = int(np.argmax(falls <= aim + 1e-12))
    if after == 0:
        return math.log(CHECKPOINTS[0])
    before = falls[after - 1]
    along = (before - aim) / (before - falls[after])
    start, end = np.log(CHECKPOINTS[after - 1 : after + 1])
    return float(start + along * (end - start))


def saved(curves: Mapping[str, Array], rival: str) -> tuple[Array, Array]:
    """The regrets at which the grid's mean has fallen by the shares FALLS, and the share of the rival's seconds saved
    to each and, last, over all of them."""
    means = {way: rows.mean(axis=0) for way, rows in curves.items()}
    falls = -isotonic_regression(-means["grid"]).x
    aims = falls[0] + np.array(FALLS) * (falls[-1] - falls[0])
    ratios = [reached(means["worth most"], aim) - reached(means[rival], aim) for aim in aims]
    return aims, 1 - np.exp([*ratios, np.mean(ratios)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truths", type=int, default=140)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first truth")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    seeds, started = range(options.first, options.first + options.truths), time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        found = list(pool.map(ways, seeds, [options.tasks] * len(seeds)))
    curves = {way: np.array([curve(each[way]) for each in found]) for way in found[0]}
    report(curves, [each["worth most"][-1][0] for each in found], time.perf_counter() - started)


def report(curves: Mapping[str, Array], ended: Sequence[float], seconds: float) -> None:
    truths = len(ended)
    print(f"mean regret in points over {truths} truths, by share of the grid's seconds, and its standard error")
    print(" " * 12 + "".join(f"{share:>16.0%}" for share in CHECKPOINTS))
    for way, rows in curves.items():
        error = rows.std(axis=0, ddof=1) / truths**0.5
        print(f"{way:12}" + "".join(f"{m:8.3f} ± {e:.3f}" for m, e in zip(rows.mean(axis=0), error, strict=True)))
    print(f"no pilot was worth anything any more after {np.median(ended):.0%} of the seconds (median)")
    answer: dict[str, object] = {}
    for rival in ("grid", "plain grid"):
        aims, now = saved(curves, rival)
        chance, again = np.random.default_rng(0), []
        for _ in range(RESAMPLES):
            rows = chance.integers(0, truths, truths)
            again.append(saved({way: each[rows] for way, each in curves.items()}, rival)[1])
        errors = np.std(again, axis=0)
        print(f"seconds saved against the {rival} until regret has come down, of all that the grid brings it down, by")
        for share, aim, part, error in zip(FALLS, aims, now[:-1], errors[:-1], strict=True):
            print(f"  {share:4.0%}, to {aim:.3f} points: {part:5.0%} ± {error:.0%}")
        print(f"  mean of these: {now[-1]:.0%} ± {errors[-1]:.0%}")
        answer[rival] = {"aims": aims.tolist(), "saved": now.tolist(), "error": errors.tolist()}
    print(f"{seconds / truths:.1f} s a truth")
    print(json.dumps({"benchmark": "next_pilots", "truths": truths, "saved": answer}))


if __name__ == "__main__":
    main()
