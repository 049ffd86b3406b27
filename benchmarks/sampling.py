"""How exact the posterior's nodes are: what the default settings say of errors at the pilot and beyond, beside a
reference of some 40 times as many nodes.

The first tables are curves of the labels alone, 8 counts and 3 seeds; the others tasks with two pools, 4 label counts,
5 mixes and 2 seeds, the pools idle or not, all but exact, as pilots of a few points are. Of every task the posterior
mean error is taken at the pilot, and at 4 and 16 times its labels and pool labels. Printed are, over tasks, how many
nodes count in effect (one over the sum of squared weights; a node counts once, whatever its path) in the middle and at
the 5th percentile, and the root mean square of the mean's distance from the reference's in posterior deviations, of the
logarithm of the deviation's ratio, and of the law weights' distance (half of the summed differences).

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/sampling.py [--tasks 30]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from budget import Measurements
from budget.fitting.cells import Cells, cells
from budget.fitting.noise import NoisePrior, Runs, learn
from budget.fitting.posterior import SETTINGS, Posterior, Settings, posteriors, relative_error

MIXES = {0: ((),), 2: ((0, 0), (5000, 0), (20000, 0), (0, 20000), (20000, 20000))}
SIZES = {0: (10, 20, 50, 100, 200, 400, 800, 1500), 2: (100, 250, 600, 1500)}
FAR = (1.0, 4.0, 16.0)  # times the largest pilot
MANY = replace(SETTINGS, nodes=(4096, 4096), steps=(16, 30), near=(1500, 1500), rounds=(12, 20))
BATCH = 16


def tables(tasks: int, pools: int) -> list[Cells]:
    """Tasks that follow effective data with floors, exponents and worths of pools of their own."""
    random, rows = np.random.default_rng(pools), []
    for task in range(tasks):
        floor, power = random.uniform(0, 0.3), random.uniform(0.2, 0.6)
        worth = random.uniform(0, 3, pools) * random.integers(0, 2, pools)
        for labels in SIZES[pools]:
            for mix in MIXES[pools]:
                effective = labels + 30 + worth @ np.sqrt(mix) * labels**0.3
                for seed in range(2 if pools else 3):
                    error = floor + 0.5 * (effective / 130) ** -power + random.normal(0, 0.1) / np.sqrt(labels)
                    rows.append((f"t{task}", labels, seed, 1 - min(error, 0.99), *mix))
    columns = ["task", "labels", "seed", "score", *(f"pool:{j}" for j in range(pools))]
    return list(cells(Measurements.from_frame(pd.DataFrame(rows, columns=columns)), None).values())


class Found(NamedTuple):
    """Of T tasks: mean errors and their deviations (T, FAR), effective nodes (T,), and law weights (T, L)."""

    mean: np.ndarray
    deviation: np.ndarray
    nodes: np.ndarray
    laws: np.ndarray


def found(tasks: Sequence[Cells], settings: Settings) -> Found:
    prior = learn(tasks, NoisePrior())
    runs = [Runs(task, prior) for task in tasks]
    parts = [posteriors(runs[i : i + BATCH], settings) for i in range(0, len(tasks), BATCH)]
    return Found(
        *map(np.array, zip(*(_one(each, len(tasks[0].varied)) for part in parts for each in part), strict=True))
    )


def _one(known: Posterior, pools: int) -> tuple[np.ndarray, np.ndarray, float, list[float]]:
    at = np.array(FAR)
    starts = np.cumsum([0, *(len(theta) for theta in known.theta)])
    laws = zip(known.laws, known.theta, starts, starts[1:], strict=False)
    shape = np.concatenate(
        [relative_error(law, t, known.node_floor[a:b], at, np.tile(at[:, None], (1, pools))) for law, t, a, b in laws]
    )[known.node]
    weight = known.weight / known.weight.sum()
    mean = weight @ (known.level[:, None] * shape)
    square = np.square(known.level[:, None] * shape - mean) + np.square(known.deviation[:, None] * shape)
    nodes = np.bincount(known.node, weight)
    return mean, np.sqrt(weight @ square), 1 / np.square(nodes).sum(), list(known.law_weights().values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=30)
    arguments = parser.parse_args()
    for pools in MIXES:
        tasks = tables(arguments.tasks, pools)
        many, ours = found(tasks, MANY), found(tasks, SETTINGS)
        off = np.sqrt(np.square((ours.mean - many.mean) / many.deviation).mean(0))
        wide = np.sqrt(np.square(np.log(ours.deviation / many.deviation)).mean(0))
        laws = 0.5 * np.abs(ours.laws - many.laws).sum(1).mean()
        middle, few = np.median(ours.nodes), np.quantile(ours.nodes, 0.05)
        print(f"{len(tasks)} tasks with {pools} pools: {middle:.0f} nodes count in the middle, {few:.0f} at 5 %")
        for times, mean, deviation in zip(FAR, off, wide, strict=True):
            print(f"  at {times:g} times the pilot: mean off by {mean:.2f} deviations, deviation by {deviation:.0%}")
        print(f"  law weights off by {laws:.1%}")


if __name__ == "__main__":
    main()
