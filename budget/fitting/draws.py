"""Equally likely truths from a posterior: which node each follows, at which level, and how it deviates from it; and
what is expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.correction import Correction, correction
from budget.fitting.distributions import normal_quantiles
from budget.fitting.drift import Deviation, Noise, deviation, distance, kernel, led, places
from budget.fitting.laws import Law
from budget.fitting.laws.base import decline
from budget.fitting.noise import SHARED, NoisePrior, magnitude, own_sampling, sampling, seed_covariance
from budget.fitting.posterior import Posterior

Array = NDArray[np.float64]
CENTRAL = 0.5  # share of the truths, in the middle, over which is averaged what is expected
INSIDE = 1e-6  # errors are kept so far from 0 and from the ceiling where their logit is taken
EDGE = 2e-3  # the same of the measured errors, whose noise would be large in logits


@dataclass(frozen=True)
class Group:
    """The draws that follow one law. Its nodes: theta (U, p), floor, shape at the largest pilot, and the share of their
    error there that is at the ceiling, `most`, each (U,). Its draws: which they are, the node that each follows, and
    its level, (S_l,)."""

    law: Law
    theta: Array
    floor: Array
    pilot: Array
    most: Array
    draw: NDArray[np.intp]
    node: NDArray[np.intp]
    level: Array

    def relative(self, shape: Array) -> Array:
        """(U, ...) error over the error at the largest pilot, up to the ceiling, from the law's shape there."""
        floor, pilot, most = (
            part.reshape(-1, *(1,) * (shape.ndim - 1)) for part in (self.floor, self.pilot, self.most)
        )
        error = shape * ((1 - floor) / pilot)
        error += floor
        return np.minimum(error, most, out=error)


@dataclass(frozen=True)
class Draws:
    """S equally likely truths, each a law at its level and how it deviates from that law.

    `ceiling`: no error is larger, however few the labels (chance). `central` (S,): 2 for the half of the truths whose
    forecasts lie in the middle, else 0: the expected error is their mean, which a few surprises do not move. `middle`:
    every group with only the nodes that these follow, and their weights, the sums of the levels.
    `sampling`: variance that all runs share through their test items, over e (1 - e). `correction` leads what is
    expected towards the measured cells. Labels are (k,) and pools (k, J), in units of the largest pilot.
    """

    groups: tuple[Group, ...]
    middle: tuple[tuple[Group, Array], ...]
    deviation: Deviation
    ceiling: float
    central: Array
    sampling: float
    correction: Correction | None = None

    def expected(self, labels: Array, pools: Array) -> Array:
        """Error: the laws' mean, led towards the measured cells, at labels (...) and pools (..., J) or a grid of
        both."""
        if self.correction is None:
            return self.averaged(labels, pools)
        return self.ceiling * decline(-self.correction.at(labels, pools))

    def averaged(self, labels: Array, pools: Array) -> Array:
        """Error by the laws alone, mean over the central half, at labels (...) and pools (..., J) or a grid of both."""
        total = np.zeros(np.broadcast_shapes(labels.shape, pools.shape[:-1]))
        for group, weight in self.middle:
            theta = group.theta.reshape(-1, *(1,) * total.ndim, group.theta.shape[1])
            total += np.tensordot(weight, group.relative(group.law.shape(theta, labels, pools)), 1)
        return total

    def errors(self, labels: Array, pools: Array) -> Array:
        """(S, k): every truth's error, its deviation included."""
        law = self.laws(labels, pools)
        share = np.clip(law / self.ceiling, INSIDE, 1 - INSIDE)
        log_odds = np.log((1 - share) / share) - self.deviation.logits(np.column_stack([labels, pools]))
        if self.sampling:
            log_odds -= self.deviation.items[:, None] * np.sqrt(self.sampling / magnitude(law))
        return self.ceiling * decline(log_odds)

    def laws(self, labels: Array, pools: Array) -> Array:
        """(S, k): the error of every truth's law."""
        return self.of_shapes([g.law.shape(g.theta[:, None], labels, pools) for g in self.groups])

    def of_shapes(self, shapes: Sequence[Array]) -> Array:
        """The same (S, k) from the shapes (U, k) of every group's nodes."""
        law = np.empty((len(self.central), shapes[0].shape[1]))
        for g, shape in zip(self.groups, shapes, strict=True):
            law[g.draw] = g.level[:, None] * g.relative(shape)[g.node]
        return law

    def forecast(self, labels: Array, pools: Array) -> tuple[Array, Array]:
        """What is expected (k,) and every truth's error (S, k)."""
        return self.expected(labels, pools), self.errors(labels, pools)

    def logits(self, labels: Array, pools: Array) -> Array:
        """Of what the laws say, at labels (...) and pools (..., J) or a grid of both."""
        return log_odds(self.averaged(labels, pools) / self.ceiling)


def log_odds(share: Array) -> Array:
    """Of shares of the ceiling, kept a little inside."""
    inside = np.clip(share, INSIDE, 1 - INSIDE)
    return np.asarray(np.log(inside / (1 - inside)))


def systematic(weights: Array, count: int) -> NDArray[np.intp]:
    """Indices drawn in proportion to the weights with the least spread: equally spaced points of the cumulative sum."""
    cumulative = np.cumsum(weights) / weights.sum()
    return np.searchsorted(cumulative, (np.arange(count) + 0.5) / count).clip(max=len(weights) - 1)


def draw(posterior: Posterior, task: Cells, prior: NoisePrior, count: int, seed: int) -> Draws:
    """`count` equally likely truths: nodes spread evenly over what they forecast, levels and paths from their normals,
    all in an order of the task's own, so that what one task turns out to be says nothing of another."""
    ceiling = max(float(task.error.max()), 1.0 if task.chance is None else task.chance, EDGE)
    starts = np.cumsum([0, *(len(theta) for theta in posterior.theta)])
    far = posterior.node_far[posterior.node]
    order = np.argsort(far * posterior.level)
    random = np.random.default_rng([seed, crc32(task.task.encode())])
    chosen = random.permutation(order[systematic(posterior.weight[order], count)])
    normal = normal_quantiles((np.arange(count) + 0.5) / count)
    level = np.clip(posterior.level[chosen] + posterior.deviation[chosen] * random.permutation(normal), 0.0, ceiling)
    nodes, back = np.unique(posterior.node[chosen], return_inverse=True)
    highest, floor, groups = np.zeros(len(nodes)), posterior.node_floor[nodes], []
    np.maximum.at(highest, back, level)
    most = ceiling / np.maximum(highest, 1e-12)
    ends = np.searchsorted(nodes, starts)
    for law, every, start, a, b in zip(posterior.laws, posterior.theta, starts, ends, ends[1:], strict=False):
        if a < b:
            theta, inside = every[nodes[a:b] - start], np.flatnonzero((back >= a) & (back < b))
            pilot = law.shape(theta, np.ones(1), np.ones((1, len(task.varied))))
            groups.append(Group(law, theta, floor[a:b], pilot, most[a:b], inside, back[inside] - a, level[inside]))
    rank = np.argsort(np.argsort(level * far[chosen], kind="stable"), kind="stable")
    central = np.where(np.abs(rank - (count - 1) / 2) < count * CENTRAL / 2, 1 / CENTRAL, 0.0)
    drift, noise = posterior.paths[posterior.path[chosen]].T
    paths = deviation(drift, task, random)
    truths = Draws(tuple(groups), tuple(_middle(groups, central)), paths, ceiling, central, SHARED * sampling(task))
    return _led(truths, task, prior, noise, random)


def _middle(groups: Sequence[Group], central: Array) -> Iterator[tuple[Group, Array]]:
    for g in groups:
        weight = np.bincount(g.node, g.level * central[g.draw], len(g.floor)) / len(central)
        some = weight > 0
        if some.any():
            nodes = Group(g.law, g.theta[some], g.floor[some], g.pilot[some], g.most[some], g.draw, g.node, g.level)
            yield nodes, weight[some]


def _led(truths: Draws, task: Cells, prior: NoisePrior, times: Array, random: np.random.Generator) -> Draws:
    """The truths with paths, and with what is expected, led past the measured cells: times (S,) the guessed deviation
    of a run is each truth's noise."""
    (points, _, _, covariances), path = places(task), truths.deviation
    law, error = (
        np.clip(e / truths.ceiling, EDGE, 1 - EDGE) for e in (truths.laws(points[:, 0], points[:, 1:]), task.error)
    )
    off = np.log(error / (1 - error)) - np.log(law / (1 - law))
    scale = 1 / magnitude(task.error)
    seeds, items = seed_covariance(task, prior) * np.outer(scale, scale), own_sampling(task) * scale**2
    paths, pull = led(path, covariances, off, Noise(times, seeds, items), random)
    mean = truths.central @ pull / len(pull)

    def missed(at: Array) -> Array:
        return np.asarray(kernel(distance(at, path.offset), path.cells) @ mean)

    return replace(truths, deviation=paths, correction=correction(points, truths.logits, missed))
