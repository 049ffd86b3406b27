"""The sentences about what stands around the decision: more money, the split, evidence, changes, method."""

from __future__ import annotations

from reports.language import Language, capital
from reports.wording.decision import COUNTED, part_of

UNMOVED = 0.005  # share of the money that no reader would call a move

# --- more money


def more_headline(say: Language, amount: str, gain: str, positive: bool, money: float) -> str:
    """`money`: the amount as a number; a hundredth of no budget is nothing."""
    if money <= 0:
        return say("frontier.penniless")
    return say("frontier.improves" if positive else "frontier.improves_not", amount=amount, gain=gain)


def y_title(say: Language, noun: str, minimised: bool) -> str:
    """The title of an axis for the plan's score; `noun`: the metric, nothing for points."""
    title = noun or say("frontier.y_points")
    return say("frontier.y_lower", title=title) if minimised else title


def state_title(say: Language, budget: str, is_plan: bool) -> str:
    return say("frontier.proposed" if is_plan else "frontier.another", budget=budget)


def state_expectation(say: Language, noun: str, score: str, level_range: str, change: str) -> str:
    """What the plan of another budget brings."""
    return say(
        f"frontier.expect_{'metric' if noun else 'points'}", noun=noun, score=score, range=level_range, change=change
    )


def against_plan(say: Language, size: str, sign: float) -> str:
    return say("frontier.same" if sign == 0 else "frontier.better" if sign > 0 else "frontier.worse", size=size)


# --- shared or specific


def shared_headline(say: Language, share: str, fraction: float, pools: int) -> str:
    key = "no_pools" if pools == 0 else "share" if fraction > 0 else "nothing"
    return say(f"shared.{key}", share=share)


# --- evidence


def evidence_headline(say: Language, beyond: int, total: int) -> str:
    if beyond == 0:
        return say("evidence.within", total)
    if total == 1:
        return say("evidence.beyond_only")
    return say("evidence.beyond", beyond, tasks=capital(part_of(say, "task", beyond, total)))


def backtest_sentence(say: Language, inside: int, total: int, level: str) -> str:
    """`level`: of the ranges, in percent."""
    if total == 0:
        return say("evidence.not_hidden")
    if total == 1:
        return say("evidence.one_inside" if inside else "evidence.one_outside", level=level)
    return say("evidence.hidden", inside, total=capital(say.number(total)), level=level)


def evidence_lead(say: Language, kinds: tuple[bool, bool, bool]) -> str:
    """How to read the curves. `kinds`: runs with shared labels, curves without any, curves at other levels."""
    runs, without, others = kinds
    line = "line_both" if without and others else "line_without" if without else "line_others" if others else "line"
    dots = "dots_shared" if runs else "dots"
    return " ".join((say(f"evidence.{dots}"), say(f"evidence.{line}"), say("evidence.plan")))


def backtest_caption(say: Language, omitted: int) -> str:
    """`omitted`: hidden pilots that are counted and not listed."""
    return say("evidence.backtest_more", omitted) if omitted else say("evidence.backtest")


# --- what would change the plan


def within(say: Language, of: str) -> str:
    """How near plans come that are nearly as good, in what the goal counts."""
    counted = COUNTED.get(of, "money")
    return say(f"changes.within.{counted}")


def span(say: Language, low: str, high: str) -> str:
    return low if low == high else say("numbers.interval", low=low, high=high)


def changes_headline(say: Language, moved: float, share: str, what: str, count: int) -> str:
    if count == 0:
        return say("changes.none")
    return say("changes.firm") if moved < UNMOVED else say("changes.moves", share=share, what=what)


# --- method


def runs(say: Language, measured: str, failed: str, count: int) -> str:
    return say("method.runs" if count else "method.runs_none", measured=measured, failed=failed)


def goal(say: Language, kind: str, risk: float, share: str) -> str:
    """What the plan was asked for."""
    asked = say(f"method.goal.{kind}")
    return say("method.goal.risk", goal=asked, share=share) if risk else asked
