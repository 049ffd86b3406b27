"""The sentences that a decision is made on: verdict, findings, allocation, alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.wording.grammar import capital, gets, listing, many, number, part_of

LIMITS = {
    "max_labels": "label limit",
    "min_labels": "least labels",
    "min_buy": "smallest order",
    "lot": "lot size",
    "hours": "annotator hours",
    "max_cost": "group’s money limit",
    "min_share": "group’s least share",
    "setup_cost": "setup cost",
}
AT_RISK = 0.8  # a target less probable than this is at risk


# --- verdict


def purchase(cost: str, shared: str, own: str, costs: tuple[float, float], pools: int, goal: str) -> str:
    """What to buy, in one sentence. `costs`: money on pools and on tasks, which decide the sentence."""
    least = ", the least that reaches every target" if goal == "cheapest" else ""
    on_pools, on_tasks = costs
    if on_pools + on_tasks <= 0:
        return "Buy nothing" + (": every target is reached with the labels that are owned." if least else ".")
    if on_pools > 0 and on_tasks > 0:
        return f"Spend {cost}{least}: {shared} on shared labels and {own} on the tasks’ own."
    if on_pools > 0:
        return f"Spend {cost}{least}, all of it on shared labels."
    return f"Spend {cost}{least}, all of it on the tasks’ own labels{' and nothing on shared ones' if pools else ''}."


def expectation(score: str, interval: str, level: str, now: str, noun: str, change: float) -> str:
    """`change`: expected minus now, positive is better, as it would be shown (0 if the texts are the same)."""
    since = f"up from {now} with the labels owned today" if change > 0 else f"against {now} with the labels owned today"
    if score == now:
        since = "the same as with the labels owned today"
    return f"Expect {noun} of {score} ({level} range {interval}), {since}."


def advantage(rival: str, size: str, interval: str, probability: str, gain: tuple[float, float, float]) -> str:
    """The gain over a plan that needs no optimizer; `gain` is (expected, low, high) and decides the sentence.

    `rival` says what it spends; `interval` says its level.
    """
    expected, low, high = gain
    if low == high == expected == 0:
        return f"{capital(rival)} is expected to bring the same."
    if low > 0:
        return (
            f"That is {size} better than {rival} ({interval}); "
            f"the probability that it is better at all is {probability}."
        )
    if high < 0:
        return f"{capital(rival)} is expected to score {size} better ({interval})."
    return (
        f"Against {rival} the difference is {size} {'better' if expected >= 0 else 'worse'}, within the noise of the "
        f"pilots ({interval}); the probability that it is at least as good is {probability}."
    )


def spending(name: str, same: bool, cost: str) -> str:
    return f"{name} at the same spend" if same else f"{name} for {cost}"


BETTER = {
    "mean score": "is better by",
    "mean score of the worst draws": "is better in its worst draws by",
    "lowest score": "lifts the lowest score by",
    "money": "reaches every target for less by",
}


def optimality(gap: str, status: str, is_zero: bool, of: str) -> str:
    """How far the plan can be from the best there is, by its own forecast and in what its goal counts."""
    better = BETTER.get(of, "is better by")
    if status != "optimal":
        return f"The solver stopped before its proof was complete: it may be that another plan {better} up to {gap}."
    best = ": by this forecast it is the best there is" if is_zero else ""
    return f"No plan within this brief {better} more than {gap}{best}."


def lowest(task: str, score: str, metric: str) -> str:
    return f"The task that is expected to score lowest is {task}, with {metric} of {score}."


def left_over(unspent: str, reason: str, amount: float) -> str:
    """Money that stays; nothing is said when less than half a cent is left."""
    if amount < 0.005:
        return ""
    return f"{unspent} of the budget stays unspent{': ' + reason.rstrip('.') if reason else ''}."


def approval(title: str, budget: str) -> str:
    return f"Approved for “{title}”: labels for up to {budget}."


def of_budget(budget: str) -> str:
    return f"of a budget of {budget}"


def fact_score(per: str) -> str:
    return "Expected score" if per == "points" else f"Expected {per}"


def fact_rival(name: str) -> str:
    return f"Against the {name}" if name == "even split" else f"Against “{name}”"


def fact_gain(interval: str, probability: str) -> str:
    return f"range {interval}; at least as good with probability {probability}"


def cannot_be_met(reasons: int) -> str:
    return f"This brief cannot be met, for {many(reasons, 'reason')}."


# --- findings

TRUST = {
    "FAIL": "The forecast for this task is not to be relied on",
    "REVIEW": "The forecast for this task needs a look before money is spent on it",
}


def trust_text(trust: str, reason: str) -> str:
    return f"{TRUST[trust]}: {reason.rstrip('.')}." if reason else f"{TRUST[trust]}."


def trust_action(remedy: str) -> str:
    return capital(remedy.rstrip(".")) + "." if remedy else "Run a larger pilot of this task, then plan again."


def together(names: Sequence[str]) -> str:
    """
    >>> together(["a", "b"]), together(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and two more')
    """
    return listing(names) if len(names) < 5 else listing([*names[:3], f"{number(len(names) - 3)} more"])


def plural_task(text: str) -> str:
    """The same sentence about several tasks."""
    return text.replace("The forecast for this task is", "The forecasts for these tasks are").replace(
        "The forecast for this task needs", "The forecasts for these tasks need"
    )


def target_text(target: str, expected: str, probability: str, reached: bool) -> str:
    if reached:
        return (
            f"The target of {target} is expected to be reached ({expected}), but only with probability {probability}."
        )
    return (
        f"The target of {target} is expected to be missed: {expected} at the planned labels; probability {probability}."
    )


def target_action(limited: bool) -> str:
    """`limited`: the task has all the labels it may have, so that money is not what it lacks."""
    if limited:
        return "Raise its label limit, or agree on a lower target."
    return "Give this task more weight or money, or agree on a lower target."


def beyond_text(labels: str, factor: str, pilot: str) -> str:
    return f"The plan goes to {labels} labels, {factor} the largest pilot ({pilot}): nothing was measured there."


def beyond_action(pilot: str, cost: str) -> str:
    return f"Before the whole order, buy {pilot} labels ({cost}), train once and plan again."


def pool_harm_text(pool: str, change: str, interval: str) -> str:
    return f"The labels planned for {pool} lower this task’s score: {change} (range {interval})."


POOL_HARM_ACTION = "Train this task without the shared pretraining, and measure it once more."


def limit_text(labels: str, step: str, here: str, elsewhere: str) -> str:
    gains = f"{step} more would bring the plan {here} here and {elsewhere} where the plan may spend it"
    return f"The limit of {labels} labels holds it back: {gains}."


LIMIT_ACTION = "Ask whether more of these labels can be had; if so, raise the limit and plan again."


def unspent_text(unspent: str, share: str, reason: str) -> str:
    return f"{unspent} ({share} of the budget) stays unspent{': ' + reason.rstrip('.') if reason else ''}."


UNSPENT_ACTION = "Give the rest back, or raise the limit that stops the plan."


def failed_text(failed: int, total: int) -> str:
    share = f"{number(failed)} of {many(total, 'pilot run')}" if total > 1 else "the only pilot run"
    return f"{capital(share)} failed; the curves rest on the others."


FAILED_ACTION = "Look at why, and run them again: failures that are not chance bend a curve."


def behind_text(rival: str, interval: str) -> str:
    return f"{capital(rival)} keeps to the brief and scores better than the plan (by {interval})."


BEHIND_ACTION = "See whether the goal of the brief, which this plan follows, is the right one."


def noise_text(rival: str, interval: str) -> str:
    return f"The gain over {rival} is within the noise of the pilots (range {interval})."


NOISE_ACTION = "The plan is a fair choice but not a proven one; more pilots or more seeds would tell."


def findings_headline(count: int, stops: int) -> str:
    if count == 0:
        return "Nothing here needs a person’s decision"
    if stops:
        return f"{capital(many(count, 'finding'))} for a person, {number(stops)} of them before anything is signed"
    return f"{capital(many(count, 'finding'))} to look at before signing"


# --- allocation


def allocation_headline(tasks: int, of_tasks: int, pools: int, of_pools: int) -> str:
    """
    >>> allocation_headline(3, 4, 1, 1), allocation_headline(0, 4, 1, 1), allocation_headline(1, 1, 0, 0)
    ('Three of four tasks and the shared pool get labels', 'Only the shared pool gets labels', 'The task gets labels')
    """
    if tasks + pools == 0:
        return "Nothing is bought"
    if not tasks:
        return f"Only {part_of(pools, of_pools, 'shared pool')} {gets(pools)} labels"
    bought = part_of(tasks, of_tasks, "task")
    if pools:
        return capital(f"{bought} and {part_of(pools, of_pools, 'shared pool')} get labels")
    return capital(f"{bought} {gets(tasks)} labels{', no shared pool does' if of_pools else ''}")


NOT_BINDING = "it does not bind"


def score_note(per: str) -> str:
    return "scores in points of 100" if per == "points" else f"mean {per}"


def rounding(currency: str, decimals: int) -> str:
    money = f"Money in {currency}, {'to the cent' if decimals else 'exact'}, so every column adds up to its total"
    return (
        f"{money}; shares are rounded. Scores stand in each task’s own unit, rounded no finer than their range needs. "
        "Ranges hold the expected score with the stated probability: the mean over training runs, not a single run."
    )


def score_axis(low: str, high: str) -> str:
    return (
        f"In the score pictures a task’s worst is 0 and its best 100; they run from {low} to {high}. "
        "Open dot: now. Filled dot: expected. Bar: range. Tick: target."
    )


@dataclass(frozen=True)
class Refusal:
    """What is known about a task that gets nothing. `own`, `best`: the plan's gain from the next step of money spent
    here, and where the plan would spend it; `limits`: what stops it; `goal`: another goal than the mean score."""

    step: str
    own: str
    best: str
    wanted: bool  # own > best: more would have paid here
    held: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    goal: str = ""
    weak: bool = False  # the forecast is not trusted


def none_bought(name: str, known: Refusal) -> str:
    """Why a task gets no labels of its own: its limit, a limit of the brief, the goal, or money that brings more."""
    more = f"{known.step} more here would bring the mean score {known.own}"
    if known.held and known.wanted:
        return f"{name}: nothing, because of its {listing(known.held)}. Without it, {more}."
    if known.limits and known.wanted:
        return f"{name}: nothing, because of a limit of the brief ({listing(known.limits)}). Without it, {more}."
    if known.goal:
        return f"{name}: nothing, because the plan seeks {known.goal}. {capital(more)}."
    if known.wanted:
        return f"{name}: nothing. {capital(more)}, but no better whole order was found."
    reason = f"the next {known.step} would bring {known.own} here and {known.best} where the plan would spend it"
    caution = " The forecast for it is weak, which argues for a pilot, not for nothing." if known.weak else ""
    return f"{name}: nothing, because {reason}.{caution}"


# --- alternatives


def alternatives_lead(broken: int, ahead: int, allowed_ahead: int) -> str:
    """`broken`: alternatives that do not keep to the brief; `ahead`: those whose whole range lies above the plan."""
    lead = ALTERNATIVES_LEAD
    if broken:
        lead += f" {capital(many(broken, 'alternative'))} {'does' if broken == 1 else 'do'} not keep to the brief."
    if ahead and not allowed_ahead:
        lead += " All that score above the plan are among them."
    return lead


def broken(keys: Sequence[str]) -> str:
    """What an alternative does not keep to."""
    return f"does not keep to {listing(keys)}" if keys else ""


def alternatives_headline(better: int, total: int) -> str:
    """`better`: alternatives whose whole range of difference lies on our side."""
    if total == 0:
        return "There is no feasible alternative to compare with"
    if total == 1:
        return "The plan beats the one alternative" if better else "The one alternative is within the noise of the plan"
    if better == total:
        return f"The plan beats all {many(total, 'alternative')}, beyond the noise of the pilots"
    if better == 0:
        return f"None of {many(total, 'alternative')} is told apart from the plan by these pilots"
    return f"The plan beats {number(better)} of {many(total, 'alternative')} beyond the noise of the pilots"


ALTERNATIVES_LEAD = (
    "Each alternative needs no optimizer and is forecast by the same curves. A difference right of zero speaks for the "
    "plan; an interval that crosses zero means the pilots cannot tell the two apart."
)


def difference_axis(low: str, high: str) -> str:
    return f"The pictures run from {low} to {high}; the upright line is zero."
