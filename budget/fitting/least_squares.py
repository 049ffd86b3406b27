"""Least squares of one law on many curves at once: variable projection, that is floor and scale solved inside, and few
steps in the shape parameters from the best points of a grid.

For a curve e (N,) at labels n (N,) and pool labels P (N, J) the sum of squares of E + B g(n, P; theta) - e over E, B >=
0 and theta, each parameter within RANGE prior deviations of its mean. Arrays are (N, A): a curve, or a start of one, is
a column, so that numpy runs along many of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.laws import Law
from budget.fitting.laws.base import RANGE
from budget.fitting.proposals import sequence

Array = NDArray[np.float64]
NODES = (32, 512, 256)  # points of the grid for one, two and more parameters: two bend in narrow valleys
STRETCH = 1.2  # the grid reaches so many times over the bounds and is cut there: the best is often at a bound
APART = 1.0  # starts of one curve lie so far apart, in prior deviations
CURVES = 2048  # descended together: few enough for the processor's cache, enough for the calls not to count
SCREENED, SHARED = 16, 64  # the same for the grid: designs of one curve, curves of one design
SETTLED = 1e-9  # a step that gains less, in shares of the sum of squares, brings nothing
EXACT = 1e-28  # a sum of squares this small, in shares of the curve's, is nothing
FREE = 1e-2  # damping below which a step that brings nothing ends the descent; else two such steps do
PLAIN = 2  # Gauss-Newton steps before the curvature of the residuals is taken in
LARGEST = 2.0  # a step at the most, in prior deviations
TINY = 1e-300


@dataclass(frozen=True)
class LeastSquares:
    """Per curve e = E + B g: shape parameters (T, p), floor E (T,), scale B (T,) and sum of squares (T,). Labels in
    units of the largest."""

    theta: Array
    floor: Array
    scale: Array
    squares: Array


@dataclass(frozen=True)
class _Curves:
    """A columns: labels (N, A), pool labels (N, A, J), error (N, A), its mean (A,) and what is left of it (N, A)."""

    labels: Array
    pools: Array
    error: Array
    mean: Array
    centred: Array

    def pick(self, columns: NDArray[np.intp]) -> _Curves:
        """Some columns, in this order."""
        return _Curves(
            self.labels[:, columns],
            self.pools[:, columns],
            self.error[:, columns],
            self.mean[columns],
            self.centred[:, columns],
        )


@dataclass(frozen=True)
class _Point:
    """Of every column: latent parameters (p, A), sum of squares (A,), half its gradient (p, A) and the Gauss-Newton
    matrix (p, p, A), floor and scale (A,)."""

    latent: Array
    squares: Array
    gradient: Array
    normal: Array
    floor: Array
    scale: Array


def least_squares(
    law: Law, labels: Array, error: Array, pools: Array | None = None, starts: int = 3, nodes: int = 0, steps: int = 60
) -> LeastSquares:
    """Fit a law to T curves of N points: labels and error (T, N), pools (T, N, J) for a joint law, in units of the
    largest pilot. The best of `starts` descents of at most `steps` steps from a grid of `nodes` points (0: as NODES
    says).

    >>> from budget.fitting.laws import LAWS
    >>> labels = np.array([[0.01, 0.03, 0.1, 0.3, 1.0]])
    >>> least_squares(LAWS["pow3"], labels, 0.1 + 0.2 * labels**-0.5).theta.round(6).tolist()
    [[0.5]]
    """
    pools = np.zeros((*labels.shape, 0)) if pools is None else pools
    count = len(law.parameters(pools.shape[-1]))
    points = sequence(nodes or NODES[min(count, 3) - 1], count)
    grid = np.clip((2 * points - 1) * (RANGE * STRETCH), -RANGE, RANGE).T
    parts = []
    for i in range(0, len(error), CURVES):
        some = slice(i, i + CURVES)
        x, p, e = labels[some].T, pools[some].transpose(1, 0, 2), error[some].T
        curves = _Curves(np.ascontiguousarray(x), p, np.ascontiguousarray(e), e.mean(0), e - e.mean(0))
        parts.append(_best(law, curves, grid, starts, steps))
    theta, floor, scale, squares = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LeastSquares(theta, floor, scale, squares)


def _best(law: Law, curves: _Curves, grid: Array, starts: int, steps: int) -> tuple[Array, Array, Array, Array]:
    """Parameters (T, p), floor, scale and sum of squares (T,) of the best of all starts."""
    chosen = _starts(_screen(law, curves, grid), grid, starts)  # (starts, T)
    every = np.tile(np.arange(len(curves.mean)), starts)
    point = _descend(law, curves.pick(every), grid[:, chosen.ravel()], steps)
    best = point.squares.reshape(chosen.shape).argmin(0) * len(curves.mean) + np.arange(len(curves.mean))
    theta = _natural(law, point.latent[:, best], curves.pools.shape[-1])
    return theta, point.floor[best], point.scale[best], point.squares[best]


def _natural(law: Law, latent: Array, pools: int) -> Array:
    """Latent (p, ...) -> shape parameters (..., p)."""
    parameters = law.parameters(pools)
    return np.moveaxis(
        np.stack([p.natural(p.mean + p.deviation * z) for p, z in zip(parameters, latent, strict=True)]), 0, -1
    )


def _screen(law: Law, curves: _Curves, grid: Array) -> Array:
    """(T, M): sums of squares of every curve at every point of the grid. Curves measured at the same places share the
    shapes there."""
    theta = _natural(law, grid, curves.pools.shape[-1])[:, None]
    answer = np.empty((len(curves.mean), grid.shape[1]))
    for columns in _alike(curves):  # (D, W): D designs, W curves of each
        first = columns[:, 0]
        shape = law.shape(theta, curves.labels[:, None, first], curves.pools[:, None, first])  # (N, M, D)
        mean, centred = curves.mean[columns][:, None], curves.centred[:, columns]  # (D, 1, W), (N, D, W)
        number, middle = len(shape), shape.mean(0).T[:, :, None]  # (D, M, 1)
        squared = np.einsum("nmd,nmd->dm", shape, shape)[:, :, None]
        along = shape.transpose(2, 1, 0) @ centred.transpose(1, 0, 2)  # (D, M, W)
        spread = np.maximum(squared - number * middle**2, TINY)
        gain = np.maximum(along, 0.0) ** 2 / spread
        floored = np.maximum(along, 0.0) * middle > mean * spread  # the best floor would lie below 0
        raised = (along + number * middle * mean) ** 2 / np.maximum(squared, TINY) - number * mean**2
        left = _total(centred)[:, None] - np.where(floored, raised, gain)
        answer[columns.ravel()] = left.transpose(0, 2, 1).reshape(-1, grid.shape[1])
    return answer


def _alike(curves: _Curves) -> Iterator[NDArray[np.intp]]:
    """Columns (D, W) of the same design in each row: a few rows of many curves, or many of one."""
    places = np.concatenate([curves.labels[:, :, None], curves.pools], 2).transpose(1, 0, 2)
    _, design = np.unique(places.reshape(len(curves.mean), -1), axis=0, return_inverse=True)
    order = np.argsort(design, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(design[order])) + 1)
    alone = np.array([group[0] for group in groups if len(group) == 1], np.intp)
    for i in range(0, len(alone), SCREENED):
        yield alone[i : i + SCREENED, None]
    for group in groups:
        for i in range(0, len(group) if len(group) > 1 else 0, SHARED):
            yield group[None, i : i + SHARED]


def _total(centred: Array) -> Array:
    """Sum of squares over the points, the first axis."""
    return np.asarray(np.einsum("n...,n...->...", centred, centred))


def _starts(squares: Array, grid: Array, starts: int) -> NDArray[np.intp]:
    """(starts, T): the best points of the grid, each at least APART from those before it."""
    near = np.square(grid[:, :, None] - grid[:, None, :]).sum(0) < APART**2
    chosen = [squares.argmin(1)]
    for _ in range(starts - 1):
        squares[near[chosen[-1]]] = np.inf
        chosen.append(squares.argmin(1))
    return np.stack(chosen)


def _evaluate(law: Law, curves: _Curves, latent: Array) -> _Point:
    """Sum of squares with the best floor and scale, and Kaufman's approximation of how it changes: the derivatives of
    the shape less what floor and scale can follow."""
    parameters = law.parameters(curves.pools.shape[-1])
    shape, slopes = law.derivatives(_natural(law, latent, curves.pools.shape[-1]), curves.labels, curves.pools)
    number, mean = len(shape), curves.mean
    middle = shape.mean(0)
    centred = shape - middle
    spread = _dot(centred, centred)
    along = np.where(spread > 1e-24 * number * middle**2, _dot(centred, curves.centred), 0.0)
    scale = np.maximum(along, 0.0) / np.maximum(spread, TINY)
    low = scale * middle > mean  # the floor would lie below 0
    whole = spread + number * middle**2
    scale = np.where(low, (along + number * middle * mean) / np.maximum(whole, TINY), scale)
    floor = np.where(low, 0.0, mean - scale * middle)
    residual = scale * shape + (floor - curves.error)
    # inner products of the derivatives with 1, the shape and one another; what floor and scale absorb is taken off
    free, basis = np.where(low, 0.0, 1 / number), 1 / np.maximum(np.where(low, whole, spread), TINY)
    count = len(parameters)
    gradient, normal = np.empty((count, len(mean))), np.empty((count, count, len(mean)))
    sums, shared = [], []
    for k, (parameter, slope) in enumerate(zip(parameters, slopes, strict=True)):
        factor = scale * parameter.deviation
        sums.append(factor * slope.sum(0))
        shared.append(factor * _dot(centred, slope) + np.where(low, middle * sums[k], 0.0))
        gradient[k] = factor * _dot(residual, slope)
        for j in range(k + 1):
            product = factor * (scale * parameters[j].deviation) * _dot(slopes[j], slope)
            normal[j, k] = normal[k, j] = product - free * sums[j] * sums[k] - basis * shared[j] * shared[k]
    return _Point(latent, _dot(residual, residual), gradient, normal, floor, scale)


def _dot(left: Array, right: Array) -> Array:
    """(A,): inner products of columns."""
    return np.asarray(np.einsum("na,na->a", left, right))


def _descend(law: Law, curves: _Curves, latent: Array, steps: int) -> _Point:
    """Levenberg-Marquardt steps from latent (p, A), each column with its own damping; those at rest are left out.

    After PLAIN steps the curvature of the residuals is learned from the gradients (a symmetric rank-one update, as in
    Dennis, Gay and Welsch 1981): without it noisy curves crawl along their valleys.
    """
    point = _evaluate(law, curves, latent)
    answer, columns = point, np.arange(latent.shape[1])
    bend, damping = np.zeros_like(point.normal), np.full(len(columns), 1e-3)
    calm = np.zeros(len(columns), int)
    nothing = EXACT * _dot(curves.centred, curves.centred)
    for step in range(steps):
        trial = np.clip(point.latent + _step(point, bend, damping, step < PLAIN), -RANGE, RANGE)
        found = _evaluate(law, curves, trial)
        better = found.squares <= point.squares
        bend = np.where(better, _learned(bend, point, found), bend)
        gain = np.abs(point.squares - found.squares)
        calm = np.where(gain <= SETTLED * point.squares + nothing, calm + 1 + (damping < FREE), 0)
        point = _Point(*(np.where(better, new, old) for new, old in zip(_parts(found), _parts(point), strict=True)))
        damping = np.clip(np.where(better, damping / 10, damping * 5), 1e-14, 1e10)
        moving = np.flatnonzero(calm < 2)
        if len(moving) < 0.75 * len(columns) or step == steps - 1:
            for whole, part in zip(_parts(answer), _parts(point), strict=True):
                whole[..., columns] = part
            if not len(moving):
                break
            point = _Point(*(part[..., moving] for part in _parts(point)))
            curves, columns, nothing = curves.pick(moving), columns[moving], nothing[moving]
            bend, damping, calm = bend[..., moving], damping[moving], calm[moving]
    return answer


def _parts(point: _Point) -> tuple[Array, ...]:
    return point.latent, point.squares, point.gradient, point.normal, point.floor, point.scale


def _step(point: _Point, bend: Array, damping: Array, plain: bool) -> Array:
    """(p, A): the damped step; parameters at their bound that would leave it stay."""
    out = np.where(point.gradient < 0, point.latent >= RANGE, point.latent <= -RANGE)
    size = np.einsum("ppa->pa", point.normal)
    size = np.maximum(size, 1e-9 * size.max(0)) + TINY
    inside = ~(out[:, None] | out[None])
    damped = np.eye(len(size))[:, :, None] * ((damping + out) * size)
    gradient = np.where(out, 0.0, point.gradient)
    step, _ = _solve(point.normal * inside + damped, gradient)
    if not plain:
        bent, good = _solve((point.normal + bend) * inside + damped, gradient)
        step = np.where(good, bent, step)
    return np.clip(-step, -LARGEST, LARGEST)


def _learned(bend: Array, old: _Point, new: _Point) -> Array:
    """Rank-one update under which the matrix explains how the gradient changed over the last step."""
    moved = new.latent - old.latent
    missed = new.gradient - old.gradient - np.einsum("pqa,qa->pa", new.normal + bend, moved)
    along = (missed * moved).sum(0)
    sure = np.abs(along) > 1e-8 * np.sqrt((missed**2).sum(0) * (moved**2).sum(0))
    return np.asarray(bend + missed[:, None] * missed[None] * np.where(sure, 1 / np.where(sure, along, 1.0), 0.0))


@np.errstate(all="ignore")
def _solve(matrix: Array, right: Array) -> tuple[Array, Array]:
    """Solutions (p, A) of symmetric systems (p, p, A) by Cholesky, and where the matrix is positive definite (A,); what
    is found elsewhere means nothing. Written out: a library call a matrix would take longer than everything else."""
    count = len(right)
    factor: list[list[Array]] = []
    sound = np.ones(right.shape[1], bool)
    for i in range(count):
        row: list[Array] = []
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest = rest - row[k] * (factor[j][k] if j < i else row[k])
            if j < i:
                row.append(rest / factor[j][j])
            else:
                good = rest > 1e-12 * matrix[i, i]
                sound &= good
                row.append(np.sqrt(np.where(good, rest, 1.0)))
        factor.append(row)
    answer: list[Array] = []
    for i in range(count):
        rest = right[i]
        for k in range(i):
            rest = rest - factor[i][k] * answer[k]
        answer.append(rest / factor[i][i])
    for i in reversed(range(count)):
        rest = answer[i]
        for k in range(i + 1, count):
            rest = rest - factor[k][i] * answer[k]
        answer[i] = rest / factor[i][i]
    return np.stack(answer), sound
