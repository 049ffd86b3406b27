"""Smooth problems under risk: plans under the mixture of the draws that is worst for them, and their proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.duality import Samples, bound
from budget.allocation.goals import draws_at, goal_value, worst_tail
from budget.allocation.lines import Array
from budget.allocation.plain import in_lots, mean_optima, summed
from budget.allocation.problem import Choice, Problem
from budget.allocation.smooth import cases_of
from budget.allocation.table import Table
from budget.allocation.tail import Tail, worst_mixture

STARTS = 4  # other plans to begin with, where the gap stays open


@dataclass(frozen=True)
class Risky:
    """A plan in whole lots with what the goal counts, the same in `parts` of labels, `prices` (R,) of the rows without
    the budget, and what no plan exceeds, infinite where no proof was wanted."""

    choice: Choice
    value: float
    parts: float
    prices: Array
    bound: float = np.inf


def under_risk(table: Table, problems: Sequence[Problem], solver: str, enough: float | None = None) -> list[Risky]:
    """Solve smooth problems under risk that differ in nothing but budget, prices, weights and the right sides of rows;
    with proofs, if the gap that is small `enough` is said.

    Where it is larger, other plans that the proof came upon are climbed from too: draws wander, so that there may be
    several summits.
    """
    start, samples, found = mean_optima(table, problems), Samples(problems[0]), []
    for problem, *here in zip(problems, start.tasks, start.pools, strict=True):
        tail = worst_mixture(problem, *here)
        best = _in_lots(problem, tail)
        if enough is not None:
            proof = bound(samples, problem, tail.best, tail.mixture, best.value, enough, solver)
            if proof.value - best.value > enough:
                tails = [tail, *(worst_mixture(problem, *plan) for plan in proof.plans[:STARTS])]
                plans = [_in_lots(problem, each) for each in tails]
                k = max(range(len(plans)), key=lambda k: plans[k].value)
                if k:
                    best, tail, known = plans[k], tails[k], [each.best for each in tails]
                    proof = bound(samples, problem, tail.best, tail.mixture, best.value, enough, solver, known)
            best = replace(best, bound=proof.value)
        found.append(best)
    return found


def _in_lots(problem: Problem, tail: Tail) -> Risky:
    case = replace(summed(problem, problem.weights), mixture=tail.mixture)
    solved = in_lots([case], cases_of([case]), tail.best)
    (choice,) = solved.choices
    value = -np.inf if problem.broken(choice) else goal_value(problem, choice)
    parts = worst_tail(problem, draws_at(problem, tail.best.tasks[0], tail.best.pools[0]))[1]
    return Risky(choice, value, parts, solved.prices[0, 1:])
