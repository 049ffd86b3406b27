"""The test of what a pool does, against statsmodels' own comparison of nested weighted regressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formula
from scipy import stats

from budget import Measurements
from budget.fitting.cells import cells
from budget.fitting.noise import NoisePrior, fall
from budget.fitting.pool_effect import measured_effect
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
    weight = task.repeats * task.labels ** fall(task, NoisePrior())
    without, with_pool = (
        formula.wls(f"error ~ {terms}", table, weights=weight).fit()
        for terms in ("C(labels)", "C(labels) + pool + pool:logs")
    )
    found = measured_effect(task, 0, NoisePrior())
    assert found is not None
    nothing, harm = found
    assert nothing == pytest.approx(with_pool.compare_f_test(without)[1], rel=1e-6, abs=1e-300)
    assert nothing < 1e-6 if truth is pooled else nothing > 0.01
    logs = np.log(table.labels + 0.8)
    rises = [with_pool.t_test(f"pool + {end} * pool:logs") for end in (logs.min(), logs.max())]
    least = min(float(stats.t.sf(rise.tvalue.item(), with_pool.df_resid)) for rise in rises)
    assert harm == pytest.approx(min(2 * least, 1.0), rel=1e-6)
