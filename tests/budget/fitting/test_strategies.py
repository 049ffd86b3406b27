"""What a cleverer choice of labels is said to bring over labels chosen at random."""

from __future__ import annotations

import numpy as np
import pytest

from budget import Brief, fit
from tests.budget.fitting.curves import measured, power, rows

SIZES = (50, 100, 200, 400, 800, 1600)


def clever(gain: float, seed: int):
    """The same curve, `gain` higher, at three of the sizes."""
    truth = power()
    frame = rows("cars", lambda n, pools: truth(n, pools) + gain, SIZES[2:5], noise=0.01, seed=seed)
    return frame.assign(strategy="margin")


@pytest.mark.parametrize("gain", [0.05, 0.0, -0.04])
def test_the_interval_of_what_a_strategy_brings_holds_the_truth(gain):
    inside = 0
    for seed in range(20):
        random = rows("cars", power(), SIZES, noise=0.01, seed=seed).assign(strategy="random")
        found = fit(measured(random, clever(gain, 100 + seed)))["cars"].strategies["margin"]
        assert found.runs == 9
        inside += found.gain.low <= gain <= found.gain.high
    assert inside >= 16  # of 20 at 90 %; fewer in one of 130 by chance


def test_strategies_move_no_curve():
    random = rows("cars", power(), SIZES, noise=0.01).assign(strategy="random")
    alone, beside = fit(measured(random))["cars"], fit(measured(random, clever(0.2, 1)))["cars"]
    grid = np.geomspace(10, 1e5, 20)
    np.testing.assert_array_equal(alone.expected(grid), beside.expected(grid))
    assert alone.strategies == {}


def test_a_strategy_that_lowers_a_loss_gains():
    frame = measured(
        *(part.assign(score=5 * (1 - part["score"])) for part in (rows("cars", power(), SIZES), clever(0.05, 3)))
    )
    metric = {"name": "loss", "best": 0.0, "worst": 5.0, "direction": "minimize"}
    brief = Brief.from_dict({"budget": 1, "tasks": {"cars": {"label_cost": 1, "metric": metric}}})
    assert fit(frame, brief)["cars"].strategies["margin"].gain.expected == pytest.approx(0.25, abs=0.08)
