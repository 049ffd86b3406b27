"""How much a measured cell may differ from the law: seeds, what runs with one seed have in common, and the test
set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import FALLS, Cells

Array = NDArray[np.float64]
SHARED = 0.5  # of the sampling variance of a test set: common to all runs scored on it; the rest is each cell's own
DOUBT = 10.0  # pairs of runs with one seed that the guess that they have nothing in common is worth
COMMON = 0.9  # of a run's variance may be common to runs with its seed, at most
TASKS = 0.3  # deviation of that power from task to task
ENOUGH = 3  # tasks with repeats, before any learns from the others


@dataclass(frozen=True)
class NoisePrior:
    """Variance of one run at the largest pilot, as a share of e (1 - e), and how many runs that guess is worth.

    Of the variance of a run, `subset` is common to all runs on the same labels, and `network` to all that begin with
    the same pretrained network: shares that add up to less than 1. The variance falls by labels^-fall, a power that is
    normal over tasks: 0.6 with a deviation of 0.4 over the curves of LCDB.
    """

    variance: float = 0.015**2
    runs: float = 2.0
    subset: float = 0.0
    network: float = 0.0
    fall: float = 0.6
    fall_deviation: float = 0.4


def magnitude(error: Array) -> Array:
    """e (1 - e): the scale on which errors near 0 and near chance move less than those between; at least 0.01 *
    0.99."""
    inside = np.clip(error, 0.01, 0.99)
    return np.asarray(inside * (1 - inside))


def learn(tasks: Sequence[Cells], fallback: NoisePrior) -> NoisePrior:
    """What the tasks of one fit have in common: the middle of their variances, worth more the less they differ.

    The logarithm of a variance estimated from v degrees of freedom has a variance of about 2 / v; what the tasks differ
    beyond that is the spread of the true variances, and a prior worth r runs spreads by 2 / r.
    """
    logs, within, fallback = [], [], replace(fallback, **_common_fall(tasks, fallback))
    for task in tasks:
        squares, freedom = Runs(task, fallback).squares, task.freedom
        if freedom >= 2 and squares > 0:
            logs.append(np.log(squares / freedom / magnitude(task.error[-1:])[0]))
            within.append(2 / freedom)
    found = fallback
    if len(logs) >= ENOUGH:
        between = max(float(np.var(logs, ddof=1)) - float(np.mean(within)), 0.1)
        found = replace(fallback, variance=float(np.exp(np.median(logs))), runs=min(max(2 / between, 1.0), 20.0))
    subset, network = common_shares(tasks, found)
    return replace(found, subset=subset, network=network)


def _normal(mean: Array | float, deviation: float) -> Array:
    """Of FALLS, up to a constant that does not depend on the mean."""
    return np.exp(-0.5 * ((FALLS - mean) / deviation) ** 2)


def _common_fall(tasks: Sequence[Cells], fallback: NoisePrior) -> dict[str, float]:
    """Mean and deviation of a task's power of labels by which the variance of a run falls, from all tasks: their mean
    is as normal as the fallback says, and each lies about it by TASKS."""
    repeated = [task for task in tasks if task.squares.any()]
    if len(repeated) < ENOUGH:
        return {}
    about = _normal(FALLS[:, None], TASKS)  # (mean, power)
    log = np.log(np.maximum(_normal(fallback.fall, fallback.fall_deviation), 1e-300))
    for task in repeated:
        log += np.log(about @ task.fall_likelihood)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float(weight @ FALLS)
    return {"fall": mean, "fall_deviation": float(np.hypot(TASKS, np.sqrt(weight @ (FALLS - mean) ** 2)))}


@dataclass(frozen=True)
class Runs:
    """The runs of one task and what they scatter by, given what the tasks of their fit have in common."""

    task: Cells
    prior: NoisePrior = NoisePrior()

    @cached_property
    def fall(self) -> float:
        """Power of labels by which the variance of the runs falls: its mean by the repeats and the prior."""
        weight = _normal(self.prior.fall, self.prior.fall_deviation) * self.task.fall_likelihood
        return float(weight @ FALLS / weight.sum())

    @cached_property
    def growth(self) -> Array:
        """(N,) variance of a run at the largest pilot over that in each cell; 1 where labels were not varied."""
        return np.asarray(self.task.grown**self.fall)

    @cached_property
    def squares(self) -> float:
        """Between repeats, their sum in units of a run at the largest pilot."""
        return float((self.task.squares * self.growth).sum())

    @cached_property
    def variance(self) -> float:
        """Of one run at the largest pilot."""
        guess = self.prior.variance * float(magnitude(self.task.error[-1:])[0])
        return (self.prior.runs * guess + self.squares) / (self.prior.runs + self.task.freedom)

    @cached_property
    def by_seeds(self) -> Array:
        """(N,) variance of every cell's mean that its seeds explain."""
        return np.asarray(self.variance / self.growth / self.task.repeats)

    @cached_property
    def covariance(self) -> Array:
        """(N, N) of the cells' means by seeds: `by_seeds` on the diagonal, and what runs with one seed have in common
        beside it."""
        task, prior = self.task, self.prior
        if not task.by_seed.size or prior.subset + prior.network == 0:
            return np.diag(self.by_seeds)
        there = np.isfinite(task.by_seed).astype(float)
        labels, networks = kinship(task)
        run = np.sqrt(self.by_seeds / task.repeats)  # of the sum of the runs over their number, one run's part
        common = (prior.subset * labels + prior.network * networks) * (there @ there.T) * np.outer(run, run)
        np.fill_diagonal(common, self.by_seeds)
        return np.asarray(common)

    @cached_property
    def by_items(self) -> Array:
        """(N,) sampling variance that each cell has for itself: no number of seeds averages it out."""
        return own_sampling(self.task)

    @property
    def by_all(self) -> Array:
        """(N,) variance of every cell's mean: seeds and test items."""
        return self.by_seeds + self.by_items


def kinship(task: Cells) -> tuple[Array, Array]:
    """How much two runs of one seed, in cells i and j, have in common, each (N, N): their labels, of which the fewer
    are a part of the more, sqrt(n_i / n_j) for n_i <= n_j, and the pretrained network, 1 where both begin with it."""
    sizes, pools = task.grown, task.pool_labels
    labels = np.sqrt(np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes))
    return labels, ((pools[:, None] == pools[None]).all(2) & pools.any(1)).astype(float)


def common_shares(tasks: Sequence[Cells], prior: NoisePrior) -> tuple[float, float]:
    """The shares `subset` and `network` of a run's variance, over all tasks.

    Products of two cells' residuals with one seed, in standard deviations, are regressed on what both have in common
    (Haseman and Elston, 1972), shrunk to nothing by `DOUBT` pairs. Residuals from means of r runs of which q seeds are
    the same keep 1 - 1/r_i - 1/r_j + q / (r_i r_j) of a common part. Where a task has few runs its own deviation moves
    with the products, and the shares come out low by up to a sixth.
    """
    matrix, right = DOUBT * np.eye(2), np.zeros(2)
    for task in tasks:
        if not task.by_seed.size:
            continue
        upper = np.triu_indices(len(task.labels), 1)
        there, off = np.isfinite(task.by_seed).astype(float), np.nan_to_num(task.by_seed)
        seeds, each = there @ there.T, 1 / task.repeats
        runs = Runs(task, prior)
        deviation = np.sqrt(max(runs.variance, 1e-12) / runs.growth)
        kept = seeds * (1 - each[:, None] - each + seeds * np.outer(each, each))
        alike = np.stack(kinship(task), -1)[upper]
        matrix += (kept[upper][:, None] * alike).T @ alike
        right += alike.T @ (off @ off.T / np.outer(deviation, deviation))[upper]
    subset, network = np.linalg.solve(matrix, right)
    if subset < 0 or network < 0:  # then one of them is 0 where neither may be negative
        alone = np.maximum(right / np.diag(matrix), 0.0)
        subset, network = alone * (np.array([1.0, 0.0]) if network < 0 else np.array([0.0, 1.0]))
    most = max((subset + network) / COMMON, 1.0)
    return float(subset / most), float(network / most)


def sampling(task: Cells) -> float:
    """1 / test size: e (1 - e) times this is the most that a score can scatter with the choice of the test items if
    each item scores between worst and best (Bhatia and Davis 2000), and what it does if each is right or wrong.
    0 where the test size is not known, or where an error outside 0 to 1 shows a metric without bounds."""
    inside = task.error.min(initial=0) >= 0 and task.error.max(initial=0) <= 1
    return 1 / task.test_size if inside else 0.0


def own_sampling(task: Cells) -> Array:
    """(N,) sampling variance that each cell has for itself: no number of seeds averages it out."""
    return (1 - SHARED) * sampling(task) * magnitude(task.error)
