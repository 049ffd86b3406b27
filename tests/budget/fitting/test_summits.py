"""Where the posterior's density is highest and how it bends there; and what that is worth where pilots are exact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from budget import Measurements
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.nodes import Array
from budget.fitting.noise import NoisePrior
from budget.fitting.posterior import posteriors
from budget.fitting.summits import summits

LABELS, MIXES, SEEDS = (100, 250, 600, 1500), ((0, 0), (5000, 0), (20000, 0), (0, 20000), (20000, 20000)), 2
FAR = ((1500, (80_000, 80_000)), (24_000, (80_000, 80_000)), (6000, (80_000, 0)), (6000, (20_000, 20_000)))


def test_of_a_normal_density_the_mean_and_the_covariance_are_found_whatever_its_widths() -> None:
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.standard_normal((6, 5, 5)))[0]
    precision = turn * (10 ** random.uniform(0, 4, (6, 1, 5))) @ turn.transpose(0, 2, 1)
    mean = random.uniform(-1, 1, (6, 5, 1))

    def worth(nodes: Array) -> Array:
        return np.asarray(-0.5 * ((nodes - mean) * (precision @ (nodes - mean))).sum(1))

    found, covariance = summits(worth, mean[:, :, 0] + random.uniform(-1, 1, (6, 5)))
    assert worth(found) == pytest.approx(0.0, abs=1e-6)
    assert covariance @ precision == pytest.approx(np.tile(np.eye(5), (6, 1, 1)), abs=1e-3)


def test_along_a_bent_ridge_the_density_rises_to_nearly_its_summit() -> None:
    def worth(nodes: Array) -> Array:
        return np.asarray(-0.5 * (nodes[:, 0] ** 2 + ((nodes[:, 1] - nodes[:, 0] ** 2) / 0.1) ** 2))

    start = np.array([[1.2, 1.4], [-1.0, 0.5]])
    found, covariance = summits(worth, start)
    assert (worth(found) > -0.2).all()
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def exact(tasks: int) -> tuple[Measurements, list[dict[tuple[int, tuple[int, int]], float]]]:
    """Tasks whose score follows effective data of two pools, measured all but exactly; and what they score far on."""
    random, rows, truths = np.random.default_rng(5), [], []
    for task in range(tasks):
        floor, exponent, scale, close = random.uniform((0, 0.2, 1, 0.1), (0.2, 0.5, 3, 0.5))
        worth, power = random.uniform(0.3, 3, 2), random.uniform(0.3, 0.6, 2)

        def score(n: int, pools: tuple[int, int], at: tuple[float, ...] = (floor, exponent, scale, close)) -> float:
            helped = n ** at[3] * float((worth * np.array(pools, float) ** power).sum())  # noqa: B023
            return float(1 - at[0] - at[2] * (n + 30 + helped) ** -at[1])

        for n in LABELS:
            for mix in MIXES:
                for seed in range(SEEDS):
                    noise = 0.002 * (LABELS[-1] / n) ** 0.5 * random.standard_normal()
                    rows.append((f"t{task}", n, seed, score(n, mix) + noise, *mix))
        truths.append({point: score(*point) for point in FAR})
    columns = ["task", "labels", "seed", "score", "pool:a", "pool:b"]
    return Measurements.from_frame(pd.DataFrame(rows, columns=columns)), truths


def test_where_pilots_are_all_but_exact_many_nodes_count_and_intervals_far_on_hold_the_truth() -> None:
    known, truths = exact(16)
    tasks = list(cells(known, None).values())
    counts = []
    for found in posteriors(tasks, NoisePrior()):
        weight = np.bincount(found.node, found.weight)
        counts.append(1 / np.square(weight / weight.sum()).sum())
    assert np.median(counts) > 20
    inside = []
    for surface, truth in zip(surfaces(tasks, 0).values(), (truths[int(task.task[1:])] for task in tasks), strict=True):
        for (labels, pools), score in truth.items():
            low, high = surface.interval(labels, {"a": pools[0], "b": pools[1]})
            inside.append(low[0] <= score <= high[0])
    assert np.mean(inside) >= 0.9
