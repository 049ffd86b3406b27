"""The summit of every row's posterior density and the normal that has its bend there (Laplace's method).

Where many exact measurements leave little open, next to no node that is placed around others lies where the density
does; Newton's method finds the place whatever its width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from budget.fitting.nodes import Array

ROUNDS = 6  # of Newton's method, the last to find the bend alone
FIRST, WIDEST, NARROWEST = 0.03, 0.2, 0.002  # steps over which slopes and bends are taken, in latent units
SHARES = np.array([1.0, 0.5, 0.2, 0.05, 0.01, 0.0])  # of Newton's step that are tried
LONGEST = 1.0  # step along any direction of the bend
FAR = 6.0  # standard deviations of the prior that no summit lies beyond
BEND = 0.2  # the least precision along any direction; the prior's is 1

Worth = Callable[[Array], Array]  # log density (R, M) at latents (R, q, M), up to a constant of each row


def summits(worth: Worth, start: Array) -> tuple[Array, Array]:
    """Means (R, q, 1) and covariances (R, q, q) from starts (R, q)."""
    here, axes = start[:, :, None], np.tile(FIRST * np.eye(start.shape[1]), (len(start), 1, 1))
    for left in reversed(range(ROUNDS)):
        slope, values, vectors = _bent(worth, here, axes)
        if left:
            step = vectors @ np.clip(vectors.transpose(0, 2, 1) @ slope / values[:, :, None], -LONGEST, LONGEST)
            tried = np.clip(here + step * SHARES, -FAR, FAR)
            best = np.nan_to_num(worth(tried), nan=-np.inf).argmax(1)
            here = np.take_along_axis(tried, best[:, None, None], 2)
            axes = vectors * np.clip(0.5 / np.sqrt(values), NARROWEST, WIDEST)[:, None]
    return here, (vectors / values[:, None]) @ vectors.transpose(0, 2, 1)


def _bent(worth: Worth, here: Array, axes: Array) -> tuple[Array, Array, Array]:
    """At places (R, q, 1), by steps along axes (R, q, q): slopes (R, q, 1), and what the density bends down by (R, q)
    along which directions (R, q, q), bends up taken for slight ones down."""
    q = here.shape[1]
    unit, (i, j) = np.eye(q), np.triu_indices(q, 1)
    moves = np.concatenate([unit, -unit, unit[i] + unit[j], -unit[i] - unit[j], np.zeros((1, q))]).T
    found = worth(here + axes @ moves)
    up, down, middle = found[:, :q], found[:, q : 2 * q], found[:, -1:]
    bend = np.zeros((len(here), q, q))
    bend[:, range(q), range(q)] = sums = up + down - 2 * middle
    both = found[:, 2 * q : 2 * q + len(i)] + found[:, 2 * q + len(i) : -1] - 2 * middle
    bend[:, i, j] = bend[:, j, i] = (both - sums[:, i] - sums[:, j]) / 2
    back = np.linalg.inv(axes)
    values, vectors = np.linalg.eigh(-back.transpose(0, 2, 1) @ bend @ back)
    return back.transpose(0, 2, 1) @ ((up - down) / 2)[:, :, None], np.maximum(values, BEND), vectors
