"""What each task's answer rests on, for whoever reads the plan: dots measured, curves fitted, laws, backtest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from budget.plan import Curve, Dot, Evidence, Hidden

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budget.fitting.surface import Surface
    from budget.measurements import Measurements

CURVE_POINTS = 24
REACH = 1.5  # curves go on to so many times the plan's labels
MEASURED = 4  # mixes of pool labels with most runs that get a curve of their own
DRAWN, READ = 4, 6  # digits of what is drawn, and of what is read; neither is decided on


def evidence(
    surface: Surface,
    dots: tuple[Dot, ...],
    labels: int,
    pools: Mapping[str, tuple[int, int]],
    hidden: Sequence[Hidden] = (),
) -> Evidence:
    """Of one task. `labels`: the plan's; `pools`: {name: (owned, planned)} labels; `hidden`: its backtest.

    Curves are drawn with the pools as planned, as owned, and as in the pilots, each level once.
    """
    levels = _levels(dots, pools)
    seen = [dot.labels for dot in dots if dot.labels > 0]
    first = max(min([*seen, labels, surface.most_labels]), 1)
    grid = np.geomspace(first, max(REACH * max(labels, surface.most_labels), first + 1), CURVE_POINTS)
    return Evidence(
        dots=dots,
        curves=_curves(surface, levels, grid),
        most_labels=surface.most_labels,
        most_pools=dict(surface.most_pools),
        laws={name: float(weight) for name, weight in surface.laws.items()},
        exponent=surface.exponent,
        floor=surface.floor,
        noise=float(surface.noise),
        backtest=tuple(_short(line) for line in hidden),
        fades_at=dict(surface.fades_at),
    )


def _levels(dots: tuple[Dot, ...], pools: Mapping[str, tuple[int, int]]) -> list[dict[str, int]]:
    """Pool labels that get a curve: those planned, those owned, and of those measured none at all and the most used."""
    runs = Counter(tuple(dot.pools.get(name, 0) for name in pools) for dot in dots if dot.score is not None)
    none = (0,) * len(pools)
    often = sorted(set(runs) - {none}, key=lambda mix: (-runs[mix], mix))[:MEASURED]
    mixes = [tuple(plan for _, plan in pools.values()), tuple(owned for owned, _ in pools.values())]
    mixes += [none] if none in runs else []
    return [dict(zip(pools, mix, strict=True)) for mix in dict.fromkeys([*mixes, *often])]


def _short(line: Hidden) -> Hidden:
    """A line of the backtest with as many digits as anyone reads."""
    return replace(
        line,
        predicted=_rounded(line.predicted, READ),
        low=_rounded(line.low, READ),
        high=_rounded(line.high, READ),
        measured=_rounded(line.measured, READ),
        last_value=None if line.last_value is None else _rounded(line.last_value, READ),
        power_law=None if line.power_law is None else _rounded(line.power_law, READ),
    )


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _curves(surface: Surface, levels: Sequence[dict[str, int]], labels: np.ndarray) -> tuple[Curve, ...]:
    """One along the labels for each level of the pools, all asked at once."""
    every = np.tile(labels, len(levels))
    pools = {name: np.repeat([float(level[name]) for level in levels], len(labels)) for name in levels[0]}
    low, high = surface.interval(every, pools)
    parts = np.stack([every, surface.expected(every, pools), np.minimum(low, high), np.maximum(low, high)])
    each = parts.reshape(4, len(levels), -1).swapaxes(0, 1).tolist()
    return tuple(
        Curve(level, *(tuple(_rounded(value, DRAWN) for value in part) for part in of_level))
        for level, of_level in zip(levels, each, strict=True)
    )


def dots(measurements: Measurements) -> dict[str, tuple[Dot, ...]]:
    """Every run that may feed a curve, by task; a failed one has no score."""
    runs, pools = measurements.of_curves, measurements.pools
    found: dict[str, list[Dot]] = {}
    columns = [runs[column].tolist() for column in ("task", "labels", "score", "seed", *(f"pool:{p}" for p in pools))]
    for task, labels, score, seed, *mix in zip(*columns, strict=True):
        value = None if np.isnan(score) else score
        found.setdefault(task, []).append(
            Dot(labels, value, seed, {pool: n for pool, n in zip(pools, mix, strict=True) if n})
        )
    return {task: tuple(each) for task, each in found.items()}
