"""What a design will take, from the runs so far: minutes, and money for labels that are not there yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import TYPE_CHECKING

from budget.durations import expected_seconds
from pilots.agenda import Pretraining, pretraining
from pilots.store import Row
from pilots.trainers import Run

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.plan import NextPilot


def minutes(
    runs: Iterable[Run], rows: Sequence[Row], pretrained: Mapping[Pretraining, float], slots: int
) -> float | None:
    """Minutes that `runs` will take in so many slots, judged by runs of the same tasks; None: there are none yet.

    rows: runs so far; pretrained: seconds of each pretraining so far. A run of a task is taken to cost a + b labels
    seconds, both at least 0, by least squares; a pretraining in proportion to its labels.

    >>> from pilots.trainers import Outcome
    >>> rows = [Row(Run("cars", n, 0), Outcome(0.5, 1, 2 + n / 10, "cpu"), "", "") for n in (10, 20)]
    >>> minutes([Run("cars", 100, 0), Run("cars", 100, 1)], rows, {}, slots=2)
    0.2
    """
    found = seconds(runs, rows, pretrained)
    return None if found is None else round(found / slots / 60, 1)


def seconds(runs: Iterable[Run], rows: Sequence[Row], pretrained: Mapping[Pretraining, float]) -> float | None:
    """The same in seconds of one slot: the runs, and the pretrainings they need that have not been done."""
    runs = tuple(runs)
    timed = [
        (row.run.task, row.run.labels, row.outcome.seconds)
        for row in rows
        if row.outcome.score is not None and not row.run.backbone
    ]
    found = expected_seconds(timed, [(run.task, run.labels) for run in runs])
    if found is None:
        return None
    return sum(found) + _pretraining_seconds(runs, pretrained)


def with_pretraining(
    pilots: Iterable[NextPilot], rows: Sequence[Row], pretrained: Mapping[Pretraining, float]
) -> list[NextPilot]:
    """Further pilots, the seconds of the pretrainings that their next seeds need added to theirs.

    >>> from budget.plan import NextPilot
    >>> pilot = NextPilot("cars", 50, {"web": 400}, 2, 0.0, 10.0, 0.0)
    >>> pretrained = {((("web", 100),), 0): 5.0, ((("web", 400),), 0): 20.0}
    >>> [each.seconds for each in with_pretraining([pilot], [], pretrained)]
    [30.0]
    """
    taken = {row.run for row in rows}
    found = []
    for pilot in pilots:
        pools = tuple(sorted(pilot.pools.items()))
        seeds = (seed for seed in count() if Run(pilot.task, pilot.labels, seed, pools) not in taken)
        runs = [Run(pilot.task, pilot.labels, seed, pools) for seed in islice(seeds, pilot.repeats)]
        more = _pretraining_seconds(runs, pretrained)
        found.append(pilot if pilot.seconds is None else replace(pilot, seconds=pilot.seconds + more))
    return found


def _pretraining_seconds(runs: Iterable[Run], pretrained: Mapping[Pretraining, float]) -> float:
    """Seconds of the pretrainings that runs need and nobody has done, in proportion to their labels."""
    missing = {step for step in map(pretraining, runs) if step} - set(pretrained)
    known = sum(_labels(step) for step in pretrained)
    return sum(pretrained.values()) / known * sum(map(_labels, missing)) if known else 0.0


def money(brief: Brief, runs: Iterable[Run]) -> float:
    """What the labels cost that `runs` use and the brief does not own: each task's and each pool's largest run counts.

    >>> from budget import Brief
    >>> task = {"label_cost": 0.5, "owned": 100}
    >>> brief = Brief.from_dict({"budget": 9, "tasks": {"cars": task}, "pools": {"web": task}})
    >>> money(brief, [Run("cars", 50, 0, (("web", 120),)), Run("cars", 300, 0)])
    110.0
    """
    return _price(brief, _needed(runs, {}))


def within(brief: Brief, runs: Iterable[Run], most: float) -> tuple[Run, ...]:
    """Those of `runs`, taken in their order, whose labels beyond those owned cost no more than `most` in all.

    >>> from budget import Brief
    >>> brief = Brief.from_dict({"budget": 9, "tasks": {"cars": {"label_cost": 0.5, "owned": 100}}})
    >>> [run.labels for run in within(brief, [Run("cars", n, 0) for n in (300, 100, 120)], 10)]
    [100, 120]
    """
    kept: tuple[Run, ...] = ()
    needed: dict[str, int] = {}
    for run in runs:
        more = _needed((run,), needed)
        if _price(brief, more) <= most:
            kept, needed = (*kept, run), more
    return kept


def _needed(runs: Iterable[Run], before: Mapping[str, int]) -> dict[str, int]:
    """The most labels of each task and pool that any of the runs uses."""
    needed = dict(before)
    for run in runs:
        for name, labels in ((run.task, run.labels), *run.pools):
            needed[name] = max(labels, needed.get(name, 0))
    return needed


def _price(brief: Brief, needed: Mapping[str, int]) -> float:
    from budget.prices import cost

    lines = {**brief.tasks, **brief.pools}
    used: dict[str, int] = {}
    for name, labels in needed.items():
        own = brief.labels_of(name) if name in brief.tasks else name
        used[own] = max(labels, used.get(own, 0))
    return sum(cost(lines[name], max(0, labels - lines[name].owned)) for name, labels in used.items())


def _labels(step: Pretraining) -> int:
    return sum(labels for _, labels in step[0])
