"""From measurements to one Surface a task: cells, posterior, draws, and what the page wants to know about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from budget.fitting.cells import Cells, cells
from budget.fitting.posterior import SETTINGS, draw, posterior
from budget.fitting.surface import Group, Surface

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements


def fit(measurements: Measurements, brief: Brief | None = None, seed: int = 0) -> Mapping[str, Surface]:
    """{task: Surface} for every task that was measured."""
    return {name: _surface(task, seed) for name, task in cells(measurements, brief).items()}


def _surface(task: Cells, seed: int) -> Surface:
    nodes = posterior(task)
    ceiling = max(1.0, float(task.error.max()))
    groups = tuple(Group(*g, ceiling) for g in draw(nodes, SETTINGS, seed))
    labels, pools = task.largest
    most = task.pool_labels.max(axis=0, initial=0)
    freedom = max(float((task.repeats - 1).sum()), 1.0)
    return Surface(
        task=task.task,
        scale=task.scale,
        pools=task.pools,
        most_labels=int(task.labels.max(initial=0)),
        most_pools={name: int(most[j]) for j, name in enumerate(task.pools)},
        groups=groups,
        varied=tuple(task.pools[j] for j in task.varied),
        unit_labels=labels,
        unit_pools=tuple(float(pools[j]) for j in task.varied),
        laws={n.law.name: float(n.weight.sum()) for n in nodes},
        noise=float(np.sqrt(task.squares.sum() / freedom)) * abs(task.scale.best - task.scale.worst),
    )
