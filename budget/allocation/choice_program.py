"""The program of choices: at given pool labels, exactly one purchase for every task line, out of those listed.

    maximise    sum_tj v_tj z_tj                      goal mean
                theta, theta <= sum_tj v_ctj z_tj     the least of several scores c: goal worst, or risk
                minus the money spent                 goal cheapest
    subject to  sum_j z_tj = 1                        for every task line t
                sum_tj a_rtj z_tj <= b_r              budget, hours, groups, constraints
                z_tj in {0, 1}                        (relaxed: between 0 and 1)

Nothing has to be concave here: scores, costs with set-up and tiers, least orders and targets are all in the lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Problem
from budget.allocation.program import Program
from budget.allocation.solver import GAP

LOW = 1e3  # what the goal counts is nearer to 0


@dataclass(frozen=True)
class Columns:
    """By task line t: `buys` (C,), `gains` (C, cuts), `uses` (C, R), `floors` (C, F), with `right` (R,), `levels` (F,).

    With one cut it is the objective itself; with several theta lies under all of them. `floors` are kept at `levels`.
    """

    buys: tuple[Array, ...]
    gains: tuple[Array, ...]
    uses: tuple[Array, ...]
    right: Array
    floors: tuple[Array, ...]
    levels: Array


@dataclass(frozen=True)
class Chosen:
    """`shares` by task line (C,), `rows` (R,) prices, `cuts` (cuts,) shares of theta's rows, `floors` (F,) prices.
    `none`: nothing keeps to all rows, and to the floor."""

    found: bool
    shares: tuple[Array, ...]
    objective: float
    bound: float
    rows: Array
    cuts: Array
    floors: Array
    solver: str
    none: bool


def choose(
    columns: Columns,
    whole: bool,
    solver: str,
    seconds: float | None = None,
    gap: float = GAP,
    floor: float = -LOW,
) -> Chosen:
    """Solve the program, relaxed or, up to a gap, with whole choices; only what is not below a floor is of use."""
    program = Program()
    cuts = columns.gains[0].shape[1]
    theta = program.variable(max(floor, -LOW), LOW, 1.0) if cuts > 1 else -1
    starts, index = [], []
    for gains in columns.gains:
        starts.append(len(program.low))
        index.append([program.variable(0.0, 1.0, 0.0 if cuts > 1 else float(g), whole) for g in gains[:, 0]])
        program.row(index[-1], [1.0] * len(index[-1]), 1.0, equal=True)
    every = [j for each in index for j in each]
    if cuts == 1 and floor > -LOW:
        program.row(every, [-float(gain) for gains in columns.gains for gain in gains[:, 0]], -floor)
    first = len(program.right)
    uses = np.concatenate(columns.uses)
    for r in range(uses.shape[1]):
        size = float(np.abs(uses[:, r]).max(initial=0.0)) or 1.0
        program.row(every, (uses[:, r] / size).tolist(), float(columns.right[r]) / size)
    under = len(program.right)
    if cuts > 1:
        gains = np.concatenate(columns.gains)
        for c in range(cuts):
            program.row([theta, *every], [1.0, *(-gains[:, c]).tolist()], 0.0)
    kept = len(program.right)
    floors = np.concatenate(columns.floors)
    for f in range(floors.shape[1]):
        program.row(every, (-floors[:, f]).tolist(), -float(columns.levels[f]))
    answer = program.solve(solver, seconds, gap)
    sizes = np.maximum(np.abs(uses).max(axis=0, initial=0.0), 0.0)
    prices = answer.prices[first : first + uses.shape[1]] / np.where(sizes > 0, sizes, 1.0)
    weights = answer.prices[under:kept] if cuts > 1 else np.ones(1)
    shares = tuple(answer.values[start : start + len(each)] for start, each in zip(starts, index, strict=True))
    return Chosen(
        answer.found,
        shares,
        answer.objective,
        answer.bound,
        prices,
        weights,
        answer.prices[kept:],
        answer.solver,
        answer.status == "infeasible",
    )


def right_sides(problem: Problem, pools: tuple[int, ...]) -> Array:
    """(R,) what budget and rows leave after the pools."""
    bought = dict(zip((line.name for line in problem.pools), pools, strict=True))
    left = [problem.money - sum(line.cost(bought[line.name]) for line in problem.pools)]
    left += [row.limit(problem.money) - row.use(problem.pools, bought) for row in problem.rows]
    return np.array([float(each) for each in left])


def uses(problem: Problem, task: int, buys: Array) -> Array:
    """(C, R) what purchases of one task line take of budget and rows."""
    line = problem.tasks[task]
    costs = line.costs(buys)
    taken = [
        float(row.buy.get(line.name, 0)) * buys + float(row.cost.get(line.name, 0)) * costs for row in problem.rows
    ]
    return np.stack([costs, *taken], axis=1)
