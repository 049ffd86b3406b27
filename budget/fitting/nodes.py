"""What nodes are worth: how well each law's shape with a floor share explains a task's cells, the level and its
deviation in closed form, for every rate of the drift and every noise.

One covariance of the seeds and one of the drift are made diagonal together, whatever the rate; each node is then a few
inner products.
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
from budget.fitting.noise import Runs

if TYPE_CHECKING:
    from budget.fitting.posterior import Settings

Array = NDArray[np.float64]
FEW = 5.0  # degrees of freedom below which the noise is looked for on a grid
LEAST = -80.0  # logarithm of the least weight that is reckoned with: processors are slow on smaller numbers
PADDING = 1e6  # variance of a cell that is not there
STEP = 1e-4  # in latent units, over which slopes are taken


@dataclass(frozen=True)
class Batch:
    """T tasks with at most N cells and J varied pools; labels and pools in units of the largest pilot."""

    names: tuple[str, ...]
    pools: int
    places: Designs
    error: Array  # (T, N)
    noise: Array  # (T, N, N) covariance of the means over seeds
    sampling: Array  # (T, N) variance by the choice of the test items
    walk: Array  # (T, N, N) covariance of the drift at rate 1
    known: bool


def noise_known(task: Cells) -> bool:
    """From its repeats; else it is looked for."""
    return task.freedom >= FEW


def batch(tasks: Sequence[Runs]) -> Batch:
    """Tasks with equally many varied pools, padded to the longest; the noise is known where it is in all of them."""
    size, count, pools = max(len(one.task.labels) for one in tasks), len(tasks), len(tasks[0].task.varied)
    labels, error = np.ones((count, size)), np.ones((count, size))
    noise, walk, pool = (
        PADDING * np.tile(np.eye(size), (count, 1, 1)),
        np.zeros((count, size, size)),
        np.ones((count, size, pools)),
    )
    sampling, known = np.zeros((count, size)), True
    for i, runs in enumerate(tasks):
        task, n = runs.task, len(runs.task.labels)
        largest, most = task.largest
        known &= noise_known(task)
        labels[i, :n] = task.labels / largest
        pool[i, :n] = (task.pool_labels / most)[:, list(task.varied)]
        error[i, :n] = task.error
        noise[i, :n, :n], sampling[i, :n] = runs.covariance, runs.by_items
        walk[i, :n, :n] = covariance(task)
    return Batch(
        tuple(one.task.task for one in tasks), pools, designs(labels, pool), error, noise, sampling, walk, known
    )


def natural(law: Law, pools: int, latent: Array) -> Array:
    """Latent standard normals (p, ...) -> shape parameters (p, ...)."""
    return np.stack([p.prior(z) for p, z in zip(law.parameters(pools), latent, strict=True)])


class Whitened(NamedTuple):
    """All paths: C values of the drift's rate and of the noise, (C, 2). `turns` (T, N, N), one for every value of the
    noise, make noise and drift of all cells independent, the noise of variance 1. There every path has weights, the
    inverse variances, and the errors so weighted, each (T, C, N); and the logarithm of what the level's integral is
    multiplied with, its prior included, (T, C, 1)."""

    paths: Array
    turns: list[Array]
    weight: Array
    error: Array
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
        error, size = turn @ b.error[:, :, None], np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1)
        weight = 1 / total
        weighted = weight * error.transpose(0, 2, 1)
        constant = (prior - size[:, None] - 0.5 * np.log(total).sum(2))[:, :, None] - 0.5 * weighted @ error
        turns.append(turn)
        parts.append((weight, weighted, constant))
    paths = np.array([(drift, times) for times in noises for drift in drifts])
    return Whitened(paths, turns, *(np.concatenate(part, 1) for part in zip(*parts, strict=True)))


class Nodes(NamedTuple):
    """M nodes for each of T tasks: parameters (p, T, M), of which a law may use fewer, and floors (T, M) as the formula
    has them; the shape at the largest pilot (T, M); and what they are worth: the log evidence (T, M), and of every path
    its share in it, its level and the level's deviation, (T, C, M)."""

    theta: Array
    floor: Array
    pilot: Array
    log: Array
    share: Array
    level: Array
    deviation: Array

    @staticmethod
    def room(parameters: int, tasks: int, paths: int, nodes: int) -> Nodes:
        """For what is yet to be found."""
        each = np.empty((3, tasks, nodes)), np.empty((3, tasks, paths, nodes))
        return Nodes(np.empty((parameters, tasks, nodes)), *each[0], *each[1])

    def part(self, some: slice) -> Nodes:
        """Some nodes of all tasks."""
        return Nodes(*(each[..., some] for each in self))

    def copy(self, others: Nodes) -> None:
        """As many other nodes in the place of these."""
        for each, other in zip(self, others, strict=True):
            each[...] = other


def evaluate(law: Law, b: Batch, w: Whitened, latent: Array, answer: Nodes) -> list[Array]:
    """Fills the answer for latent nodes (T or 1, p + 1, M), the last coordinate being the floor. Given back is h = 1 +
    (1 - f) (g - 1), whitened for every noise, (T, N, M)."""
    theta = natural(law, b.pools, latent[:, :-1].swapaxes(0, 1))
    floor = law.floor.natural(law.floor.mean + law.floor.deviation * latent[:, -1])
    shape, pilot = b.places.shapes(law, np.moveaxis(theta, 0, -1))
    shape -= 1
    shape *= (1 - floor)[:, None]
    shape += 1
    answer.theta[: len(theta)], answer.floor[...], answer.pilot[...] = theta, floor, pilot
    whitened = [turn @ shape for turn in w.turns]
    _weigh(w, whitened, answer)
    return whitened


def _weigh(w: Whitened, whitened: Sequence[Array], answer: Nodes) -> None:
    """What nodes are worth whose h, whitened for every noise, are these (T, N, M)."""
    each = answer.share.shape[1] // len(whitened)
    level, precision = np.empty((2, *answer.share.shape))
    for k, one in enumerate(whitened):
        some = slice(k * each, (k + 1) * each)
        np.matmul(w.error[:, some], one, out=level[:, some])
        np.matmul(w.weight[:, some], np.square(one), out=precision[:, some])
    root = np.sqrt(np.maximum(precision, 1e-12, out=precision), out=precision)
    np.divide(1, root, out=answer.deviation)
    level *= answer.deviation  # in deviations
    log = np.square(level, out=precision)
    log *= 0.5
    log += w.constant
    most = log.max(1, keepdims=True)
    log -= most
    share = np.exp(np.maximum(log, LEAST, out=log), out=log)
    share *= answer.deviation
    total = share.sum(1, keepdims=True)
    np.divide(share, total, out=answer.share)
    np.multiply(level, answer.deviation, out=answer.level)
    np.add(most[:, 0], np.log(total[:, 0]), out=answer.log)


def bent(law: Law, b: Batch, w: Whitened, here: Array) -> tuple[Array, Array, Array]:
    """The log density of every task's place (T, q), up to a constant of the task, its slopes (T, q), and what it bends
    down by, (T, q, q), after Gauss and Newton: I + sum_c s_c l_c^2 (J'V_c J - J'V_c h h'V_c J / h'V_c h), J the slopes
    of h over the cells, V_c a path's inverse variances, s_c its share, l_c its level, which is fitted (Kaufman 1975).

    Slopes are differences over STEP: q + 1 nodes.
    """
    tasks, q = here.shape
    nodes = here[:, :, None] + STEP * np.eye(q, q + 1, 1)
    answer = Nodes.room(q - 1, tasks, len(w.paths), q + 1)
    found = evaluate(law, b, w, nodes, answer)
    logs = answer.log - 0.5 * np.square(nodes).sum(1)
    each = len(w.paths) // len(w.turns)
    certain = answer.share[:, :, 0] * np.square(answer.level[:, :, 0])
    bend = np.tile(np.eye(q), (tasks, 1, 1))
    for k, shape in enumerate(found):
        paths = slice(k * each, (k + 1) * each)
        slope = (shape[:, :, 1:] - shape[:, :, :1]) / STEP
        weight, sure = w.weight[:, paths], certain[:, paths]
        both = (weight * shape[:, None, :, 0]) @ slope
        itself = weight @ np.square(shape[:, :, 0, None])
        inner = slope.transpose(0, 2, 1) @ ((sure[:, None] @ weight).transpose(0, 2, 1) * slope)
        bend += inner - both.transpose(0, 2, 1) @ (sure[:, :, None] / itself * both)
    return logs[:, 0], (logs[:, 1:] - logs[:, :1]) / STEP, bend
