"""The test of what a pool does, against statsmodels' own comparison of nested weighted regressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formula

from budget import Measurements
from budget.fitting.cells import cells
from budget.fitting.noise import NoisePrior, one_run
from budget.fitting.pool_effect import f_test
from tests.budget.fitting.curves import pooled, rows

SIZES = (50, 100, 200, 400, 800)
POOLS = tuple({"general": labels} for labels in (0, 1000, 4000))


@pytest.mark.parametrize(
    "truth", [pooled, lambda n, _: 0.9 - 2 * n**-0.5], ids=["a pool that helps", "one that does not"]
)
def test_the_f_test_of_a_pool_is_that_of_nested_weighted_regressions(truth):
    task = cells(Measurements.from_frame(rows("a", truth, SIZES, POOLS, noise=0.01)), None)["a"]
    bought = task.pool_labels[:, 0]
    table = pd.DataFrame(
        {
            "error": task.error,
            "labels": task.labels,
            "pool": np.log1p(100 * bought / bought.max()),
            "logs": np.log(task.labels + 0.8),
        }
    )
    weight = task.repeats * task.labels / one_run(task, NoisePrior())[0]
    without, with_pool = (
        formula.wls(f"error ~ {terms}", table, weights=weight).fit()
        for terms in ("C(labels)", "C(labels) + pool + pool:logs")
    )
    ours = f_test(task, 0, NoisePrior())
    assert ours is not None
    assert ours == pytest.approx(with_pool.compare_f_test(without)[1], rel=1e-6, abs=1e-300)
    assert ours < 1e-6 if truth is pooled else ours > 0.01
