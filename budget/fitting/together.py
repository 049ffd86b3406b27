"""Several surfaces asked at once: one evaluation of every law for all of its nodes in all of them.

A single surface spends most of a short question on the calls, a dozen for every law; here tasks share these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from budget.fitting.draws import log_odds
from budget.fitting.laws import Law
from budget.fitting.laws.base import decline

if TYPE_CHECKING:
    from budget.fitting.surface import Surface

Array = NDArray[np.float64]
MOST = 2**13  # errors that are reckoned at once: what a processor keeps at hand


@dataclass(frozen=True)
class OfLaw:
    """The nodes of one law in several surfaces, surface by surface: theta (U, p), and (U, 1) each floor, shape at the
    largest pilot, highest share of the error there, and weight; `owner` (U,) is the surface of each, and `tasks` those
    that follow the law at all, from which node on (`starts`)."""

    law: Law
    theta: Array
    floor: Array
    pilot: Array
    most: Array
    weight: Array
    owner: NDArray[np.intp]
    tasks: NDArray[np.intp]
    starts: NDArray[np.intp]

    def add(self, total: Array, labels: Array, pools: Array) -> None:
        """Add what these nodes say to the errors (n, k) at labels (n, k) and pools (n, k or 1, J)."""
        ends = [*self.starts[1:].tolist(), len(self.owner)]
        first = 0
        while first < len(self.tasks):
            last = first + 1
            while last < len(self.tasks) and (ends[last] - self.starts[first]) * labels.shape[1] <= MOST:
                last += 1
            nodes = slice(int(self.starts[first]), ends[last - 1])
            owner = self.owner[nodes] if last > first + 1 else self.tasks[first : first + 1]
            shape = self.law.shape(self.theta[nodes, None], labels[owner], pools[owner]) / self.pilot[nodes]
            floor = self.floor[nodes]
            error = self.weight[nodes] * np.minimum(floor * (1 - shape) + shape, self.most[nodes])
            total[self.tasks[first:last]] += np.add.reduceat(error, self.starts[first:last] - self.starts[first])
            first = last


@dataclass(frozen=True)
class Alike:
    """Surfaces with equally many varied pools."""

    surfaces: Sequence[Surface]

    @cached_property
    def nodes(self) -> tuple[OfLaw, ...]:
        """By law."""
        found: dict[str, list[tuple[int, tuple[Array, ...]]]] = {}
        laws: dict[str, Law] = {}
        for i, surface in enumerate(self.surfaces):
            for group, weight in surface.truths.middle:
                if len(weight):
                    laws[group.law.name] = group.law
                    part = (
                        group.theta,
                        group.floor[:, None],
                        group.pilot[:, None],
                        group.most[:, None],
                        weight[:, None],
                    )
                    found.setdefault(group.law.name, []).append((i, part))
        return tuple(_nodes(laws[name], parts) for name, parts in found.items())

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        """(n, k) expected scores."""
        n = labels / np.array([[one.unit_labels] for one in self.surfaces])
        pool = np.stack([self._pools(one, pools, labels.shape[1]) for one in self.surfaces])
        enough = np.maximum(n, 1.0)
        law = self._logits(enough, pool)
        whole = self._whole(enough, pool) if pool.shape[2] else law
        rows = zip(self.surfaces, n, law, whole, strict=True)
        return np.stack([one.scale.score(_error(one, *row)) for one, *row in rows])

    def _pools(self, one: Surface, pools: Mapping[str, Array], count: int) -> Array:
        """(k, J) labels of a surface's varied pools, in units of its largest pilot."""
        columns = [np.broadcast_to(pools.get(name, np.zeros(1)), count) for name in one.varied]
        return np.stack(columns, -1) / np.array(one.unit_pools) if columns else np.zeros((count, 0))

    def _logits(self, labels: Array, pools: Array) -> Array:
        """(n, k) of what the laws say."""
        total = np.zeros(labels.shape)
        for nodes in self.nodes:
            nodes.add(total, labels, pools)
        return log_odds(total / np.array([[one.truths.ceiling] for one in self.surfaces]))

    def _whole(self, labels: Array, pools: Array) -> Array:
        """The same with as many pool labels as were measured; on a grid the same labels come again and again."""
        columns, back = np.unique(labels, axis=1, return_inverse=True)
        return self._logits(columns, np.ones((len(columns), 1, pools.shape[2])))[:, back.reshape(-1)]


def _error(one: Surface, labels: Array, law: Array, whole: Array) -> Array:
    """(k,) expected error: the laws' logits led towards the measured cells."""
    led = one.truths.correction.led(labels, law, whole) if one.truths.correction is not None else law
    return one.truths.ceiling * decline(-led)


def _nodes(law: Law, parts: Sequence[tuple[int, tuple[Array, ...]]]) -> OfLaw:
    theta, floor, pilot, most, weight = (np.concatenate([part[k] for _, part in parts]) for k in range(5))
    tasks, sizes = np.array([i for i, _ in parts]), np.array([len(part[0]) for _, part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    return OfLaw(law, theta, floor, pilot, most, weight, np.repeat(tasks, sizes), tasks, starts)


class Together:
    """Several surfaces, those with equally many varied pools at once."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        counts = np.array([len(one.varied) for one in surfaces])
        groups = [np.flatnonzero(counts == count) for count in np.unique(counts)]
        self._groups = [(which, Alike([surfaces[i] for i in which.tolist()])) for which in groups]

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        """(n, k) expected scores: each surface at labels of its own (n, k), all at the same pools {name: (k,)}."""
        found = np.empty(labels.shape)
        for which, alike in self._groups:
            found[which] = alike.expected(labels[which], pools)
        return found
