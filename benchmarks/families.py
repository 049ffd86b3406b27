"""What the forecasts are worth where no law of the ensemble is true: synthetic curves of other families, each with the
design and noise of a real pilot, six label counts and three seeds.

For every family, at 4 and 16 times the pilot: coverage of the 90 % interval (target: at least 0.85 at 4 times), mean
interval score over the mean error at the pilot, mean absolute error over a least-squares power law's, and over the true
error. Broken power laws (Caballero et al. 2023) turn at a fifth of the pilot, just beyond it, or at 4 times the pilot.

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/families.py [--curves 100] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from budget.fitting.assemble import surfaces
from budget.fitting.backtest import power_law
from budget.fitting.cells import Cells, Scale

Array = NDArray[np.float64]
Shape = Callable[[Array], Array]  # of labels over the largest pilot's, falling
Family = Callable[[np.random.Generator], Shape]
LABELS = 100.0 * 2 ** np.arange(6)
SEEDS = 3
FAR = (4.0, 16.0)


def exponential(random: np.random.Generator) -> Shape:
    life = np.exp(random.uniform(np.log(0.3), np.log(3)))
    return lambda x: np.exp(-x / life)


def janoschek(random: np.random.Generator) -> Shape:
    power, life = random.uniform(0.3, 0.9), np.exp(random.uniform(np.log(0.1), np.log(3)))
    return lambda x: np.exp(-((x / life) ** power))


def probit(random: np.random.Generator) -> Shape:
    """Logistic curves in ln n are mmf4; the normal ogive is none."""
    steep, half = random.uniform(0.2, 0.8), np.exp(random.uniform(np.log(0.05), np.log(2)))
    return lambda x: 1 - ndtr(steep * np.log(x / half))


def ilog2(random: np.random.Generator) -> Shape:
    largest = np.exp(random.uniform(np.log(1e3), np.log(1e5)))
    return lambda x: 1 / np.log(x * largest)


def straight_in_logarithm(random: np.random.Generator) -> Shape:
    rise = random.uniform(0.1, 0.5)
    return lambda x: 1 - rise * np.log(32 * x) / np.log(32)


def two_powers(random: np.random.Generator) -> Shape:
    slow, fast, share = random.uniform(0.1, 0.4), random.uniform(0.5, 1.2), random.uniform(0.2, 0.8)
    return lambda x: share * x**-slow + (1 - share) * x**-fast


def exponential_then_power(random: np.random.Generator) -> Shape:
    power, life = random.uniform(0.2, 0.7), np.exp(random.uniform(np.log(0.05), np.log(0.5)))
    return lambda x: np.exp(-x / life) + x**-power


def broken(at: float, steeper: bool) -> Family:
    """n^-b (1 + (n / d)^(1 / f))^(-c f): from exponent b to b + c, at d."""

    def family(random: np.random.Generator) -> Shape:
        before, sharp = random.uniform(0.2, 0.6), random.uniform(0.1, 0.4)
        turn = random.uniform(0.3, 0.8) if steeper else -random.uniform(0.5, 0.9) * before
        return lambda x: x**-before * (1 + (x / at) ** (1 / sharp)) ** (-turn * sharp)

    return family


FAMILIES: dict[str, Family] = {
    "exponential": exponential,
    "Janoschek": janoschek,
    "probit in ln n": probit,
    "1 / ln n": ilog2,
    "straight in ln n": straight_in_logarithm,
    "two power laws": two_powers,
    "exponential, then a power": exponential_then_power,
}
BREAKS: dict[str, Family] = {
    f"{'steeper' if steeper else 'flatter'} from {at:g} times the pilot": broken(at, steeper)
    for at in (0.2, 1.5, 4.0)
    for steeper in (True, False)
}


def curve(name: str, family: Family, random: np.random.Generator) -> tuple[Cells, Array]:
    """A pilot, and the true error at FAR: error at the pilot 0.05 to 0.4, up to half of it floor, never above 0.95."""
    while True:
        shape, level = family(random), float(np.exp(random.uniform(np.log(0.05), np.log(0.4))))
        floor = random.uniform(0, 0.5) if name != "straight in ln n" else 0.0
        x = np.concatenate([LABELS / LABELS[-1], FAR])
        error = level * (floor + (1 - floor) * shape(x) / shape(np.ones(1)))
        if error[0] < 0.95:
            break
    truth, far = np.split(error, [len(LABELS)])
    deviation = random.uniform(0.004, 0.03) * np.sqrt(truth * (1 - truth)) * np.sqrt(LABELS[-1] / LABELS) ** 0.5
    runs = np.clip(truth[:, None] + deviation[:, None] * random.standard_normal((len(LABELS), SEEDS)), 0, 1)
    mean = runs.mean(1)
    squares = ((runs - mean[:, None]) ** 2).sum(1)
    seeds = np.full(len(LABELS), float(SEEDS))
    return Cells(name, Scale(), (), LABELS, np.zeros((len(LABELS), 0)), mean, seeds, squares, 0), far


def figures(name: str, family: Family, curves: int, seed: int) -> dict[str, float]:
    """Of one family: coverage, interval score and error at both distances."""
    random = np.random.default_rng(seed)
    made = [curve(name, family, random) for _ in range(curves)]
    tasks = [replace(cells, task=f"t{i}") for i, (cells, _) in enumerate(made)]
    fitted = surfaces(tasks, 0)
    answer = {}
    for k, far in enumerate(FAR):
        at = [LABELS[-1] * far]
        found = np.array([[1 - v[0] for v in (f.expected(at), *f.interval(at))] for f in fitted.values()])
        expected, high, low = found.T
        truth = np.array([error[k] for _, error in made])
        plain = np.array([power_law(t.labels, t.error, at[0]) for t in tasks])
        fall = np.array([t.error[-1] for t in tasks]).mean()
        missed = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        answer |= {
            f"coverage_{far:g}x": float(np.mean(missed == 0)),
            f"interval_score_{far:g}x": float(np.mean(high - low + 20 * missed) / fall),
            f"error_over_power_law_{far:g}x": float(np.abs(expected - truth).mean() / np.abs(plain - truth).mean()),
            f"relative_error_{far:g}x": float(np.mean(np.abs(expected - truth) / truth)),
        }
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, Mapping[str, float]] = {}
    if not arguments.json:
        print(f"{'4x / 16x':34}{'coverage':14}{'interval score':18}{'over power law':18}relative error")
    for name, family in (FAMILIES | BREAKS).items():
        found[name] = figures(name, family, arguments.curves, arguments.seed)
        if not arguments.json:
            print(row(name, found[name]), flush=True)
    smooth = [found[name] for name in FAMILIES]
    found["all smooth families"] = {key: float(np.mean([each[key] for each in smooth])) for key in smooth[0]}
    print(json.dumps(found) if arguments.json else row("all smooth families", found["all smooth families"]))


def row(name: str, found: Mapping[str, float]) -> str:
    """The figures of one family, those at 4 and at 16 times the pilot side by side."""
    kinds = [key.removesuffix("_4x") for key in found if key.endswith("_4x")]
    cells = [" / ".join(f"{found[f'{kind}_{far:g}x']:.2f}" for far in FAR) for kind in kinds]
    return f"{name:34}{cells[0]:14}{cells[1]:18}{cells[2]:18}{cells[3]}"


if __name__ == "__main__":
    main()
