"""What a page draws of a task: a curve for each level of pool labels that was measured, owned or planned."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from budget.allocation.evidence import MEASURED, evidence
from budget.plan import Dot, Evidence, Hidden

POOLS = {"general": (500, 9000), "web": (0, 0)}  # owned, planned


def drawn(*mixes: dict[str, int], pools: dict[str, tuple[int, int]] = POOLS) -> Evidence:
    """The evidence of a task whose score is its labels and pool labels added up, with a pilot at each mix."""

    def expected(labels: np.ndarray, mix: dict[str, int]) -> np.ndarray:
        return np.asarray(labels, float) + sum(mix.values())

    surface = SimpleNamespace(
        most_labels=400, most_pools={}, laws={}, exponent=None, floor=None, noise=0.0, fades_at={},
        expected=expected, interval=lambda labels, mix: (expected(labels, mix) + 1, expected(labels, mix) - 1),
    )  # fmt: skip
    dots = tuple(Dot(400, 0.5, seed, mix) for seed, mix in enumerate(mixes))
    hidden = Hidden(400, {}, 1 / 3, 0.1, 0.9, 2 / 3, None, 1e-9 / 3)
    return evidence(surface, dots, 4000, pools, [hidden])  # type: ignore[arg-type]


def test_every_level_measured_has_its_curve_beside_the_planned_and_the_owned_one() -> None:
    curves = drawn({}, {"general": 2000}, {"web": 700}).curves
    planned, owned, none = {"general": 9000, "web": 0}, {"general": 500, "web": 0}, {"general": 0, "web": 0}
    measured = [{"general": 0, "web": 700}, {"general": 2000, "web": 0}]
    assert [curve.pools for curve in curves] == [planned, owned, none, *measured]
    for curve in curves:
        assert curve.expected == pytest.approx(
            [labels + sum(curve.pools.values()) for labels in curve.labels], rel=1e-3
        )
        assert all(
            low <= middle <= high for low, middle, high in zip(curve.low, curve.expected, curve.high, strict=True)
        )


def test_a_level_that_is_planned_and_measured_is_drawn_once_and_none_only_where_it_was_measured() -> None:
    assert [curve.pools["general"] for curve in drawn({"general": 9000}).curves] == [9000, 500]
    assert [curve.pools for curve in drawn({}, pools={}).curves] == [{}]


def test_of_many_levels_those_with_most_runs_are_drawn() -> None:
    mixes = [{"general": level} for level in range(1000, 9000, 1000)] + [{"general": 7000}] * 2
    levels = [curve.pools["general"] for curve in drawn(*mixes).curves]
    assert len(levels) == 2 + MEASURED
    assert levels[2] == 7000


def test_hidden_pilots_keep_the_digits_that_anyone_reads() -> None:
    (line,) = drawn({}).backtest
    assert (line.predicted, line.measured, line.last_value, line.power_law) == (0.333333, 0.666667, None, 3.33333e-10)
