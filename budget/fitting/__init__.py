"""Fitting: from measurements to one Surface a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements


def fit(
    measurements: Measurements, brief: Brief | None = None, seed: int = 0, hierarchy: bool = True
) -> Mapping[str, Surface]:
    """Fit every task of the brief: {task name: Surface}. Without a brief, every task of the measurements, whose scores
    then lie in [0, 1]. With `hierarchy` the tasks share what they say about noise; without, no task changes another's
    answer."""
    from budget.fitting.assemble import fit as fit_all

    return fit_all(measurements, brief, seed, hierarchy)
