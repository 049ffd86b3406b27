"""Plain cases, many at once: labels have one price each, tasks and pools share linear rows, and scores are concave.

The table says roughly where, Newton's method where exactly, whole lots are filled in around that, and cuts prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.cuts import Cuts, cuts
from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import roughly, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.smooth import Cases, Smooth, cases_of, climb
from budget.allocation.table import Table, tabulate
from budget.allocation.tail import worst_mixture

COARSE, LEVELS = 12, {1: 6, 2: 5, 3: 4}  # points of the table of a mixture: a point takes all its draws


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
    smooth = climb(cases, tasks, pools)
    prices = smooth.prices / cases.unit
    mixes = [whole_pools(case, mix) for case, mix in zip(problems, smooth.pools, strict=True)]
    return Plain(to_lots(problems, list(smooth.tasks), mixes, prices[:, 1:], width=1.0), prices, cases, smooth)


def risky(table: Table, problem: Problem) -> tuple[Plain, Table]:
    """Solve one smooth problem under risk: the plain case of the mixture of draws that counts, and its table."""
    expected = replace(problem, risk=0.0)
    start = climb(cases_of([expected]), *roughly(table, [expected]))
    found = worst_mixture(problem, start.tasks[0], start.pools[0])
    mixed = replace(expected, mixture=found.mixture)
    coarse = tabulate(mixed, COARSE, LEVELS)
    return plain(coarse, [mixed], (found.tasks, found.pools)), coarse
