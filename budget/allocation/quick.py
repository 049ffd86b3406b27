"""Good plans for several cases at once, which differ in a price, a weight or a limit: for frontiers, and what changes a
plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from budget.allocation.goals import goal_value, kept
from budget.allocation.lines import Array
from budget.allocation.plain import Mixed, mixed, plain, summed
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import relax_all
from budget.allocation.rounding import to_lots
from budget.allocation.search import CLOSED, NEARLY, Search, search_at
from budget.allocation.shelf import least_at
from budget.allocation.table import Table
from budget.allocation.tangency import prove
from budget.allocation.under_risk import under_risk

FEW_ROUNDS = 2  # of planes, for the bound of a case that is like one that was proved
BULGE = 2e-3  # of what the goal counts: where scores are concave but for so much, they are searched as if they were
DEARER = (1.0, 1.03, 1.2)  # times the prices of the rows: what is tried until a plan keeps to them


@dataclass(frozen=True)
class Quick:
    """A good plan for a case, None if none was found; no plan exceeds `bound`, infinite where none is known."""

    choice: Choice | None
    bound: float = np.inf


def quick(
    table: Table,
    cases: Sequence[Problem],
    prices: Array | None = None,
    solver: str = "highs",
    near: Choice | None = None,
    proofs: bool = False,
) -> list[Quick]:
    """Good plans for several cases at once (same lines and surfaces), with `proofs` if wanted.

    `prices` (R,) of the rows and `near`: from the plan of a similar case.
    """
    found = [_penniless(case) for case in cases]
    if cases and _nearly_concave(table, cases[0]):
        for k, each in _all_plain(table, cases, near, solver, proofs) + _all_mixtures(table, cases, solver, proofs):
            found[k] = each
    rest = [k for k in range(len(cases)) if found[k].choice is None]
    slow = _filled(table, [cases[k] for k in rest], prices, solver, near) if rest else []
    for k, choice in zip(rest, slow, strict=True):
        bound, provable = found[k].bound, proofs and cases[k].linear and cases[k].budget > 0
        if choice is not None and provable and bound - goal_value(cases[k], choice) > NEARLY:
            start = np.array(choice.tasks, float), choice.pools
            bound = min(bound, prove(table, cases[k], start, solver, rounds=FEW_ROUNDS).bound)
        found[k] = Quick(choice, bound)
    return found


def _penniless(case: Problem) -> Quick:
    """Where there is no money and all has a price, there is one plan at most."""
    if case.budget > 0 or any(line.price <= 0 for line in case.lines):
        return Quick(None)
    nothing = Choice((0,) * len(case.tasks), (0,) * len(case.pools))
    return Quick(nothing, goal_value(case, nothing)) if kept(case, nothing) else Quick(None)


def _nearly_concave(table: Table, case: Problem) -> bool:
    """Are scores concave but for a little of what the goal counts?"""
    parts = table.bulges / case.scales if case.goal == "worst" else table.bulges * case.weights
    return float(parts.max() if case.goal == "worst" else parts.sum()) <= BULGE


def _all_plain(
    table: Table, cases: Sequence[Problem], near: Choice | None, solver: str, proofs: bool
) -> list[tuple[int, Quick]]:
    """Those of the cases that are plain but for targets, all at once."""
    # Targets that the best plan reaches anyway are no matter; a bound without them is one with them.
    which = [k for k, case in enumerate(cases) if case.without_targets.plain]
    if not which:
        return []
    here = None if near is None else (np.array(near.tasks, float), np.array(near.pools, float))
    solved = plain(table, [cases[k].without_targets for k in which], here)
    bounds = solved.cuts(table).bounds(solver) if proofs else [np.inf] * len(which)
    made = zip(which, solved.choices, bounds, strict=True)
    return [(k, Quick(choice if kept(cases[k], choice) else None, float(bound))) for k, choice, bound in made]


def _all_mixtures(table: Table, cases: Sequence[Problem], solver: str, proofs: bool) -> list[tuple[int, Quick]]:
    """Those of the cases that are smooth under risk, or with the goal `worst`."""
    which = [k for k, case in enumerate(cases) if case.smooth and not case.plain]
    if not which:
        return []
    some = [cases[k] for k in which]
    found = _risky(table, some, solver, proofs) if some[0].risk > 0 else _worst(table, some, solver, proofs)
    return list(zip(which, found, strict=True))


def _risky(table: Table, cases: Sequence[Problem], solver: str, proofs: bool) -> list[Quick]:
    solved = zip(cases, under_risk(table, cases, solver, NEARLY if proofs else None), strict=True)
    return [Quick(each.choice if kept(case, each.choice) else None, each.bound) for case, each in solved]


def _worst(table: Table, cases: Sequence[Problem], solver: str, proofs: bool) -> list[Quick]:
    """For the goal `worst`; where the gap stays open, by whole choices too."""
    found = []
    for case, each in zip(cases, mixed(table, cases), strict=True):
        made = Quick(each.choice if kept(case, each.choice) else None)
        if proofs:
            made = Quick(made.choice, each.cuts.bounds(solver)[0])
            if made.choice is None or made.bound - goal_value(case, made.choice) > CLOSED:
                made = _closer(table, case, made, each, solver)
        found.append(made)
    return found


def _closer(table: Table, case: Problem, quick: Quick, near: Mixed, solver: str) -> Quick:
    """A plan for the goal `worst` by whole choices at the same pools, and the bound by its prices."""
    search = Search(case, solver, None, CLOSED)
    if quick.choice is not None:
        search.offer(quick.choice)
    search.attempt(near.choice.pools, np.array(near.choice.tasks, float))
    if search.best is None:
        return quick
    here = np.array(search.best.choice.tasks, float), np.array(search.best.choice.pools, float)
    again = plain(table, [summed(case, search.best.weights)], here)
    return Quick(search.choice, min(quick.bound, again.cuts(table).bounds(solver)[0]))


def _filled(
    table: Table, cases: list[Problem], prices: Array | None, solver: str, near: Choice | None
) -> list[Choice | None]:
    """Good plans by water-filling, or by whole choices where that does not do: at the pools that it calls best with
    rows at these prices (without a plan `near`, at none, too), or, where there is no plan at those, at its pools."""
    found: list[Choice | None] = [None] * len(cases)
    relaxed = relax_all(table, cases, prices)
    for dearer in DEARER if prices is not None and prices.any() else (1.0,):
        left = [k for k, case in enumerate(cases) if found[k] is None and case.of_lots]
        if not left:
            break
        paid = None if prices is None else dearer * prices
        if dearer > 1:
            for k, again in zip(left, relax_all(table, [cases[k] for k in left], paid), strict=True):
                relaxed[k] = again
        least = least_at([cases[k] for k in left], [relaxed[k][1] for k in left])
        reached = {k: case for k, case in zip(left, least, strict=True) if case is not None}
        if reached:
            tasks, pools = zip(*(relaxed[k] for k in reached), strict=True)
            each = None if paid is None else np.tile(paid, (len(reached), 1))
            for k, choice in zip(reached, to_lots([*reached.values()], tasks, pools, each), strict=True):
                found[k] = choice if kept(cases[k], choice) else None
    left = [k for k, case in enumerate(cases) if found[k] is None]
    far = left if near is None and prices is not None and prices.any() else []  # rows may have other prices there
    free = dict(zip(far, relax_all(table, [cases[k] for k in far]), strict=True))
    for k in left:
        places = {pools: tasks for tasks, pools in (relaxed[k], *([free[k]] if far else []))}
        made = [search_at(cases[k], pools, tasks, solver) for pools, tasks in places.items()]
        if near is not None and made == [None]:
            made = [search_at(cases[k], near.pools, np.array(near.tasks, float), solver)]
        good = [choice for choice in made if choice is not None]
        found[k] = max(good, key=partial(goal_value, cases[k]), default=None)
    return found
