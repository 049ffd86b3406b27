"""Plain cases, many at once: labels have one price each, tasks and pools share linear rows, and scores are concave.

The table says roughly where, Newton's method where exactly, whole lots are filled in around that, and cuts prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import numpy as np

from budget.allocation.cuts import Cuts, cuts
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

    def cuts(self, table: Table) -> Cuts:
        """What proves the plans."""
        return cuts(table, self.cases, self.smooth)


def plain(table: Table, problems: Sequence[Problem], near: Choice | None = None) -> Plain:
    """Solve plain cases that differ in nothing but budget, prices, weights and the right sides of rows; `near`: a plan
    that is like theirs, if there is one."""
    cases = cases_of(problems)
    if near is None:
        start = roughly(table, problems)
    else:
        tasks, pools = (np.tile(np.array(buys, float), (len(problems), 1)) for buys in (near.tasks, near.pools))
        start = tasks, pools
    smooth = climb(cases, *start)
    prices = smooth.prices / cases.unit
    mixes = [whole_pools(case, mix) for case, mix in zip(problems, smooth.pools, strict=True)]
    return Plain(to_lots(problems, list(smooth.tasks), mixes, prices[:, 1:], width=1.0), prices, cases, smooth)
