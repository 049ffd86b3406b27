"""What runs with one seed have in common: told from the runs, and what it is worth to know it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as formula
from scipy import stats

from budget import Measurements
from budget.fitting.assemble import surfaces
from budget.fitting.cells import Cells, Scale, cells
from budget.fitting.noise import NoisePrior, Runs, common_shares, learn
from budget.fitting.pool_effect import measured_effect
from tests.budget.fitting.curves import Truth, pooled

SIZES, POOLS = (50, 100, 200, 400, 800), (0, 1000, 4000)
FLAT: Truth = lambda n, _: 0.9 - 1.2 * (n + 20) ** -0.4  # noqa: E731


def scatter(random: np.random.Generator, subset: float, network: float, sizes=SIZES, seeds: int = 3) -> np.ndarray:
    """(seeds, sizes, pools) standard deviations from the truth: of nested sets of labels, whose means over n and m > n
    labels correlate by sqrt(n / m), of pretrained networks, and of each run's own."""
    nested = np.cumsum(random.standard_normal((seeds, len(sizes))) * np.sqrt(np.diff([0, *sizes])), axis=1)
    nested = nested / np.sqrt(sizes)
    starts = random.standard_normal((seeds, 1, len(POOLS)))
    part = np.where(np.array(POOLS) > 0, network, 0.0)
    own = random.standard_normal((seeds, len(sizes), len(POOLS)))
    return np.sqrt(subset) * nested[:, :, None] + np.sqrt(part) * starts + np.sqrt(1 - subset - part) * own


def world(
    tasks: int, subset: float, network: float, truth: Truth, seed: int, sizes=SIZES, power: float = 1.0
) -> list[Cells]:
    random, found = np.random.default_rng(seed), []
    for t in range(tasks):
        off = 0.01 * scatter(random, subset, network, sizes)
        for s, i, j in np.ndindex(off.shape):
            mix, spread = {"general": POOLS[j]}, (max(sizes) / sizes[i]) ** (power / 2)
            found.append((f"t{t:02d}", sizes[i], POOLS[j], s, truth(sizes[i], mix) + spread * off[s, i, j]))
    frame = pd.DataFrame(found, columns=["task", "labels", "pool:general", "seed", "score"])
    return list(cells(Measurements.from_frame(frame), None).values())


def falling(power: float, tasks: int, seed: int = 0) -> list[Cells]:
    """Five runs at each of six sizes, with a variance of 0.01^2 at the largest that falls by this power of labels."""
    random, labels = np.random.default_rng(seed), 100.0 * 2 ** np.arange(6)
    found = []
    for t in range(tasks):
        scatter = 0.01 * (labels / labels[-1]) ** (-power / 2)
        runs = 0.2 + scatter[:, None] * random.standard_normal((6, 5))
        squares = runs.var(axis=1) * 5
        pools = np.zeros((6, 0))
        found.append(Cells(f"t{t:03d}", Scale(), (), labels, pools, runs.mean(1), np.full(6, 5.0), squares, 0))
    return found


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_noise_at_the_largest_pilot_is_found_however_it_falls_with_labels(power):
    """Of one task the power is known to 0.35 by its repeats, shrunk to 0.6; all tasks together know it."""
    alone, together = falling(power, 100), learn(falling(power, 100), NoisePrior())
    assert np.mean([Runs(task).fall for task in alone]) == pytest.approx(0.6 + (power - 0.6) * 0.7, abs=0.15)
    assert together.fall == pytest.approx(power, abs=0.1)
    noise = [Runs(task, together).variance ** 0.5 for task in alone]
    assert np.mean(noise) == pytest.approx(0.01, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_pool_that_does_nothing_is_called_something_as_often_as_the_test_says_however_noise_falls(power):
    tasks = world(200, 0.0, 0.0, FLAT, 6, power=power)
    prior = learn(tasks, NoisePrior())
    found = np.array([measured_effect(Runs(task, prior), 0) for task in tasks])
    assert np.mean(found[:, 0] < 0.05) < 0.1
    assert np.mean(found[:, 1] < 0.05) < 0.1


@pytest.mark.parametrize(("subset", "network"), [(0.6, 0.0), (0.0, 0.5), (0.3, 0.4), (0.0, 0.0)])
def test_what_runs_with_one_seed_have_in_common_is_told_from_the_runs(subset, network):
    prior = learn(world(60, subset, network, pooled, 1), NoisePrior())
    assert prior.subset == pytest.approx(subset, abs=0.1)
    assert prior.network == pytest.approx(network, abs=0.1)


def test_the_share_of_the_labels_is_that_of_a_mixed_model():
    """At one number of labels the component is a random intercept for every task and seed: statsmodels, by REML."""
    tasks = world(60, 0.5, 0.0, pooled, 2, sizes=(400,))
    ours = common_shares(tasks, learn(tasks, NoisePrior()))[0]
    runs = [
        {"off": 100 * off, "set": f"{t}-{s}"}
        for t, task in enumerate(tasks)
        for (_, s), off in np.ndenumerate(task.by_seed)
    ]
    fitted = formula.mixedlm("off ~ 1", pd.DataFrame(runs), groups="set").fit()
    within = float(fitted.scale)  # residuals from cell means: both components lose a third, their ratio stays
    between = float(fitted.cov_re.iloc[0, 0])
    share = between / (between + within)
    assert 0.8 * share < ours < share + 0.02  # shrunk to nothing


def test_the_covariance_of_the_means_is_that_of_simulated_runs():
    random, spread = np.random.default_rng(3), np.sqrt(max(SIZES) / np.array(SIZES))[:, None]
    seen = np.cov(np.array([(scatter(random, 0.4, 0.3) * spread).mean(axis=0).ravel() for _ in range(20_000)]).T)
    task = world(1, 0.4, 0.3, pooled, 0)[0]
    prior = NoisePrior(subset=0.4, network=0.3, fall=1.0, fall_deviation=1e-3)
    known = Runs(task, prior)
    ours = known.covariance
    np.testing.assert_allclose(np.diag(ours), known.by_seeds)
    unit = ours[-1, -1] / seen[-1, -1]
    np.testing.assert_allclose(ours / unit, seen, atol=0.06 * np.sqrt(np.outer(np.diag(seen), np.diag(seen))).max())


def test_runs_whose_seeds_differ_have_nothing_in_common():
    task = world(1, 0.6, 0.0, pooled, 0)[0]
    alone = replace(task, by_seed=np.zeros((0, 0)))
    prior = NoisePrior(subset=0.6)
    np.testing.assert_array_equal(Runs(alone, prior).covariance, np.diag(Runs(task, prior).by_seeds))
    assert common_shares([alone], prior) == (0.0, 0.0)


def test_the_f_test_of_a_pool_on_shared_labels_is_that_of_generalised_least_squares():
    task = world(1, 0.6, 0.0, pooled, 4)[0]
    known = Runs(task, NoisePrior(subset=0.6))
    pool = np.log1p(task.pool_labels[:, 0] / task.pool_labels.max() * 100)
    pool, logs = pool - pool.mean(), np.log(task.labels + 0.8)
    means = np.array([[float(n == m) for m in SIZES] for n in task.labels])
    design = np.column_stack([means, pool, pool * (logs - logs.mean())])
    without, whole = (sm.GLS(task.error, part, known.covariance).fit() for part in (means, design))
    left = (whole.ssr + known.squares / known.variance) / (whole.df_resid + task.freedom)
    found = measured_effect(known, 0)
    assert found is not None
    nothing = stats.f.sf((without.ssr - whole.ssr) / 2 / left, 2, whole.df_resid + task.freedom)
    assert found[0] == pytest.approx(nothing, rel=1e-5, abs=1e-300)


@pytest.mark.slow
def test_labels_that_runs_share_tell_what_a_pool_does_more_precisely_and_as_truly():
    """Against a fit of the same tasks that does not know it: narrower by a tenth or more, and the truth inside."""
    tasks = world(50, 0.6, 0.0, FLAT, 5)
    aware = surfaces(tasks, 0)
    blind = surfaces([replace(task, by_seed=np.zeros((0, 0))) for task in tasks], 0)
    for name in ("few", "most"):
        ours, theirs = ([getattr(s.effects["general"], name) for s in of.values()] for of in (aware, blind))
        width, wide = (np.mean([effect.high - effect.low for effect in each]) for each in (ours, theirs))
        assert width < 0.9 * wide
        assert np.mean([effect.low <= 0 <= effect.high for effect in ours]) >= 0.85
