"""What is expected, led towards the measured cells: the averaged laws, corrected so that they never rise.

All in logits of the error. From the largest pilot's labels on, what fewer pool labels than measured add to the error is
passed through a rising function of it, and nothing else changes. At fewer labels a table stands in for the laws: its
rows are the measured label counts, its columns the measured pool labels in the order of what they bring at the largest
pilot; between them it is linear in what the laws say along labels and of the pools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from budget.fitting.isotonic import falling

Array = NDArray[np.float64]
Logits = Callable[[Array, Array], Array]  # of labels (...) and pools (..., J) in units of the largest pilot
Missed = Callable[[Array], Array]  # of places (k, 1 + J)
KEPT = 0.1  # of what the laws say that is left, at the least, wherever the cells speak against it
BEYOND = (4096.0, 256.0, 64.0, 16.0, 4.0)  # times the largest pilot where the laws are looked at
STEEPEST = 2.0  # times what the laws say the pools add may they add, and less where the error would rise with labels
LEAST = 1e-9  # labels, in units of the largest pilot, that stand for none
APART = 1e-6  # logits between two knots at the least
COLUMNS = 24  # pool labels that are looked at
AHEAD = np.geomspace(1, 256, 9)  # labels from the largest pilot on that are looked at


@dataclass(frozen=True)
class Correction:
    """`help_` (H,), rising, is what mixes of pools (H, J) add to the error at the largest pilot by the laws and `real`
    (H,) what they do add; `whole` is what the laws say there with all that was measured. The table is made when it is
    asked for first, of the places of the cells (N, 1 + J), the laws, and how much higher the truth is expected to
    be."""

    help_: Array
    real: Array
    mixes: Array
    whole: float
    cells: Array
    laws: Logits
    missed: Missed

    def at(self, labels: Array, pools: Array) -> Array:
        """Corrected logits at labels (k,) and pools (k, J), or at a grid of labels (k, 1) and mixes of pools (1, m,
        J)."""
        enough, every = np.maximum(labels, 1.0), np.ones((1, pools.shape[-1]))
        rows, back = np.unique(enough, return_inverse=True)
        if labels.ndim > 1:
            law = self.laws(rows[:, None], np.concatenate([pools, every[None]], 1))[back.reshape(-1)]
            return self.led(labels, law[:, :-1], law[:, -1:])
        whole = self.laws(rows, every)[back]
        return self.led(labels, whole if (pools == 1).all() else self.laws(enough, pools), whole)

    def led(self, labels: Array, law: Array, whole: Array) -> Array:
        """Corrected logits at labels from what the laws say there, at no fewer labels than the largest pilot has: `law`
        with the pools there are, `whole` with all that were measured; the three broadcast."""
        labels, law, whole = np.broadcast_arrays(labels, law, whole)
        outside = np.minimum(law - whole - self.help_[0], 0.0) + np.maximum(law - whole - self.help_[-1], 0.0)
        answer = whole + np.interp(law - whole, self.help_, self.real) + outside
        few = labels < 1.0
        if few.any():
            answer[few] = self._looked_up(labels[few], (law - whole)[few]) + outside[few]
        return np.asarray(answer)

    def _looked_up(self, labels: Array, help_: Array) -> Array:
        table = self.table
        row, across = _between(table.rows, np.interp(-np.log(np.maximum(labels, LEAST)), table.log, table.level))
        column, along = _between(self.help_, help_)
        near, far = (table.real[r, column - 1] * (1 - along) + table.real[r, column] * along for r in (row - 1, row))
        return np.asarray(near * (1 - across) + far * across)

    @cached_property
    def table(self) -> Table:
        """At fewer labels than the largest pilot has."""
        labels, dense = _labels(self.cells)
        shape = len(labels), len(self.mixes)
        law = self.laws(labels[:, None], self.mixes[None])
        level = self.laws(dense, np.ones((1, self.mixes.shape[1])))
        points = np.hstack([np.repeat(labels, shape[1])[:, None], np.tile(self.mixes, (len(labels), 1))])
        points[:, 0] = np.clip(points[:, 0], self.cells[:, 0].min(), 1.0)  # what was found at the edge stays
        real = self.missed(points).reshape(shape) + (1 - KEPT) * law
        real[0] = self.whole + self.real - KEPT * law[0]
        real = np.maximum.accumulate(np.maximum.accumulate(real, 0), 1) + KEPT * law
        real = np.maximum.accumulate(np.maximum.accumulate(real, 0), 1)
        log, level = -np.log(dense), np.maximum.accumulate(level) + APART * np.arange(len(dense))
        return Table(log, level, level[np.isin(log, -np.log(labels))], real)


class Table(NamedTuple):
    """`log` (G,) minus the logarithm of labels and `level` (G,) what the laws say there; `rows` (K,) of these stand in
    the table with what is expected for every mix of pools, `real` (K, H)."""

    log: Array
    level: Array
    rows: Array
    real: Array


def _between(knots: Array, values: Array) -> tuple[NDArray[np.intp], Array]:
    """The knot after each value, and how far it is on the way there."""
    after = np.clip(np.searchsorted(knots, values), 1, len(knots) - 1)
    return after, np.clip((values - knots[after - 1]) / (knots[after] - knots[after - 1]), 0.0, 1.0)


def correction(cells: Array, laws: Logits, missed: Missed) -> Correction:
    """From the places of the cells (N, 1 + J), what the laws say, and how much higher the truth is expected to be."""
    pilots = np.unique(np.minimum(np.vstack([cells[:, 1:], np.ones(cells.shape[1] - 1)]), 1.0), axis=0)
    mixes = np.vstack([np.repeat(np.array(BEYOND)[:, None], pilots.shape[1], 1), pilots])
    law = laws(AHEAD[:, None], mixes[None])
    order, whole = _columns(law[0]), float(law[0, -1])  # the last of the mixes is all that was measured
    mixes = mixes[order]
    help_ = law[0, order] - whole + APART * np.arange(len(order))
    more = help_ + missed(np.hstack([np.ones((len(mixes), 1)), mixes]))
    real = _rising(help_, more, _steepest(law[:, np.append(order, -1)].T))
    return Correction(help_, real, mixes, whole, cells, laws, missed)


def _columns(law: Array) -> NDArray[np.intp]:
    """Which mixes of pools stand in the table: more than was measured, then the measured in the order of what they
    bring."""
    order = np.argsort(law[len(BEYOND) :], kind="stable")
    order = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), COLUMNS)).round().astype(int))]
    return np.append(np.arange(len(BEYOND)), len(BEYOND) + order)


def _labels(cells: Array) -> tuple[Array, Array]:
    """Falling labels (K,) of the rows; and more of them (G,), 14 between two of those."""
    sizes = np.maximum(np.unique(np.append(cells[:, 0], 1.0)), LEAST)
    between = [np.sqrt(a * b) for a, b in pairwise(sizes)]
    labels = np.unique(np.concatenate([sizes, between, np.maximum(sizes[0] / np.array(BEYOND), LEAST), [LEAST]]))
    dense = np.unique(np.append(np.geomspace(labels[:-1], labels[1:], 16)[1:-1], labels))
    return labels[::-1], dense[::-1]


def _rising(help_: Array, real: Array, steepest: float) -> Array:
    """The nearest rising function of what pools add, no steeper than `steepest`; more of a pool than was measured adds
    what the laws say."""
    real = np.where(help_ > 0, np.maximum(-falling(-real, np.ones(len(real))), 0.0), help_)
    for i in range(1, len(real)):
        step = help_[i] - help_[i - 1]
        real[i] = min(max(real[i], real[i - 1] + KEPT * step), real[i - 1] + steepest * step)
    return real


def _steepest(levels: Array) -> float:
    """Times s that pools may add what the laws say before the error rises with labels beyond the largest pilot: l, w
    the falls of the laws' logits with few and with all pool labels, w + s (l - w) >= 0; from those logits (H + 1, 9),
    with all pool labels last."""
    falls = np.diff(levels)
    least = float(np.clip((falls[:-1] / np.minimum(falls[-1], -1e-9)).min(), 0.0, 1.0))
    return min(1 / (1 - 0.8 * least), STEEPEST)
