"""The proof for smooth cases: planes over all tasks at once, whose program has only the score and the pools in it.

At prices y of the rows A x + B X <= b (the first is the budget), planes that touch each task's score just below and
just above its optimum are mixed so that they rise by y A a label: then labels of tasks are no choice any more. Summed
over tasks that is one cut, above every plan:

    score <= A_c + y (b - B X) + h_c . (X - X_c)

Cuts at the optimum's pools and a little to every side of them meet there:

    maximise theta    subject to    theta <= every cut,  low <= X <= high
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.planes import peaks
from budget.allocation.program import FAR, Program
from budget.allocation.smooth import Cases, Smooth, slopes, values
from budget.allocation.table import Table

ASIDE, BESIDE = 1e-4, 1e-5  # of the labels: how far from the optimum planes touch, along tasks and along pools
NEAR, FEW = (0.6, 0.9, 0.97, 1.0, 1.03, 1.1, 1.6), (0.7, 1.0, 1.4)  # times the labels: where planes are checked besides
CHUNK = 200  # tasks that are looked at together, as many as a processor keeps at hand
ALONE = 1e-9  # what one cut may leave open without a program


@dataclass(frozen=True)
class Mixed:
    """The mixed planes of k cases, C cuts and T task lines: `level` (k, C, T) at no purchase and at the cut's pools
    `mixes` (k, C, P), with slopes `own` (k, C, T) and `across` (k, C, T, P) a label."""

    level: Array
    own: Array
    across: Array
    mixes: Array


@dataclass(frozen=True)
class Cuts:
    """k cases with C cuts each: `level` (k, C) at the pools `mixes` (k, C, P), and the `rise` (k, C, P) a label of a
    pool."""

    level: Array
    rise: Array
    mixes: Array
    least: Array
    most: Array

    def program(self, k: int) -> Program:
        """The program of one case: the score below every cut, the pools within their ends."""
        program = Program()
        theta = program.variable(-FAR, FAR, 1.0)
        pools = [program.variable(0.0, 1.0) for _ in self.least]
        width = self.most - self.least
        for level, rise, here in zip(self.level[k], self.rise[k], self.mixes[k], strict=True):
            program.row([theta, *pools], [1.0, *(-rise * width).tolist()], float(level + rise @ (self.least - here)))
        return program

    def bounds(self, solver: str) -> list[float]:
        """What no plan of each case exceeds: by one of its cuts alone where that is good enough."""
        ends = [self.rise * (end[None, None] - self.mixes) for end in (self.least, self.most)]
        alone = (self.level + np.maximum(*ends).sum(axis=2)).min(axis=1)
        open_ = alone > self.level[:, 0] + ALONE
        return [
            min(float(bound), self.program(k).solve(solver).bound) if more else float(bound)
            for k, (bound, more) in enumerate(zip(alone, open_, strict=True))
        ]


def cuts(table: Table, cases: Cases, smooth: Smooth) -> Cuts:
    """Cuts at the optima of k cases, raised until no score that was sampled is above its plane."""
    planes = _mixed(cases, smooth)
    low, high, least, most = cases.ends
    raised = np.maximum(_over_table(table, cases, planes), _over_near(cases, smooth, planes))
    left = planes.own - _charged(smooth.prices, cases.tasks)
    worth = (planes.level + raised + np.maximum(left * low, left * high)).sum(axis=2)  # (k, C)
    charged = _charged(smooth.prices, cases.pools)
    level = worth + (smooth.prices * cases.right).sum(axis=1)[:, None] - (charged * planes.mixes).sum(axis=2)
    return Cuts(level, planes.across.sum(axis=2) - charged, planes.mixes, least, most)


def _charged(prices: Array, uses: Array) -> Array:
    """(k, 1, lines): what a label takes of the rows, at the rows' prices."""
    return prices[:, None] @ uses


def _mixed(cases: Cases, smooth: Smooth) -> Mixed:
    """Planes that touch on both sides of the optimum, mixed so that they rise as money does where they can."""
    low, high, least, most = cases.ends
    mixes = _beside(cases, smooth, least, most)
    aside = ASIDE * (smooth.tasks + cases.owned[0]) + 10 * ASIDE
    ends = np.stack([np.clip(smooth.tasks + way * aside, low, high) for way in (-1, 1)], axis=1)  # (k, 2, T)
    count = mixes.shape[1]
    found, _ = slopes(cases, np.tile(ends, (1, count, 1)), np.repeat(mixes, 2, axis=1))
    own, across = found.own / found.size, found.across / found.sizes[:, :, None]
    level = found.value - own * found.at
    level += (across * (np.repeat(mixes, 2, axis=1) - found.mixes)[:, :, None]).sum(axis=3)
    wanted = _charged(smooth.prices, cases.tasks)
    steep, flat = own[:, 0::2], own[:, 1::2]
    with np.errstate(over="ignore"):  # where both planes rise alike, it is one of them
        share = np.clip((wanted - flat) / np.maximum(steep - flat, 1e-300), 0.0, 1.0)
    mix = share * steep + (1 - share) * flat
    return Mixed(
        share * level[:, 0::2] + (1 - share) * level[:, 1::2],
        mix,
        share[..., None] * across[:, 0::2] + (1 - share)[..., None] * across[:, 1::2],
        mixes,
    )


def _beside(cases: Cases, smooth: Smooth, least: Array, most: Array) -> Array:
    """(k, C, P): the pools of each optimum, and each pool a little less and a little more."""
    width = np.maximum(BESIDE, 10 * smooth.step)[:, None] * (smooth.pools + cases.owned[1] + 1.0)
    places = [smooth.pools]
    for j in range(smooth.pools.shape[1]):
        for way in (-1, 1):
            moved = smooth.pools.copy()
            moved[:, j] = np.clip(moved[:, j] + way * width[:, j], least[j], most[j])
            places.append(moved)
    return np.stack(places, axis=1)


def _over_table(table: Table, cases: Cases, planes: Mixed) -> Array:
    """(k, C, T) how far sampled scores rise above the planes."""
    above = np.zeros(planes.level.shape)
    bought = table.bought
    shape = (*(grid.size for grid in table.pools), bought.shape[1])
    scores = None
    for k, weights in enumerate(cases.weights):
        if scores is None or (weights != cases.weights[k - 1]).any():
            scores = table.by_line(weights)
        for first, c in product(range(0, len(bought), CHUNK), range(planes.level.shape[1])):
            some = slice(first, first + CHUNK)
            across = planes.across[k, c, some] @ (table.mixes - planes.mixes[k, c]).T + planes.level[k, c, some, None]
            over = scores[some] - across[:, :, None]
            over -= (planes.own[k, c, some, None] * bought[some])[:, None, :]
            above[k, c, some] = peaks(over.reshape(-1, *shape))
    return above


def _over_near(cases: Cases, smooth: Smooth, planes: Mixed) -> Array:
    """(k, C, T) how far the scores around the optimum rise above the planes."""
    low, high, least, most = cases.ends
    owned, shared = cases.owned
    moves = np.array(list(product(NEAR, FEW if len(least) else (1.0,))))
    tasks = np.clip((smooth.tasks[:, None] + owned + 1) * moves[:, :1] - owned - 1, low, high)
    pools = np.clip((smooth.pools[:, None] + shared + 1) * moves[:, 1:] - shared - 1, least, most)
    found = values(cases, tasks, pools)  # (k, m, T)
    above = np.zeros(planes.level.shape)
    for c in range(planes.level.shape[1]):
        across = np.einsum("ktp,kmp->kmt", planes.across[:, c], pools - planes.mixes[:, c, None])
        over = found - (planes.level[:, c, None] + planes.own[:, c, None] * tasks + across)
        above[:, c] = np.maximum(over.max(axis=1), 0.0)
    return above
