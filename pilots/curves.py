"""The curves so far, for people who watch: mean scores by labels, as a line of small bars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from pilots.store import Pools, Row

BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Point:
    """Mean score of the `runs` of one task with so many labels after the same pretraining."""

    labels: int
    score: float
    runs: int


def curves(rows: Iterable[Row]) -> dict[str, dict[Pools, tuple[Point, ...]]]:
    """By task, and by pool labels (fewest first), the points by labels; runs of other strategies and modes, and
    of networks to compare, are left out.

    >>> from pilots.trainers import Outcome, Run
    >>> rows = [Row(Run("cars", 50, seed), Outcome(0.25 + seed / 2, 9, 1.0, ""), "", "") for seed in (0, 1)]
    >>> curves(rows)
    {'cars': {(): (Point(labels=50, score=0.5, runs=2),)}}
    """
    cells: dict[tuple[str, Pools, int], list[float]] = {}
    for row in rows:
        run, score = row.run, row.outcome.score
        usual = (run.strategy, run.mode, run.annotators, run.backbone) == ("random", "finetune", 1, "")
        if score is not None and usual:
            cells.setdefault((run.task, run.pools, run.labels), []).append(score)
    found: dict[str, dict[Pools, tuple[Point, ...]]] = {}
    for task, pools, labels in sorted(cells, key=lambda cell: (cell[0], sum(n for _, n in cell[1]), cell[1], cell[2])):
        scores = cells[task, pools, labels]
        mixes = found.setdefault(task, {})
        mixes[pools] = (*mixes.get(pools, ()), Point(labels, fmean(scores), len(scores)))
    return found


def curve_lines(rows: Iterable[Row]) -> list[str]:
    """One line a task: without pools, and with the most pool labels; bars of one task on one scale.

    >>> from pilots.trainers import Outcome, Run
    >>> measured = [(50, (), 0.1), (100, (), 0.3), (50, (("web", 900),), 0.8)]
    >>> rows = [Row(Run("cars", n, 0, pools), Outcome(score, 9, 1.0, ""), "", "") for n, pools, score in measured]
    >>> print(*curve_lines(rows))
    cars: ▁▃ 0.1000 to 0.3000 (50 to 100 labels); with 900 web █ 0.8000 (50 labels)
    """
    lines = []
    for task, mixes in curves(rows).items():
        shown = dict.fromkeys((next(iter(mixes)), next(reversed(mixes))))
        scores = [point.score for pools in shown for point in mixes[pools]]
        parts = []
        for pools in shown:
            name = ", ".join(f"{labels:,} {pool}" for pool, labels in pools)
            parts.append((f"with {name} " if name else "") + _curve(mixes[pools], min(scores), max(scores)))
        line = f"{task}: {'; '.join(parts)}"
        lines.append("".join(letter if letter.isprintable() else "?" for letter in line))
    return lines


def _curve(points: tuple[Point, ...], low: float, high: float) -> str:
    first, last = points[0], points[-1]
    drawn = bars([point.score for point in points], low, high)
    if len(points) == 1:
        return f"{drawn} {last.score:.4f} ({last.labels:,} labels)"
    return f"{drawn} {first.score:.4f} to {last.score:.4f} ({first.labels:,} to {last.labels:,} labels)"


def bars(values: Iterable[float], low: float, high: float) -> str:
    """Every value as a bar, the lowest at `low`, the highest at `high`.

    >>> bars([0, 0.5, 1], 0, 1), bars([3, 3], 3, 3)
    ('▁▅█', '▁▁')
    """
    step = (high - low) / (len(BARS) - 1)
    return "".join(BARS[round((value - low) / step) if step else 0] for value in values)
