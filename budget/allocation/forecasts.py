"""What planning asks of fitted tasks: of one, or of all of them at once.

A question to every surface by itself costs a call of Python a task. A class of surfaces that can answer for many of
its kind says so with a static method `together`; all others are asked one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from budget.allocation.lines import Array

AT_ONCE = 100  # surfaces asked together: what they reckon with should stay in the processor's cache


class Forecast(Protocol):
    """What planning asks of a fitted task: labels (k,), pools {name: one number or (k,)}."""

    @property
    def most_labels(self) -> int: ...
    @property
    def most_pools(self) -> Mapping[str, int]: ...
    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(k,) expected score, in the task's own unit."""
        ...

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(S, k) equally likely truths."""
        ...

    def scatter(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, repeats: ArrayLike = 1) -> Array:
        """(k,) standard deviation of the mean score of further runs around the truth."""
        ...


class Together(Protocol):
    """Several surfaces that answer at once."""

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        """(n, k) expected scores: each surface at labels of its own (n, k), all at the same pools {name: (k,)}."""
        ...


@dataclass(frozen=True)
class OneByOne:
    """Surfaces that are asked one after the other."""

    surfaces: Sequence[Forecast]

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        """(n, k) expected scores."""
        return np.stack([each.expected(row, pools) for each, row in zip(self.surfaces, labels, strict=True)])


@dataclass(frozen=True)
class Forecasts:
    """All surfaces of a problem, in `groups` of one kind: which they are, and how these are asked."""

    groups: tuple[tuple[NDArray[np.intp], Together], ...]

    def expected(self, labels: Array, pools: Mapping[str, Array]) -> Array:
        """(n, k) expected scores: each surface at labels of its own (n, k), all at the same pools {name: (k,)}."""
        found = np.empty(labels.shape)
        for which, group in self.groups:
            found[which] = group.expected(labels[which], pools)
        return found


def forecasts(surfaces: Sequence[Forecast]) -> Forecasts:
    """Surfaces, to be asked at once as far as their kinds can be."""
    kinds: dict[type, list[int]] = {}
    for i, each in enumerate(surfaces):
        kinds.setdefault(type(each), []).append(i)
    groups = []
    for kind, places in kinds.items():
        together = getattr(kind, "together", OneByOne)
        for start in range(0, len(places), AT_ONCE):
            which = places[start : start + AT_ONCE]
            groups.append((np.array(which), together([surfaces[i] for i in which])))
    return Forecasts(tuple(groups))
