"""The posterior of every task over all laws: weighted nodes in the laws' shape parameters, the error level in closed
form.

For a law with shape parameters theta and floor share f the error is level * h(n, P; theta, f), h = 1 at the largest
pilot. The measured cells scatter around it by seeds and by the law's drift: a random walk in ln n and in ln P_j that
starts at the largest pilot, so that cells far from it count less and forecasts far from it are less sure. Given
theta, f
and the drift's rate tau the level is a one-parameter regression with a closed integral; over theta, f and tau the
posterior is found by importance sampling on low-discrepancy nodes: first from the prior, then around what fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.cells import Cells
from budget.fitting.drift import covariance
from budget.fitting.laws import LAWS, Law
from budget.fitting.noise import NoisePrior, magnitude, one_run, own_sampling, seed_covariance

Array = NDArray[np.float64]
FEW = 5.0  # degrees of freedom below which the noise is looked for on a grid
ENOUGH = 2.0  # effective nodes per parameter that a proposal must rest on
HUGE = 1e100  # times the error at the largest pilot: squares of it are still numbers
NEGLIGIBLE = 1e-7  # a node that weighs less is left out
LEAST = -80.0  # logarithm of the least weight in a proposal: processors are slow on smaller numbers
PADDING = 1e6  # variance of a cell that is not there


@dataclass(frozen=True)
class Settings:
    """Constants of the posterior; docs/method.md says where each comes from."""

    nodes: tuple[int, int] = (128, 256)  # shapes from the prior: laws of the labels, joint laws
    floors: int = 6  # floors for each of them
    near: tuple[int, int] = (96, 192)  # a round around what fitted
    rounds: tuple[int, int] = (1, 4)  # such rounds
    drifts: tuple[float, ...] = (0.02, 0.06, 0.2, 0.6)  # deviation of the drift, in logits per root of a factor e
    drift_mean: float = -2.5
    drift_deviation: float = 2.1
    noises: tuple[float, ...] = (
        0.1,
        0.3,
        1.0,
        3.0,
    )  # times the guessed standard deviation, where there are few repeats


SETTINGS = Settings()


@dataclass(frozen=True)
class Batch:
    """T tasks with at most N cells and J varied pools; labels and pools in units of the largest pilot."""

    names: tuple[str, ...]
    labels: Array  # (T, N)
    pools: Array  # (T, N, J)
    error: Array  # (T, N)
    scale: Array  # (T, N) magnitude
    noise: Array  # (T, N, N) covariance of the means over seeds
    sampling: Array  # (T, N) variance by the choice of the test items
    walk: Array  # (T, N, N) covariance of the drift at rate 1
    known: bool


@dataclass(frozen=True)
class Posterior:
    """One task, all laws. Nodes of law l: theta[l] (M_l, p); all nodes' floors (M,); and K weighted pairs of a node
    and a
    drift: `node` (K,) index over all laws' nodes, weight (adding up to 1), level, its deviation, drift and how many
    times the guessed deviation of a run its noise is, each (K,)."""

    laws: tuple[Law, ...]
    theta: tuple[Array, ...]
    node_floor: Array
    node: NDArray[np.intp]
    weight: Array
    level: Array
    deviation: Array
    drift: Array
    noise: Array

    def exponents(self) -> Array:
        """(K,) exponent along labels of each weighted node: every law's first parameter."""
        return np.concatenate([t[:, 0] for t in self.theta])[self.node]

    def law_weights(self) -> dict[str, float]:
        """{law: posterior weight}, adding up to 1."""
        ends = np.cumsum([len(t) for t in self.theta])
        law = np.searchsorted(ends, self.node, side="right")
        total = np.bincount(law, self.weight, minlength=len(self.laws))
        return {law.name: float(w) for law, w in zip(self.laws, total, strict=True)}


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


def natural(law: Law, pools: int, latent: Array) -> Array:
    """Latent standard normals (..., p) -> shape parameters (..., p)."""
    parameters = law.parameters(pools)
    means, deviations = (np.array([getattr(p, key) for p in parameters]) for key in ("mean", "deviation"))
    answer = np.exp(means + deviations * latent)
    for i, parameter in enumerate(parameters):
        if parameter.scale == "logit":
            answer[..., i] /= 1 + answer[..., i]
    return answer


def relative_shape(law: Law, theta: Array, labels: Array, pools: Array) -> Array:
    """g (..., M, N), shape over the shape at the largest pilot: theta (..., M, p), labels (..., N), pools (..., N,
    J)."""
    t = theta[..., :, None, :]
    shape = law.shape(t, labels[..., None, :], pools[..., None, :, :])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = shape / law.shape(t, np.ones(1), np.ones((1, pools.shape[-1])))
    return np.where(ratio < HUGE, ratio, HUGE)  # also where it is no number: such a shape fits nothing


def relative_error(law: Law, theta: Array, floor: Array, labels: Array, pools: Array) -> Array:
    """h (M, N) = f + (1 - f) g, error over the error at the largest pilot: theta (M, p), floor (M,)."""
    return np.asarray(floor[:, None] + (1 - floor[:, None]) * relative_shape(law, theta, labels, pools))


def batch(tasks: Sequence[Cells], prior: NoisePrior) -> Batch:
    """Tasks with equally many varied pools, padded to the longest."""
    size, count, pools = max(len(t.labels) for t in tasks), len(tasks), len(tasks[0].varied)
    labels, error, scale = np.ones((count, size)), np.ones((count, size)), np.ones((count, size))
    noise, walk, pool = (
        PADDING * np.tile(np.eye(size), (count, 1, 1)),
        np.zeros((count, size, size)),
        np.ones((count, size, pools)),
    )
    sampling, known = np.zeros((count, size)), True
    for i, task in enumerate(tasks):
        n = len(task.labels)
        largest, most = task.largest
        known &= one_run(task, prior)[1] >= FEW
        labels[i, :n] = task.labels / largest
        pool[i, :n] = (task.pool_labels / most)[:, list(task.varied)]
        error[i, :n], scale[i, :n] = task.error, magnitude(task.error)
        noise[i, :n, :n], sampling[i, :n] = seed_covariance(task, prior), own_sampling(task)
        walk[i, :n, :n] = covariance(task)
    return Batch(tuple(t.task for t in tasks), labels, pool, error, scale, noise, sampling, walk, known)


@dataclass(frozen=True)
class _Whitened:
    """One value of the noise, and C of the drift: (drift, noise) and log prior of each, (C, 2) and (C,). `turn` (T, N,
    N) makes noise and drift of all cells independent, the noise of variance 1; there stand the errors and ones (T, N),
    the inverse variances (T, N, C) and the log determinants (C, T)."""

    paths: Array
    prior: Array
    turn: Array
    error: Array
    one: Array
    weight: Array
    logdet: Array


class Evaluated(NamedTuple):
    """Of C drifts, T tasks, M nodes and F floors each: log evidence, level and its precision, (C, T, M, F)."""

    log: Array
    level: Array
    precision: Array


def _whiten(b: Batch, settings: Settings) -> list[_Whitened]:
    """For every value of the noise: with its covariance D = R R' and the drift's tau^2 W, R^-1 W R'^-1 = Q L Q', and
    turned by Q' R^-1 the cells are independent with variances 1 + tau^2 L, whatever tau."""
    answer, drifts = [], np.array(settings.drifts)
    prior = -0.5 * ((np.log(drifts) - settings.drift_mean) / settings.drift_deviation) ** 2
    prior -= np.logaddexp.reduce(prior)
    noises = (1.0,) if b.known else settings.noises
    for times in noises:
        root = np.linalg.cholesky(b.noise * times**2 + (b.sampling + 1e-12)[:, :, None] * np.eye(b.noise.shape[1]))
        inverse = np.linalg.inv(root)
        values, vectors = np.linalg.eigh(inverse @ b.walk @ inverse.transpose(0, 2, 1))
        total = 1 + np.maximum(values, 0.0)[:, :, None] * drifts**2  # (T, N, C)
        turn = inverse.transpose(0, 2, 1) @ vectors
        error, one = (np.einsum("tn,tnm->tm", part, turn) for part in (b.error, np.ones_like(b.error)))
        size = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
        logdet = (size[:, None] + 0.5 * np.log(total).sum(1)).T
        paths = np.column_stack([drifts, np.full(len(drifts), times)])
        answer.append(_Whitened(paths, prior - np.log(len(noises)), turn, error, one, 1 / total, logdet))
    return answer


def _evaluate(law: Law, b: Batch, whitened: Sequence[_Whitened], latent: Array, floor: Array) -> Evaluated:
    """Nodes (T or 1, M, p) with floors (T or 1, M, F) at C drifts.

    h = f + (1 - f) g: with the whitened g, 1 and errors' inner products at hand every floor costs next to nothing.
    """
    g = relative_shape(law, natural(law, b.pools.shape[-1], latent), b.labels, b.pools)
    f = law.floor.natural(law.floor.mean + law.floor.deviation * floor)
    rest = 1 - f
    both, mixed = f * f, 2 * f * rest
    drifts = len(whitened[0].paths)
    answer = Evaluated(*np.empty((3, drifts * len(whitened), len(g), *floor.shape[1:])))
    for k, w in enumerate(whitened):
        a = g @ w.turn
        one, error = w.one[:, :, None] * w.weight, w.error[:, :, None] * w.weight  # (T, N, C)
        gg, go, gy = a * a @ w.weight, a @ one, a @ error  # (T, M, C)
        oo, oy, yy = ((part[:, :, None] * by).sum(1) for part, by in ((w.one, one), (w.one, error), (w.error, error)))
        for c in range(drifts):
            log, level, hh = (part[k * drifts + c] for part in answer)
            hh[...] = both * oo[:, c, None, None] + mixed * go[:, :, c, None] + rest * rest * gg[:, :, c, None]
            np.maximum(hh, 1e-12, out=hh)
            hy = f * oy[:, c, None, None] + rest * gy[:, :, c, None]
            level[...] = hy / hh
            log[...] = (w.prior[c] - w.logdet[c] - 0.5 * yy[:, c])[:, None, None] + 0.5 * (hy * level - np.log(hh))
    return answer


class _Shared(NamedTuple):
    """Nodes that all tasks have: latent (q, M), and 1, every coordinate and every product of two, (1 + q + q (q + 1) /
    2, M). Moments and densities of all tasks are then one product of matrices."""

    latent: Array
    features: Array


def _shared(latent: Array) -> _Shared:
    i, j = np.triu_indices(len(latent))
    return _Shared(latent, np.concatenate([np.ones((1, latent.shape[1])), latent, latent[i] * latent[j]]))


def _around(shared: _Shared, latent: Array, weight: Array, normal: Array) -> tuple[Array, Array, Array]:
    """Nodes (T, q, M2) around weighted nodes, those shared and latent (T, q, M1): a normal of their mean and
    covariance; with its mean and Cholesky factor."""
    weight = weight / weight.sum(1, keepdims=True)
    first, own = np.split(weight, [shared.latent.shape[1]], axis=1)
    count = len(shared.latent)
    (i, j), sums = np.triu_indices(count), first @ shared.features.T
    products = np.empty((len(weight), count, count))
    products[:, i, j] = products[:, j, i] = sums[:, 1 + count :]
    mean = sums[:, 1 : 1 + count, None] + latent @ own[:, :, None]
    covariance = products + (latent * own[:, None]) @ latent.transpose(0, 2, 1) - mean @ mean.transpose(0, 2, 1)
    covariance += np.eye(count) * 0.02
    factor = np.asarray(np.linalg.cholesky(1.5 * covariance), np.float64)
    return mean + factor @ normal, mean, factor


def _density(latent: Array, mean: Array, factor: Array) -> Array:
    """Log density (T, M) of normals at latents (T, q, M), without the constant that all share."""
    inverse = np.linalg.inv(factor)
    white = inverse @ latent
    white -= inverse @ mean
    spread = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
    return np.asarray(-0.5 * np.einsum("tqm,tqm->tm", white, white) - spread[:, None])


def _shared_density(shared: _Shared, mean: Array, factor: Array) -> Array:
    """The same at shared nodes: -x'Ax / 2 + (A m)'x - m'Am / 2 is linear in their features."""
    inverse = np.linalg.inv(factor)
    precision = inverse.transpose(0, 2, 1) @ inverse
    (i, j), toward = np.triu_indices(len(shared.latent)), (precision @ mean)[:, :, 0]
    spread = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1) + 0.5 * (toward * mean[:, :, 0]).sum(1)
    products = precision[:, i, j] * np.where(i == j, -0.5, -1.0)
    return np.asarray(np.concatenate([-spread[:, None], toward, products], 1) @ shared.features)


def _sample(law: Law, b: Batch, whitened: Sequence[_Whitened], settings: Settings) -> tuple[Array, Evaluated]:
    """Latent nodes (T, M, p + 1), the floor last, and what they are worth at C drifts, weighted by the mixture of all
    proposals: (C, T, M)."""
    tasks, p = len(b.names), len(law.parameters(b.pools.shape[-1]))
    points = sequence(settings.nodes[law.joint], p + 1)
    floors = ndtri((np.arange(settings.floors) + points[:, -1:]) / settings.floors)  # (nodes, floors)
    theta = ndtri(points[:, :-1])
    parts = [_flat(_evaluate(law, b, whitened, theta[None], floors[None]))]
    shared = _shared(np.concatenate([np.repeat(theta, settings.floors, 0), floors.reshape(-1, 1)], 1).T)
    count = shared.latent.shape[1]
    latent = np.empty((tasks, p + 1, 0))  # nodes of each task's own
    near, often = ndtri(sequence(settings.near[law.joint], p + 1)).T, np.log(settings.near[law.joint])
    evidence = log_sum(parts[0].log)
    prior = np.broadcast_to(-0.5 * (shared.latent**2).sum(0), (tasks, count))
    mixture = np.log(count) + prior
    proposals: list[tuple[Array, Array]] = []
    for _ in range(settings.rounds[law.joint]):
        weight = tempered(evidence + prior - mixture, ENOUGH * (p + 1))
        nodes, mean, factor = _around(shared, latent, weight, near)
        proposals.append((mean, factor))
        parts.append(_flat(_evaluate(law, b, whitened, *np.split(nodes.transpose(0, 2, 1), [p], axis=2))))
        here = -0.5 * np.einsum("tqm,tqm->tm", nodes, nodes)
        added = np.concatenate([_shared_density(shared, mean, factor), _density(latent, mean, factor)], 1)
        densities = [np.log(count) + here, *(often + _density(nodes, *proposal) for proposal in proposals)]
        mixture = np.concatenate([_added(mixture, often + added), log_sum(densities)], 1)
        evidence = np.concatenate([evidence, log_sum(parts[-1].log)], 1)
        prior, latent = np.concatenate([prior, here], 1), np.concatenate([latent, nodes], 2)
    log, level, precision = (np.concatenate([e[i] for e in parts], 2) for i in range(3))
    log += prior - mixture + np.log(law.weight)
    every = np.concatenate([np.broadcast_to(shared.latent, (tasks, p + 1, count)), latent], 2)
    return every.transpose(0, 2, 1), Evaluated(log, level, precision)


def tempered(logs: Array, enough: float) -> Array:
    """Weights (T, M) in proportion to exp(power * log), with the largest power <= 1 under which so many nodes count."""
    shifted = logs - logs.max(1, keepdims=True)
    answer: Array = np.asarray(np.exp(np.maximum(shifted, LEAST)))
    for power in (0.5, 0.25, 0.12, 0.06, 0.03, 0.01):
        few = np.square(answer.sum(1)) < enough * (answer**2).sum(1)
        if not few.any():
            break
        answer[few] = np.exp(np.maximum(power * shifted[few], LEAST))
    return answer


def log_sum(logs: Array | Sequence[Array]) -> Array:
    """ln of the sum of exponentials over the first axis."""
    stacked = np.asarray(logs)
    most = stacked.max(0)
    return np.asarray(most + np.log(np.exp(stacked - most).sum(0)))


def _added(one: Array, other: Array) -> Array:
    """ln of the sum of two exponentials: as numpy's logaddexp, in a third of its time."""
    return np.asarray(np.maximum(one, other) + np.log1p(np.exp(-np.abs(one - other))))


def _flat(evaluated: Evaluated) -> Evaluated:
    """(C, T, M, F) -> (C, T, M F)."""
    return Evaluated(*(part.reshape(*part.shape[:2], -1) for part in evaluated))


def posteriors(
    tasks: Sequence[Cells], prior: NoisePrior, settings: Settings = SETTINGS, laws: Sequence[Law] = tuple(LAWS.values())
) -> list[Posterior]:
    """Posteriors of tasks with equally many varied pools."""
    b = batch(tasks, prior)
    whitened = _whiten(b, settings)
    pools = b.pools.shape[-1]
    laws = tuple(law for law in laws if law.joint == bool(pools) and law.weight > 0)
    samples = [_sample(law, b, whitened, settings) for law in laws]
    paths = np.concatenate([w.paths for w in whitened])
    return [
        _collect(laws, [(x[i], *(part[:, i] for part in e)) for x, e in samples], paths, pools)
        for i in range(len(tasks))
    ]


def _collect(laws: tuple[Law, ...], samples: Sequence[tuple[Array, ...]], paths: Array, pools: int) -> Posterior:
    """One task's nodes of all laws, side by side, with weights that add up to 1; what weighs nothing is left out."""
    log, level, precision = (np.concatenate([s[part] for s in samples], 1) for part in (1, 2, 3))  # (C, nodes)
    log -= log_sum(log.ravel())
    keep = log > np.log(NEGLIGIBLE)
    some = keep.any(0)
    drift, node = np.nonzero(keep)
    ends = np.cumsum([len(s[0]) for s in samples])
    latents = [s[0][kept] for s, kept in zip(samples, np.split(some, ends[:-1]), strict=True)]
    theta = tuple(natural(law, pools, x[:, :-1]) for law, x in zip(laws, latents, strict=True))
    floors = [
        law.floor.natural(law.floor.mean + law.floor.deviation * x[:, -1]) for law, x in zip(laws, latents, strict=True)
    ]
    return Posterior(
        laws,
        theta,
        np.concatenate(floors),
        (np.cumsum(some) - 1)[node],
        np.exp(log[keep]),
        level[keep],
        precision[keep] ** -0.5,
        *paths[drift].T,
    )
