"""The sentences that a decision is made on: verdict, findings, allocation, alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.language import Language, capital
from reports.numbers import visible

AT_RISK = 0.8  # a target less probable than this is at risk
NOTHING = 1e-9  # of the way from worst to best: what is left of a sum that is zero
NAMED = 4  # names that a list of them says before it counts the rest
COUNTED = {"mean score": "mean", "mean score of the worst draws": "worst_draws", "lowest score": "lowest"}


# --- verdict


def purchase(
    say: Language, amounts: tuple[str, str, str], costs: tuple[float, float], pools: int, cheapest: bool
) -> str:
    """What to buy, in one sentence. `amounts`: the whole cost, that of pools, that of tasks; `costs`: money on pools
    and on tasks, which decide the sentence; `cheapest`: the plan seeks the least money."""
    on_pools, on_tasks = costs
    if on_pools + on_tasks <= 0:
        return say("verdict.buy.nothing_cheapest" if cheapest else "verdict.buy.nothing")
    key = "both" if on_pools > 0 and on_tasks > 0 else "pools" if on_pools > 0 else "tasks" if pools else "alone"
    least = say("verdict.least") if cheapest else ""
    cost, shared, own = amounts
    return say(f"verdict.buy.{key}", cost=cost, least=least, shared=shared, own=own)


def expectation(say: Language, score: str, level_range: str, now: str, noun: str, change: float) -> str:
    """`change`: expected minus now, positive is better; `noun`: the metric, nothing for points."""
    key = "same" if score == now else "up" if change > 0 else "against"
    since = say(f"verdict.expect.{key}", now=now)
    return say(
        f"verdict.expect.{'metric' if noun else 'points'}", score=score, range=level_range, noun=noun, since=since
    )


def advantage(
    say: Language, rival: str, size: str, level_range: str, probability: str, gain: tuple[float, float, float]
) -> str:
    """The gain over a plan that needs no optimizer; `gain` is (expected, low, high) and decides the sentence.

    `rival` says what it spends.
    """
    expected, low, high = gain
    if max(abs(part) for part in gain) < NOTHING:
        key = "none"
    elif low > 0:
        key = "better"
    elif high < 0:
        key = "worse"
    elif not visible(size):
        key = "noise_equal"
    else:
        key = "noise_better" if expected >= 0 else "noise_worse"
    rival = capital(rival) if key in ("none", "worse", "noise_equal") else rival
    return say(f"verdict.gain.{key}", rival=rival, size=size, range=level_range, probability=probability)


def optimality(say: Language, gap: str, status: str, is_zero: bool, of: str) -> str:
    """How far the plan can be from the best there is, by its own forecast and in what its goal counts."""
    counted = COUNTED.get(of, "money")
    if status != "optimal":
        return say(f"verdict.open.{counted}", gap=gap)
    return say(f"verdict.bound.{counted}", gap=gap, best=say("verdict.bound.best") if is_zero else "")


def left_over(say: Language, unspent: str, reason: str, amount: float) -> str:
    """Money that stays; nothing is said when less than half a cent is left."""
    if amount < 0.005:
        return ""
    return say("verdict.left_reason" if reason else "verdict.left", unspent=unspent, reason=reason.rstrip("."))


# --- findings


def trust_text(say: Language, trust: str, reason: str, tasks: int = 1) -> str:
    """That a forecast is not trusted, and why; of one task or of several that share the reason."""
    key = f"findings.trust.{trust}_reason" if reason else f"findings.trust.{trust}"
    return say(key, tasks, reason=reason.rstrip("."))


def together(say: Language, names: Sequence[str]) -> str:
    """
    >>> from reports.language import language_of
    >>> together(language_of("en"), ["a", "b"]), together(language_of("en"), ["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and two more')
    """
    if len(names) <= NAMED:
        return say.listing(names)
    return say("findings.others", len(names) - NAMED + 1, names=", ".join(names[: NAMED - 1]))


def target_text(say: Language, target: str, expected: str, probability: str, reached: bool) -> str:
    key = "reached" if reached else "missed"
    return say(f"findings.text.{key}", target=target, expected=expected, probability=probability)


def target_action(say: Language, limited: bool, goal: str, reached: bool) -> str:
    """`limited`: the task has all the labels it may have, so that money is not what it lacks. Under the goal `worst`
    targets are a scale, and weights count for nothing; else a target that is `reached` can be asked for more surely."""
    if limited:
        return say("findings.action.limited")
    return say(f"findings.action.{'target_scale' if goal == 'worst' else 'target_surer' if reached else 'target'}")


def unspent_text(say: Language, unspent: str, share: str, reason: str) -> str:
    key = "findings.text.left_reason" if reason else "findings.text.left"
    return say(key, unspent=unspent, share=share, reason=reason.rstrip("."))


def failed_text(say: Language, failed: int, total: int) -> str:
    if total == 1:
        return say("findings.text.failed_only")
    return say("findings.text.failed", failed, total=say.number(total))


def findings_headline(say: Language, count: int, stops: int) -> str:
    if count == 0:
        return say("findings.none")
    if stops == count:
        return say("findings.decide_all", count)
    if stops:
        return say("findings.decide", count, stops=say("findings.stops", stops))
    return say("findings.look", count)


# --- allocation


def part_of(say: Language, kind: str, count: int, total: int) -> str:
    """So many of all tasks or pools; `kind` is `task` or `pool`.

    >>> from reports.language import language_of
    >>> [part_of(language_of("en"), "task", *each) for each in ((1, 1), (4, 4), (3, 4), (2, 2))]
    ['the task', 'all four tasks', 'three of four tasks', 'both tasks']
    """
    if total == 1:
        return say(f"allocation.{kind}.only")
    if count == total == 2:
        return say(f"allocation.{kind}.both")
    if count == total:
        return say(f"allocation.{kind}.all", total)
    return say(f"allocation.{kind}.some", count, total=say.number(total))


def allocation_headline(say: Language, tasks: int, of_tasks: int, pools: int, of_pools: int) -> str:
    """
    >>> from reports.language import language_of
    >>> [allocation_headline(language_of("en"), *each) for each in ((3, 4, 1, 1), (0, 4, 1, 1), (1, 1, 0, 0))]
    ['Three of four tasks and the shared pool get labels', 'Only the shared pool gets labels', 'The task gets labels']
    """
    if tasks + pools == 0:
        return say("allocation.none")
    if not tasks:
        return say("allocation.only_pools", pools, pools=part_of(say, "pool", pools, of_pools))
    bought = capital(part_of(say, "task", tasks, of_tasks))
    if pools:
        return say("allocation.both", tasks=bought, pools=part_of(say, "pool", pools, of_pools))
    return say("allocation.tasks_no_pool" if of_pools else "allocation.tasks", tasks, tasks=bought)


def rounding(say: Language, currency: str, decimals: int) -> str:
    money = say("allocation.cents" if decimals else "allocation.exact", currency=currency)
    return f"{money} {say('allocation.ranges')}"


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
    penniless: bool = False  # there is no money at all


def none_bought(say: Language, name: str, known: Refusal) -> str:
    """Why a task gets no labels of its own: its limit, a limit of the brief, the goal, or money that brings more."""
    more = say("allocation.why.more", step=known.step, own=known.own)
    if known.held and known.wanted:
        return say("allocation.why.held", name=name, limits=say.listing(known.held), more=more)
    if known.limits and known.wanted:
        return say("allocation.why.limits", name=name, limits=say.listing(known.limits), more=more)
    if known.penniless:
        return say("allocation.why.penniless", name=name)
    if known.goal:
        return say("allocation.why.goal", name=name, goal=known.goal, more=capital(more))
    if known.wanted:
        return say("allocation.why.wanted", name=name, more=capital(more))
    reason = say("allocation.why.less", name=name, step=known.step, own=known.own, best=known.best)
    return f"{reason} {say('allocation.why.weak')}" if known.weak else reason


# --- alternatives


def alternatives_lead(say: Language, broken: int, ahead: int, allowed_ahead: int, goal: str) -> str:
    """`broken`: alternatives that do not keep to the brief; `ahead`: those whose whole range lies above the plan;
    `goal`: another goal than the mean score, in words."""
    lead = say("alternatives.lead")
    if goal:
        lead += f" {say('alternatives.other_goal', goal=goal)}"
    if broken:
        lead += f" {say('alternatives.breaking', broken)}"
    return f"{lead} {say('alternatives.ahead')}" if ahead and not allowed_ahead else lead


def alternatives_headline(say: Language, better: int, total: int) -> str:
    """`better`: alternatives whose whole range of difference lies on our side."""
    if total == 0:
        return say("alternatives.none")
    if total == 1:
        return say("alternatives.only_better" if better else "alternatives.only_noise")
    if better == total:
        return say("alternatives.all", total)
    if better == 0:
        return say("alternatives.no_one", total)
    return say("alternatives.some", better, total=say.number(total))
