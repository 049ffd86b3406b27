"""What each task's answer rests on, for whoever reads the plan: dots measured, curves fitted, laws, backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from budget.plan import Curve, Dot, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budget.fitting.surface import Surface
    from budget.measurements import Measurements

CURVE_POINTS = 32
REACH = 1.5  # curves go on to so many times the plan's labels


def evidence(surface: Surface, dots: tuple[Dot, ...], labels: int, pools: Mapping[str, tuple[int, int]]) -> Evidence:
    """Of one task. `labels`: the plan's; `pools`: {name: (owned, planned)} labels.

    Curves are drawn with the pools as owned, as in the largest pilot and as planned, each level once.
    """
    most = {name: int(surface.most_pools.get(name, 0)) for name in pools}
    levels = [
        {name: owned for name, (owned, _) in pools.items()},
        most,
        {name: plan for name, (_, plan) in pools.items()},
    ]
    distinct = [level for k, level in enumerate(levels) if level not in levels[:k]]
    seen = [dot.labels for dot in dots if dot.labels > 0]
    first = max(min([*seen, labels, surface.most_labels]), 1)
    grid = np.geomspace(first, max(REACH * max(labels, surface.most_labels), first + 1), CURVE_POINTS)
    return Evidence(
        dots=dots,
        curves=tuple(_curve(surface, level, grid) for level in distinct),
        most_labels=surface.most_labels,
        most_pools=dict(surface.most_pools),
        laws={name: float(weight) for name, weight in surface.laws.items()},
        exponent=surface.exponent,
        floor=surface.floor,
        noise=float(surface.noise),
        backtest=surface.backtest,
        fades_at=dict(surface.fades_at),
    )


def _curve(surface: Surface, pools: dict[str, int], labels: np.ndarray) -> Curve:
    low, high = surface.interval(labels, pools)
    parts = (labels, surface.expected(labels, pools), np.minimum(low, high), np.maximum(low, high))
    return Curve(pools, *(tuple(float(f"{value:.5g}") for value in part) for part in parts))  # drawn, never decided on


def dots(measurements: Measurements) -> dict[str, tuple[Dot, ...]]:
    """Every run that may feed a curve, by task; a failed one has no score."""
    frame = measurements.frame
    frame = frame[frame["strategy"] == "random"]
    pools = measurements.pools
    found: dict[str, list[Dot]] = {}
    columns = [frame[column].tolist() for column in ("task", "labels", "score", "seed", *(f"pool:{p}" for p in pools))]
    for task, labels, score, seed, *mix in zip(*columns, strict=True):
        value = None if np.isnan(score) else float(score)
        found.setdefault(str(task), []).append(
            Dot(int(labels), value, int(seed), {pool: int(n) for pool, n in zip(pools, mix, strict=True) if n})
        )
    return {task: tuple(each) for task, each in found.items()}
