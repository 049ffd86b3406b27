"""The smooth optimum of many cases at once, where labels have one price each and what they share are linear rows.

Newton's method on the labels of all tasks and pools together; for given prices of the rows and given pools every task
is by itself, so that a step costs one question to every surface, whatever the number of cases.

    maximise    sum_i w_i f_i(n_i + x_i, N + X)    subject to    A x + B X <= b,  low <= x, X <= high

The first row is the budget, the others are hours, groups and constraints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from budget.allocation.lines import Array
from budget.allocation.problem import Problem, Whole

WIDTH, LEAST = 1e-4, 1e-3  # of the labels there are: over which slopes and bends are taken; in labels, at least
WIDE = 1e-2  # the same for draws, whose paths are reckoned in single precision: over less, bends are but rounding
ROUNDS, SETTLED, SAME = 40, 1e-7, 1e-13  # a step of fewer of a point's labels than this ends the search
RISE, STALE = 1e-10, 4  # so do so many rounds, one after the other, that raise the score by less: it has a kink there
SHRINK, GROW = 0.9, 9.0  # of a point's labels: how far one step may go
LEVEL = 1e-3  # of a slope: how much a score is taken to bend down at least
TINY, BINDS = 1e-12, 1e-9
SWITCHES, PATIENCE = 40, 8  # of the lines that are held at an end, within one step


Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Cases:
    """k cases over the same lines and surfaces: what a label of tasks (k, R, T) and of pools (k, R, P) takes of each
    row, `right` (k, R) of the rows, all in units of `unit` (k, R), and `weights` (k, n) of scores."""

    first: Problem
    tasks: Array
    pools: Array
    right: Array
    unit: Array
    weights: Array

    def only(self, which: Whole) -> Cases:
        """Some of the cases, by their numbers."""
        parts = (self.tasks, self.pools, self.right, self.unit, self.weights)
        return Cases(self.first, *(part[which] for part in parts))

    @property
    def ends(self) -> tuple[Array, Array, Array, Array]:
        """Fewest and most purchases of tasks (T,), then of pools (P,)."""
        low, high, least, most = (
            np.array([getattr(x, end) for x in lines], float)
            for lines in (self.first.tasks, self.first.pools)
            for end in ("least", "most")
        )
        return low, high, least, most

    @property
    def owned(self) -> tuple[Array, Array]:
        """Labels of tasks (T,) and of pools (P,) that are there already."""
        lines = (self.first.tasks, self.first.pools)
        return np.array([x.owned for x in lines[0]], float), np.array([x.owned for x in lines[1]], float)


def cases_of(problems: Sequence[Problem]) -> Cases:
    """Problems as arrays: they differ in nothing but budget, prices, weights and right sides."""
    uses, right, units = [], [], []
    for case in problems:
        prices = np.array([line.about for line in case.lines])
        rows, limits = [prices], [case.budget]
        for row in case.rows:
            buy, cost = (np.array([float(side.get(x.name, 0)) for x in case.lines]) for side in (row.buy, row.cost))
            rows.append(buy + cost * prices)
            limits.append(float(row.limit(case.money)))
        unit = np.array([np.abs(row).max(initial=0.0) or 1.0 for row in rows])
        uses.append(np.array(rows) / unit[:, None])
        right.append(np.array(limits) / unit)
        units.append(unit)
    count = len(problems[0].tasks)
    weights = np.stack([case.weights for case in problems])
    used = np.stack(uses)
    return Cases(problems[0], used[..., :count], used[..., count:], np.stack(right), np.stack(units), weights)


@dataclass(frozen=True)
class Slopes:
    """Around points (k, m, T) and (k, m, P) of a case: the score of each task line `value` (k, m, T), its slope `own`
    (k, m, T) along its labels and `across` (k, m, T, P) along the pools, each times the width of its line there:
    `size` (k, m, T) and `sizes` (k, m, P). `at` and `mixes` are where they were really taken."""

    value: Array
    own: Array
    across: Array
    size: Array
    sizes: Array
    at: Array
    mixes: Array


@dataclass(frozen=True)
class Bends:
    """Second differences: of a line's own labels (k, T), of labels and pools (k, T, P), of pools, summed (k, P, P)."""

    own: Array
    mixed: Array
    pools: Array


def slopes(cases: Cases, tasks: Array, pools: Array, bends: bool = False) -> tuple[Slopes, Bends | None]:
    """Scores and slopes at purchases of tasks (k, m, T) and pools (k, m, P), one question to every surface."""
    owned, shared = cases.owned
    step, steps = WIDTH * (tasks + owned) + LEAST, WIDTH * (pools + shared) + LEAST
    at, mixes = np.maximum(tasks + owned, step), np.maximum(pools + shared, steps)
    moves = _moves(pools.shape[-1], bends)  # (q, 1 + P)
    mix = _rows(mixes[..., None, :] + moves[:, 1:] * steps[..., None, :] - shared)
    found = _weighted(cases, at[..., None] + moves[:, 0] * step[..., None], mix)
    count = 1 + pools.shape[-1]
    rise = _rises(found, count, WIDTH)
    sides = Slopes(found[..., 0], rise[..., 0], rise[..., 1:], step / WIDTH, steps / WIDTH, at - owned, mixes - shared)
    return sides, _bends(found[:, 0], count, WIDTH) if bends else None


def values(cases: Cases, tasks: Array, pools: Array) -> Array:
    """(k, m, T) score of each task line at purchases of tasks (k, m, T) and pools (k, m, P)."""
    return _weighted(cases, (tasks + cases.owned[0])[..., None], _rows(pools))[..., 0]


def _weighted(cases: Cases, labels: Array, mix: Array) -> Array:
    """(k, m, T, q) weighted score of each task line at its labels (k, m, T, q) and pools (k m q, P), all at once."""
    first = cases.first
    each = first.of_scored(np.moveaxis(labels, 2, 0))  # (n, k, m, q)
    scores = first.scores(each.reshape(len(each), -1), mix).reshape(each.shape)
    return np.moveaxis(first.by_line(cases.weights.T[:, :, None, None] * scores), 0, 2)


def _rows(mixes: Array) -> Array:
    """(..., P) as (m, P), also without pools."""
    return mixes.reshape(prod(mixes.shape[:-1]), mixes.shape[-1])


def _moves(pools: int, bends: bool) -> Array:
    """(q, 1 + P): nothing, one step up and down along each line, and for bends along each two lines together."""
    unit = np.eye(1 + pools)
    rows = [np.zeros(1 + pools)] + [way * row for row in unit for way in (1, -1)]
    if bends:
        rows += [way * (unit[a] + unit[b]) for a in range(1 + pools) for b in range(a) for way in (1, -1)]
    return np.array(rows)


def _rises(found: Array, count: int, width: float) -> Array:
    """First differences (..., count) out of the values (..., q) at the moves."""
    return np.asarray((found[..., 1 : 1 + 2 * count : 2] - found[..., 2 : 2 + 2 * count : 2]) / (2 * width))


def _bends(found: Array, count: int, width: float) -> Bends:
    """Second differences out of the values (k, T, q) at the moves."""
    here = found[..., 0]
    bend = np.zeros((*here.shape, count, count))
    sums = [found[..., 1 + 2 * a] + found[..., 2 + 2 * a] - 2 * here for a in range(count)]
    place = 1 + 2 * count
    for a in range(count):
        bend[..., a, a] = sums[a]
        for b in range(a):
            both = found[..., place] + found[..., place + 1] - 2 * here
            bend[..., a, b] = bend[..., b, a] = (both - sums[a] - sums[b]) / 2
            place += 2
    bend /= width**2
    return Bends(bend[..., 0, 0], bend[..., 0, 1:], bend[..., 1:, 1:].sum(axis=1))


@dataclass(frozen=True)
class Smooth:
    """Where k cases are best: purchases of tasks (k, T) and pools (k, P), the prices of the rows (k, R), and the last
    `step` (k,), as a share of a line's labels."""

    tasks: Array
    pools: Array
    prices: Array
    step: Array


def climb(cases: Cases, tasks: Array, pools: Array, rise: float = RISE) -> Smooth:
    """The best purchases near these, tasks (k, T) and pools (k, P), until rounds bring less than `rise` each.

    A step that ends lower than it began, prices of the rows included, is taken back by half, and by half again.
    """
    stale = np.zeros(len(tasks), int)
    low, high, least, most = cases.ends
    there = tasks.copy(), pools.copy()
    base, height = (tasks.copy(), pools.copy()), np.full(len(tasks), -np.inf)
    room, prices, step = np.zeros(cases.right.shape), np.zeros(cases.right.shape), np.full(len(tasks), np.inf)
    for _ in range(ROUNDS):
        moving = np.flatnonzero((step >= SETTLED) & (stale < STALE))
        if not len(moving):
            break
        some, here = cases.only(moving), (there[0][moving], there[1][moving])
        around, bends = slopes(some, here[0][:, None], here[1][:, None], bends=True)
        assert bends is not None
        newton = Newton(some, around, bends, *here)
        value = around.value.sum(axis=(1, 2))
        risen = value + (prices[moving] * (newton.room - room[moving])).sum(axis=1) - height[moving]
        stale[moving] = np.where(risen < rise, stale[moving] + 1, 0)
        lower = risen < -SAME
        back, on = moving[lower], moving[~lower]
        for place, start in zip(there, base, strict=True):
            place[back] = (place[back] + start[back]) / 2
        step[back] /= 2
        moved, shifted, paid = newton.best()
        height[on], room[on], prices[on] = value[~lower], newton.room[~lower], paid[~lower]
        for place, start in zip(there, base, strict=True):
            start[on] = place[on]
        there[0][on] = np.clip(here[0] + moved * around.size[:, 0], low, high)[~lower]
        there[1][on] = np.clip(here[1] + shifted * around.sizes[:, 0], least, most)[~lower]
        far = np.maximum(np.abs(moved).max(axis=1, initial=0.0), np.abs(shifted).max(axis=1, initial=0.0))
        step[on] = far[~lower]
    return Smooth(*there, prices, step)


class Newton:
    """One of Newton's steps, in widths: the best of the parabola through a point, by switching lines at their ends and
    rows that do not bind until none switches any more."""

    def __init__(
        self, cases: Cases, here: Slopes, bends: Bends, tasks: Array, pools: Array, damping: float = 0.0
    ) -> None:
        low, high, least, most = cases.ends
        size, sizes = here.size[:, 0], here.sizes[:, 0]
        self.gain, self.across, self.mixed = here.own[:, 0], here.across[:, 0].sum(axis=1), bends.mixed
        # A score that is not concave here is taken to be, just.
        self.bend = np.minimum(bends.own, -LEVEL * np.abs(self.gain) - 1e-15) - damping * np.abs(self.gain)
        stiff = damping * np.abs(self.across).max(axis=1, initial=0.0)
        self.bends = bends.pools - stiff[:, None, None] * np.eye(pools.shape[-1])
        self.use, self.uses = cases.tasks * size[:, None], cases.pools * sizes[:, None]
        spent = (cases.tasks @ tasks[..., None] + cases.pools @ pools[..., None])[..., 0]
        self.room = cases.right - spent
        self.low, self.high = np.maximum((low - tasks) / size, -SHRINK), np.minimum((high - tasks) / size, GROW)
        self.least = np.maximum((least - pools) / sizes, -SHRINK)
        self.most = np.minimum((most - pools) / sizes, GROW)

    def curvature(self, own: Array, across: Array) -> Array:
        """(S, S) for S slopes, own (S, T) and across (S, P): how much the best step under the sum of two of them brings
        beyond those under each, money spent as it is now."""
        free = (self.low[0] < 0) & (self.high[0] > 0)
        supple = np.where(free, -1 / self.bend[0], 0.0)
        binds = self.room[0] <= TINY * (1 + np.abs(self.room[0])) + BINDS * np.abs(self.use[0]).sum(axis=1)
        loose = (self.least[0] < 0) & (self.most[0] > 0)
        use, uses, mixed = self.use[0][binds], self.uses[0][binds][:, loose], self.mixed[0][:, loose]
        pull = mixed.T * supple @ use.T + uses.T  # (P, R)
        pools, rows = len(mixed.T), len(use)
        matrix = np.zeros((pools + rows, pools + rows))
        bends = self.bends[:, loose][:, :, loose] + mixed.T * supple @ mixed
        matrix[:pools, :pools] = _falling(bends, self.across[:, loose])[0]
        matrix[:pools, pools:], matrix[pools:, :pools] = -pull, -pull.T
        matrix[pools:, pools:] = use * supple @ use.T + 1e-30 * np.eye(rows)
        ends = np.concatenate([across[:, loose] + own * supple @ mixed, -(own * supple @ use.T)], axis=1)  # (S, P + R)
        return np.asarray(own * supple @ own.T - ends @ np.linalg.lstsq(matrix, ends.T, rcond=1e-14)[0])

    def best(self) -> tuple[Array, Array, Array]:
        """The step of tasks (k, T) and pools (k, P), and the prices of the rows (k, R).

        All that is on the wrong side switches at once; where that goes round in circles, one at a time does (block
        principal pivoting; Judice and Pires, 1994).
        """
        count = len(self.room)
        ends = [self.low.shape[1], self.low.shape[1] + self.least.shape[1]]
        state: Whole = np.zeros((count, ends[1] + self.room.shape[1]), int)  # -1, 1: held at an end
        state[:, ends[1]] = 1  # a row that binds
        fewest, left = np.full(count, np.inf), np.full(count, PATIENCE)
        for _ in range(SWITCHES):
            tasks, pools, rows = np.split(state, ends, axis=1)
            held = np.where(tasks < 0, self.low, self.high) * (tasks != 0)
            kept = np.where(pools < 0, self.least, self.most) * (pools != 0)
            prices, move = self._solved(held, tasks == 0, kept, pools == 0, rows == 1)
            raw = (prices[:, None] @ self.use)[:, 0] - self.gain - (self.mixed @ move[..., None])[..., 0]
            raw = raw / self.bend
            step = np.where(tasks == 0, raw, held)
            over = (self.use @ step[..., None] + self.uses @ move[..., None])[..., 0] - self.room
            pressed = self.across + (step[:, None] @ self.mixed)[:, 0] + (self.bends @ move[..., None])[..., 0]
            pressed -= (prices[:, None] @ self.uses)[:, 0]
            sides = [
                _next(tasks, 1 * (raw >= self.high) - 1 * (raw <= self.low)),
                np.where(
                    pools == 0, 1 * (move > self.most) - 1 * (move < self.least), pools * (pools * pressed > -TINY)
                ),
                np.where(rows == 1, 1 * (prices > 0), 1 * (over > TINY * (1 + np.abs(self.room)))),
            ]
            wrong = np.concatenate(sides, axis=1) != state
            amiss = wrong.sum(axis=1)
            if not amiss.any():
                break
            better = amiss < fewest
            fewest, left = np.where(better, amiss, fewest), np.where(better, PATIENCE, left - 1)
            last = wrong.shape[1] - 1 - wrong[:, ::-1].argmax(axis=1)
            one = np.arange(wrong.shape[1]) == last[:, None]
            state = np.where(wrong & ((left >= 0)[:, None] | one), np.concatenate(sides, axis=1), state)
        return np.clip(step, self.low, self.high), np.clip(move, self.least, self.most), np.maximum(prices, 0.0)

    def _solved(self, fixed: Array, free: Flags, kept: Array, loose: Flags, binds: Flags) -> tuple[Array, Array]:
        """Prices of the rows (k, R) and the pools' step (k, P) with some lines held and some rows that bind."""
        rows, pools = self.use.shape[1], self.uses.shape[2]
        supple = np.where(free, 1 / self.bend, 0.0)
        weighted = self.use * supple[:, None]
        matrix, right = np.zeros((len(fixed), rows + pools, rows + pools)), np.zeros((len(fixed), rows + pools))
        matrix[:, :rows, :rows] = weighted @ self.use.swapaxes(1, 2)
        pull = weighted @ self.mixed
        matrix[:, :rows, rows:], matrix[:, rows:, :rows] = self.uses - pull, (pull - self.uses).swapaxes(1, 2)
        mixed = self.mixed.swapaxes(1, 2)
        matrix[:, rows:, rows:] = _falling(self.bends - (mixed * supple[:, None]) @ self.mixed, self.across)
        right[:, :rows] = self.room + (weighted @ self.gain[..., None] - self.use @ fixed[..., None])[..., 0]
        right[:, rows:] = (mixed @ (self.gain * supple - fixed)[..., None])[..., 0] - self.across
        most = np.abs(self.use).max(axis=2, initial=0.0) + np.abs(self.uses).max(axis=2, initial=0.0)
        flat = 1e-10 * np.abs(weighted * self.use).sum(axis=2) + 1e-12 * most**2 + 1e-30
        # So that rows that say the same, or cannot all be kept in one step, still have a solution.
        matrix[:, range(rows), range(rows)] -= flat
        for off, value, first in ((~binds, np.zeros(binds.shape), 0), (~loose, kept, rows)):
            k, j = np.nonzero(off)
            matrix[k, first + j], right[k, first + j] = 0.0, value[k, j]
            matrix[k, first + j, first + j] = 1.0
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
        return found[:, :rows], found[:, rows:]


def _falling(bends: Array, across: Array) -> Array:
    """Bends of pools (k, P, P) as those of a concave score: what does not bend down is taken to, just."""
    if bends.shape[-1] == 0:
        return bends
    values, vectors = np.linalg.eigh((bends + bends.swapaxes(1, 2)) / 2)
    most = -LEVEL * np.abs(across).max(axis=1, initial=0.0) - 1e-9
    return np.asarray((vectors * np.minimum(values, most[:, None])[:, None]) @ vectors.swapaxes(1, 2))


def _next(state: Whole, wanted: Whole) -> Whole:
    """A line held at one end is first let go."""
    return np.where(state * wanted < 0, 0, wanted)


@dataclass(frozen=True)
class Drawn:
    """What may be mixed at one point and around it, S draws or scores: `found` (S, T, q), over `width` of the widths
    `size` (T,) and `sizes` (P,) of the lines."""

    found: Array
    size: Array
    sizes: Array
    width: float

    @property
    def value(self) -> Array:
        """(S,) the score under each draw."""
        return np.asarray(self.found[..., 0].sum(axis=1))

    @property
    def rises(self) -> tuple[Array, Array]:
        """Slopes under each draw, own (S, T) and across (S, P)."""
        rise = _rises(self.found, 1 + len(self.sizes), self.width)
        return rise[..., 0], rise[..., 1:].sum(axis=1)

    def newton(self, cases: Cases, mixture: Array, tasks: Array, pools: Array, damping: float = 0.0) -> Newton:
        """Newton's step under a mixture of the draws from tasks (T,) and pools (P,), damped."""
        found = np.tensordot(mixture, self.found, 1)[None]  # (1, T, q)
        count, none = 1 + len(self.sizes), np.zeros(0)
        rise = _rises(found, count, self.width)[:, None]
        here = Slopes(
            found[:, None, :, 0], rise[..., 0], rise[..., 1:], self.size[None, None], self.sizes[None, None], none, none
        )
        return Newton(cases, here, _bends(found, count, self.width), tasks[None], pools[None], damping)


def drawn(cases: Cases, tasks: Array, pools: Array, width: float = WIDTH) -> Drawn:
    """What the goal takes the least mixture of at purchases of tasks (T,) and pools (P,) and around them, over `width`
    of the labels: the draws of the mean score, or with the goal `worst` the scores, each over its scale."""
    first, (owned, shared) = cases.first, cases.owned
    step, steps = width * (tasks + owned) + LEAST, width * (pools + shared) + LEAST
    at, moves = np.maximum(tasks + owned, step), _moves(len(pools), True)
    mix = np.maximum(pools + shared, steps) + moves[:, 1:] * steps - shared
    labels = first.of_scored(at[:, None] + moves[:, 0] * step[:, None])  # (n, q)
    if first.goal == "worst":
        found = np.zeros((len(labels), len(tasks), len(moves)))
        each = np.arange(len(labels))
        found[each, [one.line for one in first.scored]] = first.scores(labels, mix) / first.scales[:, None]
    else:
        draws = np.stack([first.draws(i, row, mix) for i, row in enumerate(labels)])  # (n, S, q)
        found = np.moveaxis(first.by_line(cases.weights[0, :, None, None] * draws), 0, 1)
    return Drawn(found, step / width, steps / width, width)
