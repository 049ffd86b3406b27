"""The best plan at given pool labels, for every goal: relaxed choices, listed ever more finely, then whole ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from budget.allocation.choice_program import LOW, Chosen, Columns, choose, right_sides, uses
from budget.allocation.goals import goal_value, scale, worst_tail
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.rounding import spend_rest
from budget.allocation.shelf import COARSE, Shelf, listed, stocked, tops
from budget.allocation.solver import GAP

Indices = NDArray[np.intp]
ROUNDS, TAILS = 12, 40  # of finer lists; of tails of the draws looked at
SAME = 1e-9
HAIRS = (1e-8, 1e-6, 1e-4)  # of the largest use of a row: more than what solvers take for keeping to it
SHARED, COMBINATIONS = 1e-6, 64  # shares that count; roundings of a relaxed plan that are tried
REFINED, WIDE = 8, 1e-4  # programs of whole choices around the last one's plan, while its gap is wider than this
KEPT = 60  # choices a task that a program of whole choices looks at


@dataclass(frozen=True)
class Relaxed:
    """`bound`: of what the goal counts at some pools. `rows`: prices of budget and rows; `buys`: by task line, the
    purchases looked at; `weights` (n,) and `mixture` (S,) make of the scores a weighted sum that the goal never
    exceeds: what the search for pools and the bound over all pools go by.
    """

    bound: float
    rows: Array
    weights: Array
    mixture: Array | None
    buys: tuple[Array, ...]
    solver: str


@dataclass(frozen=True)
class Fixed(Relaxed):
    """With a plan, and its `value`: what the goal counts, a score or minus the share of the budget spent."""

    choice: Choice
    value: float


def at_pools(
    problem: Problem,
    pools: tuple[int, ...],
    near: Array | None,
    solver: str,
    seconds: float | None = None,
    tolerance: float = 0.0,
    known: Choice | None = None,
    floor: float = -np.inf,
) -> Relaxed | None:
    """The best plan with these purchases of pools, at least as good as `known`, one with the same; None if there is
    none.

    Where the relaxed choices, rounded, come within `tolerance` of their bound, or that is not above `floor`, what a
    plan has to exceed to be of use, no program of whole choices is solved, and without one there may be no plan.
    """
    shelf = stocked(problem, pools, near)
    if shelf.empty:
        return None
    if known is not None:
        shelf = shelf.grown([np.array([float(buy)]) for buy in known.tasks])
    tails = [np.full(shelf.scores[0].shape[0], 1.0 / shelf.scores[0].shape[0])] if problem.risk > 0 else []
    ended = _relaxed(shelf, tails, solver, floor + tolerance)
    if ended is None:
        return None
    shelf, relaxed = ended
    weights, mixture = _mixed(problem, relaxed, tails)
    losses = _losses(_columns(shelf, tails), relaxed)
    above = relaxed.bound + _between(shelf, losses)
    choice, limit = _rounded(shelf, relaxed) or known, above
    value = goal_value(problem, choice) if choice is not None else -np.inf
    used = [buys[share > SHARED] for buys, share in zip(shelf.buys, relaxed.shares, strict=True)]
    around = choice or _choice(
        shelf, [float(buys[share.argmax()]) for buys, share in zip(shelf.buys, relaxed.shares, strict=True)]
    )
    least = max(floor, value)
    none_better, spread = above - least <= tolerance, False
    if not none_better and least > -np.inf:
        shelf = _completed(shelf, losses, above - least)
    for _ in range(0 if none_better else REFINED):
        bar = -np.inf if tails else least + tolerance
        whole = _whole(shelf, used, tails, relaxed, above, solver, seconds, max(GAP, tolerance / 4), bar)
        if whole is None:
            break
        made, limit = whole[0], min(limit, whole[1])
        if made is None:
            none_better, ends = True, spread
        else:
            around, before = _topped(problem, made), value
            if goal_value(problem, around) >= value - SAME:
                choice, value = around, goal_value(problem, around)
                least = max(floor, value)
            ends = problem.goal == "worst" or value <= before + SAME
        if ends or limit - least <= WIDE:
            break
        shelf, used = _spread(shelf, used, around)
        spread = True
    found = Relaxed(min(above, limit), relaxed.rows, weights, mixture, shelf.buys, relaxed.solver)
    if choice is None:
        return found if none_better else None
    return Fixed(**vars(replace(found, bound=max(found.bound, value))), choice=choice, value=value)


def _relaxed(shelf: Shelf, tails: list[Array], solver: str, floor: float) -> tuple[Shelf, Chosen] | None:
    """Relaxed choices over ever finer lists; under risk with ever more `tails`, which grow in place, as long as what
    they leave is above a floor."""
    rounds = ROUNDS + (TAILS if tails else 0)
    for turn in range(rounds):
        relaxed = choose(_columns(shelf, tails), False, solver)
        if not relaxed.found:
            return None
        finer = shelf.around(relaxed.shares)
        grown, short = any(len(each) for each in finer), False
        if tails:
            tail, value = worst_tail(shelf.problem, _totals(shelf, relaxed.shares))
            short = value < relaxed.objective - SAME and (grown or relaxed.bound > floor)
            tails += [tail] if short else []
        if not (grown or short) or turn == rounds - 1:
            break
        shelf = shelf.grown(finer) if grown else shelf
    return shelf, relaxed


def _spread(shelf: Shelf, used: list[Array], plan: Choice) -> tuple[Shelf, list[Array]]:
    """With purchases all over each line and around the plan's, and which ones have to be looked at."""
    buys = [float(buy) for buy in plan.tasks]
    even = [line.near(np.linspace(line.least, line.most, KEPT)) for line in shelf.problem.tasks]
    wider = shelf.grown([np.union1d(a, buy) for a, buy in zip(even, buys, strict=True)])
    wider = wider.grown(wider.around(_as_shares(wider, buys)))
    fresh = zip(used, wider.buys, shelf.buys, strict=True)
    return wider, [np.union1d(a, np.setdiff1d(b, c)) for a, b, c in fresh]


def _columns(shelf: Shelf, tails: list[Array]) -> Columns:
    """The shelf as the program's columns, for the goal."""
    problem = shelf.problem
    count = len(problem.tasks)
    if problem.goal == "cheapest":
        unit = max(problem.budget, 1e-12)
        gains = [-line.costs(buys)[:, None] / unit for line, buys in zip(problem.tasks, shelf.buys, strict=True)]
    elif problem.goal == "worst":
        gains = [np.zeros((len(buys), len(problem.scored))) for buys in shelf.buys]
        for i, one in enumerate(problem.scored):
            gains[one.line][:, i] = shelf.scores[i] / scale(problem, i)
    else:
        cuts = max(len(tails), 1)
        gains = [np.zeros((len(buys), cuts)) for buys in shelf.buys]
        for i, one in enumerate(problem.scored):
            score = shelf.scores[i]
            gains[one.line] += one.weight * (np.stack(tails) @ score).T if tails else one.weight * score[:, None]
    none = tuple(np.zeros((len(buys), 0)) for buys in shelf.buys)
    used = tuple(uses(problem, t, shelf.buys[t]) for t in range(count))
    return Columns(shelf.buys, tuple(gains), used, right_sides(problem, shelf.pools), none, np.zeros(0))


def _totals(shelf: Shelf, shares: tuple[Array, ...]) -> Array:
    """(S,) the plan's score under each draw, purchases in part counted in part."""
    scored = shelf.problem.scored
    return np.asarray(sum(one.weight * (shelf.scores[i] @ shares[one.line]) for i, one in enumerate(scored)))


def _mixed(problem: Problem, relaxed: Chosen, tails: list[Array]) -> tuple[Array, Array | None]:
    if problem.goal == "worst" and len(problem.scored) > 1:
        total = relaxed.cuts.sum()
        share = relaxed.cuts / total if total > 0 else np.full(len(relaxed.cuts), 1.0 / len(relaxed.cuts))
        return share / np.array([scale(problem, i) for i in range(len(share))]), None
    if problem.goal == "worst":
        return np.array([1.0 / scale(problem, 0)]), None
    if not tails:
        return problem.weights, None
    share = relaxed.cuts / relaxed.cuts.sum() if relaxed.cuts.sum() > 0 else np.eye(len(tails))[0]
    return problem.weights, np.asarray(share @ np.stack(tails[: len(share)]))


def _losses(columns: Columns, relaxed: Chosen) -> list[Array]:
    """By task line (C,): how much less each purchase is worth than the best one, at the relaxed program's prices."""
    weights = relaxed.cuts / relaxed.cuts.sum() if relaxed.cuts.sum() > 0 else np.eye(len(relaxed.cuts))[0]
    worths = [
        g[:, : len(weights)] @ weights - u @ relaxed.rows for g, u in zip(columns.gains, columns.uses, strict=True)
    ]
    return [worth.max() - worth for worth in worths]


def _between(shelf: Shelf, losses: list[Array]) -> float:
    """What purchases between those listed may be worth beyond the best one listed."""
    return sum(tops(line, buys, loss) for line, buys, loss in zip(shelf.problem.tasks, shelf.buys, losses, strict=True))


def _gaps(line: Line, buys: Array) -> Indices:
    """The listed purchases behind which others are not listed."""
    before = np.maximum(buys[:-1], max(line.first, line.least) - line.lot)
    return np.flatnonzero(buys[1:] - before > 1.5 * line.lot)


def _completed(shelf: Shelf, losses: list[Array], slack: float) -> Shelf:
    """With every purchase listed that a whole plan may be made of which is better by up to `slack`, where few are."""
    more = []
    for line, buys, loss in zip(shelf.problem.tasks, shelf.buys, losses, strict=True):
        fresh = [
            line.near(np.arange(buys[k] + line.lot, buys[k + 1], line.lot))
            for k in _gaps(line, buys)
            if min(loss[k], loss[k + 1]) <= slack and buys[k + 1] - buys[k] <= KEPT * line.lot
        ]
        more.append(np.unique(np.concatenate([np.zeros(0), *fresh])))
    return shelf.grown(more) if any(len(each) for each in more) else shelf


def _rounded(shelf: Shelf, relaxed: Chosen) -> Choice | None:
    """The best of the whole plans that take one of the shared columns of every task, and what else can be bought."""
    problem = shelf.problem
    used = [np.flatnonzero(share > SHARED) for share in relaxed.shares]
    if problem.goal == "worst" or np.prod([float(len(each)) for each in used]) > COMBINATIONS:
        return None
    best: tuple[float, Choice] | None = None
    for columns in product(*used):
        choice = _choice(shelf, [float(buys[j]) for buys, j in zip(shelf.buys, columns, strict=True)])
        worth = sum(float(share[j]) for share, j in zip(relaxed.shares, columns, strict=True))
        if (best is None or worth > best[0]) and not problem.broken(choice):
            best = worth, choice
    return None if best is None else _topped(problem, best[1])


def _topped(problem: Problem, choice: Choice) -> Choice:
    """With what the rest of the money still buys, where that is no worse for the goal."""
    if problem.goal == "cheapest":
        return choice
    more = spend_rest([problem], [choice])[0]
    return more if problem.linear or goal_value(problem, more) >= goal_value(problem, choice) else choice


def _whole(
    shelf: Shelf,
    used: list[Array],
    tails: list[Array],
    relaxed: Chosen,
    above: float,
    solver: str,
    seconds: float | None,
    gap: float,
    least: float,
) -> tuple[Choice | None, float] | None:
    """Whole choices: the plan, if there is one of at least a value, and what no plan at these pools exceeds; `above`:
    that of the relaxed program. None where the solver fails."""
    kept, dropped = _promising(shelf, used, _columns(shelf, tails), relaxed)
    limit = np.inf
    for _ in range(TAILS):
        columns = _picked(_columns(shelf, tails), kept)
        chosen = choose(columns, True, solver, seconds, gap, least)
        if chosen.none and least > -LOW:
            return None, max(least, above - dropped)
        if not chosen.found:
            chosen = choose(columns, True, solver, seconds, gap)  # some solvers stumble over a floor
        if not chosen.found:
            return None
        limit = min(limit, chosen.bound)
        buys = _bought(columns, chosen)
        if not tails:
            break
        tail, value = worst_tail(shelf.problem, _totals(shelf, _as_shares(shelf, buys)))
        if value >= chosen.objective - SAME:
            break
        tails.append(tail)
    largest = np.abs(np.concatenate(columns.uses)).max(axis=0)
    exact = columns
    for hair in HAIRS:
        if not shelf.problem.broken(_choice(shelf, buys)):
            break
        exact = replace(columns, right=columns.right - hair * largest)  # a solver's tolerance: a hair less has to do
        chosen = choose(exact, True, solver, seconds, gap)
        if not chosen.found:
            return None
        buys = _bought(exact, chosen)
    if shelf.problem.broken(_choice(shelf, buys)):
        return None
    if shelf.problem.goal == "worst":
        levelled = _levelled(exact, chosen, solver, seconds)
        buys = buys if shelf.problem.broken(_choice(shelf, levelled)) else levelled
    return _choice(shelf, buys), max(limit, above - dropped)


def _promising(shelf: Shelf, used: list[Array], columns: Columns, relaxed: Chosen) -> tuple[list[Indices], float]:
    """By task line, which columns a better whole plan may be made of, and what any other purchase costs at least."""
    kept, dropped = [], np.inf
    each = zip(shelf.problem.tasks, shelf.buys, used, _losses(columns, relaxed), columns.uses, strict=True)
    for line, buys, mine, loss, taken in each:
        order = np.argsort(loss, kind="stable")
        # Where a score is flat, many neighbours cost next to nothing: what makes a plan possible has to stay.
        needed = (
            np.flatnonzero(np.isin(buys, mine)),
            taken.argmin(axis=0),
            np.flatnonzero(np.isin(buys, listed(line, line.least, COARSE))),
        )
        kept.append(np.unique(np.concatenate([order[:KEPT], *needed])))
        unlisted = [min(loss[k], loss[k + 1]) for k in _gaps(line, buys)]
        dropped = min([dropped, float(np.delete(loss, kept[-1]).min(initial=np.inf)), *unlisted])
    return kept, float(dropped)


def _picked(columns: Columns, kept: list[Indices]) -> Columns:
    """Only these columns of each task line."""
    groups = (columns.buys, columns.gains, columns.uses, columns.floors)
    buys, gains, used, floors = (tuple(each[k] for each, k in zip(group, kept, strict=True)) for group in groups)
    return Columns(buys, gains, used, columns.right, floors, columns.levels)


def _levelled(columns: Columns, chosen: Chosen, solver: str, seconds: float | None) -> list[float]:
    """The lowest score is raised; then, with it kept, the next lowest, and so on; at last their mean.

    Which scores are the lowest at a level is read off the prices of the relaxed program: one with a price is at the
    level in every optimal plan of it.
    """
    count = columns.gains[0].shape[1]
    levels = np.full(count, -np.inf)
    for _ in range(count):
        buys = _bought(columns, chosen)
        score = sum(
            g[int(np.flatnonzero(b == buy)[0])] for g, b, buy in zip(columns.gains, columns.buys, buys, strict=True)
        )
        free = np.flatnonzero(np.isinf(levels))
        level = float(score[free].min())
        relaxed = choose(_levels(columns, free, np.where(np.isinf(levels), level, levels)), False, solver, seconds)
        lowest = free[relaxed.cuts > SAME] if relaxed.found and len(free) > 1 else free
        lowest = lowest if len(lowest) else free[[int(np.argmin(score[free]))]]
        levels[lowest] = np.minimum(level, score[lowest])
        free = np.flatnonzero(np.isinf(levels))
        floors = np.where(np.isinf(levels), level, levels)
        better = choose(
            _levels(columns, free if len(free) else np.arange(count), floors, mean=not len(free)), True, solver, seconds
        )
        chosen = better if better.found else chosen
        if not len(free):
            break
    return _bought(columns, chosen)


def _levels(columns: Columns, free: Indices, floors: Array, mean: bool = False) -> Columns:
    """The least of the `free` scores (or, with `mean`, their sum) is to be raised, every score kept at its floor."""
    gains = tuple(g[:, free].sum(axis=1, keepdims=True) if mean else g[:, free] for g in columns.gains)
    return Columns(columns.buys, gains, columns.uses, columns.right, columns.gains, floors - SAME)


def _bought(columns: Columns, chosen: Chosen) -> list[float]:
    return [float(buys[int(np.argmax(share))]) for buys, share in zip(columns.buys, chosen.shares, strict=True)]


def _as_shares(shelf: Shelf, buys: list[float]) -> tuple[Array, ...]:
    return tuple((listed == buy).astype(float) for listed, buy in zip(shelf.buys, buys, strict=True))


def _choice(shelf: Shelf, buys: list[float]) -> Choice:
    return Choice(tuple(round(buy) for buy in buys), shelf.pools)
