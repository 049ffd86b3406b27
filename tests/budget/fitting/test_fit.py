"""What a fitted task promises, whatever was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import Brief, fit
from budget.errors import InvalidInput
from budget.fitting.assemble import surfaces
from budget.fitting.cells import cells
from budget.fitting.surface import Surface
from tests.budget.fitting.curves import measured, pooled, power, rows

SIZES = (50, 100, 200, 400, 800, 1600)
GENERAL = [{"general": p} for p in (0, 1000, 10000)]
GRID = np.geomspace(1, 1e6, 60)


def test_a_power_law_is_forecast_within_its_interval_and_close() -> None:
    surface = fit(measured(rows("cars", power(), SIZES, noise=0.002)))["cars"]
    for labels in (3200, 6400, 25600):
        low, high = surface.interval([labels])
        assert low[0] <= power()(labels, {}) <= high[0]
        assert surface.expected([labels])[0] == pytest.approx(power()(labels, {}), abs=0.03)


def test_shuffled_rows_and_tasks_change_nothing() -> None:
    frames = [rows("b", power(0.3), SIZES, seed=1), rows("a", power(), SIZES), rows("c", power(0.7), SIZES, seed=2)]
    straight, turned = measured(*frames), measured(*(f.sample(frac=1, random_state=3) for f in reversed(frames)))
    one, other = fit(straight), fit(turned)
    assert list(one) == list(other) == ["a", "b", "c"]
    for task in one:
        np.testing.assert_array_equal(one[task].expected(GRID), other[task].expected(GRID))
        np.testing.assert_array_equal(one[task].draws(GRID), other[task].draws(GRID))


def test_another_task_changes_an_answer_only_through_the_hierarchy() -> None:
    alone = list(cells(measured(rows("a", power(), SIZES)), None).values())
    noisy = [rows(f"t{i}", power(), SIZES, noise=0.1, seed=i) for i in range(5)]
    together = list(cells(measured(rows("a", power(), SIZES), *noisy), None).values())
    off = [surfaces(tasks, 0, hierarchy=False)["a"].expected(GRID) for tasks in (alone, together)]
    on = [surfaces(tasks, 0)["a"].expected(GRID) for tasks in (alone, together)]
    np.testing.assert_allclose(off[0], off[1], rtol=1e-12)
    assert np.abs(on[0] - on[1]).max() > 1e-6


def test_a_task_that_the_brief_does_not_ask_about_changes_nothing() -> None:
    brief = Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1}}})
    own, loss = rows("a", power(), SIZES), rows("loss", lambda n, _: 20 + 300 * n**-0.3, SIZES, noise=5.0)
    alone, beside = fit(measured(own), brief), fit(measured(own, loss), brief)
    assert list(beside) == ["a"]
    np.testing.assert_array_equal(alone["a"].draws(GRID), beside["a"].draws(GRID))


def test_a_pool_that_nobody_knows_is_refused_with_its_neighbour() -> None:
    surface = fit(measured(rows("a", pooled, SIZES[:4], GENERAL)))["a"]
    with pytest.raises(InvalidInput, match=r"a: pools: found 'genral'; allowed: of general.*did you mean general\?"):
        surface.draws([100], {"genral": 1000})
    np.testing.assert_array_equal(surface.expected([100], {"web": 0}), surface.expected([100]))


def test_what_is_no_number_of_labels_or_no_level_is_refused() -> None:
    surface = fit(measured(rows("a", power(), SIZES)))["a"]
    for labels in ([-100], [np.nan]):
        with pytest.raises(ValueError, match="numbers from 0"):
            surface.expected(labels)
    for level in (0, 1, 90):
        with pytest.raises(ValueError, match=f"level {level}"):
            surface.interval([100], level=level)


def test_without_the_hierarchy_another_task_changes_nothing_at_all() -> None:
    noisy = [rows(f"t{i}", power(), SIZES, noise=0.1, seed=i) for i in range(5)]
    alone, together = measured(rows("a", power(), SIZES)), measured(rows("a", power(), SIZES), *noisy)
    one, other = (fit(table, hierarchy=False)["a"] for table in (alone, together))
    np.testing.assert_allclose(one.draws(GRID), other.draws(GRID), rtol=1e-9)


def test_a_task_whose_noise_is_a_guess_leaves_one_whose_noise_is_measured_as_it_is() -> None:
    measured_noise, guess = rows("a", power(), SIZES), rows("b", power(), SIZES, seed=1)
    guess = guess[(guess["seed"] == 0) | (guess["labels"] == SIZES[0])]
    one, other = (fit(measured(*table), hierarchy=False)["a"] for table in ([measured_noise], [measured_noise, guess]))
    np.testing.assert_allclose(one.draws(GRID), other.draws(GRID), rtol=1e-9)


def test_what_one_task_turns_out_to_be_says_nothing_of_another_with_the_same_runs() -> None:
    frame = rows("", power(), SIZES, noise=0.02)
    found = fit(measured(*(frame.assign(task=f"t{i}") for i in range(8))))
    for labels in (200, 6400, 100000):
        draws = np.stack([surface.draws([labels])[:, 0] for surface in found.values()])
        between = np.corrcoef(draws)[np.triu_indices(8, 1)]
        assert abs(between.mean()) < 0.07  # 28 pairs of 200 draws: a standard error of 0.013
        assert np.abs(between).max() < 0.3


def test_a_task_without_repeats_learns_its_noise_from_tasks_with_repeats() -> None:
    """Mean interval score (Winkler 1972) at 4 times the pilot, with the hierarchy and without."""
    random, scores = np.random.default_rng(0), {True: [], False: []}
    for world in range(6):
        truths = [power(random.uniform(0.2, 0.7), random.uniform(0, 0.3), 1.5) for _ in range(9)]
        frames = [
            rows(f"t{i}", truth, SIZES, seeds=1 if i < 3 else 5, noise=0.03, seed=100 * world + i)
            for i, truth in enumerate(truths)
        ]
        tasks = list(cells(measured(*frames), None).values())
        for hierarchy, found in scores.items():
            fitted = surfaces(tasks, 0, hierarchy)
            for i, truth in enumerate(truths[:3]):
                (low,), (high,), score = *fitted[f"t{i}"].interval([6400]), truth(6400, {})
                found.append(high - low + 20 * max(low - score, 0.0) + 20 * max(score - high, 0.0))
    assert np.mean(scores[True]) < 0.9 * np.mean(scores[False])


def test_a_score_that_is_minimised_mirrors_one_that_is_maximised() -> None:
    frame = rows("a", power(), SIZES)
    turned = frame.assign(score=10 + 40 * (1 - frame.score))
    metric = {"name": "perplexity", "best": 10, "worst": 50, "direction": "minimize"}
    brief = Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1, "metric": metric}}})
    up, down = fit(measured(frame))["a"], fit(measured(turned), brief)["a"]
    np.testing.assert_allclose(down.expected(GRID), 10 + 40 * (1 - up.expected(GRID)), rtol=1e-9)
    low, high = up.interval(GRID)
    mirrored = down.interval(GRID)
    np.testing.assert_allclose(np.minimum(*mirrored), 10 + 40 * (1 - high), rtol=1e-9)
    np.testing.assert_allclose(np.maximum(*mirrored), 10 + 40 * (1 - low), rtol=1e-9)
    assert (np.diff(down.expected(GRID)) <= 1e-12).all()


@settings(max_examples=15)
@given(
    exponent=st.floats(0.1, 1.2),
    floor=st.floats(0.0, 0.5),
    noise=st.floats(0.0, 0.05),
    sizes=st.lists(st.integers(1, 5000), min_size=2, max_size=7, unique=True),
    seeds=st.integers(1, 3),
)
def test_more_labels_never_forecast_less(
    exponent: float, floor: float, noise: float, sizes: list[int], seeds: int
) -> None:
    frame = rows("a", power(exponent, floor, 0.4), sizes, seeds=seeds, noise=noise)
    surface = fit(measured(frame))["a"]
    grid = np.concatenate([[0.0], GRID])
    expected, (low, high), draws = surface.expected(grid), surface.interval(grid), surface.draws(grid)
    assert (np.diff(expected) >= -1e-12).all()
    assert (surface.slope(grid) >= -1e-12).all()
    assert np.isfinite(expected).all()
    assert (low <= high).all()
    assert draws.shape == (200, len(grid))
    assert (draws <= 1 + 1e-12).all()


def test_pool_labels_help_and_more_of_them_never_forecast_less() -> None:
    surface = fit(measured(rows("a", pooled, SIZES, GENERAL, noise=0.004)))["a"]
    pools = np.geomspace(1, 1e6, 50)
    for labels in (0, 50, 1600, 20000):
        assert (np.diff(surface.expected(np.full(50, labels), {"general": pools})) >= -1e-12).all()
    for labels, pool in ((100, 10000), (1600, 0), (6400, 10000)):
        low, high = surface.interval([labels], {"general": pool})
        assert low[0] - 0.02 <= pooled(labels, {"general": pool}) <= high[0] + 0.02


def test_no_pool_one_pool_two_pools_and_only_a_pool_varied_all_fit() -> None:
    two = [{"general": p, "web": q} for p in (0, 1000) for q in (0, 500)]
    frames = {
        "none": rows("none", power(), SIZES),
        "one": rows("one", pooled, SIZES, GENERAL),
        "two": rows("two", pooled, SIZES[:3], two),
        "only": rows("only", pooled, (200,), [{"general": p} for p in (0, 100, 1000, 10000)]),
    }
    fitted = fit(measured(*frames.values()))
    assert fitted["none"].varied == ()
    assert fitted["two"].varied == ("general", "web")
    for surface in fitted.values():
        value = surface.expected([0, 10, 1e6], {"general": [0, 0, 1e7], "web": 3})
        assert np.isfinite(value).all()
        assert (value <= 1).all()


def test_a_run_without_any_labels_bounds_the_forecast_from_below() -> None:
    frame = rows("a", lambda n, _: 0.5 if n == 0 else 0.9 - n**-0.5, (0, *SIZES), noise=0.001)
    surface = fit(measured(frame))["a"]
    assert surface.draws([0, 1, 5]).min() > 0.499


def test_the_same_seed_gives_the_same_draws_and_another_gives_others() -> None:
    measurements = measured(rows("a", power(), SIZES))
    first, again, other = fit(measurements), fit(measurements), fit(measurements, seed=1)
    np.testing.assert_array_equal(first["a"].draws(GRID), again["a"].draws(GRID))
    assert np.abs(first["a"].draws(GRID) - other["a"].draws(GRID)).max() > 0


def test_draws_have_the_quantiles_of_the_interval() -> None:
    surface = fit(measured(rows("a", power(), SIZES)))["a"]
    low, high = surface.interval(GRID, level=0.8)
    np.testing.assert_allclose(np.quantile(surface.draws(GRID), [0.1, 0.9], axis=0), [low, high])


def test_runs_chosen_by_a_strategy_and_failed_runs_do_not_feed_the_curve() -> None:
    frame = rows("a", power(), SIZES)
    clever = frame.assign(score=0.99, strategy="uncertainty")
    failed = frame.assign(score=np.nan, seed=9)
    plain = fit(measured(frame.assign(strategy="random")))["a"]
    mixed = fit(measured(frame.assign(strategy="random"), clever, failed.assign(strategy="random")))["a"]
    np.testing.assert_allclose(plain.expected(GRID), mixed.expected(GRID))


def test_a_task_without_a_score_is_refused_by_name() -> None:
    frame = rows("a", power(), SIZES).assign(score=np.nan)
    with pytest.raises(InvalidInput, match="a"):
        fit(measured(frame))


@pytest.mark.parametrize("slip", [1e30, -1e30])
def test_a_score_a_million_ranges_from_the_best_is_refused_as_a_slip(slip: float) -> None:
    frame = rows("a", power(), SIZES)
    frame.loc[0, "score"] = slip
    with pytest.raises(InvalidInput, match=r"a: found a score .* from the best"):
        fit(measured(frame))


def test_the_expected_score_is_concave_in_labels_beyond_the_largest_pilot() -> None:
    surface = fit(measured(rows("a", power(), SIZES, noise=0.004)))["a"]
    grid = np.linspace(1600, 40000, 200)
    assert (np.diff(surface.expected(grid), 2) <= 1e-9).all()


def losses(worst: float) -> tuple[Surface, list[float]]:
    """A loss of 2 to 0.4, by a brief that says so and one that does not, and the true losses at the pilots."""
    sizes = (100, 200, 400, 800, 1600, 3200)
    truth = [0.3 + 17 * n**-0.5 for n in sizes]
    frame = rows("a", lambda n, _: 0.3 + 17 * n**-0.5, sizes, noise=0.01)
    metric = {"name": "loss", "best": 0, "worst": worst, "direction": "minimize"}
    brief = Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1, "metric": metric}}})
    return fit(measured(frame), brief)["a"], truth


def test_a_loss_that_exceeds_its_metrics_worst_is_forecast_alike_whatever_the_worst_and_the_verdict_says_so() -> None:
    (one, truth), (other, _) = losses(1.0), losses(0.5)
    at = [100, 800, 3200, 12800]
    np.testing.assert_allclose(one.expected(at), other.expected(at), rtol=1e-9)
    np.testing.assert_allclose(one.interval(at), other.interval(at), rtol=1e-9)
    low, high = one.interval([100, 200, 400, 800, 1600, 3200])
    assert np.sum((low <= truth) & (truth <= high)) >= 5
    assert one.trust.reason == "scores worse than the metric's worst."
    assert "worst" not in losses(4.0)[0].trust.reason


def test_one_run_that_diverged_does_not_stretch_the_range() -> None:
    frame = rows("a", power(), (100, 200, 400, 800, 1600, 3200), seeds=2)
    frame.loc[0, "score"] = -1e6
    surface = fit(measured(frame))["a"]
    assert surface.worst == 0
