"""How much a measured cell may differ from the law: seeds, the test set, and the law's own drift away from the
pilot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells, grown

Array = NDArray[np.float64]
SHARED = 0.5  # of the sampling variance of a test set: common to all runs scored on it; the rest is each cell's own


@dataclass(frozen=True)
class NoisePrior:
    """Variance of one run at the largest pilot, as a share of e (1 - e), and how many runs that guess is worth."""

    variance: float = 0.015**2
    runs: float = 2.0


def magnitude(error: Array) -> Array:
    """e (1 - e): the scale on which errors near 0 and near chance move less than those between; at least 0.01 *
    0.99."""
    inside = np.clip(error, 0.01, 0.99)
    return np.asarray(inside * (1 - inside))


def growth(task: Cells) -> Array:
    """(N,) labels over the largest pilot's: the variance of a run falls with them; 1 where labels were not varied."""
    return grown(task.labels)


def seen(task: Cells) -> tuple[float, float]:
    """Sum of squares between repeats, in units of a run at the largest pilot, and its degrees of freedom."""
    return float((task.squares * growth(task)).sum()), float((task.repeats - 1).sum())


def learn(tasks: Sequence[Cells], fallback: NoisePrior) -> NoisePrior:
    """What the tasks of one fit have in common: the middle of their variances, worth more the less they differ.

    The logarithm of a variance estimated from v degrees of freedom has a variance of about 2 / v; what the tasks differ
    beyond that is the spread of the true variances, and a prior worth r runs spreads by 2 / r.
    """
    logs, within = [], []
    for task in tasks:
        squares, freedom = seen(task)
        if freedom >= 2 and squares > 0:
            logs.append(np.log(squares / freedom / magnitude(task.error[-1:])[0]))
            within.append(2 / freedom)
    if len(logs) < 3:
        return fallback
    between = max(float(np.var(logs, ddof=1)) - float(np.mean(within)), 0.1)
    return NoisePrior(float(np.exp(np.median(logs))), min(max(2 / between, 1.0), 20.0))


def one_run(task: Cells, prior: NoisePrior) -> tuple[float, float]:
    """Variance of one run at the largest pilot, and how many degrees of freedom it rests on."""
    squares, freedom = seen(task)
    guess = prior.variance * float(magnitude(task.error[-1:])[0])
    return (prior.runs * guess + squares) / (prior.runs + freedom), freedom


def seed_variance(task: Cells, prior: NoisePrior) -> Array:
    """(N,) variance of every cell's mean that its seeds explain."""
    return np.asarray(one_run(task, prior)[0] / growth(task) / task.repeats)


def sampling(task: Cells) -> float:
    """1 / test size: e (1 - e) times this is the most that a score can scatter with the choice of the test items if
    each item scores between worst and best (Bhatia and Davis 2000), and what it does if each is right or wrong.
    0 where the test size is not known, or where an error outside 0 to 1 shows a metric without bounds."""
    inside = task.error.min(initial=0) >= 0 and task.error.max(initial=0) <= 1
    return 1 / task.test_size if inside else 0.0


def own_sampling(task: Cells) -> Array:
    """(N,) sampling variance that each cell has for itself: no number of seeds averages it out."""
    return (1 - SHARED) * sampling(task) * magnitude(task.error)


def cell_variance(task: Cells, prior: NoisePrior) -> Array:
    """(N,) variance of every cell's mean: seeds and test items."""
    return seed_variance(task, prior) + own_sampling(task)
