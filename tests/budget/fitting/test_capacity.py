"""Whether a larger network makes more of a pool: found where it is so, by a test that errs as often as it says."""

import numpy as np
import pandas as pd
import pytest

from budget import Brief, Measurements, fit
from budget.fitting.capacity import capacities

SIZES = (0, 1000, 4000)


def runs(own_gain, other_gain, noise=0.01, seeds=3, labels=(50, 800), ahead=0.0, rng=0, sign=1):
    """Scores of two networks; the last step of the pool brings each its gain."""
    random = np.random.default_rng(rng)
    gains = {"": (own_gain, 0.0), "large": (other_gain, ahead)}
    return pd.DataFrame(
        [
            {"task": "cars", "labels": n, "seed": seed, "mode": "finetune", "annotators": 1, "pool:web": pool}
            | {"backbone": name, "score": 0.5 + sign * (0.1 * (n > 50) + start + gain * (pool == SIZES[-1]))}
            for n in labels
            for pool in SIZES
            for seed in range(seeds)
            for name, (gain, start) in gains.items()
        ]
    ).assign(score=lambda frame: frame["score"] + random.normal(0, noise, len(frame)))


def compared(frame):
    """The networks of a frame of runs."""
    return capacities(Measurements.from_frame(frame).runs, "")


def with_more_labels(frame):
    """The same with further sizes of the curves' own network, so that a curve can be fitted."""
    own = frame[(frame["backbone"] == "") & (frame["labels"] == 50)]
    more = [own.assign(labels=n, score=own["score"] + 0.025 * k) for k, n in enumerate((100, 200, 400), start=1)]
    return pd.concat([frame, *more], ignore_index=True)


def test_the_figures_are_those_of_the_textbook():
    """Differences of means of three runs, their pooled variance, the 95 % point of Student's t with 8 degrees."""
    frame = runs(0.0, 0.02, labels=(50,))
    (found,) = compared(frame)
    cell = frame.set_index(["backbone", "pool:web"])["score"]
    high, low, high_own, low_own = (cell[name, pool].to_numpy() for name in ("large", "") for pool in (4000, 1000))
    assert found.own.expected == pytest.approx(high_own.mean() - low_own.mean())
    assert found.more.expected == pytest.approx(high.mean() - low.mean() - high_own.mean() + low_own.mean())
    variance = np.mean([part.var(ddof=1) for part in (high, low, high_own, low_own)])
    assert found.more.high - found.more.expected == pytest.approx(1.859548 * np.sqrt(4 * variance / 3), rel=1e-5)


def test_no_difference_is_taken_for_one_as_often_as_the_test_says():
    found = [compared(runs(0.02, 0.02, rng=k))[0] for k in range(200)]
    assert np.mean([each.p_value < 0.1 for each in found]) == pytest.approx(0.1, abs=0.07)
    assert np.mean([each.more.low <= 0 <= each.more.high for each in found]) == pytest.approx(0.9, abs=0.07)


@pytest.mark.parametrize(
    ("own", "other", "ahead", "words"),
    [
        (0.0, 0.08, 0.0, "the curve of pool web is flat because the network is too small: from 1,000 to 4,000 labels"),
        (0.06, 0.14, 0.0, "the network is too small for all that pool web can bring"),
        (0.05, 0.05, 0.1, None),
        (0.0, 0.08, -0.3, None),  # it gains more because it has more to gain
    ],
    ids=["flat", "held down", "only better", "behind"],
)
def test_the_fit_says_when_a_pool_s_curve_is_held_down_by_the_network(own, other, ahead, words):
    frame = with_more_labels(runs(own, other, ahead=ahead))
    surface = fit(Measurements.from_frame(frame))["cars"]
    assert (words in surface.trust.reason) if words else ("too small" not in surface.trust.reason)
    if words:
        assert "with large" in surface.trust.reason


def test_where_no_other_network_ran_and_a_pool_brings_nothing_one_is_what_to_try_next():
    frame = with_more_labels(runs(0.0, 0.0, noise=0.02))
    alone, compared = (fit(Measurements.from_frame(each))["cars"] for each in (frame[frame["backbone"] == ""], frame))
    assert "cannot be told from nothing" in alone.trust.reason
    assert "compare a larger network" in alone.trust.remedy
    assert "compare a larger network" not in compared.trust.remedy


def test_the_curve_is_that_of_the_network_with_most_runs_whatever_another_scores():
    frame = with_more_labels(runs(0.02, 0.3, ahead=0.2))
    whole, own = (fit(Measurements.from_frame(each))["cars"] for each in (frame, frame[frame["backbone"] == ""]))
    assert whole.expected([800, 3200], {"web": 4000}) == pytest.approx(own.expected([800, 3200], {"web": 4000}))


def test_where_a_lower_score_is_better_a_gain_is_a_fall():
    metric = {"name": "error", "best": 0, "worst": 1, "direction": "minimize"}
    brief = Brief.from_dict({"budget": 9, "tasks": {"cars": {"label_cost": 1, "metric": metric}}})
    frame = with_more_labels(runs(0.0, 0.08, sign=-1))
    frame.loc[frame["labels"].between(100, 400), "score"] -= 0.15
    assert "is too small" in fit(Measurements.from_frame(frame), brief)["cars"].trust.reason


def test_without_repeats_or_a_second_size_in_common_nothing_is_said():
    frame = runs(0.0, 0.1)
    assert compared(frame[frame["seed"] == 0]) == ()
    assert compared(frame[(frame["backbone"] == "") | (frame["pool:web"] == 4000)]) == ()


def test_a_column_that_names_no_network_changes_no_checksum():
    frame = runs(0.0, 0.1)
    own = frame[frame["backbone"] == ""]
    assert Measurements.from_frame(own).sha256 == Measurements.from_frame(own.drop(columns="backbone")).sha256
    assert Measurements.from_frame(frame).sha256 != Measurements.from_frame(own).sha256
