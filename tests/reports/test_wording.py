"""Sentences: grammatical for none, one and many, and each changes exactly where the numbers do, in English."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.language import language_of
from reports.wording import decision, outlook

SAY = language_of("en")


def test_purchase_says_where_the_money_goes() -> None:
    def said(pools: float, tasks: float, kinds: int = 1, goal: str = "mean") -> str:
        return decision.purchase(SAY, ("C", "S", "O"), (pools, tasks), kinds, goal == "cheapest")

    assert said(0, 0) == "Buy nothing."
    assert said(1, 1) == "Spend C: S on shared labels and O on the tasks’ own."
    assert said(1, 0) == "Spend C, all of it on shared labels."
    assert said(0, 1) == "Spend C, all of it on the tasks’ own labels and nothing on shared ones."
    assert said(0, 1, kinds=0) == "Spend C, all of it on the tasks’ own labels."
    assert said(1, 1, goal="cheapest").startswith("Spend C, the least that reaches every target: ")
    assert said(0, 0, goal="cheapest") == "Buy nothing: every target is reached with the labels that are owned."


@pytest.mark.parametrize(
    ("score", "now", "change", "end"),
    [
        ("61.0", "48.2", 0.1, "up from 48.2 with the labels owned today."),
        ("61.0", "61.0", 1e-9, "the same as with the labels owned today."),
        ("2.1", "4.1", -0.1, "against 4.1 with the labels owned today."),
    ],
)
def test_expectation_says_up_only_where_it_is_seen_to_go_up(score: str, now: str, change: float, end: str) -> None:
    assert decision.expectation(SAY, score, "90% range a to b", now, "", change).endswith(end)


@pytest.mark.parametrize(
    ("gain", "start"),
    [
        ((3.0, 1e-8, 6.0), "That is 3.0 better than the even split"),
        ((3.0, 0.0, 6.0), "Against the even split the difference is 3.0 better, within the noise"),
        ((3.0, -0.1, 6.0), "Against the even split the difference is 3.0 better, within the noise"),
        ((-1.0, -2.0, 0.5), "Against the even split the difference is 3.0 worse, within the noise"),
        ((-1.0, -2.0, 0.0), "Against the even split the difference is 3.0 worse, within the noise"),
        ((-1.0, -2.0, -1e-8), "The even split is expected to score 3.0 better"),
    ],
)
def test_a_difference_is_called_one_only_if_its_whole_range_is_on_one_side(
    gain: tuple[float, float, float], start: str
) -> None:
    assert decision.advantage(SAY, "the even split", "3.0", "90% range a to b", "97%", gain).startswith(start)


@pytest.mark.parametrize("rest", [0.0, -1e-16])
def test_no_gain_at_all_is_said_as_that(rest: float) -> None:
    equal = decision.advantage(SAY, "the even split", "0.0000", "range a to b", "49%", (0.00001, -0.1, 0.1))
    assert equal.startswith("The even split is expected to score the same, within the noise")
    assert "bring the same" in decision.advantage(SAY, "the even split", "0", "0 to 0", "x", (rest, 0.0, 0.0))


def test_best_there_is_needs_a_proof_and_a_gap_too_small_to_show() -> None:
    assert "best there is" in decision.optimality(SAY, "0.01", "optimal", True, "mean score")
    assert "best there is" not in decision.optimality(SAY, "0.5", "optimal", False, "mean score")
    assert "better by up to 0.5" in decision.optimality(SAY, "0.5", "feasible", True, "mean score")


def test_the_bound_is_in_what_the_goal_counts() -> None:
    said = {of: decision.optimality(SAY, "X", "optimal", False, of) for of in [*decision.COUNTED, "money"]}
    assert said["money"] == "No plan within this brief reaches every target for less by more than X."
    assert said["lowest score"] == "No plan within this brief lifts the lowest score by more than X."
    assert len(set(said.values())) == len(said)


def test_money_left_is_named_only_if_there_is_some() -> None:
    assert decision.left_over(SAY, "0", "lot sizes", 0.0) == decision.left_over(SAY, "USD 0", "lot sizes", 0.004) == ""
    assert decision.left_over(SAY, "USD 10", "lot sizes.", 0.01) == "USD 10 of the budget stays unspent: lot sizes."
    assert decision.left_over(SAY, "USD 10", "", 0.01) == "USD 10 of the budget stays unspent."


@pytest.mark.parametrize(
    ("count", "stops", "said"),
    [
        (0, 0, "Nothing here needs a person’s decision"),
        (1, 0, "One finding to look at before signing"),
        (2, 0, "Two findings to look at before signing"),
        (1, 1, "One finding to decide on before anything is signed"),
        (2, 2, "Two findings to decide on before anything is signed"),
        (12, 3, "12 findings for a person, three of them before anything is signed"),
    ],
)
def test_findings_headline_counts(count: int, stops: int, said: str) -> None:
    assert decision.findings_headline(SAY, count, stops) == said


@pytest.mark.parametrize(
    ("tasks", "of_tasks", "pools", "of_pools", "said"),
    [
        (0, 4, 0, 1, "Nothing is bought"),
        (1, 1, 0, 0, "The task gets labels"),
        (2, 2, 0, 0, "Both tasks get labels"),
        (1, 4, 0, 1, "One of four tasks gets labels, no shared pool does"),
        (3, 4, 1, 1, "Three of four tasks and the shared pool get labels"),
        (4, 4, 1, 3, "All four tasks and one of three shared pools get labels"),
        (0, 4, 1, 1, "Only the shared pool gets labels"),
        (0, 4, 2, 3, "Only two of three shared pools get labels"),
        (40, 40, 0, 0, "All 40 tasks get labels"),
    ],
)
def test_allocation_headline_names_who_gets_labels(
    tasks: int, of_tasks: int, pools: int, of_pools: int, said: str
) -> None:
    assert decision.allocation_headline(SAY, tasks, of_tasks, pools, of_pools) == said


@pytest.mark.parametrize(
    ("better", "total", "said"),
    [
        (0, 0, "There is no feasible alternative to compare with"),
        (1, 1, "The plan beats the one alternative"),
        (0, 1, "The one alternative is within the noise of the plan"),
        (0, 3, "None of three alternatives is told apart from the plan by these pilots"),
        (2, 3, "The plan beats two of three alternatives beyond the noise of the pilots"),
        (3, 3, "The plan beats all three alternatives, beyond the noise of the pilots"),
    ],
)
def test_alternatives_headline_claims_no_more_than_the_intervals(better: int, total: int, said: str) -> None:
    assert decision.alternatives_headline(SAY, better, total) == said


def test_a_task_without_labels_hears_the_reason_that_holds() -> None:
    def said(**known: object) -> str:
        return decision.none_bought(SAY, "a", replace(decision.Refusal("USD 10", "+0.2", "+0.1", True), **known))

    more = "USD 10 more here would bring the mean score +0.2."
    assert said(held=("label limit",)) == f"a: nothing, because of its label limit. Without it, {more}"
    assert said(limits=("hours",)) == f"a: nothing, because of a limit of the brief (hours). Without it, {more}"
    assert said(goal="the lowest") == f"a: nothing, because the plan seeks the lowest. {more}"
    assert said() == f"a: nothing. {more[:-1]}, but no better whole order was found."
    elsewhere = "a: nothing, because the next USD 10 would bring +0.2 here and +0.1 where the plan would spend it."
    assert said(wanted=False) == said(wanted=False, held=("x",)) == said(wanted=False, limits=("x",)) == elsewhere
    assert said(wanted=False, weak=True).startswith(elsewhere)
    assert "argues for a pilot" in said(wanted=False, weak=True)


def test_alternatives_that_break_the_brief_are_counted_and_those_ahead_are_placed() -> None:
    plain = decision.alternatives_lead(SAY, 0, 0, 0, "")
    assert decision.alternatives_lead(SAY, 1, 0, 0, "") == f"{plain} One alternative does not keep to the brief."
    assert decision.alternatives_lead(SAY, 2, 1, 0, "").endswith("All that score above the plan are among them.")
    assert decision.alternatives_lead(SAY, 2, 1, 1, "") == f"{plain} Two alternatives do not keep to the brief."
    goal = decision.alternatives_lead(SAY, 0, 0, 0, "the least money")
    assert goal == f"{plain} Compared here is the mean score; the plan seeks the least money."


def test_target_says_reached_or_missed_and_what_to_do() -> None:
    assert "expected to be reached" in decision.target_text(SAY, "0.5", "0.6", "60%", True)
    assert "expected to be missed" in decision.target_text(SAY, "0.5", "0.4", "10%", False)
    assert "label limit" in decision.target_action(SAY, True, "mean", False)
    assert "weight" in decision.target_action(SAY, False, "mean", False)
    assert "higher probability" in decision.target_action(SAY, False, "cheapest", True)
    assert "weight" not in decision.target_action(SAY, False, "worst", False)


@pytest.mark.parametrize(
    ("failed", "total", "start"),
    [
        (1, 10, "One of ten pilot runs failed"),
        (3, 120, "Three of 120 pilot runs failed"),
        (1, 1, "The only pilot run failed"),
    ],
)
def test_failed_runs_are_counted(failed: int, total: int, start: str) -> None:
    assert decision.failed_text(SAY, failed, total).startswith(start)


@pytest.mark.parametrize(
    ("beyond", "total", "said"),
    [
        (0, 1, "The task is planned within what was measured"),
        (0, 3, "Every task is planned within what was measured"),
        (1, 1, "The task is planned beyond its largest pilot"),
        (1, 3, "One of three tasks is planned beyond the largest pilot"),
        (2, 3, "Two of three tasks are planned beyond the largest pilot"),
        (3, 3, "All three tasks are planned beyond the largest pilot"),
    ],
)
def test_evidence_headline_counts_tasks_beyond_their_pilots(beyond: int, total: int, said: str) -> None:
    assert outlook.evidence_headline(SAY, beyond, total) == said


@pytest.mark.parametrize(
    ("inside", "total", "said"),
    [
        (0, 0, "No pilot was held back"),
        (1, 1, "The largest pilot was hidden and predicted from the smaller ones: it fell inside its 90% range."),
        (0, 1, "it fell outside its 90% range."),
        (3, 4, "Four of the largest pilots were hidden and predicted from the smaller ones: three fell inside"),
        (0, 4, "none fell inside"),
    ],
)
def test_backtest_says_how_often_the_range_held(inside: int, total: int, said: str) -> None:
    assert said in outlook.backtest_sentence(SAY, inside, total, "90")


@pytest.mark.parametrize(
    ("moved", "count", "said"), [(0.0, 0, "was varied for"), (0.0049, 3, "moves the order"), (0.005, 3, "more than 4%")]
)
def test_changes_headline_follows_the_money_that_moves(moved: float, count: int, said: str) -> None:
    assert said in outlook.changes_headline(SAY, moved, "4%", "price of a label of a", count)


def test_shared_headline_knows_none_nothing_and_some() -> None:
    assert outlook.shared_headline(SAY, "0%", 0.0, 0) == "This brief has no shared labels"
    assert outlook.shared_headline(SAY, "0%", 0.0, 2) == "Nothing is spent on shared labels"
    assert outlook.shared_headline(SAY, "17%", 0.17, 2) == "17% of the spend goes to shared labels"


def test_against_the_plan_is_better_worse_or_the_same() -> None:
    assert outlook.against_plan(SAY, "1.2 points", 1) == "1.2 points better than the proposed plan"
    assert outlook.against_plan(SAY, "1.2 points", -1) == "1.2 points worse than the proposed plan"
    assert outlook.against_plan(SAY, "0.0 points", 0) == "the same as the proposed plan"


def test_more_money_may_improve_nothing() -> None:
    assert (
        outlook.more_headline(SAY, "USD 600", "0.1 points", True, 600)
        == "The next USD 600 would improve the score by 0.1 points"
    )
    assert outlook.more_headline(SAY, "USD 600", "0.0 points", False, 600) == "The next USD 600 would improve nothing"
    assert outlook.more_headline(SAY, "USD 0", "0.0 points", False, 0) == "There is no money to spend"
