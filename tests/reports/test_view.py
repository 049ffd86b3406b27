"""What the page says against what the plan holds: totals, order, limits, and the findings at their thresholds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from budget.errors import InvalidInput
from budget.plan import FailedBudget, Limit, NextMoney, Plan, Score, TaskLine
from reports.view import view_of
from reports.view.evidence import curve_chart
from reports.view.findings import FAR, MUCH_UNSPENT, Finding
from reports.view.frontier import STEPS, solved, stepped
from reports.view.parts import Cell, Name, Row, context_of
from reports.view.verdict import reference
from tests.reports.plans import PLANS


def plan() -> Plan:
    return PLANS["four"]()


def text(cell: Cell) -> str:
    return cell.text.whole if isinstance(cell.text, Name) else cell.text


def cell(row: Row, live: str) -> str:
    return next(text(cell) for cell in row.cells if cell.live == live)


def amount(shown: str) -> float:
    return float(shown.replace(",", ""))


def with_task(old: Plan, name: str, **changes: object) -> Plan:
    lines = {**old.tasks, name: replace(old.tasks[name], **changes)}
    return replace(old, tasks=lines)


def findings(of: Plan, label: str = "") -> list[Finding]:
    found = view_of(of).findings
    return [finding for finding in (*found.shown, *found.folded) if not label or finding.label == label]


@pytest.mark.parametrize("name", PLANS)
def test_columns_of_the_allocation_add_up_to_the_plan(name: str) -> None:
    of = PLANS[name]()
    table = view_of(of).allocation.table
    (total,) = table.foot
    assert amount(cell(total, "cost")) == pytest.approx(of.cost, abs=0.005)
    assert sum(amount(cell(row, "cost")) for row in table.rows) == pytest.approx(amount(cell(total, "cost")), abs=1e-6)
    assert sum(amount(cell(row, "buy")) for row in table.rows) == amount(cell(total, "buy"))


@pytest.mark.parametrize("name", PLANS)
def test_every_section_names_tasks_in_the_same_order(name: str) -> None:
    of = PLANS[name]()
    view = view_of(of)
    first = [text(row.cells[0]) for row in view.allocation.table.rows]
    assert first == [*of.pools, *of.tasks]
    assert [task.name.whole for task in view.evidence.tasks] == list(of.tasks)
    if view.shared.brings:
        assert [text(row.cells[0]) for row in view.shared.brings.rows] == list(of.tasks)


def test_each_task_without_labels_and_no_other_gets_a_reason() -> None:
    reasons = view_of(plan()).allocation.none
    none = [name for name, line in plan().tasks.items() if line.buy == 0]
    assert len(reasons) == len(none) > 0
    assert all(reason.startswith(name) for reason, name in zip(reasons, none, strict=True))


def test_a_loss_counts_as_better_when_it_falls() -> None:
    view = view_of(PLANS["minimised"]())
    line = PLANS["minimised"]().tasks["wind"]
    assert line.expected < line.now
    row = next(row for row in view.allocation.table.rows if text(row.cells[0]) == "wind")
    assert text(row.cells[-1]).startswith("+")
    assert view.verdict.expectation.text.startswith("Expect mean RMSE")
    assert "worse than the proposed plan" in view.frontier.sentences[0]
    brings = view.shared.brings
    assert brings is not None
    assert text(brings.rows[0].cells[1]).startswith("+")


def test_plan_score_is_in_the_metric_all_tasks_share_and_else_in_points() -> None:
    assert "points" in view_of(plan()).verdict.expectation.text
    assert "mean accuracy" in view_of(PLANS["leftover"]()).verdict.expectation.text
    assert "accuracy of" in view_of(PLANS["one"]()).verdict.expectation.text


@pytest.mark.parametrize(("trust", "kind"), [("FAIL", "stop"), ("REVIEW", "check")])
def test_a_forecast_that_is_not_trusted_is_a_finding_with_its_remedy(trust: str, kind: str) -> None:
    of = with_task(plan(), "keypoints", trust=trust, trust_reason="odd dips", trust_remedy="run more seeds")
    (found,) = [one for one in findings(of, "Forecast") if one.subject.whole == "keypoints"]
    assert found.kind == kind
    assert "odd dips" in found.text
    assert found.action == "Run more seeds."


@pytest.mark.parametrize(("factor", "count"), [(FAR, 0), (FAR + 0.01, 1)])
def test_far_beyond_the_pilot_is_a_finding_just_past_the_threshold(factor: float, count: int) -> None:
    of = plan()
    for name in of.tasks:
        of = with_task(of, name, beyond_pilot=1.0)
    of = with_task(of, "segmentation", beyond_pilot=factor)
    assert len(findings(of, "Beyond the pilot")) == count


@pytest.mark.parametrize(("factor", "count"), [(FAR, 0), (FAR + 0.01, 1)])
def test_a_pool_far_beyond_its_pilot_is_a_finding_too(factor: float, count: int) -> None:
    old = plan()
    of = replace(old, pools={"general": replace(old.pools["general"], beyond_pilot=factor)})
    assert len([one for one in findings(of, "Beyond the pilot") if one.subject.whole == "general"]) == count


def test_a_curve_is_dashed_all_along_where_so_many_shared_labels_were_never_measured() -> None:
    old = plan()
    context = context_of(old)
    evidence = old.evidence["detection"]
    planned = old.pools["general"].labels
    for most, solid in ((planned - 1, False), (planned, True)):
        chart = curve_chart(context, 1, "detection", replace(evidence, most_pools={"general": most}))
        styles = [line.style for line in chart.lines if line.style.startswith("plan")]
        assert ("plan" in styles) == solid
        assert "plan dashed" in styles


def test_solid_and_dashed_meet_where_the_pilots_end() -> None:
    old = plan()
    chart = curve_chart(context_of(old), 1, "detection", old.evidence["detection"])
    (solid,) = [line for line in chart.lines if line.style == "without"]
    (dashed,) = [line for line in chart.lines if line.style == "without dashed"]
    assert solid.points[-1] == dashed.points[0]
    assert solid.points[-1][0] == old.evidence["detection"].most_labels


def test_the_step_before_the_whole_order_is_never_larger_than_the_order() -> None:
    of = with_task(plan(), "segmentation", owned=400, buy=1000, labels=1400, beyond_pilot=1400 / 300, label_cost=2.0)
    (found,) = [one for one in findings(of, "Beyond the pilot") if one.subject.whole == "segmentation"]
    assert "buy about 800 labels (USD\u00a01,600)" in found.action  # four times the pilot of 300, less the 400 owned


@pytest.mark.parametrize(
    ("probability", "expected", "kinds"),
    [(0.8, 0.6, []), (0.79, 0.6, ["check"]), (0.95, 0.54, ["stop"]), (0.95, 0.55, [])],
)
def test_a_target_is_a_finding_if_missed_or_less_likely_than_four_in_five(
    probability: float, expected: float, kinds: list[str]
) -> None:
    of = with_task(plan(), "detection", target=0.55, target_probability=probability, expected=expected)
    assert [one.kind for one in findings(of, "Target")] == kinds


@pytest.mark.parametrize(("share", "count"), [(MUCH_UNSPENT, 0), (MUCH_UNSPENT + 1e-4, 1)])
def test_much_unspent_money_is_a_finding(share: float, count: int) -> None:
    of = replace(plan(), unspent=share * plan().budget, unspent_reason="lot sizes")
    assert len(findings(of, "Money left")) == count


@pytest.mark.parametrize(("low", "count"), [(1e-9, 0), (0.0, 1), (-0.1, 1)])
def test_a_gain_within_noise_is_a_finding(low: float, count: int) -> None:
    old = plan()
    baseline = replace(old.baselines["even split"], gain=Score(0.05, low, 0.2))
    assert len(findings(replace(old, baselines={**old.baselines, "even split": baseline}), "Gain")) == count


@pytest.mark.parametrize(("gain", "count"), [(0.001, 0), (0.0011, 1)])
def test_a_limit_is_a_finding_if_money_would_bring_more_beyond_it_than_anywhere_else(gain: float, count: int) -> None:
    old = replace(plan(), next_money=replace(plan().next_money, gain=0.001))
    held = replace(old.pools["general"], binding=("max_labels",), next_gain=gain)
    of = replace(old, pools={"general": held}, tasks={n: replace(t, binding=()) for n, t in old.tasks.items()})
    assert len(findings(of, "Limit")) == count
    free = replace(of, pools={"general": replace(held, binding=())})
    assert findings(free, "Limit") == []


def test_failed_runs_are_a_finding() -> None:
    old = plan()
    assert findings(old, "Pilots") == []
    (found,) = findings(replace(old, provenance=replace(old.provenance, failed_runs=2)), "Pilots")
    assert found.text.startswith("Two of 122 pilot runs failed")


def test_a_pool_that_hurts_a_task_for_sure_is_a_finding() -> None:
    old = plan()
    hurt = replace(old.pools["general"], brings={"keypoints": Score(-0.02, -0.03, -0.01)})
    (found,) = findings(replace(old, pools={"general": hurt}), "Shared labels")
    assert found.subject.whole == "keypoints"
    unsure = replace(old.pools["general"], brings={"keypoints": Score(-0.02, -0.03, 0.0)})
    assert findings(replace(old, pools={"general": unsure}), "Shared labels") == []


def test_at_most_seven_findings_are_shown_first_and_stops_come_before_notes() -> None:
    view = view_of(PLANS["forty"]()).findings
    assert len(view.shown) == 7
    weights = [finding.weight for finding in (*view.shown, *view.folded)]
    assert weights == sorted(weights, reverse=True)
    assert view.shown[0].kind == "stop"


def test_the_same_finding_about_several_tasks_is_said_once() -> None:
    old = plan()
    for name in ("segmentation", "keypoints"):
        old = with_task(old, name, trust="FAIL", trust_reason="too few points", trust_remedy="")
    found = [one for one in findings(old, "Forecast") if one.kind == "stop"]
    assert len(found) == 1
    assert found[0].subject.whole == "segmentation and keypoints"
    assert found[0].text == "The forecasts for these tasks are not to be relied on: too few points."


def test_half_the_budget_is_only_spoken_of_where_it_was_solved() -> None:
    old = plan()
    assert view_of(old).frontier.sentences[0].startswith("With half the budget, USD\u00a06,000, expect ")
    far = tuple(point for point in old.frontier if not 0.3 * old.budget < point.budget < 0.7 * old.budget)
    assert not any("half" in sentence for sentence in view_of(replace(old, frontier=far)).frontier.sentences)
    near = tuple(replace(p, budget=0.45 * old.budget) if p.budget == 0.5 * old.budget else p for p in old.frontier)
    said = view_of(replace(old, frontier=near)).frontier.sentences[0]
    assert said.startswith("With the nearest budget to half that was solved, USD\u00a05,400")


@pytest.mark.parametrize("chosen", [0, 1, 7, 12, 23])
@pytest.mark.parametrize("count", [24, 60])
def test_the_slider_has_few_steps_with_both_ends_and_the_plan_among_them(count: int, chosen: int) -> None:
    point = plan().frontier[0]
    points = [replace(point, budget=float(index)) for index in range(count)]
    steps = stepped(points, chosen)
    budgets = [step.budget for step in steps]
    assert len(steps) <= STEPS
    assert {0.0, float(chosen), count - 1.0} <= set(budgets)
    assert budgets == sorted(set(budgets))


def test_a_plan_with_nothing_but_its_lines_still_makes_a_page() -> None:
    bare = replace(
        plan(), frontier=(), shares=(), sensitivity=(), evidence={}, baselines={}, notes=(), unspent_reason=""
    )
    view = view_of(bare)
    assert view.frontier.figure is None
    assert view.shared.figure is None
    assert view.changes.table is None
    assert view.alternatives.detail is None


def test_shares_of_one_budget_solved_twice_are_drawn_once_with_the_better_plan() -> None:
    old = plan()
    worse = replace(old.shares[2], score=Score(0.1, 0.0, 0.2))
    assert view_of(replace(old, shares=(*old.shares, worse))).shared == view_of(old).shared


def test_the_cheapest_plan_stands_among_richer_ones_at_what_it_costs() -> None:
    old = plan()
    of = replace(old, goal="cheapest", budget=2 * old.budget)
    points = solved(of)
    assert next(point.budget for point in points if point.score == of.score) == of.cost
    assert of.budget in [point.budget for point in points]
    scores = [point.score.expected for point in points]
    assert scores == sorted(scores)
    assert view_of(of).frontier.chosen < len(view_of(of).frontier.states) - 1


def test_the_gap_is_written_in_what_the_goal_counts() -> None:
    old = plan()

    def last(of: Plan) -> str:
        return str(view_of(of).verdict.because.text)

    money = replace(old, goal="cheapest", certificate=replace(old.certificate, of="money", gap=12.5))
    assert "for less by more than USD\u00a012.50" in last(money)
    low = replace(old, goal="worst", certificate=replace(old.certificate, of="lowest score", gap=0.02))
    assert "lowest score by more than 2.00% of its target" in last(low)
    assert "The task that is expected to score lowest is " in str(view_of(low).verdict.because.text)


def test_the_verdict_compares_with_what_keeps_to_the_brief() -> None:
    old = plan()
    broken = replace(old.baselines["even split"], breaks=("hours",))
    of = replace(old, baselines={**old.baselines, "even split": broken})
    assert reference(old)[0] == "even split"
    assert reference(of)[0] == "pools only"  # the best of the others that buy something
    only = replace(old, baselines={"even split": broken})
    assert reference(only)[0] == "even split"
    assert "It does not keep to annotator hours." in str(view_of(only).verdict.because.text)


@pytest.mark.parametrize(("low", "shown"), [(0.0003, "+0.03 to +3.90"), (0.0, "0.0 to +3.9")])
def test_a_gain_that_is_told_from_zero_is_never_shown_to_end_at_zero(low: float, shown: str) -> None:
    old = plan()
    close = replace(old.baselines["even split"], gain=Score(0.008, low, 0.039))
    said = str(view_of(replace(old, baselines={"even split": close})).verdict.because.text)
    assert shown in said
    assert ("within the noise" in said) == (low == 0.0)


def test_a_plan_behind_an_allowed_alternative_for_sure_says_so_plainly() -> None:
    old = plan()
    ahead = replace(old.baselines["even split"], gain=Score(-0.02, -0.03, -0.01), cost=0.5 * old.cost)
    of = replace(old, goal="worst", baselines={"even split": ahead})
    said = str(view_of(of).verdict.because.text)
    assert said.startswith("The even split for USD\u00a05,999.99 is expected to score 2.0 points better")
    assert "range +1.0 to +3.0" in said
    (found,) = findings(of, "Goal")
    assert "+1.0 to +3.0" in found.text
    assert findings(of, "Gain") == []


def test_limits_and_firmness_are_shown_where_the_plan_has_them() -> None:
    old = plan()
    assert view_of(old).allocation.limits is None
    assert view_of(old).changes.firm is None
    limits = (Limit("hours", "annotator hours", 4000.0, 4000.0, 0.0001), Limit("c", "a.cost <= 10", 3.0, 10.0))
    of = with_task(replace(old, limits=limits), "detection", band=(100, 900), could_be=(0, 12000))
    table = view_of(of).allocation.limits
    assert table is not None
    assert [text(cell) for cell in table.rows[0].cells] == ["annotator hours", "4,000", "4,000", "+0.00010"]
    assert text(table.rows[1].cells[3]) == "it does not bind"
    firm = view_of(of).changes.firm
    assert firm is not None
    assert [text(cell) for cell in firm.rows[2].cells][2:] == ["100 to 900", "0 to 12,000"]


def test_a_limit_from_below_binds_where_it_is_just_kept() -> None:
    limits = (Limit("a", "a.cost >= 100", 100.0, 100.0, -0.01), Limit("b", "b.cost >= 100", 250.0, 100.0))
    table = view_of(replace(plan(), limits=limits)).allocation.limits
    assert table is not None
    assert [text(row.cells[3]) for row in table.rows] == ["−0.010", "it does not bind"]


def test_a_subgroup_has_a_score_on_another_tasks_labels_and_no_order_of_its_own() -> None:
    old = plan()
    night = replace(old.tasks["detection"], buy=0, cost=0.0, owned=9999, measured_on="detection", weight=1.0)
    of = with_task(old, "detection", band=(100, 900))
    of = replace(of, tasks={**of.tasks, "at night": night})
    view = view_of(of)
    row = next(row for row in view.allocation.table.rows if text(row.cells[0]) == "at night")
    assert row.cells[0].note == "mAP, on the labels of detection"
    assert text(row.cells[1]) == ""
    (total,) = view.allocation.table.foot
    assert amount(text(total.cells[1])) == sum(line.owned for line in (*old.pools.values(), *old.tasks.values()))
    assert not any(reason.startswith("at night") for reason in view.allocation.none)
    assert view.allocation.heading.headline == view_of(old).allocation.heading.headline
    tables = (view.changes.firm, view.alternatives.detail)
    assert all("at night" not in [text(row.cells[0]) for row in table.rows] for table in tables if table)


def test_a_weight_or_a_forecast_is_varied_by_a_factor_and_a_price_is_money() -> None:
    weight = replace(plan().sensitivity[0], what="weight", name="detection", low_value="0.5", high_value="1.5")
    changes = view_of(replace(plan(), sensitivity=(weight, *plan().sensitivity))).changes
    assert changes.table is not None
    shown = {text(row.cells[0]): (text(row.cells[1]), text(row.cells[4])) for row in changes.table.rows}
    assert shown["weight of detection"] == ("0.5×", "1.5×")
    assert all(low.startswith("USD") for what, (low, _) in shown.items() if what.startswith("price"))


def test_a_forecast_that_asks_for_a_pilot_says_that_for_this_plan_none_is_worth_it() -> None:
    asks = {"trust": "REVIEW", "trust_reason": "open", "trust_remedy": "Add a pilot at twice the largest size."}
    of = replace(with_task(plan(), "detection", **asks), next_pilots=(), pilots_looked_at=9)
    (found,) = findings(of, "Forecast")
    assert found.action == (
        "Add a pilot at twice the largest size. That would make later forecasts surer; "
        "for this plan no further pilot on the labels that are there is worth more than planning now."
    )
    for other in ({"trust_remedy": "Look at the logs of the outlying runs."}, {"trust": "FAIL"}):
        (found,) = findings(with_task(of, "detection", **asks | other), "Forecast")
        assert "later forecasts" not in found.action


def test_a_plan_for_another_goal_says_what_alternatives_are_compared_by() -> None:
    (lead,) = view_of(replace(plan(), goal="worst")).alternatives.heading.lead
    assert lead.endswith(
        "Compared here is the mean score; the plan seeks the best score of the task that scores lowest."
    )


def test_budgets_without_a_plan_are_named_with_the_reason() -> None:
    failed = (FailedBudget(10.0, "the least that must be bought costs 312"), FailedBudget(1e9, "no plan was found"))
    sentences = view_of(replace(plan(), failed_budgets=failed[1:])).frontier.sentences
    assert "For one of the budgets in between or above no plan was found that keeps to the brief." in sentences
    sentences = view_of(
        replace(plan(), failed_budgets=(FailedBudget(0.0, "x"),), frontier=plan().frontier[1:])
    ).frontier
    assert "Without money there is no plan: x." in sentences.sentences
    later = tuple(point for point in plan().frontier if point.budget > 10)
    sentences = view_of(replace(plan(), failed_budgets=failed[:1], frontier=later)).frontier.sentences
    assert "For USD\u00a010 or less there is no plan: the least that must be bought costs 312." in sentences


def test_where_there_is_no_money_no_step_of_it_is_named() -> None:
    old = plan()
    nothing = {name: replace(line, buy=0, cost=0.0) for name, line in old.tasks.items()}
    of = replace(old, budget=0.0, cost=0.0, tasks=nothing, next_money=NextMoney(0.0, 0.0), frontier=())
    view = view_of(of)
    assert view.frontier.heading.headline == "There is no money to spend"
    assert view.allocation.none[0] == "classification: nothing, because there is no money."


def test_where_a_pool_fades_is_told_with_two_digits() -> None:
    old = plan()
    evidence = {name: replace(each, fades_at={"general": 9985.36}) for name, each in old.evidence.items()}
    brings = view_of(replace(old, evidence=evidence)).shared.brings
    assert brings is not None
    assert text(brings.rows[0].cells[2]) == "beyond about 10,000 labels"


def test_further_pilots_are_listed_in_the_plans_order_with_what_they_take_and_may_bring() -> None:
    old = plan()
    pilots = tuple(
        replace(old.next_pilots[0], task=task, gain=gain, seconds=seconds, cost=cost, repeats=repeats)
        for task, gain, seconds, cost, repeats in (
            ("detection", 0.0012, 90.0, 1260.0, 2),
            ("keypoints", 0.0004, 59.0, 0.0, 1),
            ("segmentation", 0.00001, 7200.0, 10.5, 4),
        )
    )
    found = view_of(replace(old, next_pilots=pilots)).changes.pilots
    assert found is not None
    assert found.table is not None
    rows = [[text(cell) for cell in row.cells] for row in found.table.rows]
    assert [row[0] for row in rows] == ["detection", "keypoints", "segmentation"]
    assert [row[-3:] for row in rows] == [
        ["+0.12", "two minutes", "1,260.00"],
        ["+0.040", "under a minute", "0.00"],
        ["+0.0010", "two hours", "10.50"],
    ]
    assert "for their training time" in found.lead
    untimed = tuple(replace(pilot, seconds=None) for pilot in pilots)
    assert "for a run" in view_of(replace(old, next_pilots=untimed)).changes.pilots.lead  # type: ignore[union-attr]


def test_that_no_pilot_is_worth_more_is_said_only_where_some_were_looked_at() -> None:
    old = replace(plan(), next_pilots=())
    known = view_of(old).changes.pilots
    assert known is not None
    assert known.table is None
    assert known.lead == "No further pilot that was looked at is worth more than planning with what is known."
    assert view_of(replace(old, pilots_looked_at=0)).changes.pilots is None


def test_a_weak_forecast_and_an_unproven_gain_name_the_pilot_that_would_tell_most() -> None:
    old = plan()
    pilot = replace(old.next_pilots[0], task="detection", labels=4000, cost=0.0, seconds=90.0, repeats=1)
    old = replace(old, next_pilots=(pilot,))
    (weak,) = findings(old, "Forecast")
    assert "What would tell this plan most: one run of detection with 4,000 labels" in weak.action
    assert "no labels to buy, two minutes of training; it may bring +" in weak.action
    noise = replace(old.baselines["even split"], gain=Score(0.05, -0.01, 0.2))
    unproven = replace(old, baselines={**old.baselines, "even split": noise})
    (gain,) = findings(unproven, "Gain")
    assert "What would tell most: one run of detection" in gain.action
    (gain,) = findings(replace(unproven, next_pilots=()), "Gain")
    assert "no further pilot that was looked at is worth more than planning with what is known" in gain.action
    (gain,) = findings(replace(unproven, next_pilots=(), pilots_looked_at=0), "Gain")
    assert gain.action.endswith("more pilots or more seeds would tell.")


def test_an_alternative_that_breaks_the_brief_says_so() -> None:
    old = plan()
    limits = (Limit("hours", "annotator hours <= 9", 8, 9), Limit("constraints[0]", "detection.cost <= 900", 1, 900))
    broken = replace(old.baselines["nothing"], breaks=("hours", "constraints[0]"))
    table = view_of(replace(old, baselines={"nothing": broken}, limits=limits)).alternatives.table
    assert table.rows[0].cells[0].note == "does not keep to annotator hours and detection.cost <= 900"


def test_an_alternative_that_was_changed_to_keep_to_the_brief_says_for_what() -> None:
    old = plan()
    changed = replace(old.baselines["nothing"], repaired=("hours",))
    table = view_of(replace(old, baselines={"nothing": changed})).alternatives.table
    assert table.rows[0].cells[0].note == "changed as little as needed to keep to annotator hours"


def test_a_plan_that_no_brief_leads_to_is_refused_in_words() -> None:
    with pytest.raises(InvalidInput, match="without tasks"):
        view_of(replace(plan(), tasks={}))
    with pytest.raises(InvalidInput, match=r"evidence\.other"):
        view_of(replace(plan(), evidence={"other": plan().evidence["detection"]}))
    stranger = replace(plan().next_pilots[0], task="other")
    with pytest.raises(InvalidInput, match="a pilot of other, no task of the plan"):
        view_of(replace(plan(), next_pilots=(stranger,)))
    with pytest.raises(InvalidInput, match=r"tasks\.detection: found best and worst both 1"):
        view_of(with_task(plan(), "detection", worst=1.0))


def test_a_line_is_frozen() -> None:
    with pytest.raises(AttributeError):
        view_of(plan()).title.short = "x"  # type: ignore[misc]
    assert isinstance(plan().tasks["detection"], TaskLine)
