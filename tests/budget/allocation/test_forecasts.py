"""Surfaces asked together answer as each does by itself."""

from __future__ import annotations

import numpy as np
import pytest

from budget import Brief, fit
from budget.allocation.forecasts import forecasts
from budget.allocation.problem import problem
from tests.budget.allocation.surfaces import Known
from tests.budget.fitting.curves import measured, pooled, power, rows

SIZES = (50, 100, 200, 400, 800, 1600)
MIXES = [{"general": a, "narrow": b} for a in (0, 1000, 10000) for b in (0, 5000)]


@pytest.mark.parametrize("points", [1, 9, 3000])  # in one go, and surface by surface
def test_fitted_surfaces_together_say_what_each_says(points: int) -> None:
    frames = [rows("alone", power(), SIZES, noise=0.01), rows("other", power(0.7), SIZES, seed=1, noise=0.02)]
    frames += [rows(f"pooled {i}", pooled, SIZES[i:], MIXES, seed=i, noise=0.01) for i in range(3)]
    frames += [rows("one pool", pooled, SIZES, [{"general": p} for p in (0, 2000)], noise=0.01)]
    surfaces = fit(measured(*frames))
    rng = np.random.default_rng(0)
    labels = rng.uniform(0, 1e5, (len(surfaces), points))
    pools = {"general": rng.uniform(0, 1e5, points), "narrow": np.zeros(points)}
    found = forecasts(list(surfaces.values())).expected(labels, pools)
    for row, mine, surface in zip(labels, found, surfaces.values(), strict=True):
        np.testing.assert_allclose(mine, surface.expected(row, pools), rtol=0, atol=1e-12)


def test_kinds_are_kept_apart_and_those_that_share_nothing_are_asked_one_by_one() -> None:
    fitted = fit(measured(rows("b", power(), SIZES, noise=0.01)))
    surfaces = {"a": Known("a"), **fitted, "c": Known("c", 0.2)}
    brief = {"budget": 9, "tasks": {name: {"label_cost": 1} for name in "abc"}}
    asked = problem(Brief.from_dict(brief), surfaces)
    labels = np.array([[3.0, 700.0], [5.0, 900.0], [8.0, 20.0]])
    found = asked.scores(labels, np.zeros((2, 0)))
    for i, row in enumerate(labels):
        np.testing.assert_allclose(found[i], asked.expected(i, row, np.zeros((2, 0))), rtol=0, atol=1e-12)
