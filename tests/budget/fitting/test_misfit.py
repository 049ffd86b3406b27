"""What no law fits, and what the test items leave open, is in the intervals everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import budget.cli
from budget import Measurements, fit
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from tests.budget.fitting.curves import Truth, measured, pooled, power, rows

EXAMPLE = Path(budget.cli.__file__).parent / "examples" / "measurements.csv"
SIZES = (50, 100, 200, 400, 800, 1600)
MIXES = [{"general": p} for p in (0, 1000, 4000)]


def bent(random: np.random.Generator) -> Truth:
    """Log odds with a bend along labels and a wave where pools are large: no law of the ensemble."""
    rise, help_, bend = random.uniform(0.2, 0.9, 3)
    height, phase = random.uniform(0.1, 0.4), random.uniform(0, 6)

    def truth(n: float, pools: Mapping[str, float]) -> float:
        far, pool = np.log(n / 50) / np.log(32), np.log1p(pools["general"] / 100) / np.log(41)
        odds = -1 + 2.2 * rise * far + 1.5 * help_ * pool * (1 - far) ** 2 + height * np.sin(3 * far + phase) * pool
        return float(1 / (1 + np.exp(-odds - 0.6 * bend * np.tanh(4 * (far - 0.5)))))

    return truth


def test_cells_inside_the_pilots_are_covered_where_no_law_fits_and_the_verdict_says_so() -> None:
    random = np.random.default_rng(5)
    truths = {f"t{i}": bent(random) for i in range(12)}
    frames = [rows(task, truth, SIZES, MIXES, noise=0.0005) for task, truth in truths.items()]
    fitted = fit(measured(*frames))
    inside = []
    for task, truth in truths.items():
        for n in SIZES:
            for mix in MIXES:
                (low,), (high,) = fitted[task].interval([n], mix)
                inside.append(low <= truth(n, mix) <= high)
                assert low <= fitted[task].expected([n], mix)[0] <= high
    assert np.mean(inside) >= 0.8  # of 42: their share has a standard error of 0.05
    assert np.mean(["depart from every law" in fitted[task].trust.reason for task in truths]) > 0.5


@pytest.mark.parametrize("truth", [power(), pooled])
def test_where_a_law_fits_the_verdict_names_no_departure(truth: Truth) -> None:
    surface = fit(measured(rows("a", truth, SIZES, MIXES, noise=0.004)))["a"]
    assert "depart" not in surface.trust.reason


def scored_on(items: float, seeds: int) -> pd.DataFrame:
    return rows("a", power(), SIZES, seeds=seeds, noise=0.001).assign(test_size=items)


def width(frame: pd.DataFrame, labels: int = 1600) -> float:
    (low,), (high,) = fit(measured(frame))["a"].interval([labels])
    return float(high - low)


def test_a_small_test_set_widens_the_interval_and_seeds_do_not_narrow_it() -> None:
    error = 1 - power()(1600, {})
    shared = 2 * 1.64 * np.sqrt(0.5 * error * (1 - error) / 200)
    for seeds in (3, 30):
        assert width(scored_on(200, seeds)) > 0.95 * shared
    assert width(scored_on(1e6, 3)) < 0.5 * shared
    assert width(scored_on(200, 3), 6400) > width(scored_on(1e6, 3), 6400)


def test_an_unknown_test_size_counts_as_no_sampling_error() -> None:
    frame = scored_on(200, 3)
    assert width(frame.assign(test_size=np.nan)) == width(frame.drop(columns="test_size"))


def test_a_cell_left_out_of_the_example_lies_in_its_interval() -> None:
    frame = Measurements.from_csv(EXAMPLE).frame
    left_out, without = {}, []
    keys = ["task", "labels", "pool:general"]
    for number, (key, rows_) in enumerate(frame.groupby(keys)):
        task, labels, pool = str(key[0]), int(key[1]), int(key[2])
        if (labels, pool) == (frame.labels.max(), frame["pool:general"].max()):
            continue
        rest = frame[(frame.task == task) & ~frame.index.isin(rows_.index)]
        left_out[f"{number}"] = labels, pool, float(rows_.score.mean())
        without.append(rest.assign(task=f"{number}"))
    fitted = surfaces(list(cells(measured(*without), None).values()), 0)
    inside = []
    for name, (labels, pool, score) in left_out.items():
        (low,), (high,) = fitted[name].interval([labels], {"general": pool})
        inside.append(low <= score <= high)
    assert len(inside) > 30
    assert np.mean(inside) >= 0.8  # of 42: their share has a standard error of 0.05
