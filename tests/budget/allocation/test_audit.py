"""Briefs that cannot be met: every reason is named, and its smallest repair repairs."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from budget import Brief, Plan, plan
from budget.allocation import limits
from budget.allocation.audit import plan_within
from budget.allocation.goals import kept
from budget.allocation.problem import Choice, problem
from budget.allocation.program import Program
from budget.errors import CannotBeMet
from budget.prices import exact
from tests.budget.allocation.surfaces import Known, measured


def two() -> tuple[dict[str, Any], dict[str, Known]]:
    surfaces = {"box": Known("box", exponent_value=0.3), "mask": Known("mask", exponent_value=0.5, seed=1)}
    tasks = {"box": {"label_cost": 0.3, "owned": 100}, "mask": {"label_cost": 1.1, "owned": 50}}
    return {"budget": 1000, "tasks": tasks}, surfaces


def planned(values: dict[str, Any], surfaces: dict[str, Known]) -> Plan:
    return plan(Brief.from_dict(values), measured(surfaces), surfaces)  # type: ignore[arg-type]


def reasons(values: dict[str, Any], surfaces: dict[str, Known]) -> CannotBeMet:
    with pytest.raises(CannotBeMet) as caught:
        planned(values, surfaces)
    assert caught.value.exit_status == 3
    return caught.value


def test_a_target_out_of_reach_is_named_with_the_score_that_can_be_reached() -> None:
    brief, surfaces = two()
    brief["tasks"]["box"]["target"] = 0.94
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert "the target 0.94 of box is out of reach" in shortfall.reason
    brief["tasks"]["box"]["target"] = float(re.findall(r"to (0\.\d+)$", shortfall.repair)[0])
    assert planned(brief, surfaces).tasks["box"].expected >= brief["tasks"]["box"]["target"]


def test_each_target_out_of_reach_is_named_and_what_all_of_them_cost_together() -> None:
    brief, surfaces = two()
    for task in brief["tasks"].values():
        task["target"] = 0.949
    *alone, together = reasons(brief, surfaces).shortfalls
    assert [each.path for each in alone] == ["tasks.box.target", "tasks.mask.target"]
    assert all("is all that 1000 buys" in each.reason for each in alone)
    assert together.path == "budget"
    for each in alone:
        assert isinstance(each.value, float)
        brief["tasks"][each.path.split(".")[1]]["target"] = each.value
    assert planned(brief | {"budget": together.value}, surfaces).cost > 1900


def test_targets_that_cost_too_much_together_are_told_what_they_cost() -> None:
    brief, surfaces = two()
    free = planned(brief, surfaces)
    for name, task in brief["tasks"].items():
        task["target"] = round(free.tasks[name].expected + 0.002, 4)
    (shortfall,) = reasons(brief, surfaces).shortfalls
    targets = "; ".join(f"the target {task['target']} of {name}" for name, task in brief["tasks"].items())
    assert shortfall.reason == f"what is asked for costs {shortfall.value:g}, the budget is 1000: {targets}"
    assert shortfall.repair.startswith(
        f"move one: raise the budget to {shortfall.value:g}, or set the target of box to "
    )
    brief["budget"] = shortfall.value
    assert planned(brief, surfaces).tasks["box"].expected >= brief["tasks"]["box"]["target"]
    brief["budget"] -= 5
    assert reasons(brief, surfaces)


def test_limits_that_contradict_each_other_are_named_without_the_innocent() -> None:
    brief, surfaces = two()
    brief["constraints"] = ["box.cost >= 600", "mask.buy >= 2 * box.buy", "box.cost <= 900"]
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert "box.cost >= 600" in shortfall.reason
    assert "mask.buy >= 2 * box.buy" in shortfall.reason
    assert "the budget is 1000" in shortfall.reason
    assert "900" not in shortfall.reason
    brief["budget"] = shortfall.value
    assert planned(brief, surfaces).cost == shortfall.value


def test_too_few_hours_are_named() -> None:
    brief, surfaces = two()
    for task in brief["tasks"].values():
        task |= {"label_seconds": 3600, "min_labels": 200}
    brief |= {"hours": 100}
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert shortfall.reason == "these limits contradict each other: annotator hours <= 100; min_labels 200 of mask"
    assert shortfall.repair == "move one: set hours to 250, or set min_labels of mask to 50"


def test_targets_that_hours_forbid_are_lowered_by_as_little_as_is_needed() -> None:
    brief, surfaces = two()
    for task in brief["tasks"].values():
        task |= {"label_seconds": 3600}
    brief |= {"hours": 100}
    free = planned(brief, surfaces)
    for name, task in brief["tasks"].items():
        task["target"] = round(free.tasks[name].expected + 0.003, 4)
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert "is out of reach within these limits: the target" in shortfall.reason
    assert "annotator hours <= 100" in shortfall.reason
    name, target = re.findall(r"set the target of (\w+) to (0\.\d+)", shortfall.repair)[0]
    assert float(target) < brief["tasks"][name]["target"]
    brief["tasks"][name]["target"] = float(target)
    assert all(line.expected >= brief["tasks"][task]["target"] for task, line in planned(brief, surfaces).tasks.items())
    brief["tasks"][name]["target"] = float(target) + 0.002
    assert reasons(brief, surfaces)


@pytest.mark.parametrize("goal", ["mean", "worst"])
def test_hours_that_leave_money_are_named_and_have_a_price(goal: str) -> None:
    brief, surfaces = two()
    for task in brief["tasks"].values():
        task |= {"label_seconds": 3600, "lot": 10}
    brief |= {"hours": 100, "goal": goal}
    answer = planned(brief, surfaces)
    assert answer.unspent > 0
    assert answer.unspent_reason == "limited by annotator hours <= 100"
    (limit,) = answer.limits
    more = planned(brief | {"hours": 101}, surfaces)
    gain = (more.certificate.value or 0) - (answer.certificate.value or 0)
    assert limit.price > 0
    assert limit.price >= gain - 1e-6


def test_a_target_of_a_score_that_is_minimised_is_raised_by_as_little_as_is_needed() -> None:
    brief, surfaces = two()
    turned = {"box": replace(surfaces["box"], best=0.0, worst=40.0, direction="minimize"), "mask": surfaces["mask"]}
    brief["tasks"]["box"] |= {
        "metric": {"name": "error", "best": 0.0, "worst": 40.0, "direction": "minimize"},
        "target": 3,
    }
    (shortfall,) = reasons(brief, turned).shortfalls
    assert shortfall.path == "tasks.box.target"
    assert isinstance(shortfall.value, float)
    assert shortfall.value > 3
    brief["tasks"]["box"]["target"] = shortfall.value
    assert planned(brief, turned).tasks["box"].expected <= shortfall.value
    brief["tasks"]["box"]["target"] = round(shortfall.value - 0.002, 6)
    assert reasons(brief, turned)


def test_names_that_are_no_plain_words_are_repaired_as_they_are_written() -> None:
    _, known = two()
    surfaces = {
        name: replace(each, task=name) for name, each in {"<= 3": known["box"], "lane (EU)": known["mask"]}.items()
    }
    tasks = {"<= 3": {"label_cost": 0.5, "group": "all (2)"}, "lane (EU)": {"label_cost": 1, "group": "all (2)"}}
    rows = ['"<= 3".buy >= 2 * "lane (EU)".buy', '"lane (EU)".cost >= 100', '"<= 3".buy <= 20']
    brief = {"budget": 1000, "tasks": tasks, "constraints": rows, "groups": {"all (2)": {"max_cost": 90}}}
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert shortfall.reason == f"these limits contradict each other: {rows[1]}; all (2).cost <= 90"
    assert shortfall.repair == f'write "lane (EU)".cost >= 10 for {rows[1]}'
    rows[1] = str(shortfall.value)
    assert planned(brief, surfaces).cost == 20


def test_without_money_all_that_is_asked_for_is_said() -> None:
    brief, surfaces = two()
    brief["tasks"]["box"] |= {"min_labels": 200, "target": 0.5}
    brief["tasks"]["mask"]["target"] = 0.9499
    first, second = reasons(brief | {"budget": 0}, surfaces).shortfalls
    assert (first.path, second.path) == ("budget", "tasks.mask.target")
    brief["tasks"]["mask"]["target"] = second.value
    assert planned(brief | {"budget": first.value}, surfaces).cost <= (first.value or 0)


def test_a_subgroup_that_needs_more_of_its_parents_labels_is_named() -> None:
    brief, surfaces = two()
    brief["tasks"]["night"] = {"measured_on": "box", "target": 0.7}
    brief["tasks"]["box"]["max_labels"] = 150
    surfaces["night"] = Known("night", exponent_value=0.2)
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert shortfall.reason.startswith(
        "the target 0.7 of night is out of reach within these limits: max_labels 150 of box;"
    )
    brief["tasks"]["night"]["target"] = shortfall.value
    assert planned(brief, surfaces).tasks["night"].expected >= shortfall.value


def test_what_a_solver_was_not_given_time_for_is_not_said_to_be_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    brief, surfaces = two()
    brief["constraints"] = ["mask.buy >= 2 * box.buy", "box.cost + mask.cost >= 100", "box.cost >= 0.01 * mask.cost"]
    assert kept_by(brief, surfaces)
    monkeypatch.setattr(limits, "PATIENCE", 0.0)
    with pytest.raises(CannotBeMet, match=r"not all of this is proved: .* there may be a plan after all"):
        kept_by(brief, surfaces)


def kept_by(values: dict[str, Any], surfaces: dict[str, Known]) -> bool:
    brief = Brief.from_dict(values)
    return kept(problem(brief, surfaces), plan_within(brief, surfaces, "highs"))


@pytest.mark.parametrize("seed", range(4))
def test_the_least_money_for_all_targets_is_enough_wherever_between_levels_of_pools_it_lies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surfaces = {
        f"t{i}": Known(f"t{i}", rng.uniform(0, 0.2), 0.7, rng.uniform(0.2, 0.5), gains={"p0": 1.0, "p1": 0.3}, seed=i)
        for i in range(3)
    }
    prices = rng.uniform(0.2, 2, 3).round(2)
    targets = [round(float(each.expected([2000], {"p0": 2e4, "p1": 2e4})[0]), 4) for each in surfaces.values()]
    tasks = {
        name: {"label_cost": float(price), "target": target}
        for name, price, target in zip(surfaces, prices, targets, strict=True)
    }
    pools = {"p0": {"label_cost": 0.03}, "p1": {"label_cost": 0.008}}
    least = least_money([*surfaces.values()], prices, targets, (0.03, 0.008))
    values = {"tasks": tasks, "pools": pools, "budget": round(1.001 * least, 2)}
    assert kept_by(values, surfaces)
    (shortfall,) = reasons(values | {"budget": round(0.98 * least, 2)}, surfaces).shortfalls
    assert 0.9999 * least <= float(shortfall.value or 0) <= 1.002 * least


def least_money(surfaces: list[Known], prices: Any, targets: list[float], pools: tuple[float, float]) -> float:
    """By trying pools on ever finer grids, whole labels of each task by halving."""
    middle, width, best = [2e4, 2e4], 100.0, np.inf
    for _ in range(6):
        sides = [np.round(place * np.geomspace(1 / width, width, 41)) for place in middle]
        first, second = (side.ravel() for side in np.meshgrid(*sides))
        cost = pools[0] * first + pools[1] * second
        for surface, price, target in zip(surfaces, prices, targets, strict=True):
            low, high = np.zeros(len(cost)), np.full(len(cost), 2.0**24)
            for _ in range(24):
                half = (low + high) / 2
                enough = surface.expected(half, {"p0": first, "p1": second}) >= target
                low, high = np.where(enough, low, half), np.where(enough, half, high)
            cost = cost + price * high
        k = int(cost.argmin())
        best, middle, width = min(best, float(cost[k])), [float(first[k]), float(second[k])], width**0.4
    return best


@pytest.mark.parametrize("seed", range(40))
def test_rows_that_ask_for_more_of_one_line_are_settled_without_a_program(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against every plan there is: three lines in chains, so that what the first needs comes back to the last."""
    random = np.random.default_rng(seed)
    tasks = {
        name: {"label_cost": int(random.integers(1, 9)) / 4, "lot": int(random.integers(1, 9)), "max_labels": 40}
        for name in "abc"
    }
    factor, more = random.uniform(0.3, 3.0, 3).round(2).tolist(), random.integers(0, 9, 2).tolist()
    rows = [
        f"a.cost <= {factor[0]} * b.cost", f"b.buy <= {factor[1]} * c.buy + {more[0]}", f"a.buy >= {more[1]}",
        f"a.buy + b.cost <= {factor[2]} * c.cost + {more[0]}", f"c.cost <= {int(random.integers(20, 80))}",
    ]  # fmt: skip
    brief = Brief.from_dict({"budget": int(random.integers(5, 90)), "tasks": tasks, "constraints": rows})
    surfaces = {name: Known(name) for name in "abc"}
    asked = problem(brief, surfaces)
    every = [range(0, 41, line.lot) for line in asked.lines]
    plans = (Choice(buys, ()) for buys in product(*every))
    costs = [asked.cost(choice) for choice in plans if not asked.broken(choice)]
    monkeypatch.setattr(Program, "solve", None)
    limited = limits.Limits(brief, surfaces, exact(brief.budget), "highs")
    found = limited.find(limited.all)
    assert (None if found is None else asked.cost(found.choice)) == min(costs, default=None)


def test_rows_that_ask_in_a_circle_are_settled_too() -> None:
    """n of box ask for 1.001 n of mask, which ask for more of box than that: without end; or, where n + 1 of mask ask
    for 0.9989 (n + 1) of box, up to n = 909, the first number that is as many."""
    brief, surfaces = two()
    brief["constraints"] = ["mask.buy >= 1.001 * box.buy", "box.buy >= 0.9995 * mask.buy", "box.buy >= 1"]
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert "these limits contradict each other" in shortfall.reason
    brief["constraints"][1] = "box.buy >= 0.9989 * mask.buy"
    (shortfall,) = reasons(brief, surfaces).shortfalls
    assert shortfall.path == "budget"
    assert shortfall.value == pytest.approx(0.3 * 909 + 1.1 * 910)


def test_where_not_even_the_worst_score_is_reached_with_the_confidence_nothing_else_is_blamed() -> None:
    """Draws may lie below a metric's worst: then no target is low enough."""
    task = {"label_cost": 1, "max_labels": 50, "target": 0.05, "target_confidence": 0.95}
    with pytest.raises(CannotBeMet, match="or a target_confidence have to give") as error:
        plan_within(
            Brief.from_dict({"budget": 40, "tasks": {"a": task}}),
            {"a": Known("a", 0.3, 0.68, 0.1, 10.0, spread=0.4)},
            "highs",
        )
    assert "scores fall" not in str(error.value)
