"""Backtest: the largest pilots are hidden and predicted from the others, beside the last value and a plain power
law."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from budget.errors import Fault, InvalidInput
from budget.fitting.cells import Cells, cells
from budget.fitting.noise import own_sampling
from budget.plan import Hidden

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.assemble import Forecast
    from budget.measurements import Measurements

Array = NDArray[np.float64]
FEWEST = 3  # cells that must stay visible


@dataclass(frozen=True)
class Summary:
    """Over some hidden pilots: how many, mean absolute errors, and the share that lay in its 90 % interval."""

    count: int
    error: float
    last_value: float
    power_law: float
    covered: float


def backtest(
    measurements: Measurements, brief: Brief | None = None, seed: int = 0, hide: float = 4.0
) -> dict[str, tuple[Hidden, ...]]:
    """{task: hidden pilots}; a task whose pilots are too few to hide any is left out.

    Hidden is what has more than 1/`hide` of the labels of the largest pilot or, where only pools vary, of its pool
    labels. Raises InvalidInput for scores above 1 where no brief says what is best.
    """
    score, places = measurements.runs["score"], measurements.runs.places("task")
    above = {task: top for task, rows in places.items() if (top := np.fmax.reduce(score[rows])) > 1}
    if brief is None and above:
        allowed, hint = "scores up to 1 without a brief", "--brief BRIEF, which names each metric's best and worst"
        raise InvalidInput(
            tuple(Fault(measurements.source, task, f"a score of {top:g}", allowed, hint) for task, top in above.items())
        )
    measurements = measurements.asked_by(brief)
    return hidden(list(cells(measurements, brief).values()), seed, hide)


def hidden(
    tasks: Sequence[Cells], seed: int, hide: float = 4.0, hierarchy: bool = True
) -> dict[str, tuple[Hidden, ...]]:
    """The same for tasks whose cells are at hand."""
    from budget.fitting.assemble import forecasts

    kept = {task.task: (task, keep) for task in tasks if (keep := visible(task, hide)) is not None}
    parts = [_part(task, keep) for task, keep in kept.values()]
    answer = {
        one.runs.task.task: _lines(*kept[one.runs.task.task], one)
        for one in forecasts(parts, seed, hierarchy=hierarchy)
    }
    return {name: answer[name] for name in kept}


def visible(task: Cells, hide: float) -> NDArray[np.bool_] | None:
    """(N,) which cells stay, or None where too few would stay or nothing would be hidden."""
    axes = [task.labels] if np.ptp(task.labels) > 0 else [task.pool_labels[:, j] for j in task.varied]
    keep = np.ones(len(task.labels), bool)
    for axis in axes:
        keep &= axis <= axis.max() / hide
    return keep if FEWEST <= keep.sum() < len(keep) else None


def summary(lines: Iterable[Hidden]) -> Summary:
    """What the forecasts were worth, over the lines of one task or of all; nan where there are none."""
    every = list(lines)
    measured = np.array([line.measured for line in every])

    def off(name: str) -> float:
        predicted = np.array([getattr(line, name) for line in every], float)
        return float(np.abs(predicted - measured).mean()) if every else float("nan")

    covered = float(np.mean([line.low <= line.measured <= line.high for line in every])) if every else float("nan")
    return Summary(len(every), off("predicted"), off("last_value"), off("power_law"), covered)


def as_share(lines: Iterable[Hidden], span: float) -> list[Hidden]:
    """The same lines with every score as a share of its metric's range, `span` = |best - worst|, so that tasks in
    different units can be averaged."""
    return [
        replace(
            line,
            predicted=line.predicted / span,
            low=line.low / span,
            high=line.high / span,
            measured=line.measured / span,
            last_value=None if line.last_value is None else line.last_value / span,
            power_law=None if line.power_law is None else line.power_law / span,
        )
        for line in lines
    ]


def _part(task: Cells, keep: NDArray[np.bool_]) -> Cells:
    return replace(
        task,
        labels=task.labels[keep],
        pool_labels=task.pool_labels[keep],
        error=task.error[keep],
        repeats=task.repeats[keep],
        squares=task.squares[keep],
        by_seed=task.by_seed[keep] if task.by_seed.size else task.by_seed,
    )


def _lines(task: Cells, keep: NDArray[np.bool_], seen: Forecast) -> tuple[Hidden, ...]:
    """Intervals include the noise of the hidden cell's own mean over seeds."""
    away, runs = ~keep, seen.runs
    (unit, units), varied = runs.task.largest, list(runs.task.varied)
    labels, pools = task.labels[away], task.pool_labels[away]
    at = labels / unit, pools[:, varied] / units[varied]
    expected, errors = (task.scale.score(part) for part in seen.truths.forecast(*at))
    low, high = np.quantile(errors, [0.05, 0.95], axis=0)
    grown = (np.maximum(labels, 1) / unit) ** runs.fall
    by_seeds = runs.variance / grown / task.repeats[away]
    noise = 1.64 * np.sqrt(by_seeds + own_sampling(task)[away]) * abs(task.scale.best - task.scale.worst)
    middle = (low + high) / 2
    half = np.hypot(np.abs(high - low) / 2, noise)
    last, law = baselines(task, keep)
    measured = task.scale.score(task.error[away])
    return tuple(
        Hidden(
            labels=int(labels[i]),
            pools={name: int(pools[i, j]) for j, name in enumerate(task.pools)},
            predicted=float(expected[i]),
            low=float(middle[i] - half[i]),
            high=float(middle[i] + half[i]),
            measured=float(measured[i]),
            last_value=float(task.scale.score(last)[i]),
            power_law=float(task.scale.score(law)[i]),
        )
        for i in range(len(labels))
    )


def baselines(task: Cells, keep: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Errors (H,) that need no posterior, for the hidden cells: the nearest visible cell with at most as many labels
    and
    pool labels, and a least-squares power law E + B n^-b along labels (along the pools, where only they vary)."""
    points = np.column_stack([task.labels, task.pool_labels])
    axis = task.labels if np.ptp(task.labels) > 0 else task.pool_labels[:, list(task.varied)].sum(1)
    seen, near = np.flatnonzero(keep), []
    for point in points[~keep]:
        below = seen[(points[seen] <= point).all(1)]
        near.append(below[np.argmax(points[below].sum(1))] if len(below) else seen[-1])
    last, law = task.error[near], np.empty(len(near))
    mix = np.unique(task.pool_labels, axis=0, return_inverse=True)[1].reshape(-1)
    alike = mix if np.ptp(task.labels) > 0 else np.zeros_like(mix)
    for one in np.unique(alike[near]):
        same, there = keep & (alike == one), alike[near] == one
        law[there] = power_law(axis[same], task.error[same], axis[~keep][there])
    return last, law


def power_law(labels: Array, error: Array, at: Array | float) -> Array:
    """Least squares of E + B n^-b with E, B >= 0 on a grid of b, read off at `at` (H,)."""
    exponent = np.geomspace(0.02, 2, 60)[:, None]
    shape = np.exp(-exponent * np.log(np.maximum(labels, 1.0)))  # (60, N)
    centred = shape - shape.mean(1, keepdims=True)
    scale = np.maximum(centred @ error / np.maximum((centred**2).sum(1), 1e-300), 0.0)
    floor = error.mean() - scale * shape.mean(1)
    low = floor < 0
    scale = np.where(low, shape @ error / (shape**2).sum(1), scale)
    floor = np.where(low, 0.0, floor)
    best = int(np.argmin(((floor[:, None] + scale[:, None] * shape - error) ** 2).sum(1)))
    return np.asarray(floor[best] + scale[best] * np.maximum(at, 1.0) ** -exponent[best, 0])
