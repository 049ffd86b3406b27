"""What must hold for any brief, whatever its numbers."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget import Brief
from budget.allocation.baselines import baselines
from budget.allocation.goals import goal_value, kept
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.problem import Problem, problem
from budget.allocation.table import tabulate
from tests.budget.allocation.surfaces import Known

some = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("a", "b", "c")


@st.composite
def briefs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Known]]:
    pool = draw(st.booleans())
    surfaces = {
        name: Known(
            name, draw(st.floats(0, 0.3)), draw(st.floats(0.1, 0.7)), draw(st.floats(0.1, 0.9)),
            draw(st.sampled_from([2.0, 20.0])), {"p": draw(st.floats(0, 1))} if pool else {}, seed=i,
        )
        for i, name in enumerate(NAMES)
    }  # fmt: skip
    tasks = {
        name: {
            "label_cost": draw(st.integers(1, 40)) / 16,
            "weight": draw(st.integers(1, 4)),
            "lot": draw(st.sampled_from([1, 10])),
        }
        for name in NAMES
    }
    brief: dict[str, Any] = {"budget": float(draw(st.integers(1, 4000))), "tasks": tasks}
    if pool:
        brief["pools"] = {"p": {"label_cost": 1 / 64, "lot": draw(st.sampled_from([1, 100]))}}
    return brief, surfaces


def posed(case: tuple[dict[str, Any], dict[str, Known]], **changes: Any) -> Problem:
    return problem(Brief.from_dict(case[0] | changes), case[1])


def best(asked: Problem) -> Optimum:
    found = optimum(tabulate(asked), asked, "highs", tuple(baselines(asked).values()))
    assert found is not None
    return found


@some
@given(briefs(), st.floats(1.0, 3.0))
def test_more_money_is_never_worse_than_the_gap(case: tuple[dict[str, Any], dict[str, Known]], times: float) -> None:
    less, more = best(posed(case)), best(posed(case, budget=case[0]["budget"] * times))
    assert more.bound >= less.value - 1e-9
    assert more.value >= less.value - (more.bound - more.value) - 1e-9


@some
@given(briefs(), st.sampled_from([0.5, 4.0, 1024.0]))
def test_another_currency_changes_nothing(case: tuple[dict[str, Any], dict[str, Known]], rate: float) -> None:
    brief = case[0]
    scaled = brief | {"budget": brief["budget"] * rate}
    for section in ("tasks", "pools"):
        scaled[section] = {n: x | {"label_cost": x["label_cost"] * rate} for n, x in brief.get(section, {}).items()}
    first, second = best(posed(case)), best(posed((scaled, case[1])))
    assert abs(first.value - second.value) <= max(first.bound - first.value, second.bound - second.value) + 1e-9


@some
@given(briefs())
def test_other_names_change_nothing(case: tuple[dict[str, Any], dict[str, Known]]) -> None:
    turned = dict(zip(NAMES, reversed(NAMES), strict=True))
    tasks = {turned[name]: task for name, task in case[0]["tasks"].items()}
    renamed = (case[0] | {"tasks": tasks}, {turned[name]: surface for name, surface in case[1].items()})
    first, second = best(posed(case)), best(posed(renamed))
    assert abs(first.value - second.value) <= max(first.bound - first.value, second.bound - second.value) + 1e-9


@settings(some, max_examples=4)  # some of them are divided into many boxes of pools
@given(
    briefs(),
    st.sampled_from(["a.cost <= b.cost", "a.buy >= c.buy", "total.cost <= 100", "a.cost + b.cost <= 0.5 * c.cost"]),
)
def test_a_constraint_never_helps(case: tuple[dict[str, Any], dict[str, Known]], text: str) -> None:
    free, bound = best(posed(case)), best(posed(case, constraints=[text]))
    assert bound.value <= free.bound + 1e-9


@some
@given(briefs())
def test_the_plan_is_never_below_a_baseline_and_leaves_no_useful_lot_unbought(
    case: tuple[dict[str, Any], dict[str, Known]],
) -> None:
    asked = posed(case)
    found = best(asked)
    assert kept(asked, found.choice)
    for choice in baselines(asked).values():
        assert found.value >= goal_value(asked, choice) - 1e-12
    left = asked.money - asked.cost(found.choice)
    for line, buy in zip(asked.lines, found.choice.all, strict=True):
        assert (
            buy + line.lot > line.most
            or line.cost(buy + line.lot) - line.cost(buy) > left
            or not _helps(asked, found, line.name)
        )


def _helps(asked: Problem, found: Optimum, name: str) -> bool:
    """Would one lot more raise the score by more than the plan's own gap?"""
    buys = [*found.choice.all]
    at = [line.name for line in asked.lines].index(name)
    buys[at] += asked.lines[at].lot
    count = len(asked.tasks)
    more = type(found.choice)(tuple(buys[:count]), tuple(buys[count:]))
    return goal_value(asked, more) > found.value + (found.bound - found.value) + 1e-9
