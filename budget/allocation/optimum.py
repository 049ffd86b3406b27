"""The best plan for one problem, with the bound that proves how good it is.

Water-filling over the table finds where to look. Where there is nothing but a budget, whole lots are filled in around
that; all else is chosen by a program over whole choices at given pools, whose prices say where to look next. The
program over tangent planes proves a bound over all pools at once; where scores are not concave in the pools, boxes of
pools are bounded and divided until the gap closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from budget.allocation.boxes import bound_over_boxes
from budget.allocation.fixed import Fixed, Relaxed, at_pools
from budget.allocation.goals import goal_value, meets_targets, scale
from budget.allocation.lines import Array, Line
from budget.allocation.plain import Mixed, mixed, plain, summed
from budget.allocation.problem import Choice, Problem
from budget.allocation.program import FAR
from budget.allocation.relaxation import relax, relax_all, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.shelf import least_at
from budget.allocation.steps import by_prices, fits
from budget.allocation.table import Table, tabulate
from budget.allocation.tangency import Proof, prove
from budget.allocation.under_risk import under_risk
from budget.allocation.whole_lots import by_whole_lots

SMOOTH, CLOSED = 1e-6, 1e-4  # gaps that count as none: of continuous problems, and of all others
DISPROVED = 1e-9  # a plan that is better than its bound by more shows that scores are not concave between samples
NEARLY = 1e-5  # a gap that is worth no further search
FEW_ROUNDS = 2  # of planes, for the bound of a case that is like one that was proved
BULGE = 2e-3  # of what the goal counts: where scores are concave but for so much, they are searched as if they were
TURNS = 4  # of looking for pools by the prices of the last plan
DEARER = (1.0, 1.03, 1.2)  # times the prices of the rows: what is tried until a plan keeps to them
STEPS = (0.5, 0.9, 0.98, 1.02, 1.1, 2.0)  # of a pool's labels: what is tried around the best plan
BOXED_POOLS = 2  # with more pools there are too many boxes

TANGENT = "linear program over tangent planes"
CUTS = TANGENT + ", summed over tasks"
CHOICES = "program over whole choices"
LOOKED_UP, PRICED = "best purchases at the price of money, over boxes of the pool", "weak duality"
SAMPLED = (
    "best purchases at the prices of the limits, under the draws that count; "
    "labels have one price each and limits are linear"
)
ONE_PRICE = "labels have one price each, limits are linear and scores are concave as far as it matters"
GAP = "whole lots, or scores that are not concave in labels and pools together, leave a gap"
KNOWN = "best of the plans known beforehand, for the solver found none"


@dataclass(frozen=True)
class Optimum:
    """`value`: what the goal counts, to be as large as possible; no plan exceeds `bound`. `prices` (R,) of the rows."""

    choice: Choice
    value: float
    bound: float
    prices: Array
    solver: str
    form: str


def kept(problem: Problem, choice: Choice) -> bool:
    """Does a plan keep every limit and reach every target?"""
    return not problem.broken(choice) and meets_targets(problem, choice)


@dataclass
class Search:
    """The best plan so far, and the best at all pools that were tried."""

    problem: Problem
    solver: str
    seconds: float | None
    tolerance: float = SMOOTH
    tried: dict[tuple[int, ...], Relaxed | None] = field(default_factory=dict)
    best: Fixed | None = None
    choice: Choice | None = None
    value: float = -np.inf

    def offer(self, choice: Choice) -> None:
        """Take a plan if it keeps to the problem and is better."""
        if kept(self.problem, choice):
            value = goal_value(self.problem, choice)
            if value > self.value:
                self.choice, self.value = choice, value

    def attempt(self, pools: tuple[int, ...], near: Array | None = None) -> Relaxed | None:
        """The best plan at these pools, never below one that is known; where none is better than the best so far, only
        its bound."""
        if pools not in self.tried:
            known = self.choice if self.choice is not None and self.choice.pools == pools else None
            # Sums of draws wander between the purchases looked at: there, bounds are no reason not to look closer.
            floor = self.value if self.best is not None and self.problem.risk == 0 else -np.inf
            found = at_pools(self.problem, pools, near, self.solver, self.seconds, self.tolerance, known, floor)
            if isinstance(found, Fixed):
                if kept(self.problem, found.choice):
                    self.offer(found.choice)
                    self.best = found if self.best is None or found.value > self.best.value else self.best
                else:
                    found = None  # whole only to the solver
            self.tried[pools] = found
        return self.tried[pools]


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
    found = [Quick(None)] * len(cases)
    for k, case in enumerate(cases):
        if case.budget <= 0 and all(line.price > 0 for line in case.lines):
            nothing = Choice((0,) * len(case.tasks), (0,) * len(case.pools))
            found[k] = Quick(nothing, goal_value(case, nothing)) if kept(case, nothing) else Quick(None)
    # Targets that the best plan reaches anyway are no matter; a bound without them is one with them.
    easy = [k for k, case in enumerate(cases) if case.without_targets.plain]
    if easy and _nearly_concave(table, cases[0]):
        here = None if near is None else (np.array(near.tasks, float), np.array(near.pools, float))
        solved = plain(table, [cases[k].without_targets for k in easy], here)
        bounds = solved.cuts(table).bounds(solver) if proofs else [np.inf] * len(easy)
        for k, made, bound in zip(easy, solved.choices, bounds, strict=True):
            found[k] = Quick(made if kept(cases[k], made) else None, bound)
    hard = [k for k, case in enumerate(cases) if case.smooth and not case.plain]
    if hard and _nearly_concave(table, cases[0]):
        for k, each in zip(hard, _least_mixtures(table, [cases[k] for k in hard], solver, proofs), strict=True):
            found[k] = each
    rest = [k for k in range(len(cases)) if found[k].choice is None]
    slow = _filled(table, [cases[k] for k in rest], prices, solver) if rest else []
    for k, choice in zip(rest, slow, strict=True):
        proved = found[k].bound
        provable = proofs and cases[k].linear and cases[k].budget > 0
        if choice is not None and provable and proved - goal_value(cases[k], choice) > NEARLY:
            start = np.array(choice.tasks, float), choice.pools
            proved = min(proved, prove(table, cases[k], start, solver, rounds=FEW_ROUNDS).bound)
        found[k] = Quick(choice, proved)
    return found


def _nearly_concave(table: Table, case: Problem) -> bool:
    """Are scores concave but for a little of what the goal counts?"""
    parts = table.bulges / case.scales if case.goal == "worst" else table.bulges * case.weights
    return float(parts.max() if case.goal == "worst" else parts.sum()) <= BULGE


def _least_mixtures(table: Table, cases: list[Problem], solver: str, proofs: bool) -> list[Quick]:
    """The same for smooth cases under risk, or with the goal `worst`: there, where the gap stays open, by whole choices
    too."""
    if cases[0].risk > 0:
        risky = under_risk(table, cases, solver, NEARLY if proofs else None)
        return [
            Quick(each.choice if kept(case, each.choice) else None, each.bound)
            for case, each in zip(cases, risky, strict=True)
        ]
    solved = mixed(table, cases)
    choices = [each.choice if kept(case, each.choice) else None for case, each in zip(cases, solved, strict=True)]
    if not proofs:
        return [Quick(choice) for choice in choices]
    bounds = [each.cuts.bounds(solver)[0] for each in solved]
    return [
        Quick(choice, bound)
        if choice is not None and bound - goal_value(case, choice) <= CLOSED
        else _closer(table, case, Quick(choice, bound), each, solver)
        for case, choice, bound, each in zip(cases, choices, bounds, solved, strict=True)
    ]


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


def _filled(table: Table, cases: list[Problem], prices: Array | None, solver: str) -> list[Choice | None]:
    """Good plans by water-filling, or by whole choices where that does not do."""
    found: list[Choice | None] = [None] * len(cases)
    relaxed = relax_all(table, cases, prices)
    for dearer in DEARER if prices is not None and prices.any() else (1.0,):
        open_ = [k for k, case in enumerate(cases) if found[k] is None and case.of_lots]
        paid = None if prices is None else dearer * prices
        if dearer > 1:
            for k, again in zip(open_, relax_all(table, [cases[k] for k in open_], paid), strict=True):
                relaxed[k] = again
        least = least_at([cases[k] for k in open_], [relaxed[k][1] for k in open_]) if open_ else []
        reached = {k: case for k, case in zip(open_, least, strict=True) if case is not None}
        if reached:
            near, pools = zip(*(relaxed[k] for k in reached), strict=True)
            each = None if paid is None else np.tile(paid, (len(reached), 1))
            for k, choice in zip(reached, to_lots([*reached.values()], near, pools, each), strict=True):
                found[k] = choice if kept(cases[k], choice) else None
    for k, case in enumerate(cases):
        if found[k] is None:
            found[k] = search_at(case, relaxed[k][1], relaxed[k][0], solver)
    return found


def search_at(problem: Problem, pools: tuple[int, ...], near: Array, solver: str = "highs") -> Choice | None:
    """The best plan at these pools, if there is one; `near` (T,): roughly what it buys of the tasks."""
    search = Search(problem, solver, None, CLOSED)
    search.attempt(pools, near)
    return search.choice


def optimum(
    table: Table, problem: Problem, solver: str, others: Sequence[Choice] = (), seconds: float | None = None
) -> Optimum | None:
    """The best plan found, never below any of `others` that keeps to the problem, and its bound; None: none found."""
    search = Search(problem, solver, seconds)
    known = np.inf
    for choice in others:
        search.offer(choice)
    if problem.smooth and problem.risk > 0:
        (risky,) = under_risk(table, [problem], solver, SMOOTH / 2 if problem.of_labels else NEARLY)
        search.offer(risky.choice)
        proved = search.choice is not None and search.value <= risky.bound + DISPROVED
        known = risky.bound if proved else np.inf
        # Where lots cost little, more search finds little, however much the draws leave open.
        if proved and (known - search.value <= CLOSED or risky.parts - search.value <= CLOSED / 2):
            return _finished(search, known, risky.prices, PRICED, SAMPLED)
    elif problem.smooth:
        if problem.plain:
            easy = plain(table, [problem])
            made, over = easy.choices[0], easy.cuts(table)
        else:
            least = mixed(table, [problem])[0]
            easy, made, over = least.plain, least.choice, least.cuts
        search.offer(made)
        answer = over.program(0).solve(solver)
        if (
            -DISPROVED
            <= answer.bound - search.value
            <= (SMOOTH if problem.of_labels and problem.goal != "worst" else CLOSED)
        ):
            return _finished(search, answer.bound, easy.prices[0, 1:], answer.solver, f"{CUTS}; {ONE_PRICE}")
    elif fits(table, problem):
        steps = by_prices(table, problem, SMOOTH / 2)
        search.offer(steps.choice)
        if -DISPROVED <= steps.bound - search.value <= CLOSED:
            return _finished(search, steps.bound, np.zeros(0), PRICED, _why(table, problem, LOOKED_UP))
    start = relax(table, problem)
    if problem.of_lots:
        (first,) = to_lots([problem], [start[0]], [start[1]])
        search.offer(first)
        start = np.array(first.tasks, float), first.pools
    proof = prove(table, problem, start, solver, seconds) if problem.linear else None
    places = [start] + ([(proof.tasks, whole_pools(problem, proof.pools))] if proof is not None and proof.found else [])
    if problem.of_lots and proof is not None:
        search.offer(to_lots([problem], [places[-1][0]], [places[-1][1]])[0])
        if -DISPROVED <= proof.bound - search.value <= SMOOTH:
            return _finished(search, proof.bound, proof.prices[1:], proof.solver, _why(table, problem, TANGENT))
    for tasks, pools in places:
        search.attempt(pools, tasks)
    if search.best is None:
        _first_plan(table, search)
    if search.best is not None:
        return _searched(table, search, proof, known)
    if search.choice is None:
        return None
    bound = min(
        proof.bound if proof is not None else np.inf, FAR / min(scale(problem, i) for i in range(len(problem.scored)))
    )
    return _finished(search, bound, np.zeros(len(problem.rows)), solver, _why(table, problem, KNOWN))


def _first_plan(table: Table, search: Search) -> None:
    """Where neither guess of the pools has a plan: other plans' pools, then all levels of the table, until one has;
    else those of a plan in whole lots."""
    problem = search.problem
    mixes = [
        tuple(line.least for line in problem.pools),
        whole_pools(problem, np.array([float(p.most) for p in problem.pools])),
    ]
    if search.choice is not None:
        mixes.insert(0, search.choice.pools)
        search.tried.pop(search.choice.pools, None)  # tried without knowing of this plan
    for mix in [*mixes, *(whole_pools(problem, mix) for mix in table.mixes)]:
        if search.attempt(mix) is not None:
            return
    _whole_lots(search)


def _whole_lots(search: Search) -> None:
    """What rows that leave few plans may hide: a plan in whole lots, and the best at its pools."""
    problem = search.problem
    made = by_whole_lots(problem, search.solver, search.seconds) if problem.rows else None
    if made is not None and kept(problem, made):
        search.offer(made)
        search.tried.pop(made.pools, None)
        search.attempt(made.pools, np.array(made.tasks, float))


def _searched(table: Table, search: Search, proof: Proof | None, known: float) -> Optimum:
    """Better pools, by the prices of the best plan and by trying around it; then the bound, or one that is known."""
    problem = search.problem
    assert search.best is not None
    if problem.pools:
        for _ in range(TURNS):
            before = search.best
            case, sampled = _summed(table, problem, before)
            tasks, pools = relax(sampled, case, before.rows[1:])
            if pools in search.tried:
                break
            search.attempt(pools, tasks)
        bound = proof.bound if proof is not None else known
        if bound - search.value > CLOSED:
            _whole_lots(search)
        if bound - search.value > NEARLY:
            _around(search)
        if proof is None:
            case, sampled = _summed(table, problem, search.best)
            near = np.array(search.best.choice.tasks, float), search.best.choice.pools
            proof = prove(sampled, case, near, search.solver, search.seconds)
            bound = proof.bound
            if proof.found:
                search.attempt(whole_pools(problem, proof.pools), proof.tasks)
        if search.value > bound + DISPROVED:
            case, sampled = _summed(table, problem, search.best)
            near = np.array(search.best.choice.tasks, float), search.best.choice.pools
            bound = max(prove(sampled, case, near, search.solver, search.seconds).bound, search.best.bound)
        form = TANGENT + ", then " + CHOICES
        if bound - search.value > CLOSED and len(problem.pools) <= BOXED_POOLS:
            limit, count = bound_over_boxes(
                problem, search.attempt, search.best, CLOSED / 2, search.seconds, search.solver
            )
            if limit < bound:
                bound, form = limit, f"{CHOICES}, over {count} boxes of pools"
    else:
        bound, form = search.best.bound, CHOICES
        if proof is not None and proof.bound < bound:
            bound = proof.bound
    bound = min(bound, known) if search.value <= known + DISPROVED else bound
    return _finished(search, bound, search.best.rows[1:], search.best.solver, _why(table, problem, form))


def _summed(table: Table, problem: Problem, fixed: Fixed) -> tuple[Problem, Table]:
    """The weighted sum of scores that a plan's prices make of the goal, and its table."""
    if problem.goal == "cheapest":
        return problem, table
    scored = tuple(replace(one, weight=float(w)) for one, w in zip(problem.scored, fixed.weights, strict=True))
    case = summed(problem, fixed.weights) if problem.goal == "worst" else replace(problem, risk=0.0, scored=scored)
    case = replace(case, mixture=fixed.mixture)
    return case, tabulate(case) if fixed.mixture is not None else table


def _around(search: Search) -> None:
    """Pools a little or much larger or smaller than the best plan's, one at a time or one for another, as long as that
    helps."""
    better = True
    while better:
        assert search.best is not None
        here = search.best
        for mix in _nearby(search.problem.pools, here.choice.pools):
            search.attempt(mix, np.array(here.choice.tasks, float))
        better = search.best.value > here.value + SMOOTH


def _nearby(pools: Sequence[Line], buys: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Purchases of pools around these: of one of them in STEPS, and by a lot; of two, a lot or half of the one given
    for as much money of the other."""
    found = []
    for j, (line, buy) in enumerate(zip(pools, buys, strict=True)):
        amounts = [(buy + line.owned + 1) * factor - line.owned - 1 for factor in STEPS]
        amounts += [buy - line.lot, max(buy + line.lot, line.first)]
        found += [(*buys[:j], int(near), *buys[j + 1 :]) for near in line.near(np.array(amounts, float))]
        for i, other in enumerate(pools):
            for given in {other.down(buys[i] - other.lot), other.down(buys[i] / 2)} if i != j and buys[i] else ():
                mix = [*buys]
                freed = other.cost(buys[i]) - other.cost(given)
                more = min(max(buy + line.lot, line.first), line.most)
                mix[i], mix[j] = given, max(line.affordable(line.cost(buy) + freed), more)
                found.append(tuple(mix))
    return found


def _why(table: Table, problem: Problem, form: str) -> str:
    """The form with what in the brief, or in which surface, made it necessary."""
    features = {
        "set-up costs": any(line.setup > 0 for line in problem.lines),
        "tiers": any(len(line.tiers) > 1 for line in problem.lines),
        "least orders": any(line.first > max(line.lot, line.least) for line in problem.lines),
        "targets": bool(problem.targets),
        "the goal cheapest": problem.goal == "cheapest",
    }
    asked = ", ".join(name for name, there in features.items() if there)
    if asked:
        return f"{form}; the brief has {asked}"
    bulge, name = max(zip(table.bulges.tolist(), (one.name for one in problem.scored), strict=True))
    if bulge > SMOOTH:
        return f"{form}; the score of {name} bends up along its labels, by {bulge:.2g} of its range at most"
    return f"{form}; {GAP}"


def _finished(search: Search, bound: float, prices: Array, solver: str, form: str) -> Optimum:
    assert search.choice is not None
    return Optimum(search.choice, search.value, max(bound, search.value), prices, solver, form)
