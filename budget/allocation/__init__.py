"""Allocation: what to buy, and the proof that no other purchase does better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements
    from budget.plan import Plan


def plan(
    brief: Brief,
    measurements: Measurements,
    surfaces: Mapping[str, Surface] | None = None,
    seed: int = 0,
    solver: str = "highs",
    seconds: float | None = None,
    compare: Mapping[str, Mapping[str, int]] | None = None,
) -> Plan:
    """Split the budget of a brief by what its pilots measured.

    `solver`: highs or cbc. `seconds`: limit for each program with whole choices; the best plan by then, with its gap.
    `compare`: other plans by name, {task or pool: labels to buy}; they become baselines.

    Raises InvalidInput where the brief asks for what was not measured, CannotBeMet where no plan keeps to the brief.
    """
    from budget.allocation.planning import planned

    if surfaces is None:
        from budget.fitting import fit

        surfaces = fit(measurements, brief, seed)
    return planned(brief, measurements, surfaces, seed, solver, seconds, compare or {})
