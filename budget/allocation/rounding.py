"""From a relaxed optimum to labels that can be bought: whole lots, within the budget to the last digit.

Around the relaxed purchases the surfaces are asked again, on ever narrower windows of whole lots, and the money is
filled in anew; what is then left buys further lots wherever they bring most.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from budget.allocation.choice_program import right_sides, uses
from budget.allocation.filling import fill
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import charges, piece_costs, spare_money
from budget.allocation.rows import Row

WINDOW, POINTS, ROUNDS = 1.08, 17, 3
LOTS = 4  # a task that are added one by one
MOVES, HAIR = (
    60,
    1e-9,
)  # of a purchase, to keep to rows; of a row, kept to spare where it is not enough to just keep to it


def to_lots(
    cases: Sequence[Problem],
    relaxed: Sequence[Array],
    pools: Sequence[tuple[int, ...]],
    prices: Array | None = None,
    width: float = WINDOW,
) -> list[Choice]:
    """Whole lots for several cases at once (same lines and surfaces; money, prices, weights and least purchases may
    differ).

    `relaxed` (T,) each: roughly what to buy of each task; `pools`: what is bought of the pools; `prices` (k, R): what
    the rows' limits cost, which are else not looked at; `width`: how far around the first windows are.
    """
    amounts = np.array(relaxed, float)
    mixes = np.array(pools, float).reshape(len(cases), -1)
    for _ in range(ROUNDS):
        points, every = _windows(cases, amounts, width)  # (k, T, C)
        values = _values(cases, points, mixes)
        for k, case in enumerate(cases):
            charged = 0.0 if prices is None else charges(case, prices[k], 0, points[k])
            amounts[k] = _fill(case, points[k], values[k] - charged, pools[k])
        if every:
            break
        width = 1 + (width - 1) * 4 / POINTS
    floors = [
        Choice(tuple(line.down(a) for line, a in zip(case.tasks, amounts[k], strict=True)), tuple(pools[k]))
        for k, case in enumerate(cases)
    ]
    if cases[0].rows:
        floors = [mended(case, *each) for case, *each in zip(cases, floors, points, values, strict=True)]
    return spend_rest(cases, floors)


def raised(case: Problem, choice: Choice) -> Choice:
    """The choice with more whole lots for the lowest score, over its scale, that can still be raised: one after the
    other, as long as the money and the rows allow it."""
    owned = np.array([line.owned for line in case.tasks], float)
    mix, buys = np.array([choice.pools], float), list(choice.tasks)
    scores = case.scores(case.of_scored((np.array(buys) + owned)[:, None]), mix)[:, 0] / case.scales
    for _ in range(LOTS * len(buys)):
        for i in np.argsort(scores, kind="stable").tolist():
            at = case.scored[i].line
            more = Choice(
                (*buys[:at], max(buys[at] + case.tasks[at].lot, case.tasks[at].first), *buys[at + 1 :]), choice.pools
            )
            if more.tasks[at] <= case.tasks[at].most and not case.broken(more):
                break
        else:
            break
        buys = list(more.tasks)
        scores = case.scores(case.of_scored((np.array(buys) + owned)[:, None]), mix)[:, 0] / case.scales
    return Choice(tuple(buys), choice.pools)


def mended(case: Problem, choice: Choice, points: Array, values: Array) -> Choice:
    """The choice with purchases of tasks moved among `points` (T, C), worth `values` (T, C), until every row is kept,
    those first that lose least for what they mend; as it is where that does not end well."""
    for spare in (0.0, HAIR):
        if case.broken(choice):
            choice = _moved(case, choice, points, values, spare)
    return choice


def _moved(case: Problem, choice: Choice, points: Array, values: Array, spare: float) -> Choice:
    """The same, once, with a little of every row to spare."""
    used = np.stack([uses(case, t, row) for t, row in enumerate(points)])  # (T, C, R)
    scale = np.abs(used).max(axis=(0, 1), initial=0.0)
    scale[scale == 0] = 1.0  # a row of pools alone, which no move mends
    here = np.abs(points - np.array(choice.tasks, float)[:, None]).argmin(axis=1)
    each = np.arange(len(points))
    left = right_sides(case, choice.pools) - used[each, here].sum(axis=0) - spare * scale
    for _ in range(MOVES):
        short = np.maximum(-left / scale, 0.0)
        if short.max() <= 1e-12:
            return Choice(tuple(int(buy) for buy in points[each, here]), choice.pools)
        after = left - (used - used[each, here][:, None])
        mends = short.sum() - np.maximum(-after / scale, 0.0).sum(axis=2)
        losses = np.maximum(values[each, here][:, None] - values, 0.0) + 1e-12
        t, c = np.unravel_index(int(np.where(mends > 1e-12, mends / losses, -1.0).argmax()), mends.shape)
        if mends[t, c] <= 1e-12:
            break
        left, here[t] = after[t, c], c
    return choice


def _windows(cases: Sequence[Problem], amounts: Array, width: float) -> tuple[Array, bool]:
    """(k, T, C) whole lots around the amounts, with the least and the most purchase, sorted; and whether these are all
    lots that there are in the windows."""
    owned, lot, most = (
        np.array([getattr(line, key) for line in cases[0].tasks], float)[:, None] for key in ("owned", "lot", "most")
    )
    least = np.array([[line.least for line in case.tasks] for case in cases], float)[..., None]
    near = (amounts[..., None] + owned + 1) * np.geomspace(1 / width, width, POINTS - 2) - owned - 1
    fits = (near[..., -1:] - near[..., :1]) / lot < near.shape[-1] - 1
    steps = lot * (np.arange(POINTS - 2) - (POINTS - 2) // 2)
    near = np.where(fits, amounts[..., None] // lot * lot + steps, near)
    points = np.empty((*amounts.shape, POINTS))
    points[..., 1:-1] = np.clip(np.round(near / lot) * lot, least, most)
    points[..., 0], points[..., -1] = least[..., 0], most[:, 0]
    return points, bool(fits.all())


def _values(cases: Sequence[Problem], points: Array, mixes: Array) -> Array:
    """(k, T, C) weighted expected score of each task line at the points."""
    first = cases[0]
    owned = np.array([line.owned for line in first.tasks], float)[:, None, None]
    labels = first.of_scored(np.moveaxis(points, 1, 0) + owned)  # (n, k, C)
    mix = np.repeat(mixes, points.shape[2], axis=0)
    found = first.scores(labels.reshape(len(labels), -1), mix).reshape(labels.shape)
    weights = np.stack([case.weights for case in cases], axis=1)
    return np.moveaxis(first.by_line(weights[..., None] * found), 0, 1)


def _fill(case: Problem, points: Array, values: Array, pools: tuple[int, ...]) -> Array:
    """(T,) the money of one case filled in over its windows."""
    costs = piece_costs(case, points)
    on_pools = sum((line.cost(buy) for line, buy in zip(case.pools, pools, strict=True)), Fraction(0))
    money = float(min(case.money - on_pools, case.for_tasks)) - float(costs[:, 0].sum()) + spare_money(case)
    return fill(values[None], costs).bought(0, max(money, 0.0), points)


def spend_rest(cases: Sequence[Problem], choices: Sequence[Choice]) -> list[Choice]:
    """Money left over buys whole lots where they bring most, as long as any is affordable and brings something."""
    problem = cases[0]
    left = [case.money - case.cost(choice) for case, choice in zip(cases, choices, strict=True)]
    extra = np.stack(
        [_about(case, choice, float(rest)) for case, choice, rest in zip(cases, choices, left, strict=True)]
    )
    bought = np.array([choice.tasks for choice in choices], float)
    mixes = np.array([choice.pools for choice in choices], float).reshape(len(choices), -1)
    tasks = len(problem.tasks)
    labels = (bought + np.array([line.owned for line in problem.tasks], float)).T  # (T, k)
    richer = np.repeat(mixes[None], 2 + len(problem.pools), axis=0)  # as it is, more labels, more of each pool
    for j in range(len(problem.pools)):
        richer[2 + j, :, j] += extra[:, tasks + j]
    more = np.repeat(labels[:, None], len(richer), axis=1)  # (T, 2 + P, k)
    more[:, 1] += extra[:, :tasks].T
    more = problem.of_scored(more)
    scores = problem.scores(more.reshape(len(more), -1), richer.reshape(more[0].size, -1)).reshape(more.shape)
    rises = np.stack([case.weights for case in cases], axis=1)[:, None] * (scores[:, 1:] - scores[:, :1])
    gains = np.concatenate([problem.by_line(rises[:, 0]), rises[:, 1:].sum(axis=0)]).T
    return [_topped(case, *each) for case, *each in zip(cases, choices, left, gains, strict=True)]


def _about(case: Problem, choice: Choice, left: float) -> Array:
    """(lines,) about how many labels more of each line this money buys."""
    price, lot, most = (np.array([getattr(x, key) for x in case.lines], float) for key in ("about", "lot", "most"))
    room = np.maximum(most - np.array(choice.all, float), 0.0)
    free = price == 0
    more = np.where(free, room, np.floor(left / np.where(free, 1.0, price * lot) + 1e-9) * lot)
    for j, line in enumerate(case.lines):
        if not line.plain:
            more[j] = _chunk(line, choice.all[j], Fraction(left))
    return np.asarray(np.minimum(np.maximum(more, 0.0), room))


def _chunk(line: Line, buy: int, money: Fraction) -> int:
    """The most labels that this money still buys."""
    return max(line.affordable(money + line.cost(buy)) - buy, 0)


def _topped(case: Problem, choice: Choice, left: Fraction, gains: Array) -> Choice:
    """The choice with more whole lots of the lines that gain most, within the money left and every row."""
    buys, count = list(choice.all), len(case.tasks)
    lots = (np.array([line.about * line.lot for line in case.lines]) * (1 - 1e-9)).tolist()
    money, bought = float(left), case.buys(choice) if case.rows else {}
    room = [row.limit(case.money) - row.use(case.lines, bought) for row in case.rows]
    for index in np.argsort(-gains, kind="stable").tolist():
        if gains[index] <= 0:
            break
        if lots[index] > money:
            continue
        line = case.lines[index]
        more, taken = _more(line, buys[index], left, case.rows, room)
        if more > 0:
            left -= line.cost(buys[index] + more) - line.cost(buys[index])
            money, room = float(left), [rest - use for use, rest in zip(taken, room, strict=True)]
            buys[index] += more
    return Choice(tuple(buys[:count]), tuple(buys[count:]))


def _more(
    line: Line, before: int, left: Fraction, rows: Sequence[Row], room: Sequence[Fraction]
) -> tuple[int, list[Fraction]]:
    """The most labels more of a line that money and rows leave room for, and what they take of each row; about the
    most, by halving, where one label does not cost what the next one does."""
    more = _chunk(line, before, left)
    if line.plain and more > 0:
        for row, rest in zip(rows, room, strict=True):
            each = row.use([line], {line.name: 1})
            if each > 0:
                more = min(more, max(rest // each, 0))
        more = line.down(before + more) - before
    while more > 0:
        taken = [row.use([line], {line.name: before + more}) - row.use([line], {line.name: before}) for row in rows]
        if line.allows(before + more) and all(use <= 0 or use <= rest for use, rest in zip(taken, room, strict=True)):
            return more, taken
        more = more // 2 // line.lot * line.lot
    return 0, []
