"""Lack of fit: how far the cells lie from the averaged laws beyond their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from budget.fitting.cells import Cells
from budget.fitting.draws import Draws
from budget.fitting.drift import places
from budget.fitting.noise import NoisePrior, cell_variance, one_run

Array = NDArray[np.float64]
SPENT = 2.0  # parameters that the averaged laws spend along labels, and two for every varied pool
ENOUGH = 2.0  # degrees of freedom between repeats that tell noise from lack of fit


@dataclass(frozen=True)
class Misfit:
    """`deviation`: of the truth from the averaged laws, in errors, noise taken off, root mean square over the cells;
    `p_value` of the F test that the residuals are noise (None where no repeats or too few cells measure it)."""

    deviation: float
    p_value: float | None


def misfit(draws: Draws, task: Cells, prior: NoisePrior) -> Misfit:
    """Residuals of the averaged laws, N / (N - parameters) times for what the laws absorbed."""
    points = places(task)
    residual = task.error - draws.averaged(points[:, 0], points[:, 1:])
    variance = cell_variance(task, prior)
    left = len(residual) - SPENT - len(task.varied)
    repeats = one_run(task, prior)[1]
    deviation = max(float((residual**2 - variance).sum()) / max(left, 1.0), 0.0) ** 0.5
    if left < 1 or repeats < ENOUGH:
        return Misfit(deviation, None)
    ratio = float((residual**2 / np.maximum(variance, 1e-12)).sum()) / left
    return Misfit(deviation, float(fdtrc(left, repeats + prior.runs, ratio)))
