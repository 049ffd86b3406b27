"""The summit of every task's posterior density and the normal that has its bend there (Laplace's method).

Where many exact measurements leave little open, next to no node that is placed around others lies where the density
does: it is a thin, bent ridge. Steps between those of Gauss and Newton and those straight uphill (Levenberg 1944) go
along it to its top.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from budget.fitting.nodes import Array

LONGEST = 2.0  # step along any coordinate, in latent units
FAR = 6.0  # standard deviations of the prior that no summit lies beyond
EASED, FIRMED = 3.0, 10.0  # what the damping is divided by after a step uphill, multiplied with after another
LEAST, MOST = 1e-4, 1e8  # damping
SINGULAR = 1e-9  # added to the diagonal of what is solved, scaled to ones

Bent = Callable[[Array], tuple[Array, Array, Array]]  # log density (T,), slopes (T, q), bend down (T, q, q) at (T, q)


def summits(bent: Bent, start: Array, steps: int) -> tuple[Array, Array]:
    """Means (T, q, 1) and covariances (T, q, q) from starts (T, q)."""
    here, damping = start, np.ones(len(start))
    log, slope, bend = bent(here)
    for _ in range(steps):
        tried = np.clip(here + _step(slope, bend, damping), -FAR, FAR)
        new_log, new_slope, new_bend = bent(tried)
        up = new_log > log
        here, slope = np.where(up[:, None], tried, here), np.where(up[:, None], new_slope, slope)
        log, bend = np.where(up, new_log, log), np.where(up[:, None, None], new_bend, bend)
        damping = np.clip(np.where(up, damping / EASED, damping * FIRMED), LEAST, MOST)
    values, vectors = np.linalg.eigh(bend)
    return here[:, :, None], (vectors / np.maximum(values, 1.0)[:, None]) @ vectors.transpose(0, 2, 1)


def _step(slope: Array, bend: Array, damping: Array) -> Array:
    """(bend + damping)^-1 slope, none longer than LONGEST."""
    unit = np.eye(bend.shape[1])
    damped = bend + damping[:, None, None] * unit
    scale = 1 / np.sqrt(np.diagonal(damped, axis1=1, axis2=2))
    scaled = damped * (scale[:, :, None] * scale[:, None]) + SINGULAR * unit
    step = scale * np.linalg.solve(scaled, (scale * slope)[:, :, None])[:, :, 0]
    return np.asarray(step * np.minimum(1, LONGEST / np.maximum(np.abs(step).max(1, keepdims=True), 1e-300)))
