"""Speed of fitting in CPU seconds of one core, each figure beside its target, least squares beside scipy in the same
run.

1  least squares of six laws on simulated curves of 8 to 12 points, each measured at places of its own, against a loop
   of scipy's curve_fit over a sample of the same curves: same laws, same bounds, five starts a law; the loop's time a
   curve is taken as that of every curve. Beside it the same loop on logarithms of the parameters without bounds, which
   is faster and may leave them, and our time where curves share their places, as pilots of one design do.
   A fit is at the best when its sum of squares is within 1e-6 (relative) of the best known: by the loop from 25 starts
   on the sample, and by ten descents from 2,000 grid points on 1,000 curves.
2  the posterior over all laws of the labels, milliseconds a curve
3  a brief of 4 tasks, and many tasks x 2 pools x 30 measurements, from a table to surfaces; and the backtest of these,
   which a plan adds

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/fitting.py [--curves 10000] [--sample 10] [--tasks 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit

from budget import Measurements, fit
from budget.fitting.assemble import CHUNK
from budget.fitting.backtest import backtest
from budget.fitting.cells import Cells, Scale
from budget.fitting.laws import LAWS, Law
from budget.fitting.laws.base import RANGE
from budget.fitting.least_squares import least_squares
from budget.fitting.noise import Runs
from budget.fitting.posterior import posteriors

SIX = ("pow3", "pow4", "mmf4", "wbl4", "logarithmic", "m4")
POINTS = (8, 9, 10, 11, 12)
CLOSE = 1e-6
MANY = 25  # starts of scipy that look for the best known fit
CHECKED = 1000  # curves whose best is looked for on a wide grid
TARGETS = {
    "ratio": ">= 500",
    **{f"at_best_{name}": ">= 0.99" if name == "m4" else ">= 0.999" for name in SIX},
    "posterior_ms_a_curve": "<= 1.5",
    "four_tasks_s": "< 0.3",
    "1000_tasks_2_pools_s": "< 20",
    "peak_memory_gb": "<= 1",
}
Curves = tuple[np.ndarray, np.ndarray]  # labels and errors (T, N)


def simulated(count: int, points: int, seed: int, apart: bool = True) -> Curves:
    """Labels and errors (count, points): power laws with offset and floor, noise falling with the root of the labels.
    `apart`: every curve is measured at places of its own."""
    random = np.random.default_rng(seed)
    labels = np.tile(np.geomspace(1 / 2 ** (points - 1), 1, points), (count, 1))
    if apart:
        labels[:, :-1] *= random.uniform(0.8, 1.2, (count, points - 1))
    exponent, offset = random.uniform(0.2, 1, (count, 1)), random.uniform(0, 0.1, (count, 1))
    floor, scale = random.uniform(0, 0.3, (count, 1)), random.uniform(0.02, 0.1, (count, 1))
    noise = random.uniform(0.0005, 0.005, (count, 1)) * labels**-0.5 * random.standard_normal(labels.shape)
    return labels, np.clip(floor + scale * (labels + offset) ** -exponent + noise, 0, None)


def looped(law: Law, labels: np.ndarray, error: np.ndarray, starts: int, bounded: bool, seed: int) -> np.ndarray:
    """Sums of squares of scipy's curve_fit, one curve and one start after the other; shape parameters start where the
    prior has them, the scale where the curve's range has it."""
    mean, deviation = (np.array([getattr(p, key) for p in law.own]) for key in ("mean", "deviation"))
    lowest, highest = np.exp(mean - RANGE * deviation), np.exp(mean + RANGE * deviation)
    random, answer, none = np.random.default_rng(seed), [], np.zeros((labels.shape[1], 0))

    def natural(n: np.ndarray, *z: float) -> np.ndarray:
        return z[-2] + z[-1] * law.shape(np.array(z[:-2]), n, none)

    def logarithms(n: np.ndarray, *z: float) -> np.ndarray:
        return natural(n, *np.exp(z))

    for n, e in zip(labels, error, strict=True):
        best = np.inf
        for _ in range(starts):
            theta = np.clip(np.exp(mean + deviation * random.standard_normal(len(mean))), lowest, highest)
            start = np.array([*theta, 0.7 * e.min() + 1e-6, np.ptp(e) / np.ptp(law.shape(theta, n, none))])
            try:
                if bounded:
                    box = (np.r_[lowest, 0, 0], np.r_[highest, np.inf, np.inf])
                    found, _ = curve_fit(natural, n, e, start, bounds=box)
                    best = min(best, float(((natural(n, *found) - e) ** 2).sum()))
                else:
                    curve_fit(logarithms, n, e, np.log(start))
            except RuntimeError:  # did not converge: no fit
                continue
        answer.append(best)
    return np.array(answer)


def timed(sets: Sequence[Curves], fitted: Callable[[Law, Curves], np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    """CPU seconds a curve for all six laws, and each law's sums of squares."""
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (OptimizeWarning, RuntimeWarning))
        found = {name: np.concatenate([fitted(LAWS[name], curves) for curves in sets]) for name in SIX}
    return (time.process_time() - started) / sum(len(labels) for labels, _ in sets), found


def ours(law: Law, curves: Curves) -> np.ndarray:
    return least_squares(law, *curves).squares


def speed_of_least_squares(curves: int, sample: int) -> dict[str, float]:
    """Curves a second of all six laws together, batched over looped, and how often each law is at its best known."""
    sets = [simulated(curves // len(POINTS), points, points) for points in POINTS]
    some = [(labels[: sample // len(POINTS)], error[: sample // len(POINTS)]) for labels, error in sets]
    mine, squares = timed(sets, ours)
    shared, _ = timed([simulated(curves // len(POINTS), points, points, False) for points in POINTS], ours)
    loop, theirs = timed(some, lambda law, c: looped(law, *c, 5, True, 1))
    free, _ = timed(some, lambda law, c: looped(law, *c, 5, False, 1))
    figures = {"curves_a_second": 1 / mine, "loop_curves_a_second": 1 / loop, "ratio": loop / mine}
    figures |= {"ratio_places_shared": loop / shared, "ratio_to_unbounded_loop": free / mine}
    _, many = timed(some, lambda law, c: looped(law, *c, MANY, True, 2))
    more = [(labels[: CHECKED // len(POINTS)], error[: CHECKED // len(POINTS)]) for labels, error in sets]
    _, wide = timed(more, lambda law, c: least_squares(law, *c, starts=10, nodes=2000, steps=400).squares)
    return figures | at_best(curves, sample, squares, wide, [theirs, many])


def at_best(
    curves: int,
    sample: int,
    squares: Mapping[str, np.ndarray],
    wide: Mapping[str, np.ndarray],
    loops: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, float]:
    """Share of fits within CLOSE of the best known, ours and the loop's five starts; the checked curves of every set
    come first in it, those of the sample first of all."""
    figures = {}
    each, few = min(CHECKED, curves) // len(POINTS), sample // len(POINTS)
    for name in SIX:
        mine = squares[name].reshape(len(POINTS), -1)[:, :each]
        best = np.minimum(mine, wide[name].reshape(len(POINTS), -1))
        for loop in loops:
            best[:, :few] = np.minimum(best[:, :few], loop[name].reshape(len(POINTS), -1))
        figures[f"at_best_{name}"] = float(np.mean(mine <= best * (1 + CLOSE)))
        theirs = loops[0][name].reshape(len(POINTS), -1)
        figures[f"loop_at_best_{name}"] = float(np.mean(theirs <= best[:, :few] * (1 + CLOSE)))
    return figures


def speed_of_posterior(curves: int) -> dict[str, float]:
    labels, error = simulated(curves, 10, 2)
    tasks = [
        Cells(f"t{i}", Scale(), (), n * 1000, np.zeros((10, 0)), e, np.full(10, 3.0), np.full(10, 1e-5), 0)
        for i, (n, e) in enumerate(zip(labels, error, strict=True))
    ]
    started = time.process_time()
    for i in range(0, curves, CHUNK):
        posteriors([Runs(task) for task in tasks[i : i + CHUNK]])
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
    four = Measurements.from_frame(table(4, 1))
    fit(four)  # loads what is loaded once
    started = time.process_time()
    fit(four)
    four_seconds = time.process_time() - started
    many = Measurements.from_frame(table(tasks, 2))
    started = time.process_time()
    fit(many)
    whole = time.process_time() - started
    started = time.process_time()
    backtest(many)
    tested = time.process_time() - started
    return {
        "four_tasks_s": four_seconds,
        f"{tasks}_tasks_2_pools_s": whole,
        f"{tasks}_tasks_backtest_s": tested,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.sample < len(POINTS):
        parser.error(f"--sample: at least {len(POINTS)}, one curve for each number of points")
    figures = speed_of_least_squares(arguments.curves, arguments.sample)
    figures |= speed_of_posterior(min(arguments.curves, 1000))
    figures |= speed_of_fit(arguments.tasks)
    figures["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:26} {value:12.4f}  {TARGETS.get(name, '')}")


if __name__ == "__main__":
    main()
