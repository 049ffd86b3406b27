"""A pilot is worth what knowing its score adds to the best plan: held against a closed form and against planning anew
for every score that may come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.stats import norm

from budget import Brief, Measurements, fit, plan
from budget.allocation.further import MOST_TASKS, further_pilots
from budget.allocation.information import expected_best, in_turn, worth
from budget.allocation.optimum import optimum
from budget.allocation.problem import problem
from budget.allocation.table import tabulate
from budget.plan import WORTHWHILE, NextPilot
from tests.budget.allocation.surfaces import Array, Known, measured

NORMAL = norm.ppf((np.arange(400) + 0.5) / 400)
NORMAL = NORMAL / NORMAL.std()


@dataclass(frozen=True)
class Bet:
    """A task that scores nothing until labels are bought, and then one unknown number: normal, mean and deviation."""

    mean: float
    deviation: float
    noise: float
    order: int
    most_labels: int = 100

    @property
    def most_pools(self) -> Mapping[str, int]:
        return {}

    def expected(self, labels: ArrayLike, pools: object = None) -> Array:
        return np.asarray(self.draws(labels).mean(axis=0))

    def draws(self, labels: ArrayLike, pools: object = None) -> Array:
        values = self.mean + self.deviation * np.random.default_rng(self.order).permutation(NORMAL)
        return np.asarray(values[:, None] * (np.atleast_1d(np.asarray(labels, float)) > 0))

    def scatter(self, labels: ArrayLike, pools: object = None, repeats: ArrayLike = 1) -> Array:
        return np.asarray(self.noise / np.sqrt(repeats))


def either_or(weights: tuple[float, float] = (1, 1)) -> Brief:
    """Money for a hundred labels of one task or of the other."""
    line = {"label_cost": 1, "lot": 100, "max_labels": 100}
    tasks = {name: line | {"weight": weight} for name, weight in zip(("a", "b"), weights, strict=True)}
    return Brief.from_dict({"budget": 100, "tasks": tasks})


def pilot(task: str, labels: int = 100, repeats: int = 1, cost: float = 0.0, **pools: int) -> NextPilot:
    return NextPilot(task, labels, pools, repeats, 0.0, None, cost)


@pytest.mark.parametrize(("mean", "deviation", "noise"), [(0.5, 0.1, 0.0), (0.45, 0.1, 0.1), (0.6, 0.05, 0.2)])
@pytest.mark.parametrize("repeats", [1, 4])
def test_of_two_bets_knowing_more_of_one_is_worth_the_unit_normal_loss(
    mean: float, deviation: float, noise: float, repeats: int
) -> None:
    """Raiffa and Schlaifer (1961): s (phi(u) - u Phi(-u)), u = |difference| / s, s^2 the variance of what the posterior
    mean will be."""
    surfaces = {"a": Bet(mean, deviation, noise, 1), "b": Bet(0.5, 0.0, 0.0, 2)}
    found = worth(problem(either_or(), surfaces), [pilot("a", repeats=repeats)])
    s = deviation**2 / np.sqrt(deviation**2 + noise**2 / repeats)
    u = abs(mean - 0.5) / s
    loss = 0.5 * s * (norm.pdf(u) - u * norm.cdf(-u))  # each task's weight is a half
    assert [each.gain for each in found] == pytest.approx([loss] if loss > 1e-6 else [], rel=0.02)


@pytest.mark.parametrize(("mean", "noise"), [(0.5, 0.1), (0.45, 0.1), (0.55, 0.2)])
def test_gains_of_a_list_add_up_to_what_all_its_scores_together_are_worth(mean: float, noise: float) -> None:
    """Three pilots that show one number tell as much as one pilot of three repeats, whose worth has a closed form."""
    surfaces = {"a": Bet(mean, 0.1, noise, 1), "b": Bet(0.5, 0.0, 0.0, 2)}
    asked, cells = problem(either_or(), surfaces), [pilot("a", labels) for labels in (50, 80, 100)]
    listed = in_turn(asked, cells, 3)
    (together,) = worth(asked, [pilot("a", repeats=3)])
    assert len(listed) == 3
    assert listed[0].gain == pytest.approx(worth(asked, cells)[0].gain)
    assert sum(each.gain for each in listed) == pytest.approx(together.gain, rel=0.05)


def test_what_the_pilots_before_have_told_is_not_told_again() -> None:
    """Without scatter the second pilot of one unknown number is worth nothing, and the other task comes next."""
    surfaces = {"a": Bet(0.5, 0.1, 0.0, 1), "b": Bet(0.5, 0.05, 0.0, 2)}
    cells = [pilot(task, labels) for task in "ab" for labels in (80, 100)]
    asked = problem(either_or(), surfaces)
    assert [each.task for each in worth(asked, cells)] == ["a", "a", "b", "b"]
    assert [each.task for each in in_turn(asked, cells, 4)] == ["a", "b"]


def test_a_list_keeps_to_its_seconds_its_length_and_the_least_gain() -> None:
    brief, surfaces = two_curves()
    cells = [replace(pilot(task, labels), seconds=labels / 10) for task in "ab" for labels in (50, 200, 500)]
    asked = problem(brief, surfaces)
    listed = in_turn(asked, cells, 6)
    short = in_turn(asked, cells, 6, seconds=30.0)
    assert sum(each.seconds or 0 for each in listed) > 30
    assert 0 < sum(each.seconds or 0 for each in short) <= 30
    assert in_turn(asked, cells, 2) == listed[:2]
    least = sorted(each.gain for each in listed)[1]
    assert all(each.gain > least for each in in_turn(asked, cells, 6, least))


@dataclass(frozen=True)
class Level(Known):
    """A curve whose shape is known, but not how high it lies."""

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        return self.expected(labels, pools) + 0.1 * NORMAL[:, None]


def test_to_know_better_what_all_plans_have_in_common_is_worth_nothing() -> None:
    brief, surfaces = two_curves()
    flat = {**surfaces, "a": Level("a", seed=1, noise=0.01)}
    assert worth(problem(brief, flat), [pilot("a", 500, 4)]) == ()


def planned_anew(brief: Brief, surfaces: Mapping[str, Known], asked: NextPilot, scores: int = 101) -> float:
    """The worth of a pilot by brute force: for every score that may come, the posterior and its best plan."""

    def best(known: Mapping[str, Known]) -> float:
        case = problem(brief, known)
        found = optimum(tabulate(case), case, "highs")
        assert found is not None
        return found.value

    one = surfaces[asked.task]
    relative = one.scale * one._relative([asked.labels], asked.pools)[0]
    factors = one._factors()
    seen, noise = relative * factors.std(), one.scatter(asked.labels, repeats=asked.repeats)
    values = []
    for z in norm.ppf((np.arange(scores) + 0.5) / scores):
        mean = 1 + factors.std() * seen / np.hypot(seen, noise) * z
        values.append(best({**surfaces, asked.task: replace(one, scale=one.scale * mean, spread=0.0)}))
    return float(np.mean(values)) - best(surfaces)


@pytest.mark.parametrize("repeats", [1, 8])
@pytest.mark.parametrize("general", [0, 4000])
def test_a_pilot_is_worth_what_planning_anew_on_every_score_gains(general: int, repeats: int) -> None:
    gains = {"general": 0.5}
    surfaces = {
        "a": Known("a", 0.05, 0.9, 0.4, 10, gains, spread=0.5, seed=1, noise=0.01),
        "b": Known("b", 0.1, 0.6, 0.3, 40, gains, spread=0.5, seed=2, noise=0.01),
    }
    tasks = {"a": {"label_cost": 0.2, "owned": 200}, "b": {"label_cost": 0.5, "owned": 200}}
    brief = Brief.from_dict({"budget": 2000, "tasks": tasks, "pools": {"general": {"label_cost": 0.05}}})
    asked = pilot("a", 400, repeats, general=general)
    (found,) = worth(problem(brief, surfaces), [asked])
    assert found.gain == pytest.approx(planned_anew(brief, surfaces, asked), rel=0.15)


def two_curves(noise: float = 0.01) -> tuple[Brief, dict[str, Known]]:
    surfaces = {name: Known(name, exponent_value=0.3 + 0.1 * k, spread=0.3, seed=k, noise=noise)
                for k, name in enumerate("ab")}  # fmt: skip
    tasks = {name: {"label_cost": 0.1 + 0.2 * k, "owned": 100} for k, name in enumerate("ab")}
    return Brief.from_dict({"budget": 1000, "tasks": tasks}), surfaces


def test_more_repeats_and_less_noise_are_never_worth_less() -> None:
    def gain(noise: float, repeats: int) -> float:
        brief, surfaces = two_curves(noise)
        return sum(each.gain for each in worth(problem(brief, surfaces), [pilot("a", 500, repeats)]))

    assert gain(0.02, 1) < gain(0.02, 2) < gain(0.02, 4) < gain(0.001, 4)


def test_the_order_of_tasks_and_pilots_changes_nothing() -> None:
    brief, surfaces = two_curves()
    pilots = [pilot(task, labels, repeats) for task in "ab" for labels in (50, 500) for repeats in (1, 2)]
    turned = Brief.from_dict({"budget": 1000, "tasks": dict(reversed(list(brief.model_dump()["tasks"].items())))})
    there = worth(problem(brief, surfaces), pilots)
    assert there == worth(problem(turned, dict(reversed(surfaces.items()))), pilots[::-1])
    assert [each.gain / each.repeats for each in there] == sorted((e.gain / e.repeats for e in there), reverse=True)
    assert len({(each.task, each.labels) for each in there}) == len(there)  # of repeats the best number


def test_those_that_bring_most_a_second_come_first() -> None:
    brief, surfaces = two_curves()
    pilots = [replace(pilot("a", 500), seconds=1000.0), replace(pilot("a", 50), seconds=1.0)]
    first, second = worth(problem(brief, surfaces), pilots)
    assert (first.labels, second.labels) == (50, 500)
    assert first.gain < second.gain


def test_where_nothing_can_be_decided_no_pilot_is_worth_anything() -> None:
    brief, surfaces = two_curves()
    assert worth(problem(brief.with_budget(0), surfaces), [pilot("a", 500)]) == ()
    alone = Brief.from_dict({"budget": 1000, "tasks": {"a": {"label_cost": 1}}})
    assert sum(each.gain for each in worth(problem(alone, surfaces), [pilot("a", 500)])) < 1e-5


def test_labels_bought_for_a_pilot_bind_the_plan() -> None:
    brief, surfaces = two_curves()
    free, bought = (worth(problem(brief, surfaces), [pilot("b", 2500, cost=cost)]) for cost in (0.0, 720.0))
    assert sum(each.gain for each in bought) < 0.9 * free[0].gain
    assert worth(problem(brief, surfaces), [pilot("b", 10**6, cost=3e5)]) == ()


def test_where_a_limit_holds_the_plan_a_pilot_is_worth_less() -> None:
    brief, surfaces = two_curves()
    held = brief.model_dump(exclude_unset=True) | {"constraints": ["a.cost <= 300"]}
    loose = worth(problem(brief, surfaces), [pilot("a", 500)])[0].gain
    assert sum(each.gain for each in worth(problem(Brief.from_dict(held), surfaces), [pilot("a", 500)])) < loose


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=6),
)
def test_the_expected_best_lies_between_the_best_now_and_knowing_everything(options: list[tuple[float, float]]) -> None:
    score, moved = np.array(options).T
    found = expected_best(score[None], moved)
    z = norm.ppf((np.arange(4001) + 0.5) / 4001)
    assert found >= score.max() - 1e-12
    assert found == pytest.approx((score + np.outer(z, moved)).max(axis=1).mean(), abs=5e-3)


def table(seconds: bool, apart: float = 0.01) -> Measurements:
    """Repeats lie so far apart."""
    rows = [
        {"task": task, "labels": labels, "seed": seed, "score": 1 - labels**-0.3 - apart * seed, "pool:web": web}
        | ({"seconds": labels / 10} if seconds else {})
        for task in "ab" for labels in (20, 40, 80) for web in (0, 500) for seed in (0, 1)
    ]  # fmt: skip
    return Measurements.from_frame(pd.DataFrame(rows))


TASKS = {"a": {"label_cost": 0.1, "owned": 160}, "b": {"label_cost": 0.5, "owned": 80}}
POOLS = {"web": {"label_cost": 0.01, "owned": 500}}


def test_what_could_follow_is_what_was_measured_and_all_that_is_owned() -> None:
    brief = Brief.from_dict({"budget": 100, "tasks": TASKS, "pools": POOLS})
    found = further_pilots(brief, table(seconds=True), {"b": [320]})
    assert {each.labels for each in found if each.task == "a"} == {20, 40, 80, 160}
    assert {each.labels for each in found if each.task == "b"} == {20, 40, 80, 320}
    assert {each.pools.get("web", 0) for each in found} == {0, 500}
    assert {each.cost for each in found if each.labels == 320} == {120.0}
    assert {each.cost for each in found if each.labels < 320} == {0.0}
    assert all(each.seconds == pytest.approx(each.repeats * each.labels / 10) for each in found)


def test_a_plan_names_the_pilots_worth_most_with_their_seconds_where_these_are_known() -> None:
    brief = Brief.from_dict({"budget": 50, "tasks": TASKS, "pools": POOLS})
    answer = plan(brief, table(seconds=True, apart=0.3))
    assert answer.next_pilots
    assert answer.pilots_looked_at == 2 * 2 * 3 * 4 - 2 * 3  # b owns no more than was measured
    assert all(each.seconds and each.gain > WORTHWHILE for each in answer.next_pilots)
    paces = [each.gain / (each.seconds or 1) for each in answer.next_pilots]
    assert paces[0] == max(paces)
    untimed = plan(brief, table(seconds=False, apart=0.3)).next_pilots
    assert untimed
    assert all(each.seconds is None for each in untimed)


def test_a_plan_names_no_pilot_that_brings_next_to_nothing() -> None:
    brief = Brief.from_dict({"budget": 100, "tasks": TASKS, "pools": POOLS})
    assert any(
        each.gain > 0 for each in worth(problem(brief, fit(table(True), brief)), further_pilots(brief, table(True)))
    )
    answer = plan(brief, table(True))
    assert answer.pilots_looked_at > 0
    assert answer.next_pilots == ()


def test_a_plan_of_many_tasks_looks_at_no_further_pilots() -> None:
    surfaces = {f"t{k:02}": Known(f"t{k:02}", seed=k) for k in range(MOST_TASKS + 1)}
    brief = Brief.from_dict({"budget": 100, "tasks": {name: {"label_cost": 1} for name in surfaces}})
    answer = plan(brief, measured(surfaces), surfaces)  # type: ignore[arg-type]
    assert (answer.pilots_looked_at, answer.next_pilots) == (0, ())
