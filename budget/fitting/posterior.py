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
    """M nodes of R rows, each a law and a task: parameters (p, R, M) and floors (R, M) as the formula has them; the
    error FAR beyond the largest pilot over that at it (R, M); and what they are worth: the log evidence (R, M), and of
    every path its share in it, its level and the level's deviation, (R, C, M)."""

    theta: Array
    floor: Array
    far: Array
    log: Array
    share: Array
    level: Array
    deviation: Array

    def part(self, some: slice) -> _Nodes:
        """Some nodes of all rows."""
        return _Nodes(*(each[..., some] for each in self))

    def rows(self, some: slice) -> _Nodes:
        """All nodes of some rows."""
        return _Nodes(self.theta[:, some], *(each[some] for each in self[1:]))


def _evaluate(laws: Sequence[Law], b: Batch, w: _Whitened, latent: Array, floors: Array, answer: _Nodes) -> None:
    """Latent nodes (L, T or 1, p, M) of L laws and T tasks, each with F latent floors (L, T or 1, F, M): fills the
    answer, floor by floor.

    h = 1 + (1 - f) (g - 1): with the inner products of the whitened g - 1, ones and errors at hand every floor costs
    next to nothing.
    """
    tasks, paths, many, count = len(b.names), len(w.paths), floors.shape[2], floors.shape[3]
    rises, fars, naturals = [], [], []
    for i, law in enumerate(laws):
        theta = natural(law, b.pools, latent[i].swapaxes(0, 1))
        answer.theta[:, i * tasks : (i + 1) * tasks] = np.tile(theta, many)
        rise, far = b.places.shapes(law, np.moveaxis(theta, 0, -1), FAR)
        rises.append(rise)
        fars.append(far)
        naturals.append(law.floor.natural(law.floor.mean + law.floor.deviation * floors[i]))
    rise, far, floors = np.stack(rises), np.stack(fars), np.stack(naturals)
    rise -= 1
    along, errors, square = np.empty((3, len(laws), tasks, paths, count))
    for k, turn in enumerate(w.turns):
        some, turned = slice(k * paths // len(w.turns), (k + 1) * paths // len(w.turns)), turn @ rise
        np.matmul(w.one[:, some], turned, out=along[:, :, some])
        np.matmul(w.error[:, some], turned, out=errors[:, :, some])
        np.matmul(w.weight[:, some], np.square(turned, out=turned), out=square[:, :, some])
    along, errors, square = (part[:, :, :, None] for part in (2 * along, errors, square))
    each = max(BLOCK // along.size, 1)
    for first in range(0, many, each):
        floor, found = floors[:, :, first : first + each], answer.part(slice(first * count, (first + each) * count))
        _weigh(w, along, errors, square, 1 - floor[:, :, None], found)
        shape = len(laws), tasks, *floor.shape[2:]
        found.floor[...] = np.broadcast_to(floor, shape).reshape(found.floor.shape)
        found.far[...] = np.broadcast_to(floor + (1 - floor) * far[:, :, None], shape).reshape(found.far.shape)


def _weigh(w: _Whitened, along: Array, errors: Array, square: Array, rest: Array, answer: _Nodes) -> None:
    """What nodes are worth whose g - 1 has these inner products with twice the ones, the errors and itself (L, T, C, 1,
    M), for 1 - f of several floors (L, T or 1, 1, F, M)."""
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
    most = log.max(2, keepdims=True)
    log -= most
    share = np.exp(np.maximum(log, LEAST, out=log), out=log)
    share *= deviation
    total = share.sum(2, keepdims=True)
    rows = answer.share.shape
    np.divide(share.reshape(rows), total.reshape(rows[0], 1, -1), out=answer.share)
    np.multiply(level.reshape(rows), deviation.reshape(rows), out=answer.level)
    answer.deviation[...] = deviation.reshape(rows)
    np.add(most, np.log(total), out=most)
    answer.log[...] = most.reshape(answer.log.shape)


class _Prior(NamedTuple):
    """Nodes that all rows have: latent parameters (p, M), each with F latent floors (F, M); and 1, every coordinate
    and every product of two, `features` (1 + p + p (p + 1) / 2, M). Moments and densities of all rows are then one
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
    """A normal for every row: mean (R, q, 1), the inverse of its covariance's Cholesky factor (R, q, q), and the
    logarithm of the factor's determinant (R, 1)."""

    mean: Array
    inverse: Array
    spread: Array

    def density(self, latent: Array) -> Array:
        """Log density (R, M) at latents (R, q, M), without the constant that all share."""
        white = self.inverse @ latent
        white -= self.inverse @ self.mean
        return np.asarray(-0.5 * np.square(white, out=white).sum(1) - self.spread)

    def over_prior(self, prior: _Prior) -> Array:
        """The same (R, F, M) at the prior's nodes, less the prior's log density: with A the precision and B = A - 1, -
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
    """Nodes (R, q, M2) around weighted nodes, those of the prior (F M of them, floor by floor) and latent (R, q, M1):
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


def _sample(laws: Sequence[Law], b: Batch, w: _Whitened, settings: Settings) -> _Nodes:
    """Nodes of laws with equally many parameters, law by law and task by task, and what they are worth, weighted by the
    mixture of all proposals."""
    p, rows, paths = len(laws[0].parameters(b.pools)), len(laws) * len(b.names), len(w.paths)
    near, rounds = settings.near[laws[0].joint], settings.rounds[laws[0].joint]
    prior = _prior(settings.nodes[laws[0].joint], settings.floors, p)
    first, own = prior.floors.size, rounds * near  # nodes that all rows have, and each row's own after them
    answer = _Nodes(
        np.empty((p, rows, first + own)),
        *np.empty((3, rows, first + own)),
        *np.empty((3, rows, paths, first + own)),
    )
    latent, own_prior, mixture = np.empty((rows, p + 1, own)), np.empty((rows, own)), np.ones((rows, first + own))
    theta, floors = (np.broadcast_to(part, (len(laws), 1, *part.shape)) for part in (prior.theta, prior.floors))
    _evaluate(laws, b, w, theta, floors, answer.part(slice(first)))
    normal, proposals, often = _normal(near, p + 1), list[_Proposal](), near / first
    beside = 0.5 * np.square(normal).sum(0)
    for done in range(0, own, near):
        before, here = slice(done), slice(done, done + near)
        so_far, new = slice(first + done), slice(first + done, first + done + near)
        weight = tempered(answer.log[:, so_far], mixture[:, so_far], ENOUGH * (p + 1))
        nodes, proposal = _around(prior, latent[:, :, before], weight, normal)
        theta, floors = np.split(nodes.reshape(len(laws), -1, p + 1, near), [p], 2)
        _evaluate(laws, b, w, theta, floors, answer.part(new))
        latent[:, :, here], own_prior[:, here] = nodes, -0.5 * np.square(nodes).sum(1)
        mixture[:, :first] += often * np.exp(proposal.over_prior(prior)).reshape(rows, -1)
        mixture[:, first : first + done] += often * np.exp(
            proposal.density(latent[:, :, before]) - own_prior[:, before]
        )
        for each in proposals:
            mixture[:, new] += often * np.exp(each.density(nodes) - own_prior[:, here])
        mixture[:, new] += often * np.exp(-beside - proposal.spread - own_prior[:, here])
        proposals.append(proposal)
    weights = np.repeat([law.weight / first for law in laws], len(b.names))
    answer.log[...] += np.log(weights)[:, None] - np.log(mixture)
    return answer


def tempered(evidence: Array, mixture: Array, enough: float) -> Array:
    """Weights (R, M) in proportion to (e^evidence / mixture)^power, with the largest power <= 1 under which so many
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
    found: dict[Law, _Nodes] = {}
    for count in sorted({len(law.parameters(b.pools)) for law in laws}):
        alike = [law for law in laws if len(law.parameters(b.pools)) == count]
        rows = _sample(alike, b, w, settings)
        found |= {law: rows.rows(slice(i * len(tasks), (i + 1) * len(tasks))) for i, law in enumerate(alike)}
    nodes = [found[law] for law in laws]
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
    pairs = np.flatnonzero(keep)
    task, path, node = np.unravel_index(pairs, keep.shape)
    counts = some.sum(1)
    place = np.cumsum(some, 1)[task, node] - 1
    theta = nodes.theta[:, some].T
    of_nodes, of_pairs = np.cumsum(counts)[:-1], np.cumsum(keep.sum((1, 2)))[:-1]
    parts = [np.split(part, of_nodes) for part in (theta, nodes.floor[some], nodes.far[some])]
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
