"""Plain cases, many at once: labels have one price each, tasks and pools share linear rows, and scores are concave.

The table says roughly where, Newton's method where exactly, whole lots are filled in around that, and cuts prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.cuts import Cuts, cuts
from budget.allocation.lines import Array
from budget.allocation.lowest import levelled, weights_of_worst
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import roughly, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.smooth import Cases, Smooth, cases_of, climb
from budget.allocation.table import Table


@dataclass(frozen=True)
class Plain:
    """k cases: their plans in whole lots, and where they would be without lots, with `prices` (k, R) of their rows,
    the budget first."""

    choices: list[Choice]
    prices: Array
    cases: Cases
    smooth: Smooth

    def cuts(self, table: Table) -> Cuts:
        """What proves the plans."""
        return cuts(table, self.cases, self.smooth)


def plain(table: Table, problems: Sequence[Problem], near: tuple[Array, Array] | None = None) -> Plain:
    """Solve plain cases that differ in nothing but budget, prices, weights and the right sides of rows; `near`:
    purchases of tasks (T,) and pools (P,) that are like theirs, if known."""
    cases = cases_of(problems)
    tasks, pools = roughly(table, problems) if near is None else (np.tile(each, (len(problems), 1)) for each in near)
    return in_lots(problems, cases, climb(cases, tasks, pools))


def in_lots(problems: Sequence[Problem], cases: Cases, smooth: Smooth) -> Plain:
    """Whole lots around where the cases are best without."""
    prices = smooth.prices / cases.unit
    mixes = [whole_pools(case, mix) for case, mix in zip(problems, smooth.pools, strict=True)]
    return Plain(to_lots(problems, list(smooth.tasks), mixes, prices[:, 1:], width=1.0), prices, cases, smooth)


@dataclass(frozen=True)
class Mixed:
    """A smooth problem with the goal `worst`: its plan in whole lots, and the plain case of the mixture of its scores
    that counts, with its `table`."""

    choice: Choice
    plain: Plain
    table: Table

    @property
    def cuts(self) -> Cuts:
        """What proves the plan: the value of any mixture is above that of the least."""
        return self.plain.cuts(self.table)


def mixed(table: Table, problems: Sequence[Problem]) -> list[Mixed]:
    """Solve problems with the goal `worst` that are alike as plain cases are."""
    start, found = mean_optima(table, problems), []
    best = weights_of_worst(problems, start.tasks, start.pools)
    for problem, weights, tasks, pools in zip(problems, best.weights, best.tasks, best.pools, strict=True):
        solved = plain(table, [summed(problem, weights / problem.scales)], (tasks, pools))
        choice = levelled(problem, weights, solved.smooth.tasks[0], solved.choices[0])
        found.append(Mixed(choice, solved, table))
    return found


def mean_optima(table: Table, problems: Sequence[Problem]) -> Smooth:
    """Where the weighted mean score would be best, for smooth problems of any goal."""
    expected = [summed(problem, problem.weights) for problem in problems]
    return climb(cases_of(expected), *roughly(table, expected))


def summed(problem: Problem, weights: Array) -> Problem:
    """The problem of the sum of the scores with these weights, and no targets."""
    each = zip(problem.scored, weights.tolist(), strict=True)
    scored = tuple(replace(one, weight=weight, target=None, confidence=None) for one, weight in each)
    return replace(problem, goal="mean", risk=0.0, scored=scored)
