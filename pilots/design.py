"""Which pilots to run, and in which order: stopped at any time, the runs so far should tell the most.

It decides nothing about how a run is carried out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from budget.errors import InvalidInput
from budget.messages import nearest
from pilots.trainers import Run, Trainer

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements
    from budget.plan import NextPilot

SMALLEST = 50  # labels of the smallest run, where sixteen times as many or more are owned
MOST_SIZES = 7
LATER = 2.5  # steps that runs on the most labels wait, but for the corners
BEYOND = (2, 4)  # times the labels owned that a further pilot may use, if there is money for it


def sizes(smallest: int, largest: int, count: int) -> tuple[int, ...]:
    """`count` whole sizes from `smallest` to `largest`, each about the same multiple of the one before.

    >>> sizes(50, 800, 5)
    (50, 100, 200, 400, 800)
    >>> sizes(100, 100, 5)
    (100,)
    """
    if not 1 <= smallest <= largest or count < 1:
        raise ValueError(f"sizes need 1 <= smallest <= largest and count >= 1; found {smallest}, {largest}, {count}")
    if count == 1:
        return (largest,)
    ratio = (largest / smallest) ** (1 / (count - 1))
    return tuple(sorted({round(smallest * ratio**step) for step in range(count)}))


def for_brief(
    brief: Brief,
    trainer: Trainer,
    seeds: int = 2,
    small_seeds: int = 3,
    labels: Mapping[str, Sequence[int]] = MappingProxyType({}),
    pools: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> tuple[Run, ...]:
    """The grid over the labels that a brief says are owned: each task up to all of them from a sixteenth or less, each
    pool at none, a quarter and all; `labels` and `pools` name other sizes.

    Raises InvalidInput for what the trainer does not know, and where nothing is owned.

    >>> from budget import Brief
    >>> from pilots.trainers.networks import digit_scenes
    >>> brief = Brief.from_dict({"budget": 9, "tasks": {"detection": {"label_cost": 1, "owned": 800}}})
    >>> sorted({run.labels for run in for_brief(brief, digit_scenes())})
    [50, 100, 200, 400, 800]
    """
    label_sizes, pool_sizes = brief_sizes(brief, labels, pools)
    faults = []
    for section, lines, known in (("tasks", brief.tasks, trainer.tasks), ("pools", brief.pools, trainer.pools)):
        for name in lines:
            if name not in known:
                allowed = f"of {', '.join(known)}, which can be trained here"
                faults.append(brief.fault((section, name), repr(name), allowed, nearest(name, known)))
            elif section == "tasks" and name not in label_sizes:
                where = (section, brief.labels_of(name))
                faults.append(brief.fault(where, "no owned labels", "owned labels to train on", "set owned"))
    if faults:
        raise InvalidInput(tuple(dict.fromkeys(faults)))
    return grid(label_sizes, pool_sizes, seeds, small_seeds)


def brief_sizes(
    brief: Brief, labels: Mapping[str, Sequence[int]], pools: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Sequence[int]], dict[str, Sequence[int]]]:
    """The label sizes of every task that owns labels, and the sizes of every pool, those named going before. A subgroup
    has the sizes of the task that it is of."""
    label_sizes = {}
    for name in brief.tasks:
        own = brief.labels_of(name)
        given, owned = labels.get(name) or labels.get(own), brief.tasks[own].owned
        if given or owned:
            label_sizes[name] = given or _sizes_up_to(owned)
    return label_sizes, {name: pools.get(name, (pool.owned // 4, pool.owned)) for name, pool in brief.pools.items()}


def candidates(
    brief: Brief,
    measurements: Measurements,
    labels: Mapping[str, Sequence[int]] = MappingProxyType({}),
    pools: Mapping[str, Sequence[int]] = MappingProxyType({}),
    money: float = 0.0,
) -> list[NextPilot]:
    """The pilots that could follow those measured, gains still 0: the grid of a brief and all cells measured, once or
    repeated; with `money` also twice and four times as many labels as are owned, where that pays for them.
    """
    from budget.allocation.further import further_pilots

    label_sizes, pool_sizes = brief_sizes(brief, labels, pools)
    sizes = {name: (*given, *(times * given[-1] for times in BEYOND)) for name, given in label_sizes.items()}
    sizes |= {name: (*given, *(times * max(given) for times in BEYOND)) for name, given in pool_sizes.items()}
    return [pilot for pilot in further_pilots(brief, measurements, sizes) if pilot.cost <= money]


def grid(
    labels: Mapping[str, Sequence[int]],
    pools: Mapping[str, Sequence[int]],
    seeds: int = 2,
    small_seeds: int = 3,
) -> tuple[Run, ...]:
    """Every task's `labels` sizes x every pool's sizes x seeds, the most telling runs first.

    labels: {task: label sizes}; pools: {pool: sizes beside 0}; small_seeds: repeats of a cell at a task's fewest
    labels, where a score scatters most (about as 1 / sqrt(labels)), falling evenly to `seeds` at its most labels.
    With several pools each is varied alone, and all are at their largest together.

    Corners come first (fewest and most labels, without and with the largest pool), then what halves the widest gap;
    a repeat waits one step behind the cell it repeats, and what takes long waits longer: up to LATER steps at the most
    labels. Tasks take turns.

    >>> [(run.labels, run.pools) for run in grid({"cars": (50, 100, 800)}, {"general": (4000,)}, 1, 1)][:4]
    [(50, ()), (50, (('general', 4000),)), (800, ()), (800, (('general', 4000),))]
    """
    levels = _pool_levels(pools)
    ranked: list[tuple[tuple[object, ...], Run]] = []
    for task in sorted(labels):
        ordered = sorted(set(labels[task]))
        for position, (size, label_rank) in enumerate(zip(ordered, _halving_ranks(len(ordered)), strict=True)):
            share = position / max(len(ordered) - 1, 1)
            repeats = round(max(seeds, small_seeds) * (1 - share) + seeds * share)
            for level, pool_rank in levels.items():
                for seed in range(repeats):
                    step = label_rank + pool_rank + seed
                    priority = (step + LATER * share if step else 0.0, seed, size, level, task)
                    ranked.append((priority, Run(task, size, seed, level)))
    return tuple(run for _, run in sorted(ranked, key=lambda pair: pair[0]))


def comparison(runs: Sequence[Run], backbone: str) -> tuple[Run, ...]:
    """The runs that tell whether another network makes more of the pools: for each task, at its fewest and its most
    labels, each pool alone at its two largest sizes (0, where there is one only), with the seeds there are.

    >>> runs = grid({"cars": (50, 100, 800)}, {"general": (1000, 4000)}, seeds=1, small_seeds=1)
    >>> [(run.labels, run.pools, run.backbone) for run in comparison(runs, "large")][:2]
    [(50, (('general', 4000),), 'large'), (800, (('general', 4000),), 'large')]
    """
    sizes: dict[str, set[int]] = {}
    labels: dict[str, set[int]] = {}
    for run in runs:
        labels.setdefault(run.task, set()).add(run.labels)
        for name, size in run.pools:
            sizes.setdefault(name, {0}).add(size)
    levels = {((name, size),) if size else () for name, found in sizes.items() for size in sorted(found)[-2:]}
    return tuple(
        replace(run, backbone=backbone)
        for run in runs
        if run.pools in levels and run.labels in (min(labels[run.task]), max(labels[run.task]))
    )


def _sizes_up_to(owned: int) -> tuple[int, ...]:
    """Sizes up to what is owned, each at least twice the one before.

    >>> _sizes_up_to(100_000)
    (50, 177, 630, 2236, 7937, 28173, 100000)
    """
    smallest = min(SMALLEST, max(1, owned // 16))
    return sizes(smallest, owned, min(MOST_SIZES, 1 + int(math.log2(owned / smallest))))


def _pool_levels(pools: Mapping[str, Sequence[int]]) -> dict[tuple[tuple[str, int], ...], int]:
    """Each combination of pool labels to be tried, with its rank: 0 for none and the largest of a pool."""
    levels: dict[tuple[tuple[str, int], ...], int] = {(): 0}
    pools = {name: pools[name] for name in sorted(pools) if max(pools[name], default=0)}
    for name in pools:
        ordered = sorted({0, *pools[name]})
        for size, rank in zip(ordered[1:], _halving_ranks(len(ordered))[1:], strict=True):
            levels[((name, size),)] = rank
    if len(pools) > 1:
        levels[tuple((name, max(pools[name])) for name in pools)] = 1
    return levels


def _halving_ranks(count: int) -> list[int]:
    """Ranks for a row of `count` places: the ends 0, the middle 1, the middles of the halves 2, and so on.

    >>> _halving_ranks(5)
    [0, 2, 1, 2, 0]
    """
    ranks = [0] * count

    def halve(low: int, high: int, rank: int) -> None:
        if high - low > 1:
            middle = (low + high) // 2
            ranks[middle] = rank
            halve(low, middle, rank + 1)
            halve(middle, high, rank + 1)

    halve(0, count - 1, 1)
    return ranks
