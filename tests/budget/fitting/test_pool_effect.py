"""The test of what a pool does, against statsmodels' own comparison of nested weighted regressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as formula
from scipy import stats

from budget import Measurements
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.noise import Runs
from budget.fitting.pool_effect import measured_effect
from tests.budget.fitting.curves import measured, pooled, power, rows

SIZES = (50, 100, 200, 400, 800)
POOLS = tuple({"general": labels} for labels in (0, 1000, 4000))


@pytest.mark.parametrize(
    "truth", [pooled, lambda n, _: 0.9 - 2 * n**-0.5], ids=["a pool that helps", "one that does not"]
)
def test_the_f_test_of_a_pool_is_that_of_nested_weighted_regressions_of_the_runs(truth):
    runs = rows("a", truth, SIZES, POOLS, noise=0.01)
    task = cells(Measurements.from_frame(runs), None)["a"]
    bought = runs["pool:general"]
    table = runs.assign(
        error=1 - runs.score, pool=np.log1p(100 * bought / bought.max()), logs=np.log(runs.labels + 0.8)
    )
    weight = table.labels ** Runs(task).fall
    without, with_pool = (
        formula.wls(f"error ~ {terms}", table, weights=weight).fit()
        for terms in ("C(labels)", "C(labels) + pool + pool:logs")
    )
    found = measured_effect(Runs(task), 0)
    assert found is not None
    nothing, harm = found
    assert nothing == pytest.approx(with_pool.compare_f_test(without)[1], rel=1e-5, abs=1e-300)
    assert nothing < 1e-6 if truth is pooled else nothing > 0.01
    rises = [with_pool.t_test(f"pool + {end} * pool:logs") for end in (table.logs.min(), table.logs.max())]
    least = min(float(stats.t.sf(rise.tvalue.item(), with_pool.df_resid)) for rise in rises)
    assert harm == pytest.approx(min(2 * least, 1.0), rel=1e-5)


@pytest.mark.parametrize("pools", [POOLS, POOLS[::2]], ids=["three sizes", "with and without"])
def test_a_pool_that_was_varied_at_one_number_of_labels_is_tested_there(pools):
    """Labels varied without the pool, the pool at the most labels: the test is a regression of the runs of these."""
    runs = pd.concat(
        [rows("a", pooled, SIZES[:-1], POOLS[:1], noise=0.01), rows("a", pooled, SIZES[-1:], pools, noise=0.01)]
    )
    task = cells(Measurements.from_frame(runs), None)["a"]
    table = runs.assign(error=1 - runs.score, pool=np.log1p(100 * runs["pool:general"] / 4000))
    weight = table.labels ** Runs(task).fall
    without, with_pool = (
        formula.wls(f"error ~ {terms}", table, weights=weight).fit() for terms in ("C(labels)", "C(labels) + pool")
    )
    found = measured_effect(Runs(task), 0)
    assert found is not None
    assert found[0] == pytest.approx(with_pool.compare_f_test(without)[1], rel=1e-5, abs=1e-300)
    assert found[1] == pytest.approx(float(stats.t.sf(with_pool.tvalues["pool"], with_pool.df_resid)), rel=1e-5)


def test_a_pool_that_was_varied_along_with_the_labels_only_is_not_tested():
    runs = pd.concat([rows("a", pooled, (size,), (mix,)) for size, mix in zip(SIZES, POOLS, strict=False)])
    task = cells(Measurements.from_frame(runs), None)["a"]
    assert measured_effect(Runs(task), 0) is None


def test_more_of_a_pool_that_does_nothing_is_forecast_to_bring_next_to_nothing():
    """Of 16 times the pool 0.0052 of the range (0.0067 if every pool is thought to help), and the truth is covered."""
    tables = [rows(f"t{i}", power(0.45), (100, 400, 1600, 3200), POOLS, noise=0.006, seed=i) for i in range(20)]
    found = list(surfaces(list(cells(measured(*tables), None).values()), 0).values())
    truth = power(0.45)(3200, {})
    far = {"general": 16 * 4000}
    assert np.mean([f.expected(3200, far)[0] for f in found]) - truth < 0.006
    low, high = np.array([f.interval(3200, far) for f in found]).T[0]
    assert np.mean((low <= truth) & (truth <= high)) >= 0.85
