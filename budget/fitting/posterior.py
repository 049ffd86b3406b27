"""The posterior of every task over all laws: weighted nodes in the laws' shape parameters, the error level in closed form.

For law m with shape parameters theta and floor share f the error is level * h(n, P; theta, f), h = 1 at the largest pilot.
Given (theta, f) the level is a one-parameter regression: its integral is closed, the rest is importance sampling from the
priors on a fixed low-discrepancy set of nodes, the same for every task, so that nothing depends on order or on luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.cells import Cells
from budget.fitting.laws import LAWS, Law
from budget.fitting.laws.base import Parameter

Array = NDArray[np.float64]

FAR = 8.0  # draws are spread evenly over what is forecast at so many times the largest pilot
FLOOR = Parameter("floor share", "share of the error at the largest pilot that no label removes", -1.0, 1.5, "logit")


@dataclass(frozen=True)
class Settings:
    """Constants of the posterior; docs/method.md says where each comes from."""

    nodes: int = 1024
    draws: int = 200
    prior_noise: float = 0.01  # standard deviation of one run at the largest pilot, as a share of its error, a priori
    prior_runs: float = 2.0  # what that guess weighs, in runs
    shared: float = 0.25  # variance that repeats do not average out, in units of one run's variance


SETTINGS = Settings()


@dataclass(frozen=True)
class Nodes:
    """One law's posterior for one task: theta (M, p), floor (M,), log weight (M,), level mean and deviation (M,)."""

    law: Law
    pools: int
    theta: Array
    floor: Array
    weight: Array
    level: Array
    deviation: Array


def sequence(count: int, dimensions: int) -> Array:
    """Low-discrepancy points in (0, 1)^d: the additive recurrence of the generalised golden ratio (Roberts 2018).

    >>> sequence(2, 1).round(3).tolist()
    [[0.118], [0.736]]
    """
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray((0.5 + np.outer(np.arange(1, count + 1), steps)) % 1)


def prior_nodes(law: Law, pools: int, count: int) -> tuple[Array, Array]:
    """Shape parameters (M, p) and floor shares (M,) spread over the prior."""
    parameters = (*law.parameters(pools), FLOOR)
    normal = ndtri(sequence(count, len(parameters)))
    columns = [p.natural(p.mean + p.deviation * normal[:, i]) for i, p in enumerate(parameters)]
    return np.stack(columns[:-1], 1), columns[-1]


def relative_error(law: Law, theta: Array, floor: Array, labels: Array, pools: Array) -> Array:
    """h (M, N): error over the error at the largest pilot; labels (N,), pools (N, J) in units of the largest pilot."""
    one = np.ones(1)
    shape = law.shape(theta[:, None, :], labels[None], pools[None])
    largest = law.shape(theta[:, None, :], one[None], np.ones((1, 1, pools.shape[-1])))
    return np.asarray(floor[:, None] + (1 - floor[:, None]) * shape / largest)


def laws_for(task: Cells) -> list[Law]:
    """Joint laws where a pool was varied, else laws of the labels alone."""
    joint = bool(task.varied)
    return [law for law in LAWS.values() if law.joint == joint]


def posterior(task: Cells, settings: Settings = SETTINGS) -> list[Nodes]:
    """Posterior nodes of every law; the weights add up to 1 over all laws."""
    largest, pools = task.largest
    varied = list(task.varied)
    x, p = task.labels / largest, (task.pool_labels / pools)[:, varied]
    level = float(np.average(task.error, weights=task.labels + 1e-9 * largest)) or 1e-6
    growth = np.maximum(x, 1e-3) if np.ptp(x) else np.ones_like(x)
    precision = 1 / (1 / (task.repeats * growth) + settings.shared)
    freedom = settings.prior_runs + float((task.repeats - 1).sum())
    squares = settings.prior_runs * (settings.prior_noise * abs(level)) ** 2 + float((task.squares * growth).sum())
    answer = []
    for law in laws_for(task):
        theta, floor = prior_nodes(law, len(varied), settings.nodes)
        h = relative_error(law, theta, floor, x, p)
        answer.append(_weigh(law, len(varied), theta, floor, h, task.error, precision, freedom, squares))
    total = np.logaddexp.reduce([np.logaddexp.reduce(n.weight) for n in answer])
    return [replace(n, weight=np.exp(n.weight - total)) for n in answer]


def _weigh(
    law: Law,
    pools: int,
    theta: Array,
    floor: Array,
    h: Array,
    error: Array,
    precision: Array,
    freedom: float,
    squares: float,
) -> Nodes:
    """Log evidence of each node, level and noise integrated out (normal-gamma)."""
    hh = (h * h) @ precision
    level = (h @ (precision * error)) / hh
    residual = ((error - level[:, None] * h) ** 2) @ precision
    degrees = freedom + len(error) - 1
    log = -0.5 * degrees * np.log(squares + residual) - 0.5 * np.log(hh) - np.log(len(theta))
    deviation = np.sqrt((squares + residual) / degrees / hh)
    return Nodes(law, pools, theta, floor, log, level, deviation)


def systematic(weights: Array, count: int) -> NDArray[np.intp]:
    """Indices drawn in proportion to the weights with the least spread: equally spaced points of the cumulative sum."""
    cumulative = np.cumsum(weights) / weights.sum()
    return np.searchsorted(cumulative, (np.arange(count) + 0.5) / count).clip(max=len(weights) - 1)


def draw(nodes: Sequence[Nodes], settings: Settings, seed: int) -> list[tuple[Law, Array, Array, Array]]:
    """Equally likely truths: per law theta (U, p), floor (U,), and levels (U, S) with zeros where a draw is not of that node."""
    weight = np.concatenate([n.weight for n in nodes])
    floor = np.concatenate([n.floor for n in nodes])
    ends = np.concatenate(
        [relative_error(n.law, n.theta, n.floor, np.full(1, FAR), np.full((1, n.pools), FAR))[:, 0] for n in nodes]
    )
    order = np.argsort(ends, kind="stable")
    chosen = order[systematic(weight[order], settings.draws)]
    normal = np.random.default_rng(seed).permutation(ndtri((np.arange(settings.draws) + 0.5) / settings.draws))
    level = np.concatenate([n.level for n in nodes])[chosen]
    deviation = np.concatenate([n.deviation for n in nodes])[chosen]
    value = np.maximum(level + deviation * normal, 0.0)
    answer, start = [], 0
    for n in nodes:
        inside = np.flatnonzero((chosen >= start) & (chosen < start + len(n.weight)))
        if len(inside):
            unique, back = np.unique(chosen[inside], return_inverse=True)
            levels = np.zeros((len(unique), settings.draws))
            levels[back, inside] = value[inside]
            answer.append((n.law, n.theta[unique - start], floor[unique], levels))
        start += len(n.weight)
    return answer
