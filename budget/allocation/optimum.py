"""The best plan for one problem, with the bound that proves how good it is.

Water-filling over the table finds where to look. Where there is nothing but a budget, whole lots are filled in around
that; all else is chosen by a program over whole choices at given pools, whose prices say where to look next. The
program over tangent planes proves a bound over all pools at once; where scores are not concave in the pools, boxes of
pools are bounded and divided until the gap closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.boxes import bound_over_boxes
from budget.allocation.fixed import Fixed
from budget.allocation.goals import scale
from budget.allocation.lines import Array
from budget.allocation.plain import mixed, plain, summed
from budget.allocation.problem import Choice, Problem
from budget.allocation.program import FAR
from budget.allocation.relaxation import relax, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.search import CLOSED, NEARLY, SMOOTH, Search
from budget.allocation.steps import by_prices, fits
from budget.allocation.table import Table, tabulate
from budget.allocation.tangency import Proof, prove
from budget.allocation.under_risk import under_risk

DISPROVED = 1e-9  # a plan that is better than its bound by more shows that scores are not concave between samples
TURNS = 4  # of looking for pools by the prices of the last plan
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


def optimum(
    table: Table, problem: Problem, solver: str, others: Sequence[Choice] = (), seconds: float | None = None
) -> Optimum | None:
    """The best plan found, never below any of `others` that keeps to the problem, and its bound; None: none found."""
    search, known = Search(problem, solver, seconds), np.inf
    for choice in others:
        search.offer(choice)
    found = None
    if problem.smooth and problem.risk > 0:
        found, known = _under_risk(table, search)
    elif problem.smooth:
        found = _smooth(table, search)
    elif fits(table, problem):
        found = _by_prices(table, search)
    return found or _by_choices(table, search, known)


def _closed(search: Search, bound: float, gap: float) -> bool:
    """Is the best plan proved, but for a gap? It is not where it is better than the bound."""
    return -DISPROVED <= bound - search.value <= gap


def _under_risk(table: Table, search: Search) -> tuple[Optimum | None, float]:
    """A smooth problem under risk: its plan if that is proved, and the bound."""
    problem = search.problem
    (risky,) = under_risk(table, [problem], search.solver, SMOOTH / 2 if problem.of_labels else NEARLY)
    search.offer(risky.choice)
    if search.choice is None or search.value > risky.bound + DISPROVED:
        return None, np.inf
    # Where lots cost little, more search finds little, however much the draws leave open.
    if risky.bound - search.value <= CLOSED or risky.parts - search.value <= CLOSED / 2:
        return _finished(search, risky.bound, risky.prices, PRICED, SAMPLED), risky.bound
    return None, risky.bound


def _smooth(table: Table, search: Search) -> Optimum | None:
    """A smooth problem by its sum of scores, or the mixture of them that counts."""
    problem = search.problem
    if problem.plain:
        easy = plain(table, [problem])
        made, cuts = easy.choices[0], easy.cuts(table)
    else:
        (least,) = mixed(table, [problem])
        easy, made, cuts = least.plain, least.choice, least.cuts
    search.offer(made)
    answer = cuts.program(0).solve(search.solver)
    if not _closed(search, answer.bound, SMOOTH if problem.of_labels and problem.goal != "worst" else CLOSED):
        return None
    return _finished(search, answer.bound, easy.prices[0, 1:], answer.solver, f"{CUTS}; {ONE_PRICE}")


def _by_prices(table: Table, search: Search) -> Optimum | None:
    """Many tasks with nothing but money to share."""
    steps = by_prices(table, search.problem, SMOOTH / 2)
    search.offer(steps.choice)
    if not _closed(search, steps.bound, CLOSED):
        return None
    return _finished(search, steps.bound, np.zeros(0), PRICED, _why(table, search.problem, LOOKED_UP))


def _by_choices(table: Table, search: Search, known: float) -> Optimum | None:
    """Any problem: whole choices at the pools that the table and the planes point to; `known`: a bound."""
    problem, solver = search.problem, search.solver
    start = relax(table, problem)
    if problem.of_lots:
        (first,) = to_lots([problem], [start[0]], [start[1]])
        search.offer(first)
        start = np.array(first.tasks, float), first.pools
    proof = prove(table, problem, start, solver, search.seconds) if problem.linear else None
    places = [start] + ([(proof.tasks, whole_pools(problem, proof.pools))] if proof is not None and proof.found else [])
    if problem.of_lots and proof is not None:
        search.offer(to_lots([problem], [places[-1][0]], [places[-1][1]])[0])
        if _closed(search, proof.bound, SMOOTH):
            return _finished(search, proof.bound, proof.prices[1:], proof.solver, _why(table, problem, TANGENT))
    for tasks, pools in places:
        search.attempt(pools, tasks)
    if search.best is None:
        search.attempt_any(table)
    if search.best is not None:
        bound, form = _over_pools(table, search, proof, known) if problem.pools else _alone(search.best, proof)
        bound = min(bound, known) if search.value <= known + DISPROVED else bound
        return _finished(search, bound, search.best.rows[1:], search.best.solver, _why(table, problem, form))
    if search.choice is None:
        return None
    most = FAR / min(scale(problem, i) for i in range(len(problem.scored)))
    bound = most if proof is None else min(proof.bound, most)
    return _finished(search, bound, np.zeros(len(problem.rows)), solver, _why(table, problem, KNOWN))


def _alone(best: Fixed, proof: Proof | None) -> tuple[float, str]:
    """The bound of a problem without pools, and the form."""
    return best.bound if proof is None else min(best.bound, proof.bound), CHOICES


def _over_pools(table: Table, search: Search, proof: Proof | None, known: float) -> tuple[float, str]:
    """Better pools, by the prices of the best plan and by trying around it; then the bound, and the form."""
    problem = search.problem
    _by_own_prices(table, search)
    bound = proof.bound if proof is not None else known
    if bound - search.value > CLOSED:
        search.attempt_whole_lots()
    if bound - search.value > NEARLY:
        search.attempt_around()
    if proof is None:
        proof = _proof_at(table, search)
        bound = proof.bound
        if proof.found:
            search.attempt(whole_pools(problem, proof.pools), proof.tasks)
    assert search.best is not None
    if search.value > bound + DISPROVED:
        bound = max(_proof_at(table, search).bound, search.best.bound)
    if bound - search.value > CLOSED and len(problem.pools) <= BOXED_POOLS:
        limit, count = bound_over_boxes(problem, search.attempt, search.best, CLOSED / 2, search.seconds, search.solver)
        if limit < bound:
            return limit, f"{CHOICES}, over {count} boxes of pools"
    return bound, f"{TANGENT}, then {CHOICES}"


def _by_own_prices(table: Table, search: Search) -> None:
    """Attempt the pools that the table calls best at the prices of the best plan, for some turns."""
    for _ in range(TURNS):
        assert search.best is not None
        case, sampled = _summed(table, search.problem, search.best)
        tasks, pools = relax(sampled, case, search.best.rows[1:])
        if pools in search.tried:
            break
        search.attempt(pools, tasks)


def _proof_at(table: Table, search: Search) -> Proof:
    """Planes around the best plan, for the sum of scores that counts there."""
    assert search.best is not None
    case, sampled = _summed(table, search.problem, search.best)
    near = np.array(search.best.choice.tasks, float), search.best.choice.pools
    return prove(sampled, case, near, search.solver, search.seconds)


def _summed(table: Table, problem: Problem, fixed: Fixed) -> tuple[Problem, Table]:
    """The weighted sum of scores that a plan's prices make of the goal, and its table."""
    if problem.goal == "cheapest":
        return problem, table
    scored = tuple(replace(one, weight=float(w)) for one, w in zip(problem.scored, fixed.weights, strict=True))
    case = summed(problem, fixed.weights) if problem.goal == "worst" else replace(problem, risk=0.0, scored=scored)
    case = replace(case, mixture=fixed.mixture)
    return case, tabulate(case) if fixed.mixture is not None else table


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
