"""Where nodes are placed: low-discrepancy points of the prior, and normals around what fitted, task by task."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.nodes import LEAST, Array

WIDER = 1.5  # times the variance of what fitted
NARROWEST = 1e-3  # variance of a proposal at the least


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


class PriorNodes(NamedTuple):
    """Nodes that all rows have: latent parameters (p, M), each with F latent floors (F, M); and 1, every coordinate
    and every product of two, `features` (1 + p + p (p + 1) / 2, M). Moments and densities of all rows are then one
    product of matrices. `pairs`: which two."""

    theta: Array
    floors: Array
    features: Array
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]


@lru_cache(maxsize=32)
def prior_nodes(nodes: int, floors: int, parameters: int) -> PriorNodes:
    points = sequence(nodes, parameters + 1)
    theta = ndtri(points[:, :-1]).T
    i, j = np.triu_indices(parameters)
    return PriorNodes(
        theta,
        ndtri((np.arange(floors)[:, None] + points[:, -1]) / floors),
        np.concatenate([np.ones((1, nodes)), theta, theta[i] * theta[j]]),
        (i, j),
    )


@lru_cache(maxsize=32)
def normals(nodes: int, dimensions: int) -> Array:
    """(q, M) standard normals, evenly spread."""
    return np.ascontiguousarray(ndtri(sequence(nodes, dimensions)).T)


class Proposal(NamedTuple):
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

    def over_prior(self, prior: PriorNodes) -> Array:
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


def middle(prior: PriorNodes, latent: Array, weight: Array) -> tuple[Array, Array]:
    """Mean (R, q, 1) and covariance (R, q, q) of weighted nodes, those of the prior (F M of them, floor by floor) and
    latent (R, q, M1)."""
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
    return mean, covariance


def best(prior: PriorNodes, latent: Array, log: Array) -> Array:
    """(R, q) the node of highest density of those of the prior and latent (R, q, M1), of log evidence (R, F M + M1)."""
    count = prior.floors.size
    own = np.concatenate([np.tile(prior.theta, len(prior.floors)), prior.floors.reshape(1, -1)])
    first = (log[:, :count] - 0.5 * np.square(own).sum(0)).argmax(1)
    found = np.concatenate([own[:, first].T[:, :, None], latent], 2)
    logs = np.concatenate([np.take_along_axis(log, first[:, None], 1), log[:, count:]], 1)
    place = (logs - 0.5 * np.square(found).sum(1)).argmax(1)
    return np.asarray(found[np.arange(len(log)), :, place])


def around(mean: Array, covariance: Array, normal: Array) -> tuple[Array, Proposal]:
    """Nodes (R, q, M) of normals with these means (R, q, 1) and about these covariances (R, q, q), a little wider."""
    factor = np.linalg.cholesky(WIDER * covariance + NARROWEST * np.eye(covariance.shape[1]))
    spread = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1, keepdims=True)
    return mean + factor @ normal, Proposal(mean, np.linalg.inv(factor), spread)


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
