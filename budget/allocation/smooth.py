"""The smooth optimum of many cases at once, where labels have one price each and money is the only limit they share.

Newton's method on the labels of all tasks and pools together; for given prices of money and pools every task is by
itself, so that a step costs one question to every surface, whatever the number of cases.

    maximise    sum_i w_i f_i(n_i + x_i, N + X)    subject to    c . x + p . X <= budget,  low <= x, X <= high
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Problem

WIDTH, LEAST = 1e-4, 1e-3  # of the labels there are: over which slopes and bends are taken; in labels, at least
ROUNDS, SETTLED = 12, 1e-7  # a step of fewer of a point's labels than this ends the search
SHRINK, GROW = 0.6, 2.0  # of a point's labels: how far one step may go
LEVEL = 1e-3  # of a slope: how much a score is taken to bend down at least
SWITCHES = 12  # of the lines that are held at an end, within one step


@dataclass(frozen=True)
class Cases:
    """k cases over the same lines and surfaces: money a label of tasks (k, T) and of pools (k, P), `weights` (k, n) of
    scores, `budgets` (k,), and the ends of the lines (T,) or (P,)."""

    first: Problem
    tasks: Array
    pools: Array
    weights: Array
    budgets: Array

    @property
    def ends(self) -> tuple[Array, Array, Array, Array]:
        """Fewest and most purchases of tasks (T,), then of pools (P,)."""
        tasks, pools = self.first.tasks, self.first.pools
        sides = [np.array([getattr(x, end) for x in lines], float) for lines in (tasks, pools) for end in ENDS]
        return sides[0], sides[1], sides[2], sides[3]

    @property
    def owned(self) -> tuple[Array, Array]:
        """Labels of tasks (T,) and of pools (P,) that are there already."""
        lines = (self.first.tasks, self.first.pools)
        return np.array([x.owned for x in lines[0]], float), np.array([x.owned for x in lines[1]], float)


ENDS = ("least", "most")


def cases_of(problems: Sequence[Problem]) -> Cases:
    """Problems as arrays: they differ in nothing but budget, prices and weights."""
    each = [np.array([[float(x.price) for x in lines] for lines in sides]) for sides in _sides(problems)]
    tasks, pools = (one.reshape(len(problems), -1) for one in each)
    weights = np.stack([case.weights for case in problems])
    return Cases(problems[0], tasks, pools, weights, np.array([case.budget for case in problems]))


def _sides(problems: Sequence[Problem]) -> tuple[list, list]:  # type: ignore[type-arg]
    return [case.tasks for case in problems], [case.pools for case in problems]


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
    first, (owned, shared) = cases.first, cases.owned
    step, steps = WIDTH * (tasks + owned) + LEAST, WIDTH * (pools + shared) + LEAST
    at, mixes = np.maximum(tasks + owned, step), np.maximum(pools + shared, steps)
    moves = _moves(pools.shape[-1], bends)  # (q, 1 + P)
    mix = _rows(mixes[..., None, :] + moves[:, 1:] * steps[..., None, :] - shared)
    found = np.zeros((*tasks.shape, len(moves)))
    for i, one in enumerate(first.scored):
        labels = at[..., one.line, None] + moves[:, 0] * step[..., one.line, None]
        score = first.expected(i, labels.ravel(), mix).reshape(labels.shape)
        found[..., one.line, :] += cases.weights[:, i, None, None] * score
    count = 1 + pools.shape[-1]
    rise = (found[..., 1 : 1 + 2 * count : 2] - found[..., 2 : 2 + 2 * count : 2]) / (2 * WIDTH)
    sides = Slopes(
        found[..., 0], rise[..., 0], rise[..., 1:], step / WIDTH, steps / WIDTH, at - owned, mixes - shared
    )
    return sides, _bends(found[:, 0], count) if bends else None


def values(cases: Cases, tasks: Array, pools: Array) -> Array:
    """(k, m, T) score of each task line at purchases of tasks (k, m, T) and pools (k, m, P)."""
    found, mix = np.zeros(tasks.shape), _rows(pools)
    for i, one in enumerate(cases.first.scored):
        labels = tasks[..., one.line] + cases.owned[0][one.line]
        score = cases.first.expected(i, labels.ravel(), mix).reshape(labels.shape)
        found[..., one.line] += cases.weights[:, i, None] * score
    return found


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


def _bends(found: Array, count: int) -> Bends:
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
    bend /= WIDTH**2
    return Bends(bend[..., 0, 0], bend[..., 0, 1:], bend[..., 1:, 1:].sum(axis=1))


@dataclass(frozen=True)
class Smooth:
    """Where k cases are best: purchases of tasks (k, T) and pools (k, P), the price of money (k,), and the last `step`
    (k,), as a share of a line's labels."""

    tasks: Array
    pools: Array
    price: Array
    step: Array


def climb(cases: Cases, tasks: Array, pools: Array, rounds: int = ROUNDS) -> Smooth:
    """The best purchases near these, tasks (k, T) and pools (k, P)."""
    low, high, least, most = cases.ends
    price, step = np.zeros(len(tasks)), np.full(len(tasks), np.inf)
    for _ in range(rounds):
        here, bends = slopes(cases, tasks[:, None], pools[:, None], bends=True)
        assert bends is not None
        moved, moved_pools, price = _step(cases, here, bends, tasks, pools)
        tasks = np.clip(tasks + moved * here.size[:, 0], low, high)
        pools = np.clip(pools + moved_pools * here.sizes[:, 0], least, most)
        step = np.maximum(np.abs(moved).max(axis=1, initial=0.0), np.abs(moved_pools).max(axis=1, initial=0.0))
        if step.max() < SETTLED:
            break
    return Smooth(tasks, pools, price, step)


def _step(cases: Cases, here: Slopes, bends: Bends, tasks: Array, pools: Array) -> tuple[Array, Array, Array]:
    """Newton's step (k, T), (k, P), in widths, with the price of money (k,): the best of the parabola through here."""
    low, high, least, most = cases.ends
    size, sizes = here.size[:, 0], here.sizes[:, 0]
    gain, across = here.own[:, 0], here.across[:, 0]
    bend = np.minimum(bends.own, -LEVEL * np.abs(gain) - 1e-15)  # a score that is not concave here is taken to be, just
    cost, costs = cases.tasks * size, cases.pools * sizes
    room = cases.budgets - (cases.tasks * tasks).sum(axis=1) - (cases.pools * pools).sum(axis=1)
    lows, highs = np.maximum((low - tasks) / size, -SHRINK), np.minimum((high - tasks) / size, GROW)
    lows_p, highs_p = np.maximum((least - pools) / sizes, -SHRINK), np.minimum((most - pools) / sizes, GROW)
    free, free_p = highs > lows, highs_p > lows_p
    held, held_p = np.zeros(tasks.shape), np.zeros(pools.shape)
    for _ in range(SWITCHES):
        loose, mixed = np.where(free, 1 / bend, 0.0), bends.mixed
        matrix = np.zeros((len(tasks), 1 + pools.shape[1], 1 + pools.shape[1]))
        right = np.zeros(matrix.shape[:2])
        fixed = np.where(free, 0.0, held)
        matrix[:, 0, 0] = (cost**2 * loose).sum(axis=1)
        pull = np.einsum("kt,ktp->kp", cost * loose, mixed)
        matrix[:, 0, 1:], matrix[:, 1:, 0] = costs - pull, pull - costs
        matrix[:, 1:, 1:] = _falling(bends.pools - np.einsum("kt,ktp,ktq->kpq", loose, mixed, mixed), across)
        right[:, 0] = room + (cost * gain * loose).sum(axis=1) - (cost * fixed).sum(axis=1)
        right[:, 1:] = np.einsum("kt,ktp->kp", gain * loose - fixed, mixed) - across.sum(axis=1)
        k, j = np.nonzero(~free_p)
        matrix[k, 1 + j], right[k, 1 + j] = 0.0, held_p[k, j]
        matrix[k, 1 + j, 1 + j] = 1.0
        matrix[:, 0, 0] -= 1e-12 * (cost**2 / np.abs(bend)).sum(axis=1) + 1e-30
        found = np.linalg.solve(matrix, right[..., None])[..., 0]
        price, move_p = found[:, 0], found[:, 1:]
        raw = (price[:, None] * cost - gain - (mixed @ move_p[..., None])[..., 0]) / bend
        move = np.clip(raw, lows, highs)
        pressed = across.sum(axis=1) + np.einsum("kt,ktp->kp", move, mixed)
        pressed += (bends.pools @ move_p[..., None])[..., 0] - price[:, None] * costs
        now, now_p = (raw > lows) & (raw < highs), (move_p >= lows_p) & (move_p <= highs_p)
        released = ~free_p & np.where(held_p <= lows_p, pressed > 1e-12, pressed < -1e-12)
        now_p = (now_p & free_p) | (released & (highs_p > lows_p))
        held, held_p = move, np.where(free_p, np.clip(move_p, lows_p, highs_p), held_p)
        if (now == free).all() and (now_p == free_p).all():
            break
        free, free_p = now, now_p
    return move, np.clip(move_p, lows_p, highs_p), price


def _falling(bends: Array, across: Array) -> Array:
    """Bends of pools (k, P, P) as those of a concave score: what does not bend down is taken to, just."""
    if bends.shape[-1] == 0:
        return bends
    values, vectors = np.linalg.eigh((bends + bends.swapaxes(1, 2)) / 2)
    most = -LEVEL * np.abs(across.sum(axis=1)).max(axis=1, initial=0.0) - 1e-9
    return np.asarray((vectors * np.minimum(values, most[:, None])[:, None]) @ vectors.swapaxes(1, 2))
