"""How well can a plan do at all? Synthetic tasks drawn from the package's own priors, with the design and the noise
of a real pilot: six label counts up to 1/16 of what there is, three seeds. Money goes, exactly, where a forecast says.

Two worlds: tasks follow all laws, or all but that of no further gain, which is there to be careful, not because labels
are known to stop helping.

Three forecasts: an oracle that knows each task's law but not its parameters, all laws averaged as in the package, and
a least-squares power law; beside an even split. The share is of what hindsight gains; what the oracle lacks is what the
pilots' noise and six points leave open, and no method can do better in this world.

usage: python benchmarks/limits.py [--scenarios 100] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from budget.fitting.backtest import power_law
from budget.fitting.cells import Cells, Scale
from budget.fitting.draws import draw
from budget.fitting.laws import LAWS, Law
from budget.fitting.nodes import Array, natural
from budget.fitting.noise import NoisePrior, Runs, magnitude
from budget.fitting.posterior import SETTINGS, posteriors, relative_error

MOST, SIZES, SEEDS = 16.0, 6, 3
GRID = np.geomspace(1, MOST, 60)
NONE = np.zeros((len(GRID), 0))
CAREFUL = "no further gain"
METHODS = ("knows the law", "all laws", "power law", "even split")


@dataclass(frozen=True)
class Task:
    """A pilot, its law, and the true error on the grid of labels, all in units of the largest pilot."""

    cells: Cells
    law: Law
    truth: Array
    price: float


def task(name: str, laws: Sequence[Law], random: np.random.Generator) -> Task:
    """A law and its parameters from their priors, an error at the pilot of 0.05 to 0.6, and a pilot."""
    weight = np.array([law.weight for law in laws])
    law = laws[int(random.choice(len(laws), p=weight / weight.sum()))]
    theta = natural(law, 0, random.standard_normal((len(law.own), 1))).T
    floor = law.floor.natural(law.floor.mean + law.floor.deviation * random.standard_normal(1))
    level = float(np.exp(random.uniform(np.log(0.05), np.log(0.6))))
    labels = np.geomspace(1 / 30, 1, SIZES)
    seen, truth = (
        np.minimum(level * relative_error(law, theta, floor, x, np.zeros((len(x), 0)))[0], 1.0) for x in (labels, GRID)
    )
    spread = np.sqrt(NoisePrior().variance * magnitude(seen) / labels)
    runs = np.clip(seen[:, None] + spread[:, None] * random.standard_normal((SIZES, SEEDS)), 0, 1)
    mean = runs.mean(1)
    squares = ((runs - mean[:, None]) ** 2).sum(1)
    cells = Cells(name, Scale(), (), labels, np.zeros((SIZES, 0)), mean, np.full(SIZES, float(SEEDS)), squares, 0)
    return Task(cells, law, truth, float(np.exp(random.uniform(np.log(0.03), np.log(3)))))


def forecast(tasks: Sequence[Task], laws: Callable[[Task], Sequence[Law]], drifts: tuple[float, ...]) -> list[Array]:
    """Expected error on the grid for every task."""
    settings = replace(SETTINGS, drifts=drifts)
    fitted = [posteriors([Runs(one.cells)], settings, laws(one))[0] for one in tasks]
    return [draw(found, Runs(one.cells), 200, 0).averaged(GRID, NONE) for one, found in zip(tasks, fitted, strict=True)]


def spend(tasks: Sequence[Task], errors: Sequence[Array], money: float) -> list[float]:
    """Labels beyond the pilot, bought by the slopes of each forecast's convex hull, steepest first."""
    pieces: list[tuple[float, int, float]] = []
    for i, (one, error) in enumerate(zip(tasks, errors, strict=True)):
        cost, hull = one.price * (GRID - 1), [0]
        for j in range(1, len(GRID)):
            while len(hull) > 1 and (error[hull[-1]] - error[hull[-2]]) * (cost[j] - cost[hull[-1]]) >= (
                error[j] - error[hull[-1]]
            ) * (cost[hull[-1]] - cost[hull[-2]]):
                hull.pop()
            hull.append(j)
        pieces += [
            (float((error[b] - error[a]) / (cost[b] - cost[a])), i, float(cost[b] - cost[a])) for a, b in pairwise(hull)
        ]
    bought = [0.0] * len(tasks)
    for slope, i, whole in sorted(pieces):
        spent = min(whole, money) if slope < 0 else 0.0
        bought[i] += spent / tasks[i].price
        money -= spent
    return bought


def even(tasks: Sequence[Task], money: float) -> list[float]:
    """The same money for every task, what one cannot use being shared by the others."""
    bought, left = [0.0] * len(tasks), sorted(range(len(tasks)), key=lambda i: tasks[i].price)
    for position, i in enumerate(left):
        spent = min(money / (len(left) - position), tasks[i].price * (MOST - 1))
        bought[i], money = spent / tasks[i].price, money - spent
    return bought


def gain(tasks: Sequence[Task], bought: Sequence[float]) -> float:
    """Fall of the tasks' mean error."""
    falls = [
        one.truth[0] - np.interp(np.log1p(b), np.log(GRID), one.truth) for one, b in zip(tasks, bought, strict=True)
    ]
    return float(np.mean(falls))


def scenario(laws: Sequence[Law], true: Sequence[Law], random: np.random.Generator) -> dict[str, float]:
    """Gains of every method and of hindsight, for 4, 8 or 16 tasks and 3, 10 or 30 % of what all labels cost."""
    tasks = [task(f"t{i}", true, random) for i in range(int(random.choice([4, 8, 16])))]
    money = float(random.choice([0.03, 0.1, 0.3])) * sum(one.price * (MOST - 1) for one in tasks)
    plain = [
        np.array([power_law(1e4 * one.cells.labels, one.cells.error, 1e4 * x) for x in GRID[::6]]) for one in tasks
    ]
    plans = {
        "hindsight": spend(tasks, [one.truth for one in tasks], money),
        "knows the law": spend(tasks, forecast(tasks, lambda one: (replace(one.law, weight=1.0),), (1e-3,)), money),
        "all laws": spend(tasks, forecast(tasks, lambda _: laws, SETTINGS.drifts), money),
        "power law": spend(tasks, [np.interp(np.log(GRID), np.log(GRID[::6]), e) for e in plain], money),
        "even split": even(tasks, money),
    }
    return {name: gain(tasks, plan) for name, plan in plans.items()}


def figures(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Of every method: share of hindsight's gain, how often worse than an even split, 5th percentile of the share."""
    found = {name: np.array([row[name] for row in rows]) for name in (*METHODS, "hindsight")}
    some = found["hindsight"] > 1e-4
    return {
        name: {
            "share": round(float(found[name].sum() / found["hindsight"].sum()), 3),
            "worse than even": round(float((found[name] < found["even split"] - 1e-4).mean()), 3),
            "p05": round(float(np.quantile(found[name][some] / found["hindsight"][some], 0.05)), 3),
        }
        for name in METHODS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    laws = tuple(law for law in LAWS.values() if not law.joint and law.weight > 0)
    worlds = {"all laws": laws, f"all but {CAREFUL}": [law for law in laws if law.name != CAREFUL]}
    answer = {}
    for world, true in worlds.items():
        random = np.random.default_rng(arguments.seed)
        answer[world] = figures([scenario(laws, true, random) for _ in range(arguments.scenarios)])
        print(f"tasks follow {world}")
        for name, found in answer[world].items():
            print(f"  {name:14s}", found)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
