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
from functools import lru_cache
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
FAR = 8.0  # times the largest pilot, where truths are told from one another
BLOCK = 2**15  # numbers that are reckoned with at once, so that they stay in a processor's cache
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
    """One task, all laws. Nodes of law l: theta[l] (M_l, p); all nodes' floors, and their errors FAR beyond the largest
    pilot over those at it, (M,); and K weighted pairs of a node and a path: `node` (K,) index over all laws' nodes,
    weight (adding up to 1), level, its deviation and path, each (K,). `paths` (C, 2): a drift, and how many times the
    guessed deviation of a run its noise is."""

    laws: tuple[Law, ...]
    theta: tuple[Array, ...]
    node_floor: Array
    node_far: Array
    node: NDArray[np.intp]
    weight: Array
    level: Array
    deviation: Array
    path: NDArray[np.intp]
    paths: Array

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
    """Latent standard normals (p, ...) -> shape parameters (p, ...)."""
    return np.stack([p.natural(p.mean + p.deviation * z) for p, z in zip(law.parameters(pools), latent, strict=True)])


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


class _Whitened(NamedTuple):
    """All paths: C values of the drift's rate and of the noise, (C, 2). `turns` (T, N, N), one for every value of the
    noise, make noise and drift of all cells independent, the noise of variance 1. There every path has weights, the
    inverse variances, of the squares, of ones and of errors, each (T, C, N); what ones and ones, and errors and ones,
    come to, (T, C, 1, 1); and the logarithm of what the level's integral is multiplied with, its prior included, (T, C,
    1, 1)."""

    paths: Array
    turns: list[Array]
    weight: Array
    one: Array
    error: Array
    ones: Array
    errors: Array
    constant: Array


def _whiten(b: Batch, settings: Settings) -> _Whitened:
    """For every value of the noise: with its covariance D = R R' and the drift's tau^2 W, R^-1 W R'^-1 = Q L Q', and
    turned by Q' R^-1 the cells are independent with variances 1 + tau^2 L, whatever tau."""
    drifts, noises = np.array(settings.drifts), (1.0,) if b.known else settings.noises
    prior = -0.5 * ((np.log(drifts) - settings.drift_mean) / settings.drift_deviation) ** 2
    prior -= np.logaddexp.reduce(prior) + np.log(len(noises))
    turns, parts = [], []
    for times in noises:
        root = np.linalg.cholesky(b.noise * times**2 + (b.sampling + 1e-12)[:, :, None] * np.eye(b.noise.shape[1]))
        inverse = np.linalg.inv(root)
        values, vectors = np.linalg.eigh(inverse @ b.walk @ inverse.transpose(0, 2, 1))
        total = 1 + drifts[:, None] ** 2 * np.maximum(values, 0.0)[:, None]  # (T, C, N)
        turn = vectors.transpose(0, 2, 1) @ inverse
        error, one = turn @ b.error[:, :, None], turn.sum(2)[:, :, None]
        weight = 1 / total
        weight_one, weight_error = weight * one.transpose(0, 2, 1), weight * error.transpose(0, 2, 1)
        size = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
        constant = prior - size[:, None] - 0.5 * np.log(total).sum(2) - 0.5 * (weight_error @ error)[:, :, 0]
        turns.append(turn)
        parts.append(
            (
                weight,
                weight_one,
                weight_error,
                *(
                    part[:, :, None, None]
                    for part in ((weight_one @ one)[:, :, 0], (weight_error @ one)[:, :, 0], constant)
                ),
            )
        )
    paths = np.array([(drift, times) for times in noises for drift in drifts])
    return _Whitened(paths, turns, *(np.concatenate(part, 1) for part in zip(*parts, strict=True)))


class _Nodes(NamedTuple):
    """M nodes of one law and T tasks: parameters (p, T, M) and floors (T, M) as the formula has them; the error FAR
    beyond the largest pilot over that at it (T, M); and what they are worth: the log evidence (T, M), and of every path
    its share in it, its level and the level's deviation, (T, C, M)."""

    theta: Array
    floor: Array
    far: Array
    log: Array
    share: Array
    level: Array
    deviation: Array

    def part(self, some: slice) -> _Nodes:
        return _Nodes(*(each[..., some] for each in self))


def _evaluate(law: Law, b: Batch, w: _Whitened, theta: Array, floors: Array, answer: _Nodes) -> None:
    """Nodes, theta (p, T or 1, M), each with F floors (T or 1, F, M), floor by floor: fills the answer.

    h = 1 + (1 - f) (g - 1): with the inner products of the whitened g - 1, ones and errors at hand every floor costs
    next to nothing.
    """
    rise, far = b.places.shapes(law, np.moveaxis(theta, 0, -1), FAR)
    rise -= 1
    drifts, count = len(w.paths) // len(w.turns), theta.shape[2]
    along, errors, square = np.empty((3, len(b.names), len(w.paths), count))
    for k, turn in enumerate(w.turns):
        some = slice(k * drifts, (k + 1) * drifts)
        turned = turn @ rise
        np.matmul(w.one[:, some], turned, out=along[:, some])
        np.matmul(w.error[:, some], turned, out=errors[:, some])
        np.matmul(w.weight[:, some], np.square(turned, out=turned), out=square[:, some])
    along *= 2
    each = max(BLOCK // along.size, 1)
    for first in range(0, floors.shape[1], each):
        found, floor = answer.part(slice(first * count, (first + each) * count)), floors[:, first : first + each]
        _weigh(w, along[:, :, None], errors[:, :, None], square[:, :, None], 1 - floor[:, None], found)
        found.floor[...] = floor.reshape(len(floor), -1)
        found.far[...] = (floor + (1 - floor) * far[:, None]).reshape(len(far), -1)


def _weigh(w: _Whitened, along: Array, errors: Array, square: Array, rest: Array, answer: _Nodes) -> None:
    """What nodes are worth whose g - 1 has these inner products with twice the ones, the errors and itself (T, C, 1,
    M), for 1 - f of several floors (T or 1, 1, F, M)."""
    precision = square * rest
    precision += along
    precision *= rest
    precision += w.ones
    deviation = np.sqrt(np.maximum(precision, 1e-12, out=precision), out=precision)
    np.divide(1, deviation, out=deviation)
    level = errors * rest
    level += w.errors
    level *= deviation  # in deviations
    log = level * level
    log *= 0.5
    log += w.constant
    most = log.max(1)
    log -= most[:, None]
    share = np.exp(np.maximum(log, LEAST, out=log), out=log)
    share *= deviation
    total = share.sum(1)
    flat = len(log), log.shape[1], -1
    np.divide(share.reshape(flat), total.reshape(len(log), 1, -1), out=answer.share)
    np.multiply(level.reshape(flat), deviation.reshape(flat), out=answer.level)
    answer.deviation[...] = deviation.reshape(flat)
    np.add(most, np.log(total), out=most)
    answer.log[...] = most.reshape(len(log), -1)


class _Prior(NamedTuple):
    """Nodes that all tasks have: latent parameters (p, M), each with F latent floors (F, M); and 1, every coordinate
    and every product of two, `features` (1 + p + p (p + 1) / 2, M). Moments and densities of all tasks are then one
    product of matrices. `pairs`: which two."""

    theta: Array
    floors: Array
    features: Array
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]


@lru_cache(maxsize=32)
def _prior(nodes: int, floors: int, parameters: int) -> _Prior:
    points = sequence(nodes, parameters + 1)
    theta = ndtri(points[:, :-1]).T
    i, j = np.triu_indices(parameters)
    return _Prior(
        theta,
        ndtri((np.arange(floors)[:, None] + points[:, -1]) / floors),
        np.concatenate([np.ones((1, nodes)), theta, theta[i] * theta[j]]),
        (i, j),
    )


@lru_cache(maxsize=32)
def _normal(nodes: int, dimensions: int) -> Array:
    """(q, M) standard normals, evenly spread."""
    return np.ascontiguousarray(ndtri(sequence(nodes, dimensions)).T)


class _Proposal(NamedTuple):
    """A normal for every task: mean (T, q, 1), the inverse of its covariance's Cholesky factor (T, q, q), and the
    logarithm of the factor's determinant (T, 1)."""

    mean: Array
    inverse: Array
    spread: Array

    def density(self, latent: Array) -> Array:
        """Log density (T, M) at latents (T, q, M), without the constant that all share."""
        white = self.inverse @ latent
        white -= self.inverse @ self.mean
        return np.asarray(-0.5 * np.square(white, out=white).sum(1) - self.spread)

    def over_prior(self, prior: _Prior) -> Array:
        """The same (T, F, M) at the prior's nodes, less the prior's log density: with A the precision and B = A - 1, -
        x'Bx / 2 + (A m)'x - m'Am / 2; floors f, the last coordinate, apart: they are many for each theta."""
        precision = self.inverse.transpose(0, 2, 1) @ self.inverse
        toward, less = precision @ self.mean, precision - np.eye(precision.shape[1])
        i, j = prior.pairs
        constant = self.spread + 0.5 * (toward * self.mean).sum(1)
        products = less[:, i, j] * np.where(i == j, -0.5, -1.0)
        answer = (0.5 * less[:, -1:, -1:]) * -prior.floors
        answer += toward[:, -1:] - less[:, -1:, :-1] @ prior.theta
        answer *= prior.floors
        answer += (np.concatenate([-constant, toward[:, :-1, 0], products], 1) @ prior.features)[:, None]
        return np.asarray(answer)


def _around(prior: _Prior, latent: Array, weight: Array, normal: Array) -> tuple[Array, _Proposal]:
    """Nodes (T, q, M2) around weighted nodes, those of the prior (F M of them, floor by floor) and latent (T, q, M1):
    a normal of their mean and covariance."""
    weight = weight / weight.sum(1, keepdims=True)
    floors, p = prior.floors, len(prior.theta)
    first, own = weight[:, : floors.size].reshape(-1, *floors.shape), weight[:, floors.size :]
    with_floors = first * floors
    sums, cross = first.sum(1) @ prior.features.T, with_floors.sum(1)
    i, j = prior.pairs
    products = np.empty((len(weight), p + 1, p + 1))
    products[:, i, j] = products[:, j, i] = sums[:, 1 + p :]
    products[:, p, :p] = products[:, :p, p] = cross @ prior.theta.T
    products[:, p, p] = (with_floors * floors).sum((1, 2))
    mean = np.concatenate([sums[:, 1 : 1 + p], cross.sum(1, keepdims=True)], 1)[:, :, None] + latent @ own[:, :, None]
    covariance = products + (latent * own[:, None]) @ latent.transpose(0, 2, 1) - mean @ mean.transpose(0, 2, 1)
    covariance += np.eye(p + 1) * 0.02
    factor = np.linalg.cholesky(1.5 * covariance)
    spread = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1, keepdims=True)
    return mean + factor @ normal, _Proposal(mean, np.linalg.inv(factor), spread)


def _sample(law: Law, b: Batch, w: _Whitened, settings: Settings) -> _Nodes:
    """Nodes of all tasks and what they are worth, weighted by the mixture of all proposals."""
    tasks, p, paths = len(b.names), len(law.parameters(b.pools)), len(w.paths)
    near, rounds = settings.near[law.joint], settings.rounds[law.joint]
    prior = _prior(settings.nodes[law.joint], settings.floors, p)
    first, total = prior.floors.size, prior.floors.size + rounds * near  # those after the first are each task's own
    often = near / first
    answer = _Nodes(
        np.empty((p, tasks, total)), *np.empty((3, tasks, total)), *np.empty((3, tasks, paths, total))
    )  # fmt: skip
    latent, own_prior, mixture = (
        np.empty((tasks, p + 1, rounds * near)),
        np.empty((tasks, rounds * near)),
        np.ones((tasks, total)),
    )

    def put(where: slice, nodes: Array, floors: Array) -> None:
        """Latent nodes (p, T or 1, M) with floors (T or 1, F, M)."""
        theta, f = natural(law, b.pools, nodes), law.floor.natural(law.floor.mean + law.floor.deviation * floors)
        answer.theta[:, :, where] = np.tile(theta, floors.shape[1])
        _evaluate(law, b, w, theta, f, answer.part(where))

    put(slice(first), prior.theta[:, None], prior.floors[None])
    normal, proposals = _normal(near, p + 1), list[_Proposal]()
    beside = 0.5 * np.square(normal).sum(0)
    for done in range(first, total, near):
        so_far, new, before, own = (
            slice(done),
            slice(done, done + near),
            slice(done - first),
            slice(done - first, done - first + near),
        )
        weight = tempered(answer.log[:, so_far], mixture[:, so_far], ENOUGH * (p + 1))
        nodes, proposal = _around(prior, latent[:, :, before], weight, normal)
        put(new, nodes[:, :p].transpose(1, 0, 2), nodes[:, p:])
        latent[:, :, own], own_prior[:, own] = nodes, -0.5 * np.square(nodes).sum(1)
        mixture[:, :first] += often * np.exp(proposal.over_prior(prior)).reshape(tasks, -1)
        mixture[:, first:done] += often * np.exp(proposal.density(latent[:, :, before]) - own_prior[:, before])
        for each in proposals:
            mixture[:, new] += often * np.exp(each.density(nodes) - own_prior[:, own])
        mixture[:, new] += often * np.exp(-beside - proposal.spread - own_prior[:, own])
        proposals.append(proposal)
    answer.log[...] += np.log(law.weight / first) - np.log(mixture)
    return answer


def tempered(evidence: Array, mixture: Array, enough: float) -> Array:
    """Weights (T, M) in proportion to (e^evidence / mixture)^power, with the largest power <= 1 under which so many
    nodes count."""
    answer: Array = np.exp(np.maximum(evidence - evidence.max(1, keepdims=True), LEAST)) / mixture
    for power in (0.5, 0.25, 0.12, 0.06, 0.03, 0.01):
        few = np.square(answer.sum(1)) < enough * np.einsum("tm,tm->t", answer, answer)
        if not few.any():
            break
        logs = evidence[few] - np.log(mixture[few])
        answer[few] = np.exp(np.maximum(power * (logs - logs.max(1, keepdims=True)), LEAST))
    return answer


def posteriors(
    tasks: Sequence[Cells], prior: NoisePrior, settings: Settings = SETTINGS, laws: Sequence[Law] = tuple(LAWS.values())
) -> list[Posterior]:
    """Posteriors of tasks with equally many varied pools."""
    b = batch(tasks, prior)
    w = _whiten(b, settings)
    laws = tuple(law for law in laws if law.joint == bool(b.pools) and law.weight > 0)
    nodes = [_sample(law, b, w, settings) for law in laws]
    total = _log_sum(np.stack([_log_sum(each.log) for each in nodes], 1))
    kept = zip(*(_keep(each, total) for each in nodes), strict=True)
    return [_together(laws, w.paths, parts) for parts in kept]


def _log_sum(logs: Array) -> Array:
    """(T,) ln of the sum of exponentials over the second axis."""
    most = logs.max(1)
    return np.asarray(most + np.log(np.exp(np.maximum(logs - most[:, None], LEAST)).sum(1)))


class _Kept(NamedTuple):
    """One task's nodes of one law that weigh anything: theta (M, p), floor and far (M,); and of the pairs with a path
    that do: the node, the path, weight, level and its deviation, (K,)."""

    theta: Array
    floor: Array
    far: Array
    node: NDArray[np.intp]
    path: NDArray[np.intp]
    weight: Array
    level: Array
    deviation: Array


def _keep(nodes: _Nodes, total: Array) -> list[_Kept]:
    """Of every task, with weights that add up to 1 over all laws: `total` (T,), the evidence of all."""
    weight = nodes.share * np.exp(np.maximum(nodes.log - total[:, None], LEAST))[:, None]
    keep = weight > NEGLIGIBLE
    some = keep.any(1)
    pairs, those = np.flatnonzero(keep), np.flatnonzero(some)
    task, path, node = np.unravel_index(pairs, keep.shape)
    counts = some.sum(1)
    place = np.cumsum(some, 1)[task, node] - 1
    theta = nodes.theta.reshape(len(nodes.theta), -1)[:, those].T
    of_nodes, of_pairs = np.cumsum(counts)[:-1], np.cumsum(keep.sum((1, 2)))[:-1]
    parts = [np.split(part, of_nodes) for part in (theta, nodes.floor.ravel()[those], nodes.far.ravel()[those])]
    parts += [np.split(part, of_pairs) for part in (place, path)]
    parts += [np.split(part.ravel()[pairs], of_pairs) for part in (weight, nodes.level, nodes.deviation)]
    return [_Kept(*each) for each in zip(*parts, strict=True)]


def _together(laws: tuple[Law, ...], paths: Array, parts: Sequence[_Kept]) -> Posterior:
    """One task's nodes of all laws, side by side."""
    starts = np.cumsum([0, *(len(part.floor) for part in parts[:-1])])
    floor, far, path, weight, level, deviation = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("floor", "far", "path", "weight", "level", "deviation")
    )
    node = np.concatenate([part.node + start for part, start in zip(parts, starts, strict=True)])
    theta = tuple(part.theta for part in parts)
    return Posterior(laws, theta, floor, far, node, weight, level, deviation, path, paths)
