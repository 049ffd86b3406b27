"""Which average over laws forecasts best? The posterior's own weights beside others that share or hold back more.

Real learning curves, a pilot of 7 label counts and 3 simulated seeds each, as in calibration.py; forecasts at the
curve's end, 4 and 16 times the pilot, are the interquartile mean over all weighted nodes. Rows:

- evidence: every law weighs what the pilot says of it, as in the package;
- held back: times the density, to some power, that each law gave the two largest sizes before it saw them;
- head dropped: the same without what the law makes of the smaller sizes;
- shared exponents, shared floors, shared weights of the laws: their prior is learned from all curves (EM, worth five
  tasks of the package's own prior for exponents and floors, twenty for weights).

Error: mean absolute error over that of a least-squares power law.

usage: python benchmarks/averaging.py [--data DIR] [--curves 400]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from calibration import RATIOS, pilots
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.laws import LAWS
from budget.fitting.nodes import Array
from budget.fitting.noise import Runs
from budget.fitting.posterior import Posterior, posteriors, relative_error

LABELS = [law for law in LAWS.values() if not law.joint and law.weight > 0]
HIDDEN, ROUNDS, TASKS, WEIGHTS = 2, 60, 5.0, 20.0


@dataclass(frozen=True)
class Nodes:
    """The posterior of one curve: law (K,), weight, forecast at the end, and standardised exponent and floor, each
    (K,); the laws' weights with all pilots and without the largest; the true error at the end, and how far a power law
    was off it."""

    law: NDArray[np.intp]
    weight: Array
    forecast: Array
    exponent: Array
    floor: Array
    whole: Array
    first: Array
    truth: float
    power_law: float


def nodes(found: Posterior, first: Posterior, reach: float, truth: float, power_law: float) -> Nodes:
    starts, parts = np.cumsum([0, *map(len, found.theta)]), []
    for i, law in enumerate(found.laws):
        floor, own = found.node_floor[starts[i] : starts[i + 1]], law.parameters(0)[0]
        shape = relative_error(law, found.theta[i], floor, np.array([reach]), np.zeros((1, 0)))[:, 0]
        exponent = (np.log(found.theta[i][:, 0]) - own.mean) / own.deviation
        share = (np.log(floor / (1 - floor)) - law.floor.mean) / law.floor.deviation
        parts.append(np.stack([np.full(len(floor), float(i)), shape, exponent, share]))
    law, shape, exponent, share = np.concatenate(parts, axis=1)[:, found.node]
    weights = [np.array([each.law_weights()[one.name] for one in found.laws]) for each in (found, first)]
    forecast = np.minimum(shape * found.level, 1.0)
    return Nodes(law.astype(int), found.weight, forecast, exponent, share, *weights, truth, power_law)


def without_largest(task: Cells) -> Cells:
    parts = {name: getattr(task, name)[:-HIDDEN] for name in ("labels", "pool_labels", "error", "repeats", "squares")}
    return replace(task, **parts)


def middle(values: Array, weights: Array) -> float:
    """The weighted interquartile mean."""
    order = np.argsort(values)
    cumulative = np.clip(np.cumsum(weights[order]) / weights.sum(), 0.25, 0.75)
    return float(np.diff(np.concatenate([[0.25], cumulative])) @ values[order] / 0.5)


def by_law(factor: Callable[[Nodes], Array]) -> Callable[[Nodes], Array]:
    return lambda one: factor(one)[one.law]


def shared_normal(curves: Sequence[Nodes], name: str) -> tuple[Callable[[Nodes], Array], str]:
    """The normal that all curves' exponents or floors follow, in place of their prior."""
    mean, deviation = 0.0, 1.0

    def factor(one: Nodes) -> Array:
        value = getattr(one, name)
        change = -0.5 * ((value - mean) / deviation) ** 2 + 0.5 * value**2
        return np.asarray(np.exp(np.clip(change, -50, 50)))

    for _ in range(ROUNDS):
        sums = np.zeros(2)
        for one in curves:
            weight = one.weight * factor(one)
            value = getattr(one, name)
            sums += np.array([weight @ value, weight @ value**2]) / weight.sum()
        count = len(curves) + TASKS
        mean, deviation = sums[0] / count, float(np.sqrt((sums[1] + TASKS) / count - (sums[0] / count) ** 2))
    return factor, f"mean {mean:+.2f}, deviation {deviation:.2f} prior deviations"


def shared_weights(curves: Sequence[Nodes]) -> tuple[Callable[[Nodes], Array], str]:
    """The weights of the laws over all curves, in place of their prior."""
    prior = np.array([law.weight for law in LABELS]) / sum(law.weight for law in LABELS)
    every, times = np.stack([one.whole for one in curves]), np.ones(len(prior))
    for _ in range(ROUNDS):
        shares = every * times
        found = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0)
        times = (found + WEIGHTS * prior) / (len(curves) + WEIGHTS) / prior
    said = ", ".join(f"{law.name} x{change:.1f}" for law, change in zip(LABELS, times, strict=True))
    return by_law(lambda _: times), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--curves", type=int, default=400)
    arguments = parser.parse_args()
    if not (arguments.data / "lcdb_curves.csv.gz").is_file():
        print(f"skipped: no lcdb_curves.csv.gz in {arguments.data} (--data DIR)")
        return
    for ratio in RATIOS:
        every = pilots(arguments.data, ratio)
        order = np.random.default_rng(0).permutation(len(every))[: arguments.curves]
        curves: list[Nodes] = []
        for start in range(0, len(order), 64):
            part = [every[i] for i in order[start : start + 64]]
            tasks = [pilot for _, pilot, *_ in part]
            both = [posteriors(list(map(Runs, each)), laws=LABELS) for each in (tasks, map(without_largest, tasks))]
            curves += [nodes(*fits, *rest) for fits, (_, _, *rest) in zip(zip(*both, strict=True), part, strict=True)]
        rows: dict[str, tuple[Callable[[Nodes], Array], str]] = {"evidence": (lambda one: np.ones(len(one.law)), "")}
        for power in (0.25, 0.5, 1.0):
            density = by_law(lambda one, p=power: ((one.whole + 1e-6) / (one.first + 1e-6)) ** p)  # type: ignore[misc]
            rows[f"held back, power {power}"] = density, ""
            rows[f"head dropped, power {power}"] = by_law(lambda one, p=power: (one.first + 1e-3) ** -p), ""  # type: ignore[misc]
        rows["shared exponents"] = shared_normal(curves, "exponent")
        rows["shared floors"] = shared_normal(curves, "floor")
        rows["shared weights of laws"] = shared_weights(curves)
        line = float(np.mean([one.power_law for one in curves]))
        print(f"{ratio} times the pilot, {len(curves)} curves")
        for name, (factor, said) in rows.items():
            off = [abs(middle(one.forecast, one.weight * factor(one)) - one.truth) for one in curves]
            print(f"  {name:28s} {np.mean(off) / line:.3f}   {said}")


if __name__ == "__main__":
    main()
