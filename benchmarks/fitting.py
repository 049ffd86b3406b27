"""Speed of fitting (CPU seconds), each figure beside its rival in the same run.

1  least squares of six laws on many simulated curves, against a scipy `curve_fit` loop with five starts on some of
them;
   and the share of fits whose sum of squares is within 1e-6 (relative to the curve's variance) of the best known
2  the posterior over all laws, milliseconds a curve, with the peak memory
3  a brief of 4 tasks, and 1,000 tasks x 2 pools x 30 measurements, from a table to surfaces

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/fitting.py [--curves 10000] [--loop 20] [--tasks 1000]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit

from budget import Measurements, fit
from budget.fitting.assemble import surfaces
from budget.fitting.cells import Cells, Scale
from budget.fitting.laws import LAWS
from budget.fitting.least_squares import least_squares, project
from budget.fitting.noise import NoisePrior
from budget.fitting.posterior import posteriors

SIX = ("pow3", "pow4", "mmf4", "wbl4", "logarithmic", "m4")
CLOSE = 1e-6


def simulated(count: int, points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and errors (count, points): power laws with offset and floor, noise falling with the root of the
    labels."""
    random = np.random.default_rng(seed)
    labels = np.tile(np.geomspace(1 / 2 ** (points - 1), 1, points), (count, 1))
    exponent, offset = random.uniform(0.2, 1, (count, 1)), random.uniform(0, 0.1, (count, 1))
    floor, scale = random.uniform(0, 0.3, (count, 1)), random.uniform(0.02, 0.1, (count, 1))
    noise = random.uniform(0.0005, 0.005, (count, 1)) * labels**-0.5 * random.standard_normal(labels.shape)
    return labels, np.clip(floor + scale * (labels + offset) ** -exponent + noise, 0, None)


def loop(law_name: str, labels: np.ndarray, error: np.ndarray, seed: int) -> np.ndarray:
    """Sums of squares of scipy's curve_fit with five starts, one curve after the other, floor and scale positive."""
    law, random, answer = LAWS[law_name], np.random.default_rng(seed), []

    def predicted(n: np.ndarray, *z: float) -> np.ndarray:
        theta = np.array([p.natural(p.mean + p.deviation * v) for p, v in zip(law.own, z, strict=False)], float)
        return np.exp(z[-2]) + np.exp(z[-1]) * law.shape(theta, n, np.zeros((len(n), 0)))

    for n, e in zip(labels, error, strict=True):
        best = np.inf
        for _ in range(5):
            start = [*random.standard_normal(len(law.own)), np.log(e.min() * 0.7 + 1e-6), np.log(np.ptp(e) + 1e-6)]
            try:
                found, _ = curve_fit(predicted, n, e, start, maxfev=2000)
            except RuntimeError:
                continue
            best = min(best, float(((predicted(n, *found) - e) ** 2).sum()))
        answer.append(best)
    return np.array(answer)


def speed_of_least_squares(curves: int, some: int) -> dict[str, float]:
    """Curves a second of all six laws together, batched over looped, and how often each law is at its best known
    fit."""
    labels, error = simulated(curves, 10, 0)
    started, batched = time.process_time(), {}
    for name in SIX:
        parts = [
            least_squares(LAWS[name], labels[i : i + 500], error[i : i + 500]).squares for i in range(0, curves, 500)
        ]
        batched[name] = np.concatenate(parts)
    mine = curves / (time.process_time() - started)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (OptimizeWarning, RuntimeWarning))
        looped = {name: loop(name, labels[:some], error[:some], 1) for name in SIX}
    theirs = some / (time.process_time() - started)
    figures = {"curves_a_second": mine, "loop_curves_a_second": theirs, "ratio": mine / theirs}
    checked = min(curves, 500)
    for name in SIX:
        wide = least_squares(LAWS[name], labels[:checked], error[:checked], nodes=1024, steps=300).squares
        best = np.minimum(wide, batched[name][:checked])
        best[:some] = np.minimum(best[:some], looped[name][:checked])
        total = project(np.ones((checked, 1, 10)), error[:checked])[0][:, 0]
        figures[f"at_best_{name}"] = float(np.mean(batched[name][:checked] - best <= CLOSE * total))
    return figures


def speed_of_posterior(curves: int) -> dict[str, float]:
    labels, error = simulated(curves, 10, 2)
    cells = [
        Cells(f"t{i}", Scale(), (), n * 1000, np.zeros((10, 0)), e, np.full(10, 3.0), np.full(10, 1e-5), 0)
        for i, (n, e) in enumerate(zip(labels, error, strict=True))
    ]
    started = time.process_time()
    for i in range(0, curves, 64):
        posteriors(cells[i : i + 64], NoisePrior())
    return {"posterior_ms_a_curve": 1e3 * (time.process_time() - started) / curves}


def table(tasks: int, pools: int) -> pd.DataFrame:
    """5 label counts x 3 mixes of pools x 2 seeds a task."""
    random, found = np.random.default_rng(3), []
    for t in range(tasks):
        for n in (50, 100, 200, 400, 800):
            for mix in ((0, 0), (1000, 0), (4000, 2000)):
                for seed in range(2):
                    score = 0.9 - (n + 3 * sum(mix) ** 0.5) ** -0.4 + 0.01 * random.standard_normal()
                    found.append((f"t{t}", n, seed, score, *mix[:pools]))
    return pd.DataFrame(found, columns=["task", "labels", "seed", "score", *(f"pool:{j}" for j in range(pools))])


def speed_of_fit(tasks: int) -> dict[str, float]:
    from budget.fitting.cells import cells

    four = Measurements.from_frame(table(4, 1))
    fit(four)  # loads what is loaded once
    started = time.process_time()
    fit(four)
    four_seconds = time.process_time() - started
    many = list(cells(Measurements.from_frame(table(tasks, 2)), None).values())
    started = time.process_time()
    surfaces(many, 0)
    return {"four_tasks_s": four_seconds, f"{tasks}_tasks_2_pools_s": time.process_time() - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=1000)
    arguments = parser.parse_args()
    figures = speed_of_least_squares(arguments.curves, arguments.loop)
    figures |= speed_of_posterior(min(arguments.curves, 1000))
    figures |= speed_of_fit(arguments.tasks)
    figures["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
