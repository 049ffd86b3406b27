"""What nodes are worth: how well each law's shape with a floor share explains a task's cells, the level and its
deviation in closed form, for every rate of the drift and every noise.

One covariance of the seeds and one of the drift are made diagonal together, whatever the rate; each node is then a few
inner products, and its floors share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.designs import Designs, designs
from budget.fitting.drift import covariance
from budget.fitting.laws import Law
from budget.fitting.noise import NoisePrior, magnitude, one_run, own_sampling, seed_covariance

if TYPE_CHECKING:
    from budget.fitting.posterior import Settings

Array = NDArray[np.float64]
FEW = 5.0  # degrees of freedom below which the noise is looked for on a grid
FAR = 8.0  # times the largest pilot, where truths are told from one another
BLOCK = 2**15  # numbers that are reckoned with at once, so that they stay in a processor's cache
LEAST = -80.0  # logarithm of the least weight that is reckoned with: processors are slow on smaller numbers
PADDING = 1e6  # variance of a cell that is not there


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


def natural(law: Law, pools: int, latent: Array) -> Array:
    """Latent standard normals (p, ...) -> shape parameters (p, ...)."""
    return np.stack([p.prior(z) for p, z in zip(law.parameters(pools), latent, strict=True)])


class Whitened(NamedTuple):
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


def whiten(b: Batch, settings: Settings) -> Whitened:
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
    return Whitened(paths, turns, *(np.concatenate(part, 1) for part in zip(*parts, strict=True)))


class Nodes(NamedTuple):
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

    def part(self, some: slice) -> Nodes:
        """Some nodes of all rows."""
        return Nodes(*(each[..., some] for each in self))

    def rows(self, some: slice) -> Nodes:
        """All nodes of some rows."""
        return Nodes(self.theta[:, some], *(each[some] for each in self[1:]))


def evaluate(laws: Sequence[Law], b: Batch, w: Whitened, latent: Array, floors: Array, answer: Nodes) -> None:
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


def _weigh(w: Whitened, along: Array, errors: Array, square: Array, rest: Array, answer: Nodes) -> None:
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
