"""Measurements as the fits need them: for each task the mean error of every (labels, pool labels) cell, and its
repeats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from budget.fitting.capacity import Capacity, capacities

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements
    from budget.run_table import RunTable

Array = NDArray[np.float64]
BEYOND = 1.1  # mean errors above it are no noise around chance: the metric's worst is none
DIVERGED = 10.0  # times the median error: cells above it say nothing of a metric's range
FALLS = np.linspace(-0.8, 2.0, 57)  # powers of labels by which the variance of a run may fall
OUTLIER = 6.0  # robust standard deviations
ENOUGH = 9  # runs with repeats, before any is called outlying


@dataclass(frozen=True)
class Scale:
    """A score's two ends: error = (best - score) / (best - worst), whichever way round the metric counts."""

    best: float = 1.0
    worst: float = 0.0
    direction: str = "maximize"

    def error(self, score: Array) -> Array:
        return (self.best - score) / (self.best - self.worst)

    def score(self, error: Array) -> Array:
        return self.best - (self.best - self.worst) * error

    def reaching(self, error: float) -> Scale:
        """The scale on which this error is in the middle.

        >>> Scale(best=0.0, worst=1.0, direction="minimize").reaching(3.0).worst
        6.0
        """
        return replace(self, worst=self.best - 2 * error * (self.best - self.worst))


@dataclass(frozen=True)
class Cells:
    """One task: labels (N,), pool labels (N, J), mean error (N,), repeats (N,) and the repeats' sum of squares (N,).

    `failed` runs have no score; `others` are left out, for they are of another mode or number of annotators. `outliers`
    are runs so far from their repeats that they were moved to the edge of what repeats do. `chance`: the error without
    any labels, where it was measured; it bounds every forecast and is no cell.
    `by_seed` (N, R): how far the run with a seed lies from its cell's mean, one column for every seed that several
    cells have, nan where a cell has none; unknown: no columns.
    """

    task: str
    scale: Scale
    pools: tuple[str, ...]
    labels: Array
    pool_labels: Array
    error: Array
    repeats: Array
    squares: Array
    failed: int
    outliers: int = 0
    chance: float | None = None
    test_size: float = np.inf  # items that a run is scored on (harmonic mean); unknown: infinite
    by_seed: Array = field(default_factory=lambda: np.zeros((0, 0)))
    capacity: tuple[Capacity, ...] = ()  # what other networks make of the pools
    others: int = 0
    kind: str = ""  # mode and number of annotators of the curve's runs, where there are others
    worse: bool = False  # than the metric's worst by more than noise: `scale` reaches twice as far as the runs do

    @cached_property
    def largest(self) -> tuple[float, Array]:
        """The largest pilot: labels and, pool by pool, pool labels; 1 where there is none."""
        labels = float(self.labels.max(initial=0)) or 1.0
        pools = self.pool_labels.max(axis=0, initial=0)
        return labels, np.where(pools > 0, pools, 1.0)

    @cached_property
    def grown(self) -> Array:
        """(N,) labels over the largest pilot's, none as half of the fewest; 1 where they were not varied."""
        return grown(self.labels)

    @cached_property
    def fall_likelihood(self) -> Array:
        """Of FALLS, the greatest being 1. The repeats' squares in a cell are s^2 x^-p times chi squares of v degrees of
        freedom; over ln s what they say of p is prod x^(p v / 2) (sum squares x^p)^(-V / 2), V being all v together."""
        freedom, logs = self.repeats - 1, np.log(self.grown)
        total = np.exp(np.outer(FALLS, logs)) @ self.squares
        if not (total > 0).all():
            return np.ones_like(FALLS)
        log = FALLS * float(freedom @ logs) / 2 - freedom.sum() / 2 * np.log(total)
        return np.asarray(np.exp(log - log.max()))

    @cached_property
    def freedom(self) -> float:
        """Degrees of freedom between repeats."""
        return float((self.repeats - 1).sum())

    @cached_property
    def varied(self) -> tuple[int, ...]:
        """Pools that were measured at more than one size."""
        return tuple(int(j) for j in np.flatnonzero(np.ptp(self.pool_labels, axis=0) > 0))


def cells(measurements: Measurements, brief: Brief | None) -> dict[str, Cells]:
    """The runs of every task's curves, averaged over seeds."""
    pools = tuple(sorted(measurements.pools))
    answer, curves, beside = {}, measurements.of_curves, measurements.beside_curves
    others = beside.places("task")
    names = ("score", "test_size", "labels", *(f"pool:{p}" for p in pools))
    table, seeds = np.column_stack([curves[name] for name in names]), curves["seed"]
    for task, rows in curves.places("task").items():
        metric = brief.tasks[task].metric if brief is not None and task in brief.tasks else None
        scale = Scale(metric.best, metric.worst, metric.direction) if metric else Scale()
        found = _cells(task, scale, pools, table[rows], seeds[rows])
        if (most := _worst(found)) > BEYOND:
            found = replace(_cells(task, scale.reaching(most), pools, table[rows], seeds[rows]), worse=True)
        answer[task] = found
        if task in others:
            answer[task] = _beside(found, curves.take(rows), beside.take(others[task]))
    return answer


def _worst(task: Cells) -> float:
    """Largest mean error, runs without labels included and cells that diverged not."""
    every = np.append(task.error, [] if task.chance is None else task.chance)
    return float(every[every <= DIVERGED * np.median(every)].max(initial=0)) if len(every) else 0.0


def _beside(task: Cells, runs: RunTable, others: RunTable) -> Cells:
    """The task of these runs with what is known of its runs of other networks, modes and numbers of annotators."""
    own, sign = runs["backbone"][0], 1 if task.scale.best > task.scale.worst else -1
    adapted = [
        mode for mode in runs["mode"].tolist() if mode != "scratch"
    ]  # which, without pools, belongs to every mode
    kind = f"{adapted[0] if adapted else 'scratch'}, annotators {runs['annotators'][0]}"
    alike = others["backbone"] == own
    capacity = () if alike.all() else capacities(runs.with_more(others), own, sign)
    return replace(task, capacity=capacity, others=int((others.scored & alike).sum()), kind=kind)


def _cells(task: str, scale: Scale, pools: tuple[str, ...], runs: Array, seed: Array) -> Cells:
    """Of runs: score, test size, labels and the pools' labels in columns, and the seed of each."""
    error = scale.error(runs[:, 0])
    fine = np.isfinite(error)
    points, where = np.unique(np.nan_to_num(runs[fine, 2:]), axis=0, return_inverse=True)
    where = where.reshape(-1)
    tamed, outliers = _tamed(error[fine], where, points[:, 0])
    count = np.asarray(np.bincount(where, minlength=len(points)), np.float64)
    mean = np.bincount(where, tamed, minlength=len(points)) / np.maximum(count, 1)
    squares = np.asarray(np.bincount(where, (tamed - mean[where]) ** 2, minlength=len(points)), np.float64)
    failed = int((~fine).sum())
    some = points.any(axis=1)
    sizes = runs[fine, 1]
    known = sizes[sizes > 0]
    chance = float(mean[~some][0]) if len(points) and not some.all() else None
    return Cells(
        task,
        scale,
        pools,
        points[some, 0],
        points[some, 1:],
        mean[some],
        count[some],
        squares[some],
        failed,
        outliers,
        chance,
        float(1 / np.mean(1 / known)) if len(known) else np.inf,
        _by_seed(tamed - mean[where], where, seed[fine], len(points))[some],
    )


def _by_seed(off: Array, cell: NDArray[np.intp], seed: Array, cells: int) -> Array:
    """(N, R) every run's difference from its cell's mean by seed, for the seeds of several cells."""
    seeds, column = np.unique(seed, return_inverse=True)
    table = np.full((cells, len(seeds)), np.nan)
    table[cell, column.reshape(-1)] = off
    return table[:, np.isfinite(table).sum(axis=0) > 1]


def _tamed(error: Array, cell: NDArray[np.intp], labels: Array) -> tuple[Array, int]:
    """Runs with those moved in that lie more than OUTLIER robust deviations off the median of three or more repeats.
    Cells have these labels (N,); the variance of a run falls with them, so that few labels make no outliers."""
    off, repeats = np.zeros(len(error)), np.bincount(cell, minlength=len(labels))
    for i in np.flatnonzero(repeats >= 3):
        inside = cell == i
        off[inside] = error[inside] - np.median(error[inside])
    if (repeats[cell] >= 3).sum() < ENOUGH or not off.any():
        return error, 0
    root = np.sqrt(grown(labels))[cell]
    off *= root
    # spread of each cell by its repeats, shrunk to the task's: a quiet cell must not make its own runs outliers
    typical = 1.4826 * float(np.median(np.abs(off[off != 0])))  # without the medians themselves
    own = [1.4826 * float(np.median(np.abs(off[cell == i]))) for i in range(len(labels))]
    excess = np.abs(off) - OUTLIER * np.hypot(typical, own)[cell]
    far = (excess > 0) & (np.abs(off) > excess)
    return np.where(far, error - np.sign(off) * excess / root, error), int(far.sum())


def grown(labels: Array) -> Array:
    """(N,) labels over the largest pilot's, none as half of the fewest; 1 where they were not varied.

    >>> grown(np.array([0.0, 100.0, 400.0])).tolist(), grown(np.array([100.0, 100.0])).tolist()
    ([0.125, 0.25, 1.0], [1.0, 1.0])
    """
    positive = labels[labels > 0]
    if np.ptp(labels) == 0 or not len(positive):
        return np.ones_like(labels)
    return np.asarray(np.maximum(labels, positive.min() / 2) / labels.max())
