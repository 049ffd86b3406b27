"""Least squares of one law on many curves at once: variable projection, that is floor and scale solved inside, and
Levenberg-Marquardt steps in the few shape parameters, from the best points of a grid.

For a curve e (N,) at labels n (N,) the sum of squares of E + B g(n; theta) - e over E, B >= 0 and theta.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from budget.fitting.laws import Law
from budget.fitting.posterior import sequence

Array = NDArray[np.float64]
STARTS = 3  # best grid points from which steps are taken
STEP = 1e-6  # of the central differences, in latent units
WIDE = 2.0  # latent parameters stay within so many prior deviations times 3


@dataclass(frozen=True)
class LeastSquares:
    """Per curve e = E + B g: shape parameters (T, p), floor E (T,), scale B (T,) and sum of squares (T,). Labels in
    units of the largest."""

    theta: Array
    floor: Array
    scale: Array
    squares: Array


def least_squares(law: Law, labels: Array, error: Array, nodes: int = 256, steps: int = 60) -> LeastSquares:
    """Fit a law of the labels to T curves of N points: labels and error (T, N), labels in units of the largest."""
    grid = np.broadcast_to(
        np.clip(ndtri(sequence(nodes, len(law.own))) * WIDE, -3 * WIDE, 3 * WIDE), (1, nodes, len(law.own))
    )
    squares = project(_shape(law, grid, labels), error)[0]  # (T, nodes)
    order = np.argsort(squares, axis=1)[:, :STARTS]
    latent = grid[0][order].reshape(-1, len(law.own))  # (T * STARTS, p)
    x, y = np.repeat(labels, STARTS, 0), np.repeat(error, STARTS, 0)
    latent, squares = _descend(law, x, y, latent, steps)
    best = np.argmin(squares.reshape(len(error), STARTS), axis=1)
    chosen = latent.reshape(len(error), STARTS, -1)[np.arange(len(error)), best]
    total, floor, scale = project(_shape(law, chosen[:, None], labels), error)
    theta = _natural(law, chosen)
    largest = law.shape(theta[:, None, :], labels, np.zeros((1, 1, 0))).max(1)
    return LeastSquares(theta, floor[:, 0], scale[:, 0] / np.maximum(largest, 1e-300), total[:, 0])


def project(shape: Array, error: Array) -> tuple[Array, Array, Array]:
    """Sum of squares, floor and scale, each (T, M), of E + B g with E, B >= 0: shape (T, M, N), error (T, N)."""
    mean_g, mean_e = shape.mean(2), error.mean(1)[:, None]
    centred = shape - mean_g[:, :, None]
    gg = (centred * centred).sum(2)
    ge = (centred @ (error - mean_e)[:, :, None])[:, :, 0]
    scale = np.maximum(ge / np.maximum(gg, 1e-300), 0.0)
    floor = mean_e - scale * mean_g
    alone = np.maximum((shape @ error[:, :, None])[:, :, 0] / np.maximum((shape * shape).sum(2), 1e-300), 0.0)
    scale, floor = np.where(floor < 0, alone, scale), np.maximum(floor, 0.0)
    residual = floor[:, :, None] + scale[:, :, None] * shape - error[:, None, :]
    return (residual * residual).sum(2), floor, scale


def _natural(law: Law, latent: Array) -> Array:
    return np.stack([p.natural(p.mean + p.deviation * latent[..., i]) for i, p in enumerate(law.own)], -1)


def _shape(law: Law, latent: Array, labels: Array) -> Array:
    """(T, M, N), scaled to 1 at the curve's smallest label, where it is largest."""
    shape = law.shape(_natural(law, latent)[:, :, None, :], labels[:, None, :], np.zeros((1, 1, 1, 0)))
    return np.asarray(shape / np.maximum(shape.max(2, keepdims=True), 1e-300))


def _residual(law: Law, latent: Array, labels: Array, error: Array) -> Array:
    """Residuals (T, M, N) with floor and scale solved, at latents (T, M, p)."""
    shape = _shape(law, latent, labels)
    _, floor, scale = project(shape, error)
    return floor[:, :, None] + scale[:, :, None] * shape - error[:, None, :]


def _descend(law: Law, labels: Array, error: Array, latent: Array, steps: int) -> tuple[Array, Array]:
    """Levenberg-Marquardt from latents (T, p), each curve with its own damping; those at rest are left out."""
    p = latent.shape[1]
    damping = np.full(len(latent), 1e-3)
    squares = np.square(_residual(law, latent[:, None], labels, error)[:, 0]).sum(1)
    active, calm = np.arange(len(latent)), np.zeros(len(latent), int)
    offsets = np.concatenate([np.eye(p), -np.eye(p), np.zeros((1, p))]) * STEP
    for _ in range(steps):
        if not len(active):
            break
        at, x, y = latent[active], labels[active], error[active]
        moved = _residual(law, at[:, None] + offsets, x, y)
        jacobian = (moved[:, :p] - moved[:, p : 2 * p]) / (2 * STEP)  # (A, p, N)
        normal = jacobian @ jacobian.transpose(0, 2, 1)
        gradient = (jacobian @ moved[:, 2 * p, :, None])[:, :, 0]
        scale = np.maximum(np.einsum("app->ap", normal), 1e-12 * np.maximum(squares[active], 1e-30)[:, None])
        damped = normal + np.eye(p) * (damping[active, None] * scale + 1e-18)[:, :, None]
        step = np.clip(-np.linalg.solve(damped, gradient[:, :, None])[:, :, 0], -1.0, 1.0)
        trial = np.clip(at + step, -3 * WIDE, 3 * WIDE)
        found = np.square(_residual(law, trial[:, None], x, y)[:, 0]).sum(1)
        better = found < squares[active]
        gain = (squares[active] - found) / np.maximum(squares[active], 1e-30)
        latent[active[better]], squares[active[better]] = trial[better], found[better]
        damping[active] = np.clip(np.where(better, damping[active] / 5, damping[active] * 4), 1e-12, 1e8)
        calm[active] = np.where(better & (gain > 1e-9), 0, calm[active] + 1)
        active = active[calm[active] < 8]
    return latent, squares
