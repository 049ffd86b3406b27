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
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.cells import Cells
from budget.fitting.designs import Designs, designs, over
from budget.fitting.drift import covariance
from budget.fitting.laws import LAWS, Law
from budget.fitting.noise import NoisePrior, magnitude, one_run, own_sampling, seed_covariance

Array = NDArray[np.float64]
FEW = 5.0  # degrees of freedom below which the noise is looked for on a grid
ENOUGH = 2.0  # effective nodes per parameter that a proposal must rest on
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
    pools: int
    places: Designs
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


def relative_error(law: Law, theta: Array, floor: Array, labels: Array, pools: Array) -> Array:
    """h (M, N) = f + (1 - f) g, error over the error at the largest pilot: theta (M, p), floor (M,), labels (N,), pools
    (N, J)."""
    each = theta[:, None]
    shape = over(law.shape(each, labels, pools), law.shape(each, np.ones(1), np.ones((1, pools.shape[-1]))))
    return np.asarray(floor[:, None] + (1 - floor[:, None]) * shape)


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
    return Batch(tuple(t.task for t in tasks), pools, designs(labels, pool), error, scale, noise, sampling, walk, known)


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
    """Of C drifts, T tasks and M nodes: log evidence, level and its precision, (C, T, M)."""

    log: Array
    level: Array
    precision: Array

    def part(self, some: slice) -> Evaluated:
        """Some of the nodes."""
        return Evaluated(*(each[:, :, some] for each in self))


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


def _evaluate(law: Law, b: Batch, whitened: Sequence[_Whitened], theta: Array, f: Array, answer: Evaluated) -> None:
    """Nodes (T or 1, M, p) with floors (T or 1, F, M) at C drifts: fills the answer, (C, T, M F).

    h = f + (1 - f) g: with the whitened g, 1 and errors' inner products at hand every floor costs next to nothing.
    """
    g, rest = b.places.shapes(law, theta), 1 - f
    both, mixed, square = f * f, 2 * f * rest, rest * rest
    drifts = len(whitened[0].paths)
    room = [part.reshape(*part.shape[:2], -1, f.shape[1]).swapaxes(2, 3) for part in answer]
    for k, w in enumerate(whitened):
        a = w.turn.transpose(0, 2, 1) @ g
        one, error = ((part[:, :, None] * w.weight).transpose(0, 2, 1) for part in (w.one, w.error))  # (T, C, N)
        go, gy = one @ a, error @ a  # (T, C, M)
        gg = w.weight.transpose(0, 2, 1) @ np.square(a, out=a)
        oo, oy, yy = ((part[:, None] * by).sum(2) for part, by in ((w.one, one), (w.one, error), (w.error, error)))
        for c in range(drifts):
            log, level, precision = (part[k * drifts + c] for part in room)  # (T, F, M)
            hh = both * oo[:, c, None, None] + mixed * go[:, c, None] + square * gg[:, c, None]
            np.maximum(hh, 1e-12, out=hh)
            precision[...] = hh
            hy = f * oy[:, c, None, None] + rest * gy[:, c, None]
            best = hy / hh
            level[...] = best
            log[...] = (w.prior[c] - w.logdet[c] - 0.5 * yy[:, c])[:, None, None] + 0.5 * (hy * best - np.log(hh))


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


class _Nodes(NamedTuple):
    """The nodes of one law: parameters (T, p, M) and floors (T, M) as the formula has them, and what each is worth over
    all drifts, its log weight (T, M)."""

    theta: Array
    floor: Array
    log: Array

    def of(self, task: int) -> _Nodes:
        return _Nodes(*(part[task] for part in self))


def _size(law: Law, settings: Settings) -> int:
    """Nodes of a law: from the prior with several floors each, and of every round."""
    j = law.joint
    return settings.nodes[j] * settings.floors + settings.rounds[j] * settings.near[j]


def _sample(law: Law, b: Batch, whitened: Sequence[_Whitened], settings: Settings, found: Evaluated) -> _Nodes:
    """Nodes of all tasks, and in `found` (C, T, M) what they are worth, weighted by the mixture of all proposals."""
    tasks, p, total = len(b.names), len(law.parameters(b.pools)), found.log.shape[2]
    near, often = settings.near[law.joint], settings.near[law.joint] / settings.nodes[law.joint] / settings.floors
    points = sequence(settings.nodes[law.joint], p + 1)
    floors = ndtri((np.arange(settings.floors) + points[:, -1:]) / settings.floors)  # (nodes, floors)
    theta = ndtri(points[:, :-1])
    shared = _shared(np.concatenate([np.repeat(theta, settings.floors, 0), floors.reshape(-1, 1)], 1).T)
    first = shared.latent.shape[1]  # the others are each task's own
    evidence, prior, mixture = np.empty((3, tasks, total))  # the mixture over its first part, the prior
    answer = _Nodes(np.empty((tasks, p, total)), np.empty((tasks, total)), evidence)
    latent = np.empty((tasks, p + 1, total - first))

    def put(where: slice, nodes: Array, floor: Array, repeats: int = 1) -> None:
        """Nodes (T or 1, p, M) with floors (T or 1, repeats, M)."""
        parameters = natural(law, b.pools, nodes.transpose(0, 2, 1))
        f = law.floor.natural(law.floor.mean + law.floor.deviation * floor)
        answer.theta[:, :, where] = np.repeat(parameters.transpose(0, 2, 1), repeats, 2)
        answer.floor[:, where] = f.transpose(0, 2, 1).reshape(len(f), -1)
        _evaluate(law, b, whitened, parameters, f, found.part(where))
        evidence[:, where] = log_sum(found.log[:, :, where])

    put(slice(first), theta.T[None], floors.T[None], settings.floors)
    prior[:, :first] = -0.5 * (shared.latent**2).sum(0)
    mixture[:, :first] = 1.0
    normal, proposals = ndtri(sequence(near, p + 1)).T, []
    for done in range(first, total, near):
        so_far, new, own = slice(done), slice(done, done + near), slice(done - first)
        weight = tempered(evidence[:, so_far] - np.log(mixture[:, so_far]), ENOUGH * (p + 1))
        nodes, mean, factor = _around(shared, latent[:, :, own], weight, normal)
        proposals.append((mean, factor))
        put(new, nodes[:, :p], nodes[:, p:])
        prior[:, new] = -0.5 * np.einsum("tqm,tqm->tm", nodes, nodes)
        added = [_shared_density(shared, mean, factor), _density(latent[:, :, own], mean, factor)]
        mixture[:, so_far] += often * np.exp(np.concatenate(added, 1) - prior[:, so_far])
        mixture[:, new] = 1 + often * sum(np.exp(_density(nodes, *one) - prior[:, new]) for one in proposals)
        latent[:, :, done - first : done - first + near] = nodes
    share = np.log(law.weight / first) - np.log(mixture)
    found.log[...] += share
    evidence += share
    return answer


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
    return np.asarray(most + np.log(np.exp(np.maximum(stacked - most, LEAST)).sum(0)))


def posteriors(
    tasks: Sequence[Cells], prior: NoisePrior, settings: Settings = SETTINGS, laws: Sequence[Law] = tuple(LAWS.values())
) -> list[Posterior]:
    """Posteriors of tasks with equally many varied pools."""
    b = batch(tasks, prior)
    whitened = _whiten(b, settings)
    laws = tuple(law for law in laws if law.joint == bool(b.pools) and law.weight > 0)
    paths = np.concatenate([w.paths for w in whitened])
    ends = np.cumsum([0, *(_size(law, settings) for law in laws)])
    found = Evaluated(*np.empty((3, len(paths), len(tasks), ends[-1])))
    nodes = [
        _sample(law, b, whitened, settings, found.part(slice(start, end)))
        for law, (start, end) in zip(laws, pairwise(ends), strict=True)
    ]
    return [
        _collect(laws, [each.of(i) for each in nodes], Evaluated(*(part[:, i] for part in found)), paths)
        for i in range(len(tasks))
    ]


def _collect(laws: tuple[Law, ...], nodes: Sequence[_Nodes], found: Evaluated, paths: Array) -> Posterior:
    """One task's nodes of all laws, side by side, with weights that add up to 1; what weighs nothing is left out: theta
    (p, M_l), floor and log weight (M_l,) of every law's nodes, and what they are worth at every drift, (C, M)."""
    log = found.log - log_sum(np.concatenate([each.log for each in nodes]))
    keep = log > np.log(NEGLIGIBLE)
    some = keep.any(0)
    path, node = np.nonzero(keep)
    kept = np.split(some, np.cumsum([len(each.floor) for each in nodes])[:-1])
    return Posterior(
        laws,
        tuple(each.theta[:, those].T for each, those in zip(nodes, kept, strict=True)),
        np.concatenate([each.floor for each in nodes])[some],
        (np.cumsum(some) - 1)[node],
        np.exp(log[keep]),
        found.level[keep],
        1 / np.sqrt(found.precision[keep]),
        *paths[path].T,
    )
