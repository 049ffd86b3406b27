"""Where the cells of many tasks lie, so that laws are worked out for all of them at once and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.laws import Law

Array = NDArray[np.float64]
HUGE = 1e100  # times the error at the largest pilot: squares of it are still numbers
SPARE = 2  # entries of a table a cell at the most


@dataclass(frozen=True)
class Designs:
    """The places of T tasks with N cells each and J pools, labels and pools in units of the largest pilot.

    Tasks with the same places share one of D designs: `design` (T,). A design is a table of labels by mixes of pools,
    and every cell an entry of it, `entry` (D, N): what a law has from the labels or from the pools alone is worked out
    once for all cells that share them. `labels` (D, L, 1, 1) and `pools` (D, 1, X, 1, J); where such a table would be
    much larger than the cells, it has a row a cell instead, `labels` (D, N, 1, 1) and `pools` (D, N, 1, 1, J). `whole`:
    the table's entries are the cells, in their order.
    """

    labels: Array
    pools: Array
    entry: NDArray[np.intp]
    design: NDArray[np.intp]
    whole: bool

    @np.errstate(over="ignore", divide="ignore", invalid="ignore")
    def shapes(self, law: Law, theta: Array) -> tuple[Array, Array]:
        """g (T, N, M), the law's shape over its shape at the largest pilot, and that (T, M): theta (T, M, p), or (1, M,
        p) for all; (1, N, M) where these share one design, and (1, M)."""
        which = np.arange(len(self.entry)) if len(theta) == 1 else self.design
        pools = self.pools[which]
        shape = law.shape(theta[:, None, None], self.labels[which], pools)
        pilot = law.shape(theta, np.ones(1), np.ones((1, pools.shape[-1])))
        g = over(shape, pilot[:, None, None]).reshape(len(which), -1, theta.shape[1])
        if not self.whole:
            g = np.take_along_axis(g, self.entry[which][:, :, None], 1)
        return (g[self.design] if len(theta) == 1 and len(g) > 1 else g), pilot


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def over(shape: Array, pilot: Array) -> Array:
    """shape / pilot, at the most HUGE, also where it is no number: such a shape fits nothing."""
    return np.asarray(np.fmin(shape / pilot, HUGE))


def designs(labels: Array, pools: Array) -> Designs:
    """Of labels (T, N) and pools (T, N, J)."""
    tasks, cells = labels.shape
    flat = np.concatenate([labels, pools.reshape(tasks, -1)], 1)
    _, first, design = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    labels, pools = labels[first], pools[first]
    every, mix = np.unique(pools.reshape(labels.size, -1), axis=0, return_inverse=True)
    rows, mixes = (
        [np.unique(one, return_inverse=True) for one in each] for each in (labels, mix.reshape(labels.shape))
    )
    down, across = (max(len(values) for values, _ in each) for each in (rows, mixes))
    order = np.tile(np.arange(cells), (len(first), 1))
    if down * across > SPARE * cells:
        return Designs(labels[:, :, None, None], pools[:, :, None, None], order, design.reshape(-1), True)
    sizes, others = np.ones((len(first), down)), np.ones((len(first), across, pools.shape[2]))
    entry = np.empty_like(order)
    for i, ((some, row), (which, column)) in enumerate(zip(rows, mixes, strict=True)):
        sizes[i, : len(some)], others[i, : len(which)] = some, every[which]
        entry[i] = row * across + column
    whole = down * across == cells and bool((entry == order).all())
    return Designs(sizes[:, :, None, None], others[:, None, :, None], entry, design.reshape(-1), whole)
