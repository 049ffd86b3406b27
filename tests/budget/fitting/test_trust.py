"""Each finding is found where it is, and not where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from budget import Brief, fit
from budget.fitting.isotonic import falling
from tests.budget.fitting.curves import measured, pooled, power, rows

SIZES = (50, 100, 200, 400, 800, 1600)


def verdict(frame: pd.DataFrame) -> tuple[str, str]:
    trust = fit(measured(frame))["a"].trust
    return trust.status, trust.reason


def test_a_clean_curve_passes() -> None:
    assert verdict(rows("a", power(), SIZES, noise=0.002)) == ("PASS", "")


@pytest.mark.parametrize(
    ("frame", "status", "words"),
    [
        (rows("a", power(), (100, 200)), "FAIL", "only 2 pilot sizes"),
        (rows("a", power(), SIZES, seeds=1), "REVIEW", "no repeats"),
        (rows("a", power(), (500, 600, 700, 800)), "REVIEW", "less than a factor 4"),
        (rows("a", lambda n, _: 0.005, SIZES, noise=0.0005), "REVIEW", "still at chance"),
        (rows("a", lambda n, _: 0.999, SIZES, noise=0.0001), "REVIEW", "at its ceiling"),
        (rows("a", lambda n, _: 1.2, SIZES, noise=0.001), "FAIL", "above the metric's best"),
        (rows("a", lambda n, _: 0.8 - 0.2 * (n == 400), SIZES, noise=0.005), "REVIEW", "dips at 400 labels only"),
        (rows("a", lambda n, _: 0.8 - 0.2 * (n in (200, 400)), SIZES, noise=0.005), "REVIEW", "double descent"),
        (rows("a", lambda n, _: 0.8 - 0.0001 * n, SIZES, noise=0.005), "REVIEW", "falls with more labels"),
        (rows("a", power(), SIZES).assign(**{"pool:web": 0}), "REVIEW", "web was never varied"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_found_and_named(frame: pd.DataFrame, status: str, words: str) -> None:
    found, reason = verdict(frame)
    assert words in reason
    assert found == status


def test_failed_runs_are_counted() -> None:
    frame = rows("a", power(), SIZES)
    frame.loc[frame.index % 3 == 0, "score"] = np.nan
    status, reason = verdict(frame)
    assert status == "REVIEW"
    assert "6 of 18 runs failed" in reason


def test_an_outlying_run_is_flagged_and_hardly_moves_the_forecast() -> None:
    clean = rows("a", power(), SIZES, seeds=5, noise=0.004)
    dirty = clean.copy()
    dirty.loc[(dirty.labels == 1600) & (dirty.seed == 0), "score"] -= 0.5
    before, after = fit(measured(clean))["a"], fit(measured(dirty))["a"]
    assert "outlying" in after.trust.reason
    assert "outlying" not in before.trust.reason
    assert abs(after.expected([6400])[0] - before.expected([6400])[0]) < 0.02


def test_a_pool_that_does_nothing_is_told_from_one_that_helps() -> None:
    mixes = [{"general": p} for p in (0, 1000, 10000)]
    useless = fit(measured(rows("a", power(), SIZES, mixes, noise=0.01)))["a"]
    useful = fit(measured(rows("a", pooled, SIZES, mixes, noise=0.01)))["a"]
    assert useless.effects["general"].p_value > 0.01
    assert useful.effects["general"].p_value < 1e-4
    assert useful.effects["general"].few.low > 0
    assert "cannot be told from nothing" not in useful.trust.reason


def test_falling_is_the_nearest_falling_sequence() -> None:
    values, weights = np.array([3.0, 4.0, 1.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, 3.0, 1.0])
    found = falling(values, weights)
    np.testing.assert_allclose(found, [3.5, 3.5, 1.75, 1.75, 0.0])


@pytest.mark.parametrize(
    ("labels", "found"), [((100, 200, 400), False), ((100, 200, 399), True)], ids=["a factor 4", "less"]
)
def test_the_span_of_labels_is_judged_at_a_factor_4(labels: tuple[int, ...], found: bool) -> None:
    assert ("less than a factor 4" in verdict(rows("a", power(), labels))[1]) == found


@pytest.mark.parametrize(("sizes", "status"), [(2, "FAIL"), (3, "REVIEW"), (4, "PASS")])
def test_the_number_of_pilot_sizes_is_judged_at_3_and_4(sizes: int, status: str) -> None:
    found, reason = verdict(rows("a", power(), SIZES[-sizes:], noise=0.001))
    assert ("pilot sizes" in reason) == (status != "PASS")
    assert status == "PASS" or found == status


@pytest.mark.parametrize(("failed", "status"), [(3, "PASS"), (4, "REVIEW"), (9, "REVIEW"), (10, "FAIL")])
def test_failed_runs_are_judged_at_a_fifth_and_a_half(failed: int, status: str) -> None:
    """Of 18 runs, those of the last seeds first, so that every size keeps its place."""
    frame = rows("a", power(), SIZES, noise=0.001).sort_values(["seed", "labels"], ascending=False, ignore_index=True)
    frame.loc[: failed - 1, "score"] = np.nan
    found, reason = verdict(frame)
    assert (f"{failed} of 18 runs failed" in reason) == (status != "PASS")
    assert (found == "FAIL") == (status == "FAIL")


@pytest.mark.parametrize(("best", "found"), [(0.994, False), (0.996, True)])
def test_the_ceiling_is_judged_at_half_a_point(best: float, found: bool) -> None:
    frame = rows("a", lambda n, _: best - 0.5 * (1 - n / 1600), SIZES, noise=0.0)
    assert ("at its ceiling" in verdict(frame)[1]) == found


@pytest.mark.parametrize(("score", "found"), [(0.021, False), (0.019, True)])
def test_chance_is_judged_at_two_points(score: float, found: bool) -> None:
    frame = rows("a", lambda n, _: score, SIZES, noise=0.0)
    assert ("still at chance" in verdict(frame)[1]) == found


def test_a_pool_that_nobody_measured_is_a_reason_to_look() -> None:
    pools = {"web": {"label_cost": 0.01, "max_labels": 1000}}
    brief = Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1}}, "pools": pools})
    trust = fit(measured(rows("a", power(), (50, 100, 200, 400, 800))), brief)["a"].trust
    assert "pool web was never varied, so its effect is unknown" in trust.reason


def test_runs_that_are_left_out_are_named_beside_the_kind_that_is_kept() -> None:
    pool = [{"general": p} for p in (0, 1000)]
    kept = rows("a", pooled, (50, 100, 200, 400), pools=pool).assign(mode="frozen")
    scratch = kept["pool:general"] == 0
    other = kept[~scratch].head(3).assign(mode="finetune")
    trust = fit(measured(kept.assign(mode=kept["mode"].mask(scratch, "scratch")), other))["a"].trust
    assert (
        "3 runs of another mode or number of annotators are left out (the curve is of frozen, annotators 1)"
        in trust.reason
    )
