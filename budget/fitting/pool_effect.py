"""What a pool does to a task: a weighted regression with an F test, and where its help fades by the fitted surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from budget.fitting.cells import Cells
from budget.fitting.draws import Draws
from budget.fitting.noise import NoisePrior, seed_covariance
from budget.plan import Score

Array = NDArray[np.float64]
POINT = 0.01  # a pool that brings less of the way from worst to best has faded
REACH = 100.0  # fading is looked for up to so many times the largest pilot


@dataclass(frozen=True)
class PoolEffect:
    """`few`, `most`: rise of the score from the smallest to the largest pool pilot at the fewest and the most labels
    measured. `p_value`: of the F test that the pool does nothing (None: too few cells). `fades_at`: labels beyond which
    it is not told from nothing with 90 % probability or brings less than a hundredth of the way from worst to best
    (None: nowhere up to 100 times the largest pilot)."""

    few: Score
    most: Score
    p_value: float | None
    fades_at: float | None


def pool_effect(task: Cells, draws: Draws, index: int, prior: NoisePrior) -> PoolEffect:
    """Of varied pool number `index` of the task."""
    labels = task.labels / task.largest[0]
    grid = np.geomspace(labels[labels > 0].min(initial=1.0), REACH, 40)
    at = _ends(task, draws, index, np.concatenate([[labels.min(), 1.0], grid]))
    expected, errors = draws.forecast(*at)
    without, with_most = expected.reshape(2, -1)
    each = errors.reshape(-1, 2, len(grid) + 2)
    rise, rises = without - with_most, each[:, 0] - each[:, 1]
    few, most = _rises(task, rise[:2], rises[:, :2])
    last = _fades_at(rise[2:], rises[:, 2:])
    fades_at = float(grid[last] * task.largest[0]) if last < len(grid) - 1 else None
    return PoolEffect(few, most, f_test(task, task.varied[index], prior), fades_at)


def _fades_at(rise: Array, rises: Array) -> int:
    """The last place (k,) where a pool is still told from nothing with 90 % probability by the draws (S, k), and
    expected to bring a point, by the same surface as every forecast; the first where it is nowhere."""
    useful = np.flatnonzero((np.quantile(rises, 0.1, axis=0) > 0) & (rise >= POINT))
    return int(useful[-1]) if len(useful) else 0


def f_test(task: Cells, column: int, prior: NoisePrior) -> float | None:
    """P value of the F test that a pool does nothing: generalised least squares with the covariance that seeds give the
    cells, one mean for every set of labels and other pools, against a pool effect that may change with ln labels
    (Fisher's test of nested regressions)."""
    others = np.delete(task.pool_labels, column, axis=1)
    _, group = np.unique(np.column_stack([task.labels, others]), axis=0, return_inverse=True)
    means = np.eye(group.max() + 1)[group.reshape(-1)]
    pool = np.log1p(task.pool_labels[:, column] / task.pool_labels[:, column].max() * 100)
    pool = pool - pool.mean()
    logs = np.log(task.labels + max(task.labels.max(), 1.0) * 1e-3)
    columns = [pool] if np.ptp(task.labels) == 0 else [pool, pool * (logs - logs.mean())]
    design = np.column_stack([means, *columns])
    rank = int(np.linalg.matrix_rank(design))
    if rank >= len(task.labels) or rank < design.shape[1]:
        return None
    whiten = np.linalg.inv(np.linalg.cholesky(seed_covariance(task, prior) + 1e-12 * np.eye(len(task.labels))))
    without, left = (_squares(whiten @ each, whiten @ task.error) for each in (means, design))
    freedom = len(task.labels) - rank
    ratio = (without - left) / len(columns) / max(left / freedom, 1e-300)
    return float(fdtrc(len(columns), freedom, max(ratio, 0.0)))


def _squares(design: Array, error: Array) -> float:
    """What least squares leaves: the sum of its squared residuals."""
    return float(((error - design @ np.linalg.lstsq(design, error, rcond=None)[0]) ** 2).sum())


def _ends(task: Cells, draws: Draws, index: int, labels: Array) -> tuple[Array, Array]:
    """Labels (2 k,) and pools (2 k, J): first with the least of one pool that was measured, then with the most; no
    others."""
    column = task.varied[index]
    pools = np.zeros((2 * len(labels), len(task.varied)))
    pools[: len(labels), index] = (task.pool_labels[:, column] / task.largest[1][column]).min()
    pools[len(labels) :, index] = 1.0
    return np.tile(labels, 2), pools


def _rises(task: Cells, rise: Array, rises: Array) -> list[Score]:
    """Rises (k,) of the score from the smallest to the largest pool pilot and their draws (S, k), in errors, as scores
    in the task's own unit with 90 % intervals."""
    span = abs(task.scale.best - task.scale.worst)
    low, high = np.quantile(rises, [0.05, 0.95], axis=0)
    return [
        Score(*(span * float(v) for v in (value, min(least, value), max(most, value))))
        for value, least, most in zip(rise, low, high, strict=True)
    ]
