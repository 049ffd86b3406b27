"""Lack of fit: how far the cells lie from the averaged laws beyond their noise, and what that does to the truths."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from budget.fitting.cells import Cells
from budget.fitting.draws import Draws
from budget.fitting.noise import NoisePrior, cell_variance, magnitude, one_run

Array = NDArray[np.float64]
SPENT = 2.0  # parameters that the averaged laws spend along labels, and two for every varied pool
ENOUGH = 2.0  # degrees of freedom between repeats that tell noise from lack of fit
LEAST, MOST = 0.2, 3.0  # the deviation inside the pilots' range over what it is a priori


@dataclass(frozen=True)
class Misfit:
    """`deviation`: of the truth from the averaged laws, in errors, noise taken off, root mean square over the cells;
    `logits`: the same in logits, noise taken off only where repeats measured it; `p_value` of the F test that the
    residuals are noise (None where no repeats or too few cells measure it)."""

    deviation: float
    logits: float
    p_value: float | None


def misfit(draws: Draws, task: Cells, prior: NoisePrior) -> Misfit:
    """Residuals of the averaged laws, N / (N - parameters) times for what the laws absorbed."""
    labels, pools = _points(task)
    residual = task.error - draws.expected(labels, pools)
    variance, scale = cell_variance(task, prior), magnitude(task.error)
    left = len(residual) - SPENT - len(task.varied)
    repeats = one_run(task, prior)[1]
    deviation = max(float((residual**2 - variance).sum()) / max(left, 1.0), 0.0) ** 0.5
    noise = variance if repeats >= ENOUGH else 0.0
    logits = max(float(((residual**2 - noise) / scale**2).sum()) / max(left, 1.0), 0.0) ** 0.5
    if left < 1 or repeats < ENOUGH:
        return Misfit(deviation, logits, None)
    ratio = float((residual**2 / np.maximum(variance, 1e-12)).sum()) / left
    return Misfit(deviation, logits, float(fdtrc(left, repeats + prior.runs, ratio)))


def widened(draws: Draws, task: Cells, found: Misfit) -> Draws:
    """The truths with deviations inside the pilots' range as large as the residuals say, instead of as a priori."""
    path = draws.deviation
    prior = float((path.logits(*_points(task)) ** 2).mean()) ** 0.5
    factor = float(np.clip(found.logits / max(prior, 1e-6), LEAST, MOST))
    return replace(draws, deviation=replace(path, inside=path.inside * factor, heights=path.heights * factor))


def _points(task: Cells) -> tuple[Array, Array]:
    labels, pools = task.largest
    return task.labels / labels, (task.pool_labels / pools)[:, list(task.varied)]
