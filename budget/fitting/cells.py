"""Measurements as the fits need them: for each task the mean error of every (labels, pool labels) cell, and its repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements

Array = NDArray[np.float64]


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


@dataclass(frozen=True)
class Cells:
    """One task: labels (N,), pool labels (N, J), mean error (N,), repeats (N,) and the repeats' sum of squares (N,)."""

    task: str
    scale: Scale
    pools: tuple[str, ...]
    labels: Array
    pool_labels: Array
    error: Array
    repeats: Array
    squares: Array
    failed: int

    @property
    def largest(self) -> tuple[float, Array]:
        """The largest pilot: labels and, pool by pool, pool labels; 1 where there is none."""
        labels = float(self.labels.max(initial=0)) or 1.0
        pools = self.pool_labels.max(axis=0, initial=0)
        return labels, np.where(pools > 0, pools, 1.0)

    @property
    def varied(self) -> tuple[int, ...]:
        """Pools that were measured at more than one size."""
        return tuple(int(j) for j in np.flatnonzero(np.ptp(self.pool_labels, axis=0) > 0))


def cells(measurements: Measurements, brief: Brief | None) -> dict[str, Cells]:
    """Random-choice runs of every task, averaged over seeds."""
    frame = measurements.frame
    pools = tuple(sorted(measurements.pools))
    frame = frame[frame["strategy"] == "random"]
    answer = {}
    for task, rows in frame.groupby("task", sort=True):
        metric = brief.tasks[str(task)].metric if brief is not None and str(task) in brief.tasks else None
        scale = Scale(metric.best, metric.worst, metric.direction) if metric else Scale()
        answer[str(task)] = _cells(str(task), scale, pools, rows)
    return answer


def _cells(task: str, scale: Scale, pools: tuple[str, ...], rows: object) -> Cells:
    table = rows[["labels", *(f"pool:{p}" for p in pools)]].to_numpy(float)  # type: ignore[index]
    error = scale.error(rows["score"].to_numpy(float))  # type: ignore[index]
    table = np.nan_to_num(table)
    fine = np.isfinite(error)
    points, where = np.unique(table[fine], axis=0, return_inverse=True)
    where = where.reshape(-1)
    count = np.bincount(where, minlength=len(points)).astype(float)
    mean = np.bincount(where, error[fine], minlength=len(points)) / np.maximum(count, 1)
    squares = np.bincount(where, (error[fine] - mean[where]) ** 2, minlength=len(points))
    return Cells(task, scale, pools, points[:, 0], points[:, 1:], mean, count, squares, int((~fine).sum()))
