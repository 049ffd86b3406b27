"""labelbudget: split a fixed budget for labels between shared pretraining data and each team's own labels.

The public API, nothing else; what it loads, it loads when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# The module comes first, so that the function `plan` below keeps the name.
from budget.plan import Plan

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements

__version__ = "0.1.0"
__all__ = ["Brief", "Measurements", "Plan", "fit", "plan"]


def fit(
    measurements: Measurements, brief: Brief | None = None, seed: int = 0, hierarchy: bool = True
) -> Mapping[str, Surface]:
    """Fit every task of the brief: {task name: Surface}. Without a brief, every task of the measurements, whose scores
    then lie in [0, 1]. With `hierarchy` the tasks share what they say about noise; without, no task changes another's
    answer. Raises InvalidInput for a task without a single score.

    >>> import pandas as pd
    >>> from budget import Measurements, fit
    >>> runs = {"task": "cars", "labels": [100, 200, 400, 800], "seed": 0, "score": [0.50, 0.59, 0.66, 0.72]}
    >>> surface = fit(Measurements.from_frame(pd.DataFrame(runs)))["cars"]
    >>> low, high = surface.interval([3200], level=0.9)
    >>> bool(low[0] < surface.expected([3200])[0] < high[0])
    True
    """
    from budget.fitting import fit as fit_all

    return fit_all(measurements, brief, seed, hierarchy)


def plan(
    brief: Brief,
    measurements: Measurements,
    surfaces: Mapping[str, Surface] | None = None,
    seed: int = 0,
    solver: str = "highs",
    seconds: float | None = None,
    compare: Mapping[str, Mapping[str, int]] | None = None,
) -> Plan:
    """Split the budget of a brief by what its pilots measured (`surfaces`: already fitted ones).

    `solver`: highs or cbc. `seconds`: limit for each program with whole choices, and for the boxes of pools; the best
    plan by then, with its gap.
    `compare`: other plans by name, {task or pool: labels to buy}; they become baselines.

    Raises InvalidInput where the brief asks for what was not measured, CannotBeMet where no plan keeps to the brief.
    """
    from budget.allocation.planning import planned

    known = fit(measurements, brief, seed) if surfaces is None else surfaces
    return planned(brief, measurements, known, seed, solver, seconds, compare or {})


def __getattr__(name: str) -> Any:
    if name == "Brief":
        from budget.brief import Brief

        return Brief
    if name == "Measurements":
        from budget.measurements import Measurements

        return Measurements
    raise AttributeError(f"module 'budget' has no attribute {name!r}")
