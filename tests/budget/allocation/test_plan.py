"""Claims about a whole plan: money, limits, bound, baselines, order, against brute force over every whole lot."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from budget import Brief, Plan, plan
from budget.errors import CannotBeMet, InvalidInput
from budget.prices import affordable
from tests.budget.allocation.lattice import drawn
from tests.budget.allocation.surfaces import Known, measured


def planned(values: dict[str, Any], surfaces: dict[str, Known]) -> Plan:
    return plan(Brief.from_dict(values), measured(surfaces), surfaces)  # type: ignore[arg-type]


def buys(answer: Plan) -> dict[str, int]:
    return {name: line.buy for lines in (answer.tasks, answer.pools) for name, line in lines.items()}


def three() -> tuple[dict[str, Any], dict[str, Known]]:
    surfaces = {
        "box": Known("box", exponent_value=0.3, gains={"web": 0.5}),
        "mask": Known("mask", exponent_value=0.5, seed=1, gains={"web": 0.1}),
        "points": Known("points", floor_error=0.2, scale=0.6, seed=2, gains={"web": 0.0}),
    }
    brief = {
        "budget": 1000,
        "pools": {"web": {"label_cost": 0.01, "max_labels": 100_000}},
        "tasks": {
            "box": {"label_cost": 0.3, "owned": 100, "weight": 2},
            "mask": {"label_cost": 1.1, "owned": 50},
            "points": {"label_cost": 0.07, "lot": 10},
        },
    }
    return brief, surfaces


def test_a_plan_keeps_the_budget_to_the_last_digit_and_spends_it() -> None:
    brief, surfaces = three()
    answer = planned(brief, surfaces)
    assert affordable(Brief.from_dict(brief), buys(answer))
    assert answer.cost == pytest.approx(sum(line.cost for line in (*answer.tasks.values(), *answer.pools.values())))
    assert answer.unspent < 0.07 * 10


def test_the_bound_of_a_smooth_problem_is_met_within_a_millionth() -> None:
    answer = planned(*three())
    assert answer.status == "optimal"
    assert 0 <= answer.certificate.gap <= 1e-6
    assert answer.certificate.bound == pytest.approx(answer.score.expected + answer.certificate.gap)


def test_the_plan_is_at_least_as_good_as_every_baseline() -> None:
    answer = planned(*three())
    assert set(answer.baselines) == {"nothing", "even split", "proportional", "tasks only", "pools only"}
    for baseline in answer.baselines.values():
        assert baseline.cost <= answer.budget
        assert baseline.gain.expected == pytest.approx(answer.score.expected - baseline.score.expected)
        assert baseline.gain.expected >= 0
        assert 0 <= baseline.beaten_probability <= 1


def test_the_order_of_tasks_in_the_brief_changes_nothing() -> None:
    brief, surfaces = three()
    shuffled = brief | {"tasks": dict(reversed(brief["tasks"].items()))}
    first, second = planned(brief, surfaces), planned(shuffled, surfaces)
    assert buys(first) == buys(second)
    assert first.score == second.score
    assert list(second.tasks) == list(shuffled["tasks"])


def test_the_frontier_rises_and_passes_through_the_plan() -> None:
    answer = planned(*three())
    scores = [point.score.expected for point in answer.frontier]
    assert scores == sorted(scores)
    assert all(point.cost <= point.budget + 1e-9 for point in answer.frontier)
    here = next(point for point in answer.frontier if point.budget == answer.budget)
    assert here.score.expected == pytest.approx(answer.score.expected, abs=1e-12)


def test_the_frontier_rises_where_a_group_must_have_a_share_of_each_budget() -> None:
    gains = {"web": 0.5, "own": 1.0}
    surfaces = {name: Known(name, exponent_value=0.3 + 0.05 * k, seed=k, gains=gains) for k, name in enumerate("abc")}
    prices = {"a": 0.5, "b": 0.2, "c": 0.3}
    tasks: dict[str, Any] = {name: {"label_cost": price, "owned": 800} for name, price in prices.items()}
    tasks["a"]["group"] = "g"
    pools = {"web": {"label_cost": 0.05, "lot": 7}, "own": {"label_cost": 0.03}}
    groups = {"g": {"min_share": 0.3}}
    answer = planned({"budget": 500, "pools": pools, "tasks": tasks, "groups": groups}, surfaces)
    assert answer.failed_budgets == ()
    scores = [point.score.expected for point in answer.frontier]
    assert scores == sorted(scores)
    assert all(point.costs["a"] >= 0.3 * point.budget - 1e-9 for point in answer.frontier)


def test_the_frontier_goes_on_rising_where_hours_bind_that_are_no_limit_to_the_plan() -> None:
    a = {"label_cost": 0.2, "label_seconds": 30, "target": 0.45, "setup_cost": 1, "lot": 10}
    b = {"label_cost": 0.5, "label_seconds": 60, "lot": 10}
    free = {"label_cost": 0, "max_labels": 1000, "label_seconds": 30, "lot": 50}
    values = {"budget": 20, "hours": 5, "tasks": {"a": a, "b": b}, "pools": {"p": free}}
    surfaces = {"a": Known("a", 0.1, 0.6, 0.5, 50.0, {"p": 0.0}), "b": Known("b", 0.1, 0.6, 0.5, 50.0, {"p": 1.0})}
    answer = planned(values, surfaces)
    for point in answer.frontier[12::6]:
        alone = planned(values | {"budget": point.budget}, surfaces)
        assert point.score.expected >= alone.score.expected - 0.003


def test_a_budget_that_a_plan_keeps_to_is_not_said_to_have_none_where_rows_leave_few() -> None:
    a = {"label_cost": 1, "label_seconds": 60, "max_labels": 20, "lot": 20, "target": 0.45}
    b = {"tiers": [[0, 300], [20, 300]], "label_seconds": 60, "owned": 100, "max_labels": 125, "lot": 5, "group": "g"}
    p = {"tiers": [[0, 1], [150, 0]], "label_seconds": 600, "max_labels": 200, "lot": 50}
    rows = {"groups": {"g": {"min_share": 0.1}}, "constraints": ["total.cost - 3 * p.cost <= 3910", "p.labels <= 19"]}
    surfaces = {
        "a": Known("a", 0.1, 0.6, 0.5, 10.0, {"p": 0.2}),
        "b": Known("b", 0.1, 0.26, 0.55, 1.0, {"p": 0.0}, seed=1),
    }
    answer = planned({"budget": 10_000, "hours": 2, "tasks": {"a": a, "b": b}, "pools": {"p": p}, **rows}, surfaces)
    least = 1520  # for all of `a`, which its target needs, and five labels of `b`
    assert all(each.budget < least for each in answer.failed_budgets)


def test_a_little_more_money_never_makes_the_plan_worse() -> None:
    answer = planned(*three())
    assert answer.next_money.amount == 10
    assert 0 < answer.next_money.gain < answer.frontier[-1].score.expected - answer.score.expected
    assert sum(answer.next_money.buys.values()) > 0


@pytest.mark.parametrize(
    ("priced", "more"),
    [
        ({"label_cost": 0.5}, 20),
        ({"label_cost": 0.5, "lot": 15}, 15),
        ({"label_cost": 0.5, "lot": 40}, 0),
        ({"tiers": [[0, 0.5], [10, 2]]}, 12),
        ({"label_cost": 0.5, "setup_cost": 4}, 12),
        ({"label_cost": 0.5, "min_buy": 21}, 0),
        ({"label_cost": 0.5, "max_labels": 100}, 20),
    ],
)
def test_the_gain_of_more_money_on_one_line_is_what_that_money_buys_there(priced: dict[str, Any], more: int) -> None:
    surfaces = {"a": Known("a", scale=0.02), "b": Known("b")}
    tasks = {"a": {"owned": 100, "weight": 0.01, **priced}, "b": {"label_cost": 0.01}}
    line = planned({"budget": 1000, "tasks": tasks}, surfaces).tasks["a"]
    assert line.buy == 0
    before, after = surfaces["a"].expected([100, 100 + more])
    assert line.next_gain == pytest.approx(after - before, abs=1e-12)


def test_a_least_order_beyond_the_limit_holds_a_line_at_nothing() -> None:
    tasks = {"a": {"label_cost": 1, "lot": 20, "max_labels": 24, "min_buy": 24}, "b": {"label_cost": 1}}
    answer = planned({"budget": 10, "tasks": tasks}, {"a": Known("a"), "b": Known("b")})
    assert answer.tasks["a"].buy == 0
    assert answer.tasks["a"].binding == ("max_labels",)


def test_labels_that_cost_nothing_in_large_lots_are_bought_without_an_overflow() -> None:
    free = {"label_cost": 0, "setup_cost": 5, "lot": 20_000, "max_labels": 60_000}
    answer = planned(
        {"budget": 3e5, "pools": {"p": free}, "tasks": {"a": {"label_cost": 40, "lot": 100, "max_labels": 400}}},
        {"a": Known("a", gains={"p": 0.5})},
    )
    assert answer.pools["p"].buy == 60_000


def test_the_share_spent_on_pools_has_its_best_at_the_plan() -> None:
    answer = planned(*three())
    assert max(point.score.expected for point in answer.shares) == answer.score.expected
    assert answer.shares[0].share < 0.01
    assert all(point.cost <= answer.budget + 1e-9 for point in answer.shares)


def test_what_a_pool_brings_is_the_loss_without_it() -> None:
    answer = planned(*three())
    assert answer.pools["web"].brings["box"].expected > answer.pools["web"].brings["mask"].expected > 0
    assert answer.pools["web"].brings["points"].expected == pytest.approx(0, abs=1e-12)


def test_a_score_that_is_minimised_is_planned_like_one_that_is_maximised() -> None:
    brief, surfaces = three()
    metric = {"name": "error", "best": 0.0, "worst": 40.0, "direction": "minimize"}
    turned = {name: replace(s, best=0.0, worst=40.0, direction="minimize") for name, s in surfaces.items()}
    tasks = {name: task | {"metric": metric} for name, task in brief["tasks"].items()}
    first, second = planned(brief, surfaces), planned(brief | {"tasks": tasks}, turned)
    assert buys(second) == buys(first)
    box = second.tasks["box"]
    assert 0 < box.low < box.expected < box.high < box.now < 40


def test_minimums_beyond_the_budget_are_refused_with_the_smallest_repair() -> None:
    brief, surfaces = three()
    tasks = brief["tasks"] | {"mask": {"label_cost": 1.1, "owned": 50, "min_labels": 2050}}
    with pytest.raises(CannotBeMet, match="raise the budget to 2200"):
        planned(brief | {"tasks": tasks}, surfaces)


def test_a_task_without_measurements_is_refused() -> None:
    brief, surfaces = three()
    del surfaces["mask"]
    with pytest.raises(InvalidInput, match=r"tasks\.mask: found no measurements"):
        planned(brief, surfaces)


def test_nothing_can_be_bought_with_no_money() -> None:
    brief, surfaces = three()
    answer = planned(brief | {"budget": 0}, surfaces)
    assert set(buys(answer).values()) == {0}
    assert answer.score == answer.now


def test_a_plan_survives_its_json() -> None:
    answer = planned(*three())
    assert Plan.from_json(answer.to_json()) == answer


@st.composite
def small_problems(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Known]]:
    """One to three tasks and at most one pool with few whole lots, so that all combinations can be tried."""
    count = draw(st.integers(1, 3))
    pool = draw(st.booleans())
    surfaces, tasks = {}, {}
    for i in range(count):
        name = f"t{i}"
        gains = {"p": draw(st.sampled_from([0.0, 0.2, 1.0]))} if pool else {}
        surfaces[name] = Known(
            name, draw(st.floats(0, 0.3)), draw(st.floats(0.1, 0.7)), draw(st.floats(0.1, 1.0)),
            draw(st.sampled_from([1.0, 10.0, 100.0])), gains, seed=i, take_off=draw(st.sampled_from([0.0, 0.0, 60.0])),
        )  # fmt: skip
        lot = draw(st.sampled_from([1, 5, 20]))
        owned = draw(st.sampled_from([0, 7, 100]))
        tasks[name] = {
            "label_cost": draw(st.sampled_from([0.1, 0.35, 1.0, 3.0])), "lot": lot, "owned": owned,
            "max_labels": owned + lot * draw(st.integers(0, 8)), "weight": draw(st.sampled_from([0.5, 1.0, 1.0, 3.0])),
        }  # fmt: skip
    brief: dict[str, Any] = {"budget": draw(st.sampled_from([0.0, 3.0, 10.0, 40.0])), "tasks": tasks}
    if sum(t["weight"] for t in tasks.values()) == 0:
        tasks["t0"]["weight"] = 1.0
    if pool:
        brief["pools"] = {"p": {"label_cost": draw(st.sampled_from([0.01, 0.1])), "lot": 50, "max_labels": 500}}
    return brief, surfaces


def brute_force(brief: dict[str, Any], surfaces: dict[str, Known]) -> float:
    """The best score over every combination of whole lots that the budget affords."""
    lines = {**brief["tasks"], **brief.get("pools", {})}
    ranges = [range(0, line["max_labels"] - line.get("owned", 0) + 1, line["lot"]) for line in lines.values()]
    grid = np.array(list(itertools.product(*ranges)), float)
    cost = grid @ np.array([line["label_cost"] for line in lines.values()])
    grid = grid[cost <= brief["budget"] + 1e-9]
    mix = {"p": grid[:, -1]} if "pools" in brief else {}
    weights = np.array([task["weight"] for task in brief["tasks"].values()])
    scores = [
        surfaces[name].expected(task["owned"] + grid[:, i], mix)
        for i, (name, task) in enumerate(brief["tasks"].items())
    ]
    return float((weights / weights.sum() @ np.stack(scores)).max())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems())
def test_no_combination_of_whole_lots_exceeds_the_bound_and_the_plan_is_within_its_gap(
    case: tuple[dict[str, Any], dict[str, Known]],
) -> None:
    brief, surfaces = case
    answer = planned(brief, surfaces)
    best = brute_force(brief, surfaces)
    assert answer.score.expected <= best + 1e-9
    assert answer.certificate.bound >= best - 1e-9
    assert answer.score.expected + answer.certificate.gap >= best - 1e-9


def test_a_subgroup_is_a_score_on_its_parents_labels_and_draws_money_to_them() -> None:
    brief, surfaces = three()
    surfaces["box at night"] = Known("box at night", floor_error=0.2, exponent_value=0.2, seed=3)
    plain = planned(
        brief | {"tasks": {**brief["tasks"], "box at night": {"measured_on": "box", "weight": 0}}}, surfaces
    )
    weighty = planned(
        brief | {"tasks": {**brief["tasks"], "box at night": {"measured_on": "box", "weight": 5}}}, surfaces
    )
    night = weighty.tasks["box at night"]
    assert (night.buy, night.cost, night.measured_on, night.band, night.could_be) == (0, 0, "box", None, None)
    assert night.labels == weighty.tasks["box"].labels > plain.tasks["box"].labels
    assert night.expected == pytest.approx(float(surfaces["box at night"].expected([night.labels])[0]))
    assert weighty.cost == pytest.approx(sum(x.cost for x in (*weighty.tasks.values(), *weighty.pools.values())))


def test_a_subgroup_without_a_parent_is_refused() -> None:
    brief, surfaces = three()
    with pytest.raises(InvalidInput, match=r"measured_on: found 'boxes'.*did you mean|measured_on: found"):
        planned(brief | {"tasks": {**brief["tasks"], "night": {"measured_on": "boxes"}}}, surfaces)
    with pytest.raises(InvalidInput, match="no labels of its own"):
        planned(brief | {"tasks": {**brief["tasks"], "night": {"measured_on": "box", "lot": 5}}}, surfaces)


@dataclass(frozen=True)
class Surprising(Known):
    """What is expected lies outside of nearly all draws, as it may where few draws fall far."""

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> NDArray[np.float64]:
        return np.asarray(super().expected(labels, pools) - 0.3)


def test_every_interval_holds_what_is_expected() -> None:
    surfaces = {"a": Surprising("a", gains={"p": 0.5}), "b": Known("b")}
    tasks = {"a": {"label_cost": 1}, "b": {"label_cost": 1}}
    answer = planned({"budget": 100, "tasks": tasks, "pools": {"p": {"label_cost": 0.01}}}, surfaces)
    scores = [answer.score, answer.now, *(each.gain for each in answer.baselines.values())]
    scores += [each.score for each in (*answer.frontier, *answer.shares, *answer.baselines.values())]
    scores += [score for point in answer.frontier for score in point.tasks.values()]
    scores += [*answer.pools["p"].brings.values()]
    assert all(score.low <= score.expected <= score.high for score in scores)
    assert all(line.low <= line.expected <= line.high for line in answer.tasks.values())
    assert answer.tasks["a"].low == answer.tasks["a"].expected


def test_a_label_that_gets_cheaper_never_makes_the_plan_worse() -> None:
    answer = planned(*drawn(9, frozenset({"setup", "tiers", "min_buy"})))
    cheaper = [each.low_score for each in answer.sensitivity if each.what == "label_cost"]
    assert len(cheaper) > 1
    assert min(cheaper) >= answer.score.expected - 1e-9


CHEAPEST: dict[str, Any] = {
    "goal": "cheapest",
    "tasks": {
        "box": {"label_cost": 1, "lot": 7, "target": 0.5},
        "mask": {"label_cost": 2, "lot": 11, "target": 0.5},
    },
    "pools": {"web": {"label_cost": 0.01, "lot": 500}},
}


def test_the_cheapest_plan_is_the_same_however_far_the_budget_lies_above_it() -> None:
    _, surfaces = three()
    del surfaces["points"]
    near, far = (planned(CHEAPEST | {"budget": budget}, surfaces) for budget in (200, 2e8))
    assert far.cost <= near.cost * 1.0001
    assert far.certificate.gap <= 1.2 * near.certificate.gap
    assert far.status == ("optimal" if far.certificate.gap <= 1e-4 * far.cost else "feasible")
    assert far.certificate.bound <= near.cost + 1e-9


def test_a_little_more_money_than_the_cheapest_plan_needs_buys_the_best_mean_score() -> None:
    _, surfaces = three()
    del surfaces["points"]
    answer = planned(CHEAPEST | {"budget": 5000}, surfaces)
    assert answer.next_money.amount == 50
    more = {name: buy + answer.next_money.buys.get(name, 0) for name, buy in buys(answer).items()}
    cost = sum(more[name] * line.label_cost for lines in (answer.tasks, answer.pools) for name, line in lines.items())
    assert answer.cost < cost <= answer.cost + 50 + 1e-9
    assert answer.next_money.gain > 0


def test_splits_with_less_for_the_pool_are_found_where_there_is_a_target_too() -> None:
    brief, surfaces = three()
    brief["pools"]["web"]["label_cost"] = 0.001
    free = planned(brief, surfaces).shares
    brief["tasks"]["mask"]["target"] = 0.4
    bound = planned(brief, surfaces).shares
    assert bound[0].share == free[0].share == 0
    assert bound[0].score.expected == pytest.approx(free[0].score.expected, abs=1e-4)


def test_splits_beside_the_cheapest_plan_spend_no_more_than_it() -> None:
    _, surfaces = three()
    del surfaces["points"]
    answer = planned(CHEAPEST | {"budget": 5000}, surfaces)
    assert all(share.cost <= answer.cost for share in answer.shares)
    own = next(share for share in answer.shares if share.score.expected == answer.score.expected)
    assert own.share == pytest.approx(answer.pools["web"].cost / answer.cost)


def test_a_limit_stands_as_it_is_written_and_an_equation_once() -> None:
    brief, surfaces = three()
    limits = ["points.cost >= 500", "mask.buy == 200", "box.labels <= 10000"]
    answer = planned(brief | {"constraints": limits}, surfaces)
    assert [each.text for each in answer.limits] == limits
    least, equal, loose = answer.limits
    assert (least.limit, equal.used, equal.limit) == (500, 200, 200)
    assert least.used == answer.tasks["points"].cost >= 500
    assert least.price < 0  # one more of it takes money from what brings more
    assert loose.price == 0


def test_nothing_used_of_a_limit_from_below_is_no_minus_nothing() -> None:
    brief, surfaces = three()
    brief["tasks"]["mask"]["max_labels"] = 50
    answer = planned(brief | {"constraints": ["mask.buy >= 0", "-mask.cost >= -50"]}, surfaces)
    assert [(str(each.used), each.limit) for each in answer.limits] == [("0.0", 0), ("0.0", -50)]
    assert "-0.0" not in answer.to_json()


def test_where_more_money_leaves_no_plan_the_next_money_brings_nothing() -> None:
    tasks = {"a": {"label_cost": 1, "group": "g", "max_labels": 30}, "b": {"label_cost": 1}}
    answer = planned(
        {"budget": 100, "tasks": tasks, "groups": {"g": {"min_share": 0.3}}}, {"a": Known("a"), "b": Known("b")}
    )
    assert answer.tasks["a"].buy == 30
    assert (answer.next_money.gain, answer.next_money.buys, answer.next_money.gap) == (0, {}, None)


def test_money_that_does_not_pay_for_a_lot_is_left_for_the_lots_and_not_for_a_limit() -> None:
    tasks = {"a": {"label_cost": 1, "lot": 1000}, "b": {"label_cost": 1, "lot": 600}}
    answer = planned({"budget": 500, "tasks": tasks}, {"a": Known("a"), "b": Known("b")})
    assert (answer.cost, answer.unspent_reason) == (0, "lot sizes")
