"""The sentences about what stands around the decision: more money, the split, evidence, changes, method."""

from __future__ import annotations

from collections.abc import Sequence

from reports.wording.grammar import capital, listing, many, number, part_of

# --- more money


def more_headline(amount: str, gain: str, positive: bool) -> str:
    return (
        f"The next {amount} would improve the score by {gain}"
        if positive
        else f"The next {amount} would improve nothing"
    )


def half_sentence(budget: str, score: str, less: str, nearest: bool) -> str:
    what = "With the nearest budget to half that was solved" if nearest else "With half the budget"
    return f"{what}, {budget}, expect {score}: {less}."


def double_sentence(budget: str, score: str, more: str) -> str:
    return f"With {budget}, the largest budget that was solved, expect {score}: {more}."


def knee_sentence(budget: str, share: str, reached: str) -> str:
    return f"{budget} ({share} of the budget) already brings {reached} of what this plan adds."


def next_buys(amount: str, buys: Sequence[str]) -> str:
    return f"The next {amount} would change the order by {listing(buys)} labels." if buys else ""


def frontier_description(first: str, first_score: str, last: str, last_score: str) -> str:
    ends = f"From {first_score} at {first} to {last_score} at {last}"
    return f"{ends}; the band is the range, open dots are budgets that were solved."


def y_title(per: str, noun: str, minimised: bool) -> str:
    """The title of an axis for the plan's score."""
    title = "score, points of 100" if per == "points" else noun
    return f"{title} (lower is better)" if minimised else title


def state_title(budget: str, is_plan: bool) -> str:
    return f"Proposed plan: {budget}" if is_plan else f"Looking at the plan for {budget}"


def state_expectation(noun: str, score: str, interval: str, level: str, difference: str) -> str:
    return f"Expect {noun} of {score} ({level} range {interval}){', ' + difference if difference else ''}."


def against_plan(size: str, sign: float) -> str:
    if sign == 0:
        return "the same as the proposed plan"
    return f"{size} {'better' if sign > 0 else 'worse'} than the proposed plan"


# --- shared or specific


def shared_headline(share: str, fraction: float, pools: int) -> str:
    if pools == 0:
        return "This brief has no shared labels"
    return f"{share} of the spend goes to shared labels" if fraction > 0 else "Nothing is spent on shared labels"


def share_flat(low: str, high: str, size: str) -> str:
    return f"Every split that was solved between {low} and {high} on shared labels is within {size} of this plan."


def one_point(per: str, size: str) -> str:
    return "one point" if per == "points" else size


def share_end(share: str, score: str) -> str:
    return f"With {share} on shared labels expect {score}."


def shares_description(first: str, first_score: str, last: str, last_score: str) -> str:
    return f"From {first_score} with {first} on shared labels to {last_score} with {last}; the band is the range."


def fades(labels: str) -> str:
    return f"beyond {labels} labels: under one point, or not to be told from nothing"


FADES_NOT = "not within what was looked at"


# --- evidence


def evidence_headline(beyond: int, total: int) -> str:
    if beyond == 0:
        return f"{'The task is' if total == 1 else 'Every task is'} planned within what was measured"
    if total == 1:
        return "The task is planned beyond its largest pilot"
    return (
        f"{capital(part_of(beyond, total, 'task'))} {'is' if beyond == 1 else 'are'} planned beyond the largest pilot"
    )


def backtest_sentence(inside: int, total: int, level: str) -> str:
    if total == 0:
        return "No pilot was held back, so the ranges have not been checked against this data."
    hidden = "The largest pilot was" if total == 1 else f"{capital(number(total))} of the largest pilots were"
    hit = (
        "it fell inside its"
        if (total, inside) == (1, 1)
        else "it fell outside its"
        if total == 1
        else f"{'none' if inside == 0 else number(inside)} fell inside their"
    )
    return f"{hidden} hidden and predicted from the smaller ones: {hit} {level} range."


def evidence_lead(kinds: tuple[bool, bool, bool]) -> str:
    """How to read the curves. `kinds`: runs with shared labels, curves without any, curves at other levels."""
    runs, without, others = kinds
    dots = "Each dot is one training run as measured" + (": round with shared labels, square without" if runs else "")
    line = "The thick line is the expected score with the shared labels of this plan"
    line = line if without or others else "The line is the expected score"
    line += ", the thin one without" if without else ""
    line += ", the faint one with those of the largest pilot" if others else ""
    plan = "The large dot is the plan, its upright line the range"
    return f"{dots}. {line}; dashed where nothing was measured. {plan}."


BEYOND = "beyond the pilots"
INSIDE = "inside"
OUTSIDE = "outside"


def backtest_caption(omitted: int) -> str:
    """`omitted`: hidden pilots that are counted and not listed."""
    rest = f"; {many(omitted, 'more with fewer labels', 'more with fewer labels')}" if omitted else ""
    return f"Hidden pilots: predicted and what came{rest}"


def curve_title(task: str) -> str:
    return f"Score against labels: {task}"


def curve_description(runs: int, most: str, expected: str, labels: str, metric: str) -> str:
    measured = f"{capital(many(runs, 'run'))} up to {most} labels"
    return f"{measured}; {metric} of {expected} expected at the planned {labels} labels."


def laws(shown: Sequence[str]) -> str:
    return f"Curve forms by weight: {', '.join(shown)}."


def ceiling(score: str, interval: str, level: str) -> str:
    return f"More labels of this kind alone lead towards {score} ({level} range {interval})."


def exponent(value: str, interval: str) -> str:
    return f"Exponent {value} ({interval}): the error falls with labels to this power."


def noise(deviation: str) -> str:
    return f"Single runs at the largest pilot scatter by {deviation} (standard deviation)."


def failed(count: int) -> str:
    return f"{capital(many(count, 'run'))} failed and {'is' if count == 1 else 'are'} not shown."


def beyond(factor: str, most: str) -> str:
    return f"The plan goes to {factor} the largest pilot of {most} labels."


# --- what would change the plan


def span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def assumption(what: str, name: str) -> str:
    """
    >>> assumption("label_cost", "detection"), assumption("budget", "")
    ('price of a label of detection', 'budget')
    """
    kind = VARIED.get(what, what.replace("_", " "))
    return f"{kind} of {name}" if name else kind


def omitted_changes(count: int, share: str) -> str:
    more = capital(many(count, "further assumption"))
    return f"{more} moved {share} of the money at most and {'is' if count == 1 else 'are'} not listed."


def changes_headline(moved: float, share: str, name: str, count: int) -> str:
    if count == 0:
        return "No assumption was varied for this plan"
    if moved < 0.005:
        return "No assumption that was varied moves the order"
    return f"No assumption that was varied moves more than {share} of the money; the {name} moves most"


VARIED_NOTE = (
    "The value of a forecast multiplies what labels beyond those owned bring. Another weight also changes what the "
    "score counts."
)
VARIED = {"label_cost": "price of a label", "weight": "weight", "surface": "forecast", "budget": "budget"}


# --- method

METHOD = (
    "Small training runs (pilots) measured each task’s score at several numbers of labels. Through those points go "
    "learning curves of several published forms; each form counts by how well it explains the pilots, so no single "
    "curve decides.",
    "Ranges come from everything the pilots leave open: which form is right, its parameters, and the luck of a "
    "training run. They widen beyond the largest pilot.",
    "The plan is the order with the best expected score within the brief, found by a solver. A bound proven beside it "
    "says how much better any other order could be at most, by the same forecast.",
    "Every alternative, every budget and every split on this page is scored by the same forecast as the plan.",
)


def runs(measured: str, failed: str, count: int) -> str:
    return f"{measured} measured, {failed} failed" if count else f"{measured} measured, none failed"


def goal(kind: str, risk: float, share: str) -> str:
    """What the plan was asked for."""
    asked = {
        "mean": "the best weighted mean of the tasks’ scores",
        "worst": "the best score of the task that scores lowest",
        "cheapest": "the least money that reaches every target",
    }[kind]
    return f"{asked}, over the worst {share} of what the pilots leave open" if risk else asked


DEFINITIONS = (
    ("Label", "The unit that is paid for."),
    ("Shared pool", "Labels bought once and used by all tasks, to pretrain the model they start from."),
    ("Pilot", "One short training run with few labels, whose score is measured."),
    ("Score now", "The score expected with the labels that are owned and nothing bought."),
    ("Range", "Holds the expected score with the stated probability."),
    (
        "Points",
        "A task’s score placed between its worst (0) and its best (100). The plan’s score is their weighted mean.",
    ),
    ("Next gain", "What one more step of money would bring if it went to this line alone."),
)

BASELINES = {
    "nothing": ("Nothing", "Only what the brief says must be bought."),
    "even split": ("Even split", "The same money for every task and every pool."),
    "proportional": ("Proportional", "Money by the tasks’ weights; a pool counts as the mean task."),
    "as far as limits go": (
        "As far as limits go",
        "Money in proportion to what all labels up to each limit would cost.",
    ),
    "tasks only": ("Tasks only", "The same money for every task and none for pools."),
    "pools only": ("Pools only", "The same money for every pool and none for tasks."),
}
