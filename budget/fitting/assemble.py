"""From measurements to one Surface a task: cells, posterior, draws, and what the page wants to know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from budget.fitting.cells import Cells, cells
from budget.fitting.draws import draw
from budget.fitting.noise import NoisePrior, learn, one_run
from budget.fitting.posterior import Posterior, posteriors
from budget.fitting.surface import Surface

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements

DRAWS = 200
CHUNK = 64  # tasks fitted at once: bounds the memory


def fit(measurements: Measurements, brief: Brief | None = None, seed: int = 0) -> Mapping[str, Surface]:
    """{task: Surface} for every task that was measured."""
    tasks = cells(measurements, brief)
    prior = learn(list(tasks.values()), NoisePrior())
    answer: dict[str, Surface] = {}
    for alike in _alike(list(tasks.values())):
        for task, posterior in zip(alike, posteriors(alike, prior), strict=True):
            answer[task.task] = _surface(task, posterior, prior, seed)
    return {name: answer[name] for name in tasks}


def _alike(tasks: list[Cells]) -> Iterator[list[Cells]]:
    """Tasks that can be fitted together: equally many varied pools, about as many cells, repeats or none."""
    key = lambda t: (len(t.varied), bool((t.repeats > 1).any()), len(t.labels), t.task)  # noqa: E731
    ordered = sorted(tasks, key=key)
    for _, group in groupby(ordered, key=lambda t: key(t)[:3]):
        members = list(group)
        for start in range(0, len(members), CHUNK):
            yield members[start : start + CHUNK]


def _surface(task: Cells, posterior: Posterior, prior: NoisePrior, seed: int) -> Surface:
    labels, pools = task.largest
    most = task.pool_labels.max(axis=0, initial=0)
    ceiling = max(1.0, float(task.error.max()))
    return Surface(
        task=task.task,
        scale=task.scale,
        pools=task.pools,
        most_labels=int(task.labels.max(initial=0)),
        most_pools={name: int(most[j]) for j, name in enumerate(task.pools)},
        truths=draw(posterior, len(task.varied), ceiling, DRAWS, seed),
        varied=tuple(task.pools[j] for j in task.varied),
        unit_labels=labels,
        unit_pools=tuple(float(pools[j]) for j in task.varied),
        laws=posterior.law_weights(),
        noise=float(np.sqrt(one_run(task, prior)[0])) * abs(task.scale.best - task.scale.worst),
    )
