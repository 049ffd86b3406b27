"""The pilots that could follow those in a table of measurements: the same cells again, and cells that are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from budget.allocation.information import in_turn
from budget.durations import expected_seconds
from budget.measurements import POOL
from budget.plan import WORTHWHILE, NextPilot
from budget.prices import cost

if TYPE_CHECKING:
    from budget.allocation.optimum import Optimum
    from budget.allocation.problem import Problem
    from budget.brief import Brief
    from budget.measurements import Measurements

REPEATS = (1, 2, 4)
SHOWN = 5  # pilots in a plan
MOST_TASKS = 8  # with more, a plan does not look for them: they take longer than the plan
Mix = Mapping[str, int]


def next_pilots(
    problem: Problem, brief: Brief, measurements: Measurements, now: Optimum
) -> tuple[int, tuple[NextPilot, ...]]:
    """How many pilots were looked at, and the few worth most, each worthwhile given those before it."""
    if len(problem.tasks) > MOST_TASKS:
        return 0, ()
    found = further_pilots(brief, measurements)
    return len(found), in_turn(problem, found, SHOWN, WORTHWHILE, now=now)


def further_pilots(
    brief: Brief, measurements: Measurements, sizes: Mapping[str, Sequence[int]] | None = None
) -> list[NextPilot]:
    """For every task of the brief each of its label sizes with each mix of pools, once or repeated; gains still 0.

    Sizes: those measured (of this task), all that is owned, and `sizes` {task or pool: labels}. Mixes: those measured
    (of any task), all that is owned of each pool, and `sizes`. Seconds as runs so far took; for `cost`, labels that
    are not owned and were not used in any pilot are bought.

    >>> import pandas as pd
    >>> from budget import Brief, Measurements
    >>> brief = Brief.from_dict({"budget": 9, "tasks": {"cars": {"label_cost": 0.5, "owned": 40}}})
    >>> rows = {"task": "cars", "labels": [10, 20], "seed": 0, "score": [0.3, 0.5], "seconds": [1.0, 2.0]}
    >>> found = further_pilots(brief, Measurements.from_frame(pd.DataFrame(rows)))
    >>> [(pilot.labels, pilot.seconds) for pilot in found if pilot.repeats == 1]
    [(10, 1.0), (20, 2.0), (40, 4.0)]
    """
    runs, extra = measurements.of_curves, sizes or {}
    runs = runs.take(runs.scored)
    pools = [name for name in measurements.pools if name in brief.pools]
    mixes = _mixes(brief, list(zip(*(runs[POOL + name].tolist() for name in pools), strict=True)), pools, extra)
    used = {name: int(runs[POOL + name].max()) for name in pools if len(runs)}
    places = runs.places("task")
    cells = []
    for name, task in brief.tasks.items():
        if task.measured_on is not None:
            continue  # it has no labels of its own
        measured = runs["labels"][places[name]].tolist() if name in places else []
        used[name] = max(measured, default=0)
        found = {*measured, task.owned, *extra.get(name, ())} - {0}
        cells += list(product([name], sorted(found), mixes))
    seconds = _seconds(measurements, [(task, labels) for task, labels, _ in cells])
    prices = [_price(brief, used, task, labels, mix) for task, labels, mix in cells]
    return [
        NextPilot(task, labels, dict(mix), repeats, 0.0, each * repeats if each is not None else None, price)
        for (task, labels, mix), each, price in zip(cells, seconds, prices, strict=True)
        for repeats in REPEATS
    ]


def _mixes(
    brief: Brief, measured: list[tuple[int, ...]], pools: list[str], extra: Mapping[str, Sequence[int]]
) -> list[Mix]:
    """Mixes of pool labels, each once: measured, and each pool alone at further sizes."""
    found = [dict(zip(pools, row, strict=True)) for row in measured] or [{}]
    found += [{name: size} for name, pool in brief.pools.items() for size in (pool.owned, *extra.get(name, ()))]
    distinct = {tuple(sorted((name, int(size)) for name, size in mix.items() if size)) for mix in found}
    return [dict(each) for each in sorted(distinct)]


def _seconds(measurements: Measurements, cells: list[tuple[str, int]]) -> Sequence[float | None]:
    runs = measurements.of_curves
    if "seconds" in runs:
        known = runs.take(runs.scored & ~np.isnan(runs["seconds"]))
        timed = zip(*(known[name].tolist() for name in ("task", "labels", "seconds")), strict=True)
        found = expected_seconds(timed, cells)
        if found is not None:
            return found
    return [None] * len(cells)


def _price(brief: Brief, used: Mapping[str, int], task: str, labels: int, mix: Mix) -> float:
    """Money for the labels of one pilot beyond those owned or used before."""
    lines = {**brief.tasks, **brief.pools}
    return math.fsum(
        cost(lines[name], size - lines[name].owned)
        for name, size in ((task, labels), *mix.items())
        if size > max(lines[name].owned, used.get(name, 0))
    )
