"""Where nodes are placed: evenly over the prior, and in normals around what fitted, task by task."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from budget.fitting.distributions import normal_quantiles
from budget.fitting.nodes import LEAST, Array

WIDER = 1.5  # times the variance of what fitted
NARROWEST = 1e-4  # variance of a proposal at the least


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


@lru_cache(maxsize=32)
def normals(nodes: int, dimensions: int) -> Array:
    """(q, M) standard normals, evenly spread."""
    return np.ascontiguousarray(normal_quantiles(sequence(nodes, dimensions)).T)


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
        return np.asarray(-0.5 * np.einsum("rqm,rqm->rm", white, white) - self.spread)


def middle(latent: Array, weight: Array) -> tuple[Array, Array]:
    """Mean (R, q, 1) and covariance (R, q, q) of nodes (R, q, M) with weights (R, M)."""
    weighted = latent * (weight / weight.sum(1, keepdims=True))[:, None]
    mean = weighted.sum(2, keepdims=True)
    return mean, weighted @ latent.transpose(0, 2, 1) - mean @ mean.transpose(0, 2, 1)


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
