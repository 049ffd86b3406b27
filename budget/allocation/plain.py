"""Plain cases, many at once: money at one price a label is all that tasks and pools share, and scores are concave.

The table says roughly where, Newton's method where exactly, whole lots are filled in around that, and cuts prove it.
"""

from __future__ import annotations

from collections.abc import Sequence

from budget.allocation.cuts import bounds
from budget.allocation.problem import Choice, Problem
from budget.allocation.relaxation import roughly, whole_pools
from budget.allocation.rounding import to_lots
from budget.allocation.smooth import Smooth, cases_of, climb
from budget.allocation.table import Table


def plain_plans(table: Table, cases: Sequence[Problem]) -> tuple[list[Choice], Smooth]:
    """The plans of several cases in whole lots, and where they would be without lots."""
    smooth = climb(cases_of(cases), *roughly(table, cases))
    pools = [whole_pools(case, mix) for case, mix in zip(cases, smooth.pools, strict=True)]
    return to_lots(cases, list(smooth.tasks), pools, width=1.0), smooth


def plain_bounds(table: Table, cases: Sequence[Problem], smooth: Smooth, solver: str) -> list[tuple[float, str]]:
    """What no plan of each case exceeds, and the solver."""
    return [(answer.bound, answer.solver) for answer in bounds(table, cases_of(cases), smooth, solver)]
