"""From measurements to one Surface a task: cells, posterior, draws, and what the page wants to know about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from budget.errors import Fault, InvalidInput
from budget.fitting.cells import Cells, cells
from budget.fitting.draws import Draws, draw
from budget.fitting.misfit import misfit
from budget.fitting.nodes import Array, noise_known
from budget.fitting.noise import NoisePrior, Runs, learn
from budget.fitting.pool_effect import pool_effects
from budget.fitting.posterior import Posterior, posteriors
from budget.fitting.strategies import strategies
from budget.fitting.surface import Surface
from budget.fitting.trust import Fitted, judge
from budget.plan import Score

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements

DRAWS = 200
FARTHEST = 1e6  # ranges of its metric that a score may lie from the best: beyond is a slip, and too much for the laws
CHUNK = 128  # tasks fitted at once: enough for the calls not to count, and a bound of the memory


def fit(
    measurements: Measurements, brief: Brief | None = None, seed: int = 0, hierarchy: bool = True, draws: int = DRAWS
) -> Mapping[str, Surface]:
    """{task: Surface} for every task that was measured, or those of the brief, with so many draws. Raises InvalidInput
    for a task without a single score."""
    measurements = measurements.asked_by(brief)
    tasks = list(cells(measurements, brief).values())
    empty = [task.task for task in tasks if not len(task.labels)]
    if empty:
        allowed = "at least one run with labels or pool labels and a score"
        raise InvalidInput(tuple(Fault(measurements.source, name, "no such run", allowed) for name in empty))
    farthest = {task.task: float(np.abs(task.error).max()) for task in tasks}
    far = [name for name, error in farthest.items() if not error <= FARTHEST]
    if far:
        allowed, hint = f"scores at most {FARTHEST:g} of them", "correct the score, or best and worst of the metric"
        raise InvalidInput(
            tuple(
                Fault(
                    measurements.source,
                    name,
                    f"a score {farthest[name]:.3g} ranges of its metric from the best",
                    allowed,
                    hint,
                )
                for name in far
            )
        )
    fitted = surfaces(tasks, seed, hierarchy, draws)
    chosen = measurements.of_strategies
    if not len(chosen):
        return fitted
    places = chosen.places("task")
    return {
        name: replace(surface, strategies=strategies(surface, chosen.take(places[name]))) if name in places else surface
        for name, surface in fitted.items()
    }


@dataclass(frozen=True)
class Forecast:
    """One task's posterior and its equally likely truths."""

    runs: Runs
    posterior: Posterior
    truths: Draws


def forecasts(tasks: Sequence[Cells], seed: int, hierarchy: bool = True, draws: int = DRAWS) -> Iterator[Forecast]:
    """Of every task, in no order. With `hierarchy` the tasks share what they say about noise."""
    prior = learn(tasks, NoisePrior()) if hierarchy else NoisePrior()
    for alike in _alike(tasks):
        each = [Runs(task, prior) for task in alike]
        for runs, posterior in zip(each, posteriors(each), strict=True):
            yield Forecast(runs, posterior, draw(posterior, runs, draws, seed))


def surfaces(tasks: Sequence[Cells], seed: int, hierarchy: bool = True, draws: int = DRAWS) -> dict[str, Surface]:
    """{task: Surface} by the runs of their curves."""
    answer = {one.runs.task.task: _surface(one) for one in forecasts(tasks, seed, hierarchy, draws)}
    return {task.task: answer[task.task] for task in tasks}


def _alike(tasks: Sequence[Cells]) -> Iterator[list[Cells]]:
    """Tasks that can be fitted together: equally many varied pools, equally many cells, noise that is known or not."""

    def kind(task: Cells) -> tuple[int, bool, int]:
        return len(task.varied), noise_known(task), len(task.labels)

    for _, group in groupby(sorted(tasks, key=lambda t: (kind(t), t.task)), key=kind):
        members = list(group)
        for start in range(0, len(members), CHUNK):
            yield members[start : start + CHUNK]


def _surface(one: Forecast) -> Surface:
    runs, posterior, truths = one.runs, one.posterior, one.truths
    task, (labels, pools) = runs.task, runs.task.largest
    most = task.pool_labels.max(axis=0, initial=0)
    effects = pool_effects(runs, truths)
    width = _width(truths, len(task.varied))
    return Surface(
        task=task.task,
        scale=task.scale,
        pools=task.pools,
        most_labels=int(task.labels.max(initial=0)),
        most_pools={name: int(most[j]) for j, name in enumerate(task.pools)},
        truths=truths,
        varied=tuple(task.pools[j] for j in task.varied),
        unit_labels=labels,
        unit_pools=tuple(float(pools[j]) for j in task.varied),
        laws=posterior.law_weights(),
        exponent=_score(*posterior.exponents()),
        floor=_score(task.scale.score(posterior.node_floor[posterior.node] * posterior.level), posterior.weight),
        noise=float(np.sqrt(runs.variance)) * abs(task.scale.best - task.scale.worst),
        noise_fall=runs.fall,
        trust=judge(runs, Fitted(width, misfit(truths, runs), effects)),
        effects=effects,
    )


def _width(truths: Draws, pools: int) -> float:
    """Width of the 90 % interval at 4 times the largest pilot over the error expected there."""
    expected, errors = truths.forecast(np.full(1, 4.0), np.ones((1, pools)))
    low, high = np.quantile(errors, [0.05, 0.95])
    return float((high - low) / max(float(expected[0]), 0.01))


def _score(values: Array, weights: Array) -> Score:
    """Weighted median and 90 % interval."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    at = np.searchsorted(cumulative, np.array([0.5, 0.05, 0.95]) * cumulative[-1]).clip(max=len(values) - 1)
    return Score(*(float(v) for v in values[order][at]))
