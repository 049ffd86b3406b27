"""Where a value lies on an axis, and which values deserve a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass

ZERO_SLOT = 0.09  # the part of a logarithmic axis that is kept for 0, which has no logarithm


@dataclass(frozen=True)
class Scale:
    """Maps low..high to 0..1, evenly or by logarithm. `zero`: a logarithmic axis with a slot for 0 at its start.

    >>> Scale(0, 50).at(10), Scale(10, 1000, log=True).at(100)
    (0.2, 0.5)
    """

    low: float
    high: float
    log: bool = False
    zero: bool = False

    def at(self, value: float) -> float:
        """Position of `value`, held inside 0..1."""
        if self.log:
            if value <= 0:
                return 0.0
            start = ZERO_SLOT if self.zero else 0.0
            along = math.log(value / self.low) / math.log(self.high / self.low)
            return min(max(start + (1 - start) * along, start), 1.0)
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self, most: int = 5) -> tuple[float, ...]:
        """At most `most` round values on the axis (and 0 where it has a slot)."""
        if not self.log:
            return _even_ticks(self.low, self.high, most)
        ticks = _log_ticks(self.low, self.high, most)
        return (0.0, *(tick for tick in ticks if self.at(tick) > 0.2)) if self.zero else ticks


def even_scale(values: list[float], *, zero: bool = False, share: float = 0.05) -> Scale:
    """An even scale around `values`, with a little air, from 0 if asked for. A single value gets a width too.

    >>> even_scale([2.0, 4.0], share=0.5)
    Scale(low=1.0, high=5.0, log=False, zero=False)
    """
    low, high = min(values), max(values)
    size = max(abs(low), abs(high), 1e-3)
    air = share * (high - low) if high - low > 1e-6 * size else 0.05 * size
    return Scale(0.0 if zero and low >= 0 else low - air, high + air)


def log_scale(values: list[float]) -> Scale:
    """A logarithmic scale around the positive `values`; with a slot for 0 if one of them is 0."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    return Scale(low * 0.9, high * 1.1, log=True, zero=any(value <= 0 for value in values))


def _even_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """
    >>> _even_ticks(0.0, 60000.0, 5), _even_ticks(0.53, 0.61, 5)
    ((0.0, 20000.0, 40000.0, 60000.0), (0.54, 0.56, 0.58, 0.6))
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    for step in (factor * power for factor in (1, 2, 2.5, 5, 10, 20)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            break
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def _log_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """
    >>> _log_ticks(9.0, 12000.0, 5), _log_ticks(90.0, 1100.0, 5)
    ((10.0, 100.0, 1000.0, 10000.0), (100.0, 200.0, 500.0, 1000.0))
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = [10.0**power for power in range(first, last + 1)]
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * power for power in powers for factor in factors if low <= factor * power <= high]
        if len(ticks) <= most:
            return tuple(ticks)
    keep = math.ceil(len(ticks) / most)
    return tuple(ticks[::-1][::keep][::-1])


def spread(positions: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels as little as needed so that neighbours are `gap` apart and all stay within low..high, order kept.

    >>> spread([10.0, 12.0, 50.0], 10.0, 0.0, 100.0)
    [6.0, 16.0, 50.0]
    """
    order = sorted(range(len(positions)), key=positions.__getitem__)
    groups: list[tuple[float, list[int]]] = []
    for index in order:
        members = [index]
        while True:
            middle = sum(positions[member] for member in members) / len(members)
            reach = gap * (len(members) - 1) / 2
            middle = min(max(middle, low + reach), high - reach)
            if not groups or groups[-1][0] + gap * (len(groups[-1][1]) - 1) / 2 + gap <= middle - reach + 1e-9:
                break
            members = groups.pop()[1] + members
        groups.append((middle, members))
    placed = [0.0] * len(positions)
    for middle, members in groups:
        for place, member in enumerate(members):
            placed[member] = middle + gap * (place - (len(members) - 1) / 2)
    return placed
