"""One thing that can be bought: what numbers of its labels there are to choose from, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from budget import prices
from budget.brief import MOST_LABELS

if TYPE_CHECKING:
    from budget.brief import Priced

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A task's or a pool's labels: nothing (where `least` is 0), or `lot * j` from `first` to `most` of them.

    `tiers`: (labels bought, exact price of each label beyond them), from 0 upwards; `setup`: paid once if anything is
    bought; `hours`: annotator hours a label; `room`: what max_labels leaves, whatever the money.
    """

    name: str
    owned: int
    lot: int
    least: int
    first: int
    most: int
    tiers: tuple[tuple[int, Fraction], ...]
    setup: Fraction = Fraction(0)
    hours: Fraction = Fraction(0)
    room: int | None = None

    @cached_property
    def price(self) -> Fraction:
        """Money for the first label."""
        return self.tiers[0][1]

    @cached_property
    def about(self) -> float:
        """The same as a float."""
        return float(self.price)

    @cached_property
    def lot_cost(self) -> float:
        """Money for a lot and nothing else."""
        return float(self.cost(self.lot))

    @cached_property
    def order_cost(self) -> float:
        """Money for the least order."""
        return float(self.cost(max(self.first, self.lot)))

    @cached_property
    def plain(self) -> bool:
        """Does every lot cost the same, with no step at the start?"""
        return len(self.tiers) == 1 and self.setup == 0 and self.first <= max(self.lot, self.least)

    @cached_property
    def _ratio(self) -> tuple[int, int] | None:
        """Numerator and denominator of the price, where all labels have one and nothing else is paid."""
        return self.price.as_integer_ratio() if len(self.tiers) == 1 and self.setup == 0 else None

    def exact_cost(self, buy: int) -> tuple[int, int]:
        """Numerator and denominator of `cost`, not always in lowest terms."""
        if self._ratio is None:
            return self.cost(buy).as_integer_ratio()
        return self._ratio[0] * max(buy, 0), self._ratio[1]

    def cost(self, buy: int) -> Fraction:
        """Money for `buy` labels, exactly as the prices say."""
        if buy <= 0:
            return Fraction(0)
        if len(self.tiers) == 1:
            return self.setup + self.tiers[0][1] * int(buy)
        ends = [start for start, _ in self.tiers[1:]] + [int(buy)]
        bought = (
            (max(min(end, int(buy)) - start, 0), price) for (start, price), end in zip(self.tiers, ends, strict=True)
        )
        return self.setup + sum((labels * price for labels, price in bought), Fraction(0))

    def costs(self, buys: Array) -> Array:
        """The same for many purchases, as floats."""
        if len(self.tiers) == 1:
            return np.where(buys > 0, float(self.setup) + buys * float(self.price), 0.0)
        starts = np.array([start for start, _ in self.tiers], float)
        each = np.array([float(price) for _, price in self.tiers])
        paid = np.concatenate([[0.0], np.cumsum(np.diff(starts) * each[:-1])])
        tier = np.clip(np.searchsorted(starts, buys, side="right") - 1, 0, None)
        return np.where(buys > 0, float(self.setup) + paid[tier] + (buys - starts[tier]) * each[tier], 0.0)

    def allows(self, buy: int) -> bool:
        """Is this one of the purchases to choose from?"""
        return buy == self.least or (max(self.first, self.least) <= buy <= self.most and buy % self.lot == 0)

    def down(self, buy: float) -> int:
        """The largest purchase allowed that is not above `buy`, or else the least one."""
        whole = min(self.most, int(buy + 1e-9) // self.lot * self.lot)
        return whole if whole >= max(self.first, self.least) else self.least

    def near(self, buys: Array) -> Array:
        """The allowed purchases next to these."""
        whole = np.clip(np.round(buys / self.lot) * self.lot, self.least, self.most)
        start = max(self.first, self.least)
        if start > self.most:
            return np.full(np.shape(buys), float(self.least))
        return np.where(whole >= start, whole, np.where(2 * whole < start + self.least, self.least, start))

    def up(self, buys: Array) -> Array:
        """The least purchases allowed that are not below these; infinite where there is none."""
        whole = np.maximum(np.ceil(buys / self.lot - 1e-9) * self.lot, max(self.first, self.least))
        return np.where(buys <= self.least, self.least, np.where(whole <= self.most, whole, np.inf))

    def affordable(self, money: Fraction) -> int:
        """The largest purchase allowed that this money pays for; -1 if not even the least."""
        if self.cost(self.least) > money:
            return -1
        if self.cost(self.most) <= money:
            return self.most
        if len(self.tiers) == 1 and self.price > 0:
            return self.down(float((money - self.setup) / self.price // self.lot * self.lot))
        low, high = self.least // self.lot, self.most // self.lot  # costs never fall
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.cost(middle * self.lot) <= money else (low, middle)
        return self.down(low * self.lot)

    def within(self, money: Fraction) -> Line:
        """The same line with no more labels than this money buys, or the least that has to be bought."""
        most = max(replace(self, least=0).affordable(money), self.least)
        return replace(self, most=most if most >= self.first else self.least)

    def richer(self, buy: int, money: Fraction) -> int:
        """What the purchase grows to with this much more money, were there no max_labels: in whole lots and at the
        prices that hold there. Labels that cost nothing end where they do."""
        last, price = self.tiers[-1]
        more = int((last + money / price) // self.lot + 1) * self.lot if price > 0 else 0
        endless = replace(self, most=max(self.most, buy + more))
        return max(endless.affordable(self.cost(buy) + money), buy)


def line(name: str, part: Priced, money: Fraction) -> Line:
    """One entry of a brief; what more than `money` would buy is left out."""
    lot, hours = part.lot, prices.exact_label_hours(part) or Fraction(0)
    least, first = prices.least_buy(part), prices.least_order(part)
    tiers, setup = prices.exact_tiers(part), prices.exact(part.setup_cost)
    room = prices.most_buyable(part)
    last, price = tiers[-1]
    if room is None:  # beyond the last tier every label costs something, or there is a limit
        room = (last + int(money / price) + lot) // lot * lot
    room = min(room, MOST_LABELS // lot * lot)
    return Line(name, part.owned, lot, least, first, room, tiers, setup, hours, prices.most_buyable(part)).within(money)
