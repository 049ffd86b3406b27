"""What a pool does to a task: a weighted regression with an F test, and where its help fades by the fitted surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.distributions import f_above, t_above
from budget.fitting.draws import Draws
from budget.fitting.noise import NoisePrior, one_run, own_sampling, seed_covariance, seen
from budget.plan import Score

Array = NDArray[np.float64]
POINT = 0.01  # a pool that brings less of the way from worst to best has faded
AT_ONCE = 8  # labels at which the draws are looked at before they are at fewer
REACH = 100.0  # fading is looked for up to so many times the largest pilot


@dataclass(frozen=True)
class PoolEffect:
    """`few`, `most`: rise of the score from the smallest to the largest pool pilot at the fewest and the most labels
    measured. `p_value`: of the F test that the pool does nothing, and `harm`: of the t test that it lowers no score, by
    the cells alone (None: too few). `fades_at`: labels beyond which
    it is not told from nothing with 90 % probability or brings less than a hundredth of the way from worst to best
    (None: nowhere up to 100 times the largest pilot)."""

    few: Score
    most: Score
    p_value: float | None
    fades_at: float | None
    harm: float | None = None


def pool_effects(task: Cells, draws: Draws, prior: NoisePrior) -> dict[str, PoolEffect]:
    """Of every pool of the task that was varied."""
    if not task.varied:
        return {}
    labels = task.labels / task.largest[0]
    grid = np.geomspace(labels[labels > 0].min(initial=1.0), REACH, 40)
    at = np.array([labels.min(), 1.0, *grid])
    ends = [_ends(task, k) for k in range(len(task.varied))]
    expected = draws.expected(at[:, None], np.concatenate(ends)[None])
    rise = [expected[:, 2 * k] - expected[:, 2 * k + 1] for k in range(len(ends))]
    # the draws are looked at where a pool may not have faded only, from the most labels on
    wanted = [2 + np.flatnonzero(each[2:] >= POINT) for each in rise]
    drawn = _drawn(draws, [(at[[0, 1, *some[-AT_ONCE:]]], end) for some, end in zip(wanted, ends, strict=True)])
    answer = {}
    for k, column in enumerate(task.varied):
        few, most = _rises(task, rise[k][:2], drawn[k][:, :2])
        now, left, told = wanted[k][-AT_ONCE:], wanted[k][:-AT_ONCE], _told(drawn[k][:, 2:])
        while not told.any() and len(left):
            now, left = left[-AT_ONCE:], left[:-AT_ONCE]
            told = _told(_drawn(draws, [(at[now], ends[k])])[0])
        last = int(now[told].max(initial=2)) - 2
        fades_at = float(grid[last] * task.largest[0]) if last < len(grid) - 1 else None
        p_value, harm = measured_effect(task, column, prior) or (None, None)
        answer[task.pools[column]] = PoolEffect(few, most, p_value, fades_at, harm)
    return answer


def _drawn(draws: Draws, wanted: Sequence[tuple[Array, Array]]) -> list[Array]:
    """(S, k) each: what every truth says that a pool brings at labels (k,), from one of its ends (2, J) to the
    other."""
    labels = np.concatenate([np.tile(some, 2) for some, _ in wanted])
    errors = draws.errors(labels, np.concatenate([np.repeat(ends, len(some), 0) for some, ends in wanted]))
    each = np.split(errors, 2 * np.cumsum([len(some) for some, _ in wanted])[:-1], axis=1)
    return [np.subtract(*np.split(some, 2, axis=1)) for some in each]


def _told(rises: Array) -> NDArray[np.bool_]:
    """(k,): from nothing, with 90 % probability."""
    return np.asarray(np.quantile(rises, 0.1, axis=0) > 0)


def measured_effect(task: Cells, column: int, prior: NoisePrior) -> tuple[float, float] | None:
    """P values of what the cells themselves say of a pool (None: nothing), that it does nothing, and that it does no
    harm.

    Generalised least squares: the cells have the covariance that seeds and test items give them. Against one mean for
    every set of labels and other pools stands a pool effect that may change with ln labels, where it was measured at
    several of them: Fisher's test of nested regressions. If the pool does nothing, what the larger regression leaves
    and what repeats scatter by are the same noise: both are in the denominator.
    Harm is the larger of the rises of the error, from the least to the most of the pool, at the fewest and at the most
    labels at which the pool was varied, over its standard error: Student's t, one-sided, times two where there are two.
    """
    others = np.delete(task.pool_labels, column, axis=1)
    _, group = np.unique(np.column_stack([task.labels, others]), axis=0, return_inverse=True)
    means = np.eye(group.max() + 1)[group.reshape(-1)]
    pool = np.log1p(task.pool_labels[:, column] / task.pool_labels[:, column].max() * 100)
    within = means @ np.array([np.ptp(pool[one > 0]) for one in means.T]) > 0
    if not within.any():
        return None
    logs = np.log(task.labels + max(task.labels.max(), 1.0) * 1e-3)
    few, most = logs[within].min(), logs[within].max()
    terms = np.column_stack([pool, pool * (logs - few)] if few < most else [pool])
    freedom = len(task.labels) - means.shape[1] - terms.shape[1]
    repeats = float((task.repeats - 1).sum())
    if freedom < 0 or freedom + repeats == 0:
        return None
    covariance = seed_covariance(task, prior) + np.diag(own_sampling(task) + 1e-12)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    # of both regressions at once: the means come first, the errors last
    table = whiten @ np.column_stack([means, terms, task.error])
    if freedom == 0:
        table = np.vstack([table, np.zeros(table.shape[1])])
    triangle = np.asarray(np.linalg.qr(table, mode="r"), np.float64)
    first = means.shape[1]
    root, found = triangle[first:-1, first:-1], triangle[first:-1, -1]
    squares = float(triangle[-1, -1]) ** 2 + seen(task, prior)[0] / max(one_run(task, prior)[0], 1e-12)
    spread = max(squares / (freedom + repeats), 1e-300)
    ratio = float(np.square(found).sum()) / len(found) / spread
    ends = np.ptp(pool) * np.array([[1.0, 0.0], [1.0, most - few]])[: len(found), : len(found)]
    turned = np.linalg.solve(root.T, ends.T)
    rises = found @ turned / np.sqrt(spread * np.square(turned).sum(0))
    harm = min(len(ends) * t_above(freedom + repeats, float(rises.max())), 1.0)
    return f_above(len(found), freedom + repeats, ratio), harm


def _ends(task: Cells, index: int) -> Array:
    """(2, J) the least of a varied pool that was measured, and the most; no others."""
    column = task.varied[index]
    ends = np.zeros((2, len(task.varied)))
    ends[:, index] = (task.pool_labels[:, column] / task.largest[1][column]).min(), 1.0
    return ends


def _rises(task: Cells, rise: Array, rises: Array) -> list[Score]:
    """Rises (k,) of the score from the smallest to the largest pool pilot and their draws (S, k), in errors, as scores
    in the task's own unit with 90 % intervals."""
    span = abs(task.scale.best - task.scale.worst)
    low, high = np.quantile(rises, [0.05, 0.95], axis=0)
    return [
        Score(*(span * float(v) for v in (value, min(least, value), max(most, value))))
        for value, least, most in zip(rise, low, high, strict=True)
    ]
