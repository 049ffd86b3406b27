"""Lack of fit: how far the cells lie from the averaged laws beyond their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.cells import Cells
from budget.fitting.distributions import f_above
from budget.fitting.draws import Draws
from budget.fitting.drift import places
from budget.fitting.noise import NoisePrior, cell_variance, one_run

Array = NDArray[np.float64]
SPENT = 2.0  # parameters that the averaged laws spend along labels, and one for every varied pool
ENOUGH = 2.0  # degrees of freedom between repeats that tell noise from lack of fit


@dataclass(frozen=True)
class Misfit:
    """`deviation`: of the truth from the averaged laws, in errors, noise taken off, root mean square over the cells;
    `p_value` of the F test that some law leaves nothing but noise (None where no repeats or too few cells measure
    it)."""

    deviation: float
    p_value: float | None


def misfit(draws: Draws, task: Cells, prior: NoisePrior) -> Misfit:
    """Deviation: from the averaged laws, N / (N - parameters) times for what they absorbed. Test: every law's least
    weighted squares over its draws, floor and scale free, against what the repeats scatter by; a task departs from
    every law only where it departs from the one that fits best."""
    points = places(task).points
    shapes = [group.law.shape(group.theta[:, None], points[:, 0], points[:, 1:]) for group in draws.groups]
    residual = task.error - draws.central @ draws.of_shapes(shapes) / len(draws.central)
    variance = cell_variance(task, prior)
    spent = max(len(residual) - SPENT - len(task.varied), 1.0)
    deviation = max(float((residual**2 - variance).sum()) / spent, 0.0) ** 0.5
    repeats = one_run(task, prior)[1]
    if repeats < ENOUGH:
        return Misfit(deviation, None)
    weight, found = 1 / np.maximum(variance, 1e-12), []
    for group, shape in zip(draws.groups, shapes, strict=True):
        left = len(residual) - 2 - group.theta.shape[1]
        if left > 0:
            squares = _least(shape, task.error, weight)
            found.append(f_above(left, repeats + prior.runs, squares / left))
    return Misfit(deviation, max(found) if found else None)


def _least(shape: Array, error: Array, weight: Array) -> float:
    """The least weighted sum of squares of E + B g - e over these shapes g (U, N) and any E and B."""
    total = weight.sum()
    shape = shape - (shape @ weight)[:, None] / total
    error = error - error @ weight / total
    explained = (shape @ (weight * error)) ** 2 / np.maximum(shape**2 @ weight, 1e-300)
    return float((weight * error**2).sum() - explained.max())
