"""Plain cases, many at once: labels have one price each, tasks and pools share linear rows, and scores are concave.

The table says roughly where, Newton's method where exactly, whole lots are filled in around that, and cuts prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.cuts import bounds
from budget.allocation.lines import Array
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

    def bounds(self, table: Table, solver: str) -> list[tuple[float, str]]:
        """What no plan of each case exceeds, and the solver."""
        return [(answer.bound, answer.solver) for answer in bounds(table, self.cases, self.smooth, solver)]


def plain(table: Table, problems: Sequence[Problem]) -> Plain:
    """Solve plain cases that differ in nothing but budget, prices, weights and the right sides of rows."""
    cases = cases_of(problems)
    smooth = climb(cases, *roughly(table, problems))
    prices = smooth.prices / cases.unit
    pools = [whole_pools(case, mix) for case, mix in zip(problems, smooth.pools, strict=True)]
    return Plain(to_lots(problems, list(smooth.tasks), pools, prices[:, 1:], width=1.0), prices, cases, smooth)
