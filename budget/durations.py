"""What runs take, judged by the runs so far: seconds as a straight line along labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean


def expected_seconds(
    timed: Iterable[tuple[str, float, float]], wanted: Iterable[tuple[str, float]]
) -> list[float] | None:
    """Seconds of each run in `wanted` (task, labels), judged by `timed` runs (task, labels, seconds); None: there are
    none.

    A run of a task is taken to cost a + b labels seconds, both at least 0, by least squares over runs of that task, or
    over all where it has none.

    >>> expected_seconds([("cars", 10, 3.0), ("cars", 20, 4.0)], [("cars", 100), ("lanes", 0)])
    [12.0, 2.0]
    """
    timed = [run for run in timed if run[2] > 0]
    if not timed:
        return None
    lines: dict[str, tuple[float, float]] = {}
    found = []
    for task, labels in wanted:
        if task not in lines:
            like = [run for run in timed if run[0] == task] or timed
            lines[task] = straight_line([run[1] for run in like], [run[2] for run in like])
        constant, slope = lines[task]
        found.append(constant + slope * labels)
    return found


def straight_line(labels: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Least squares a + b labels with a, b >= 0.

    >>> straight_line([1, 2], [5.0, 3.0])
    (4.0, 0.0)
    """
    middle, mean = fmean(labels), fmean(seconds)
    spread = sum((each - middle) ** 2 for each in labels)
    slope = sum((x - middle) * (y - mean) for x, y in zip(labels, seconds, strict=True)) / spread if spread else 0.0
    if slope <= 0:
        return mean, 0.0
    constant = mean - slope * middle
    if constant >= 0:
        return constant, slope
    return 0.0, sum(x * y for x, y in zip(labels, seconds, strict=True)) / sum(x * x for x in labels)
