"""Where the posterior's density is highest and how it bends there; and what that is worth where pilots are exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget import Measurements
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.laws import LAWS
from budget.fitting.nodes import Array, Nodes, batch, bent, evaluate, natural, whiten
from budget.fitting.noise import Runs
from budget.fitting.posterior import SETTINGS, posteriors, relative_error
from budget.fitting.summits import summits

LABELS, MIXES, SEEDS = (100, 250, 600, 1500), ((0, 0), (5000, 0), (20000, 0), (0, 20000), (20000, 20000)), 2
FAR = ((1500, (80_000, 80_000)), (24_000, (80_000, 80_000)), (6000, (80_000, 0)), (6000, (20_000, 20_000)))


def test_of_a_normal_density_the_mean_and_the_covariance_are_found_whatever_its_widths() -> None:
    random = np.random.default_rng(0)
    turn = np.linalg.qr(random.standard_normal((6, 5, 5)))[0]
    precision = turn * (10 ** random.uniform(0, 4, (6, 1, 5))) @ turn.transpose(0, 2, 1)
    mean = random.uniform(-1, 1, (6, 5))

    def bend(here: Array) -> tuple[Array, Array, Array]:
        slope = (precision @ (mean - here)[:, :, None])[:, :, 0]
        return 0.5 * ((here - mean) * slope).sum(1), slope, precision

    found, covariance = summits(bend, mean + random.uniform(-1, 1, (6, 5)), 12)
    assert found[:, :, 0] == pytest.approx(mean, abs=1e-4)
    assert covariance @ precision == pytest.approx(np.tile(np.eye(5), (6, 1, 1)), abs=1e-6)


def test_along_a_bent_ridge_the_density_rises_to_its_summit() -> None:
    def bend(here: Array) -> tuple[Array, Array, Array]:
        x, y = here.T
        off, slope = (y - x**2) / 0.1, np.stack([-2 * x / 0.1, np.full(len(x), 1 / 0.1)], 1)
        down = np.array([1.0, 0.0]) * np.eye(2) + slope[:, :, None] * slope[:, None]
        return -0.5 * (x**2 + off**2), -np.stack([x, 0 * x], 1) - off[:, None] * slope, down

    found, covariance = summits(bend, np.array([[1.2, 1.4], [-2.0, 0.5]]), 16)
    assert found == pytest.approx(0.0, abs=0.01)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


@pytest.mark.parametrize("name", ["multiplicative", "effective data", "odds"])
def test_where_a_curve_fits_the_bend_is_that_of_the_density(name: str) -> None:
    """There what Gauss and Newton leave out is next to nothing: against second differences of the density alone."""
    tasks, law = list(cells(exact(2)[0], None).values()), LAWS[name]
    b, q = batch(list(map(Runs, tasks))), len(law.parameters(2)) + 1
    here = 0.3 * np.random.default_rng(1).standard_normal((len(tasks), q))
    theta = natural(law, 2, here[:, :-1].T[:, :, None])[:, :, 0].T
    floor = law.floor.natural(law.floor.mean + law.floor.deviation * here[:, -1])
    units = [(task.labels / task.largest[0], task.pool_labels / task.largest[1]) for task in tasks]
    curves = [relative_error(law, theta[i : i + 1], floor[i : i + 1], *places)[0] for i, places in enumerate(units)]
    b = replace(b, error=0.3 * np.array(curves))
    w = whiten(b, replace(SETTINGS, drifts=(0.02,)))

    def density(at: Array) -> Array:
        answer = Nodes.room(q - 1, len(at), len(w.paths), 1)
        evaluate(law, b, w, at[:, :, None], answer)
        return np.asarray(answer.log[:, 0] - 0.5 * np.square(at).sum(1))

    log, slope, bend = bent(law, b, w, here)
    assert log == pytest.approx(density(here), rel=1e-9)
    step = 1e-3 * np.eye(q)
    first = [(density(here + unit) - density(here - unit)) / 2e-3 for unit in step]
    second = [
        [density(here + i - j) + density(here - i + j) - density(here + i + j) - density(here - i - j) for i in step]
        for j in step
    ]
    scale = np.sqrt(np.einsum("tii->ti", bend))
    assert slope / scale == pytest.approx(np.array(first).T / scale, abs=0.05)
    apart = (np.array(second).transpose(2, 0, 1) / 4e-6 - bend) / (scale[:, :, None] * scale[:, None])
    assert np.abs(apart).max() < 0.05


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
    for found in posteriors(list(map(Runs, tasks))):
        weight = np.bincount(found.node, found.weight)
        counts.append(1 / np.square(weight / weight.sum()).sum())
    assert np.median(counts) > 200
    assert min(counts) > 30
    inside = []
    for surface, truth in zip(surfaces(tasks, 0).values(), (truths[int(task.task[1:])] for task in tasks), strict=True):
        for (labels, pools), score in truth.items():
            low, high = surface.interval(labels, {"a": pools[0], "b": pools[1]})
            inside.append(low[0] <= score <= high[0])
    assert np.mean(inside) >= 0.9
