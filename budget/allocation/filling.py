"""Water-filling: for given pools the tasks only share the money, and the best relaxed plan buys the pieces of each
task's concave envelope in the order of score per money.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Whole

AT_ONCE = 4_000_000  # scores of mixes that are looked at together: as many as memory should hold
KINK = 0.1  # a slope that rises by a smaller share is a flaw of interpolation and is levelled, not bridged


@dataclass(frozen=True)
class Filled:
    """m water-fillings at once: pieces of all tasks in the order they are bought, with money and score so far."""

    start: Array  # (m,) score before anything is bought
    order: Whole  # (m, T * (M - 1)) pieces, steepest first
    cost: Array  # (m, T * (M - 1) + 1) money spent up to there
    gain: Array  # the same for the score
    pieces: int  # M - 1

    def score(self, row: int, money: Array) -> Array:
        """Best relaxed score (k,) of water-filling `row` for k amounts of money; very low for less than none."""
        found = self.start[row] + np.interp(money, self.cost[row], self.gain[row])
        return np.where(money < 0, -1e9, found)

    def bought(self, row: int, money: float, grid: Array) -> Array:
        """(T,) what is bought of each task with that money, `grid` (T, M), as long as it brings anything."""
        useful = int(np.searchsorted(self.gain[row], self.gain[row, -1]))
        whole = min(int(np.searchsorted(self.cost[row], money, side="right")) - 1, useful)
        steps = np.bincount(self.order[row, :whole] // self.pieces, minlength=len(grid))
        amount = grid[np.arange(len(grid)), steps]
        if whole < self.order.shape[1] and self.cost[row, whole + 1] > self.cost[row, whole]:
            line, piece = divmod(int(self.order[row, whole]), self.pieces)
            share = (money - self.cost[row, whole]) / (self.cost[row, whole + 1] - self.cost[row, whole])
            if self.gain[row, whole + 1] > self.gain[row, whole]:
                amount[line] += share * (grid[line, piece + 1] - grid[line, piece])
        return np.asarray(amount, float)


def fill(values: Array, costs: Array) -> Filled:
    """Water-filling for m tables of scores (m, T, M) over the money, (T, M) or (m, T, M), of their points, rising along
    the last."""
    spend = np.diff(np.broadcast_to(costs, (len(values) if costs.ndim > 2 else 1, *costs.shape[-2:])), axis=2)
    gain = np.diff(values, axis=2)
    slope = gain / np.where(spend > 0, spend, np.inf)
    slope = np.where(np.cumsum(spend, axis=2) <= 0, slope.max(axis=2, keepdims=True), slope)
    for piece in np.flatnonzero((spend <= 0).any(axis=(0, 1)) & (np.arange(spend.shape[2]) > 0)):
        slope[:, :, piece] = np.where(spend[:, :, piece] > 0, slope[:, :, piece], slope[:, :, piece - 1])
    rows, lines = np.nonzero((slope[:, :, 1:] > (1 + KINK) * np.maximum(slope[:, :, :-1], 0)).any(axis=2))
    for some in np.array_split(np.arange(len(rows)), len(rows) * costs.shape[-1] ** 2 // AT_ONCE + 1):
        paid = costs[lines[some]] if costs.ndim == 2 else costs[rows[some], lines[some]]
        slope[rows[some], lines[some]] = envelopes(paid, values[rows[some], lines[some]])
    slope = np.maximum(np.minimum.accumulate(slope, axis=2), 0.0)
    flat = slope.reshape(len(values), -1)
    order = np.argsort(-flat, axis=1, kind="stable")
    money = np.broadcast_to(spend.reshape(len(spend), -1), flat.shape)
    spent = np.take_along_axis(money, order, axis=1)
    gained = np.take_along_axis(flat * money, order, axis=1)
    nothing = np.zeros((len(values), 1))
    return Filled(
        values[:, :, 0].sum(axis=1), order,
        np.hstack([nothing, spent.cumsum(axis=1)]), np.hstack([nothing, gained.cumsum(axis=1)]), spend.shape[2],
    )  # fmt: skip


def envelopes(costs: Array, scores: Array) -> Array:
    """Slopes (n, M - 1) of the least concave functions above n rows of points (n, M): along piece k the least, over
    starts up to k, of the steepest line from there to a point beyond k (the minimax form of isotonic regression).

    >>> envelopes(np.array([[0.0, 1, 2]]), np.array([[0.0, 0.2, 1]]))
    array([[0.5, 0.5]])
    """
    least = 1e-12 * np.maximum(costs[:, -1:] - costs[:, :1], 1e-300)
    spent = np.cumsum(np.maximum(np.diff(costs, axis=1, prepend=costs[:, :1]), least), axis=1)
    width, rise = (each[:, None, 1:] - each[:, :-1, None] for each in (spent, scores))  # from each start to each end
    pieces = np.arange(costs.shape[1] - 1)
    lines = np.where(pieces >= pieces[:, None], rise, -np.inf) / np.maximum(width, least[:, :, None])
    steepest = np.maximum.accumulate(lines[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(np.where(pieces >= pieces[:, None], steepest, np.inf).min(axis=1))
