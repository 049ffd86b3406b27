"""Every check of the trust verdict fires just beyond its threshold and not just before it, with its reason and remedy;
and those that are statistical tests fire as often as they say on data without a fault, and nearly always on a fault."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import fdtri

from budget import fit
from budget.fitting.assemble import surfaces
from budget.fitting.cells import Cells, Scale
from budget.fitting.cells import cells as cells_by_task
from budget.fitting.misfit import Misfit
from budget.fitting.noise import NoisePrior, Runs
from budget.fitting.pool_effect import PoolEffect, measured_effect
from budget.fitting.trust import THRESHOLDS, Fitted, Trust, dips, judge
from budget.plan import Score
from tests.budget.fitting.curves import measured, pooled, power, rows

LABELS, ERROR = (100.0, 200.0, 400.0, 800.0), (0.5, 0.4, 0.3, 0.2)
FAULTLESS = PoolEffect(Score(0.1, 0.05, 0.15), Score(0.1, 0.05, 0.15), 0.001, None, 1.0)


def cells(labels: Any = LABELS, error: Any = ERROR, repeats: Any = 3.0, pools: Any = (), **others: Any) -> Cells:
    """Pilots of one task, at `pools` labels of one pool where there are any; a run scatters by about 0.01."""
    labels, error = np.array(labels, float), np.array(error, float)
    repeats = np.broadcast_to(np.array(repeats, float), labels.shape)
    mix = np.array(pools, float).reshape(len(labels), -1)
    squares = 1e-4 * (repeats - 1) * labels.max() / labels
    return Cells("a", Scale(), ("web",) * mix.shape[1], labels, mix, error, repeats, squares, **{"failed": 0, **others})


def verdict(task: Cells, width: float = 0.5, misfit: Misfit | None = None, **effect: Any) -> Trust:
    effects = {"web": replace(FAULTLESS, **effect)} if len(task.varied) else {}
    return judge(Runs(task), Fitted(width, misfit or Misfit(0.0, None), effects))


def with_pool(labels: Any, **others: Any) -> Cells:
    """Every pool size of `labels` at two label counts."""
    count = len(labels)
    return cells([100.0] * count + [800.0] * count, [0.5] * count + [0.2] * count, pools=[*labels, *labels], **others)


def a_fall(times: float) -> Cells:
    """The last error so far above the one before as is `times` what the test at 1 % allows two cells."""
    task, error = cells(), np.array([0.5, 0.4, 0.2, 0.2])
    for _ in range(50):  # what a run scatters by depends a little on the error itself
        variance = Runs(replace(task, error=error)).by_all
        runs = task.freedom + NoisePrior().runs - 1
        error[3] = 0.2 + times * np.sqrt(fdtri(1, runs, 1 - THRESHOLDS.significance) * variance[2:].sum())
    return replace(task, error=error)


def above_best(deviations: float) -> Cells:
    """The best cell so many of its standard deviations above the metric's best."""
    task = cells()
    error = np.array([*ERROR[:3], 0.0])
    for _ in range(50):  # what a run scatters by depends a little on the error itself
        error[3] = -deviations * np.sqrt(Runs(replace(task, error=error)).by_all[3])
    return replace(task, error=error)


def test_pilots_without_a_fault_pass() -> None:
    assert verdict(cells()) == Trust("PASS", "", "")
    assert verdict(with_pool((0, 100, 1000))) == Trust("PASS", "", "")


def test_the_thresholds_are_fixed() -> None:
    with pytest.raises(FrozenInstanceError):
        THRESHOLDS.span = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("before", "beyond", "status", "reason", "remedy"),
    [
        pytest.param(
            verdict(cells()), verdict(cells(LABELS[:3], ERROR[:3])),
            "REVIEW", "only 3 pilot sizes", "Measure one or two more sizes.", id="4 sizes",
        ),
        pytest.param(
            verdict(cells((100, 200, 400), ERROR[:3])), verdict(cells((100, 400), (0.5, 0.3))),
            "FAIL", "only 2 pilot sizes", "Measure at least four sizes, each twice as large.", id="3 sizes",
        ),
        pytest.param(
            verdict(cells((100, 400), (0.5, 0.3))), verdict(cells((100,), (0.5,))),
            "FAIL", "only one pilot size", "Measure at least four sizes, each twice as large.", id="2 sizes",
        ),
        pytest.param(
            verdict(cells(repeats=(3, 1, 1, 1))), verdict(cells(repeats=(2, 1, 1, 1))),
            "REVIEW", "no repeats, so the noise is a guess", "Run two or three seeds at the small sizes.", id="repeats",
        ),
        pytest.param(
            verdict(cells((200, 300, 400, 800))), verdict(cells((201, 300, 400, 800))),
            "REVIEW", "the pilots' labels span less than a factor 4", "Add a pilot at a quarter of the smallest.",
            id="a factor 4 of labels",
        ),
        pytest.param(
            verdict(cells((399, 400, 400), (0.5, 0.4, 0.3), pools=(0, 100, 1000))),
            verdict(cells((400, 400, 400), (0.5, 0.4, 0.3), pools=(0, 100, 1000))),
            "REVIEW", "labels were never varied, so what more of them bring is a guess",
            "Add pilots with fewer labels.", id="labels varied",
        ),
        pytest.param(
            verdict(with_pool((1000, 4000))), verdict(with_pool((1001, 4000))),
            "REVIEW", "pilots with web span less than a factor 4", "Add pilots without web.", id="a factor 4 of a pool",
        ),
        pytest.param(
            verdict(with_pool((0, 3000, 4000))), verdict(with_pool((3000, 4000))),
            "REVIEW", "pilots with web span less than a factor 4", "Add pilots without web.", id="a pool and none",
        ),
        pytest.param(
            verdict(cells(failed=3)), verdict(cells(failed=4)),
            "REVIEW", "4 of 16 runs failed", "Run the failed pilots again.", id="a fifth of the runs",
        ),
        pytest.param(
            verdict(cells(failed=12)), verdict(cells(failed=13)),
            "FAIL", "13 of 25 runs failed", "Find out why runs fail before planning.", id="half of the runs",
        ),
        pytest.param(
            verdict(cells(outliers=0)), verdict(cells(outliers=1)),
            "REVIEW", "outlying runs: 1", "Look at the logs of the outlying runs.", id="outliers",
        ),
        pytest.param(
            verdict(above_best(2.99)), verdict(above_best(3.01)),
            "FAIL", "scores above the metric's best", "Correct the metric's best and worst in the brief.",
            id="the metric's best",
        ),
        pytest.param(
            verdict(cells(error=(0.5, 0.4, 0.3, 0.0051))), verdict(cells(error=(0.5, 0.4, 0.3, 0.0049))),
            "REVIEW", "the score is at its ceiling", "Spend on other tasks, or use a harder test set.", id="ceiling",
        ),
        pytest.param(
            verdict(cells(error=(1, 0.995, 0.99, 0.979))), verdict(cells(error=(1, 0.995, 0.99, 0.981))),
            "REVIEW", "the score is still at chance", "Pilot with more labels until the score leaves chance.",
            id="chance",
        ),
        pytest.param(
            verdict(cells(chance=0.221)), verdict(cells(chance=0.219)),
            "REVIEW", "the score is still at chance", "Pilot with more labels until the score leaves chance.",
            id="measured chance",
        ),
        pytest.param(
            verdict(a_fall(0.999)), verdict(a_fall(1.001)),
            "REVIEW", "the score falls at 800 labels, the most measured", "Repeat the largest size.", id="a fall",
        ),
        pytest.param(
            verdict(cells(), width=0.75), verdict(cells(), width=0.751),
            "REVIEW", "floor and exponent are not determined by the pilots", "Add a pilot at twice the largest size.",
            id="floor and exponent",
        ),
        pytest.param(
            verdict(cells(), misfit=Misfit(0.0211, 0.0101)), verdict(cells(), misfit=Misfit(0.0211, 0.0099)),
            "REVIEW", "the pilots depart from every law by more than their noise, 0.021 of the range",
            "Check that all runs share one recipe.", id="departure, by its test",
        ),
        pytest.param(
            verdict(cells(), misfit=Misfit(0.0199, 0.001)), verdict(cells(), misfit=Misfit(0.0201, 0.001)),
            "REVIEW", "the pilots depart from every law by more than their noise, 0.020 of the range",
            "Check that all runs share one recipe.", id="departure, by its size",
        ),
        pytest.param(
            verdict(with_pool((0, 100))), verdict(cells(pools=(100, 100, 100, 100))),
            "REVIEW", "pool web was never varied, so its effect is unknown", "Run pilots with and without web.",
            id="a pool varied",
        ),
        pytest.param(
            verdict(with_pool((0, 100))), verdict(with_pool((0, 100)), p_value=None, harm=None),
            "REVIEW", "too few pilots to test what pool web brings",
            "Run pilots with and without web, all else the same.", id="a pool tested",
        ),
        pytest.param(
            verdict(with_pool((0, 100)), harm=0.0101), verdict(with_pool((0, 100)), harm=0.0099),
            "REVIEW", "pool web lowers the score", "Do not buy web for this task.", id="harm",
        ),
        pytest.param(
            verdict(with_pool((0, 100)), p_value=0.0099, few=Score(0.0, -0.1, 0.1)),
            verdict(with_pool((0, 100)), p_value=0.0101, few=Score(0.0, -0.1, 0.1)),
            "REVIEW", "what pool web brings cannot be told from nothing",
            "Repeat the pilots with most web, and compare a larger network.",
            id="nothing, by its test",
        ),
        pytest.param(
            verdict(with_pool((0, 100)), p_value=0.5, few=Score(0.1, 0.001, 0.2)),
            verdict(with_pool((0, 100)), p_value=0.5, few=Score(0.1, 0.0, 0.2)),
            "REVIEW", "what pool web brings cannot be told from nothing",
            "Repeat the pilots with most web, and compare a larger network.",
            id="nothing, by its interval",
        ),
    ],
)  # fmt: skip
def test_a_check_fires_just_beyond_its_threshold_with_its_reason_and_remedy(
    before: Trust, beyond: Trust, status: str, reason: str, remedy: str
) -> None:
    assert reason not in before.reason
    assert reason in beyond.reason
    assert (beyond.status, beyond.remedy) == (status, remedy)


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        ((0.5, 0.4, 0.55, 0.3, 0.25, 0.2), "the score dips at 400 labels only", "Repeat that size with more seeds."),
        ((0.5, 0.2, 0.42, 0.38, 0.34, 0.3), "the score peaks at 200 labels only", "Repeat that size with more seeds."),
        (
            (0.5, 0.4, 0.35, 0.3, 0.25, 0.35),
            "the score falls at 3,200 labels, the most measured",
            "Repeat the largest size.",
        ),
        (
            (0.4, 0.3, 0.45, 0.5, 0.35, 0.25),
            "the score falls and recovers (sample-wise double descent) near 800 labels",
            "Stop training early on a validation split.",
        ),
        (
            (0.4, 0.3, 0.35, 0.4, 0.45, 0.5),
            "the score falls with more labels near 3,200 labels",
            "Check that all runs share one recipe.",
        ),
    ],
)  # fmt: skip
def test_dips_peaks_and_double_descent_are_told_apart(error: tuple[float, ...], reason: str, remedy: str) -> None:
    found = verdict(cells((100, 200, 400, 800, 1600, 3200), error))
    assert (found.status, found.reason, found.remedy) == ("REVIEW", f"{reason}.", remedy)


def simulated(random: np.random.Generator, truth: Any, repeats: int, deviation: float) -> Cells:
    """Six sizes; a run scatters by `deviation` at the largest pilot."""
    labels = 100.0 * 2 ** np.arange(6)
    runs = truth[:, None] + deviation * np.sqrt(labels[-1] / labels)[:, None] * random.standard_normal((6, repeats))
    squares = ((runs - runs.mean(1, keepdims=True)) ** 2).sum(1)
    return Cells("a", Scale(), (), labels, np.zeros((6, 0)), runs.mean(1), np.full(6, float(repeats)), squares, 0)


@pytest.mark.parametrize("repeats", [2, 5])
@pytest.mark.parametrize(("deviation", "most"), [(0.003, 0.016), (0.006, 0.026), (0.03, 0.035)])
def test_the_test_for_dips_fires_in_one_of_a_hundred_flat_curves(repeats: int, deviation: float, most: float) -> None:
    """Flat curves are the worst case. The noise is guessed to be 0.006; where it is five times that, six repeats do not
    outweigh the guess at once. Of 1,000 a share of 0.01 has a standard error of 0.003."""
    random = np.random.default_rng(0)
    flat, falls = np.full(6, 0.3), np.linspace(0.5, 0.2, 6)
    fired = [any(dips(Runs(simulated(random, flat, repeats, deviation)), 0.01)) for _ in range(1000)]
    assert np.mean(fired) <= most
    assert not any(any(dips(Runs(simulated(random, falls, repeats, 0.003)), 0.01)) for _ in range(200))


def test_the_test_for_dips_finds_dips_of_eight_standard_errors() -> None:
    random = np.random.default_rng(0)
    truth = np.array([0.5, 0.42, 0.36, 0.31, 0.27, 0.24])
    found = []
    for _ in range(300):
        size = int(random.integers(1, 5))
        dip = truth.copy()
        dip[size] = truth[size - 1] + 8 * 0.005 * 2 ** ((5 - size) / 2) / np.sqrt(3)
        found.append(any(dips(Runs(simulated(random, dip, 3, 0.005)), 0.01)))
    assert np.mean(found) > 0.75


def test_runs_are_called_outlying_in_one_of_a_hundred_clean_tables_and_found_where_they_are() -> None:
    false, found = [], []
    for i in range(120):
        frame = rows("a", power(0.4, 0.1, 1.5), SIX, noise=0.004, seed=i)
        false.append(cells_of(frame).outliers > 0)
        run = i % len(frame)
        frame.loc[run, "score"] -= 20 * 0.004 * np.sqrt(max(SIX) / frame.labels[run])
        found.append(cells_of(frame).outliers > 0)
    assert np.mean(false) <= 0.02
    assert np.mean(found) > 0.75


MIXES = [{"web": labels} for labels in (0, 300, 3000)]
SIX = (100, 200, 400, 800, 1600, 3200)


def tasks_of(*frames: pd.DataFrame) -> list[Cells]:
    return list(cells_by_task(measured(*frames), None).values())


def cells_of(frame: pd.DataFrame) -> Cells:
    return tasks_of(frame)[0]


def harm_and_nothing(kind: str, count: int) -> tuple[float, float]:
    """How often, of `count` tasks whose pool helps, does nothing or harms, it is said to lower the score, and not to be
    told from nothing."""
    help_ = {"helps": 0.03, "does nothing": 0.0, "harms": -0.03}[kind]
    plain = power(0.4, 0.1, 1.5)

    def truth(n: float, pools: Any) -> float:
        return plain(n, {}) + help_ * np.log1p(pools.get("web", 0) / 300) / np.log(11)

    tasks = [cells_of(rows("a", truth, SIX, MIXES, noise=0.004, seed=i)) for i in range(count)]
    found = [measured_effect(Runs(task), 0) for task in tasks]
    assert None not in found
    nothing, harm = np.array(found, float).T
    return float(np.mean(harm < 0.01)), float(np.mean(nothing > 0.01))


def test_a_pool_is_said_to_harm_or_to_do_nothing_as_often_as_the_tests_say() -> None:
    """Of 300 a share of 0.01 has a standard error of 0.006."""
    harm, nothing = harm_and_nothing("does nothing", 300)
    assert harm <= 0.025
    assert nothing >= 0.975
    assert harm_and_nothing("helps", 25) == (0.0, 0.0)
    harm, nothing = harm_and_nothing("harms", 25)
    assert harm > 0.95


def test_a_pool_that_lowers_the_score_is_named() -> None:
    plain = power(0.4, 0.1, 1.5)
    frame = rows("a", lambda n, pools: plain(n, {}) - 0.04 * (pools["web"] > 0), SIX, MIXES, noise=0.004)
    trust = fit(measured(frame))["a"].trust
    assert "pool web lowers the score" in trust.reason


@pytest.mark.slow
def test_clean_curves_are_said_to_depart_from_every_law_in_one_of_a_hundred_at_the_most() -> None:
    """Label laws and a joint one, 3 seeds, noise about the guess and three times it."""
    random, frames = np.random.default_rng(0), []
    for i in range(300):
        exponent, floor, noise = random.uniform(0.2, 0.8), random.uniform(0, 0.2), random.choice([0.004, 0.02])
        joint = i % 3 == 0
        truth = pooled if joint else power(exponent, floor, 0.3 * 100**exponent)
        mixes = [{"general": p} for p in (0, 1000, 10000)] if joint else [{}]
        frames.append(rows(f"t{i}", truth, SIX, mixes, noise=noise, seed=i))
    apart = [surfaces(tasks_of(*some), 0) for some in (frames[::3], frames[1::3] + frames[2::3])]
    reasons = [surface.trust.reason for each in apart for surface in each.values()]
    assert np.mean(["depart from every law" in reason for reason in reasons]) <= 0.015
    words = ("dips", "peaks", "falls", "harm", "lowers the score", "outlying")
    assert np.mean([any(word in reason for word in words) for reason in reasons]) <= 0.03
