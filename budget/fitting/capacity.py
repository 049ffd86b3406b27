"""Is a pool's curve flat because the network is too small? Told by runs of the same cells with another network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtr, stdtrit

from budget.plan import Score

if TYPE_CHECKING:
    from budget.run_table import RunTable

POOL = "pool:"


@dataclass(frozen=True)
class Capacity:
    """What `pool` brings from `few` to `most` labels with the network of the curves (`own`) and with another one
    (`other`), in the score's unit, more being better; `more`: how much more the other one, with its 90 % interval.

    p_value: of the one-sided t test that it brings the other no more; ahead: how far the other is ahead with the most.
    """

    pool: str
    backbone: str
    few: int
    most: int
    own: Score
    other: Score
    more: Score
    p_value: float
    ahead: float


def capacities(runs: RunTable, own: str, sign: int = 1) -> tuple[Capacity, ...]:
    """Of one task's runs, for each pool and each network beside `own` that ran at the same cells, repeats included;
    `sign`: -1 where a lower score is better.

    Compared are the two largest sizes of the pool at which both ran, at all labels, modes and labels of other pools
    that both sizes share. Cells (repeats r, mean y) share one variance s^2, that of all their repeats; a mean of
    differences of cells, sum w y, has variance s^2 sum w^2 / r and Student's t with the freedom of s^2. Runs of one
    seed learn from the same labels and vary together, so that the interval is rather too wide.

    >>> import pandas as pd
    >>> from budget import Measurements
    >>> cells = [("", 0, 0.50), ("", 9, 0.51), ("large", 0, 0.50), ("large", 9, 0.70)]
    >>> table = [{"task": "cars", "labels": 50, "seed": s, "backbone": b, "pool:web": p, "score": y + s / 100}
    ...          for b, p, y in cells for s in (0, 1)]
    >>> (found,) = capacities(Measurements.from_frame(pd.DataFrame(table)).runs, "")
    >>> found.backbone, found.few, found.most, round(found.more.expected, 3), found.p_value < 0.01
    ('large', 0, 9, 0.19, True)
    """
    runs = runs.take(runs.scored)
    pools = [name for name in runs.columns if name.startswith(POOL)]
    others = sorted(set(runs["backbone"].tolist()) - {own})
    found = [_compared(runs, pools, pool, own, other, sign) for other in others for pool in pools]
    return tuple(each for each in found if each is not None)


def _compared(runs: RunTable, pools: list[str], pool: str, own: str, other: str, sign: int) -> Capacity | None:
    """One pool, two networks; None where they have no two sizes of the pool in common, or no repeats."""
    same = ["labels", "mode", "annotators", *(each for each in pools if each != pool)]
    some = runs.take(runs.among("backbone", (own, other)))
    cell = zip(*(some[name].tolist() for name in same), strict=True)
    keys = zip(cell, some[pool].tolist(), some["backbone"].tolist(), strict=True)
    scores: dict[tuple[tuple[Any, ...], int, str], list[float]] = {}
    for key, score in zip(keys, some["score"].tolist(), strict=True):
        scores.setdefault(key, []).append(sign * score)
    cells = {key: np.array(each) for key, each in scores.items()}
    both = {(cell, size) for cell, size, backbone in cells if {(cell, size, own), (cell, size, other)} <= set(cells)}
    sizes = sorted({size for _, size in both})[-2:]
    shared = sorted(cell for cell, size in both if size == sizes[0] and (cell, sizes[-1]) in both)
    used = [cells[cell, size, backbone] for cell in shared for size in sizes for backbone in (own, other)]
    freedom = sum(len(each) - 1 for each in used)
    if len(sizes) < 2 or freedom < 1:
        return None
    variance = float(sum(np.square(each - each.mean()).sum() for each in used)) / freedom
    wide = float(stdtrit(freedom, 0.95))

    def mean(size: int, backbone: str) -> float:
        return float(np.mean([cells[cell, size, backbone].mean() for cell in shared]))

    def error(*backbones: str) -> float:
        counts = [len(cells[cell, size, backbone]) for cell in shared for size in sizes for backbone in backbones]
        return float(np.sqrt(variance * sum(1 / count for count in counts))) / len(shared)

    def gain(value: float, off: float) -> Score:
        return Score(value, value - wide * off, value + wide * off)

    few, most = sizes
    rises = {backbone: mean(most, backbone) - mean(few, backbone) for backbone in (own, other)}
    more = gain(rises[other] - rises[own], error(own, other))
    off = error(own, other)
    return Capacity(
        pool=pool.removeprefix(POOL),
        backbone=other,
        few=int(few),
        most=int(most),
        own=gain(rises[own], error(own)),
        other=gain(rises[other], error(other)),
        more=more,
        p_value=float(stdtr(freedom, -more.expected / off)) if off > 0 else float(more.expected <= 0),
        ahead=mean(most, other) - mean(most, own),
    )
