"""Can this brief be met? A plan that keeps to all of it, or every reason why not, each with its smallest repair.

Limits are asked for one after another: what each line must and may have, the rows (last those that give in a program in
which all of them may), the budget, the targets. One for which those before it leave no plan is moved as little as gives
it one. So no repair could be smaller beside the others, and all of them together leave a plan. With each come the
limits that it contradicts, of which none can be left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import BaseModel

from budget import prices
from budget.allocation.forecasts import Forecast
from budget.allocation.goals import kept
from budget.allocation.least_plans import step_of
from budget.allocation.limits import BUDGET, PATIENCE, Limits, Within
from budget.allocation.lines import Array
from budget.allocation.problem import Choice
from budget.allocation.problem import problem as posed
from budget.errors import CannotBeMet, Shortfall
from budget.messages import KeyPath

if TYPE_CHECKING:
    from budget.brief import Brief

RICHER = 10**4  # times the money of the budget, or of an order of each line: what is looked through for the rows
FAR_RICHER = 100  # times the money that is looked through then: as good as no limit on it
DIGITS = 4  # of a score, a share or a row's limit in a repair, rounded to the side that helps
OTHERS = 3  # so many repairs are named at most that would do instead of the first
SENSE = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^"<>=])*)(<=|>=|==)(.*)', re.DOTALL)

Value = float | str


def plan_within(brief: Brief, surfaces: Mapping[str, Forecast], solver: str) -> Choice:
    """A plan that keeps to every limit and reaches every target. Raises CannotBeMet."""
    asked = Limits(brief, surfaces, prices.exact(brief.budget), solver)
    found = asked.find(asked.all)
    if found is not None and kept(posed(brief, surfaces), found.choice):
        return found.choice
    raise CannotBeMet(_shortfalls(asked))


@dataclass
class Repair:
    """The limits as they have been moved by now; by key, why each of those was."""

    asked: Limits
    now: Limits
    reasons: dict[str, str] = field(default_factory=dict)
    against: dict[str, list[str]] = field(default_factory=dict)

    def add(self, key: str, keys: Sequence[str]) -> None:
        """One limit more beside these; it is moved as far as they leave no plan for it."""
        if self.now.find([*keys, key]) is not None:
            return
        before = self.as_asked(key)
        value = smallest(before, key, keys)
        if value is None:
            return
        against = _contradicted(before, key, keys)
        self.reasons[key], self.against[key] = _reason(before, key, value, against), against
        self.now = moved(before, key, value)

    def as_asked(self, key: str) -> Limits:
        """With this limit as the brief has it."""
        return moved(self.now, key, _value(self.asked.brief, self.now.paths[key]))

    def instead(self, key: str) -> list[str]:
        """What would do in place of a repair, beside all others."""
        before, found = self.as_asked(key), []
        for other in self.against[key][:OTHERS]:
            value = smallest(before, other, [each for each in before.all if each != other])
            if value is not None:
                found.append(_repair(before, other, value))
        return found


def _shortfalls(asked: Limits) -> tuple[Shortfall, ...]:
    limits, giving = _rich_enough(asked)
    repair = Repair(asked, limits)
    keys = [*limits.lines, *(key for key in limits.rows if key not in giving)]
    for key in giving:
        repair.add(key, keys)
        keys.append(key)
    repair.add(BUDGET, keys)
    needed = repair.now.brief.budget
    # What cannot be had for the budget, beside what is asked for in any case, is out of reach.
    repair.now = moved(repair.now, BUDGET, needed + (asked.brief.budget if BUDGET in repair.reasons else 0.0))
    money = prices.exact(repair.now.brief.budget) * max(len(limits.targets), 1)
    repair.now = replace(repair.now, money=max(repair.now.money, money))
    for target in limits.targets:
        repair.add(target, [*keys, BUDGET])
    repair.now = moved(repair.now, BUDGET, needed)
    if repair.now.find([*keys, *limits.targets]) is None:
        for k, target in enumerate(limits.targets):
            repair.add(target, [*keys, *[*limits.targets][:k]])
    repair.add(BUDGET, [*keys, *limits.targets])
    if not repair.reasons:
        reason = "no plan keeps to all limits wherever one of them is moved"
        looser = "looser limits; several at once or a target_confidence have to give; no figure can be named"
        return _unsettled(asked) or (Shortfall(reason, looser),)
    found = []
    for key, reason in repair.reasons.items():
        value = _value(repair.now.brief, repair.now.paths[key])
        each = [_repair(repair.as_asked(key), key, value), *repair.instead(key)]
        found.append(Shortfall(reason, ("move one: " if len(each) > 1 else "") + ", or ".join(each), key, value))
    return (*found, *_unsettled(asked))


def _unsettled(asked: Limits) -> tuple[Shortfall, ...]:
    """That some of this was not proved, where a solver was stopped before it was done."""
    if not asked.stopped:
        return ()
    often = "a program was" if len(asked.stopped) == 1 else f"{len(asked.stopped)} programs were"
    reason = (
        f"not all of this is proved: {often} stopped after {PATIENCE:g} seconds, so that there may be a plan after all"
    )
    return (
        Shortfall(
            reason, "smaller repairs may do; with fewer equations, or lots that divide each other, it is settled sooner"
        ),
    )


def _rich_enough(asked: Limits) -> tuple[Limits, list[str]]:
    """The limits with enough money to look through, and the rows that give in a program in which all of them may."""
    orders = sum((line.cost(max(line.first, line.least)) for line in asked.problem.lines), Fraction(0))
    limits = replace(asked, money=RICHER * max(asked.money, orders))
    found = limits.find([*limits.lines, *limits.rows], dict.fromkeys(limits.rows, 1.0))
    if found is None:
        return limits, [*limits.rows]
    limits = replace(limits, money=found.money)
    return limits, [key for key in limits.rows if _slack(limits, key, found) > 0]


def _contradicted(limits: Limits, key: str, keys: Sequence[str]) -> list[str]:
    """An irreducible part of these limits, of which money is one in any case, that leaves no plan for another one."""
    rich = limits if key == BUDGET else replace(limits, money=FAR_RICHER * limits.money)
    limit = [each for each in (*limits.targets, *limits.rows, *limits.lines) if each in keys]

    def impossible(some: list[str]) -> bool:
        within = [each for each in some if each in keys]
        return (limits if BUDGET in some else rich).find([*within, key]) is None

    return core(impossible, [], limit if key == BUDGET else [*limit, BUDGET])


def core(impossible: Callable[[list[str]], bool], fixed: list[str], keys: list[str], new: bool = True) -> list[str]:
    """An irreducible part of the keys that, beside the fixed ones, is impossible (QuickXplain; Junker, 2004).

    >>> core(lambda some: {"b", "d"} <= set(some), [], ["a", "b", "c", "d"])
    ['b', 'd']
    """
    if not keys or (new and impossible(fixed)):
        return []
    if len(keys) == 1:
        return keys
    half = len(keys) // 2
    later = core(impossible, [*fixed, *keys[:half]], keys[half:])
    return [*core(impossible, [*fixed, *later], keys[:half], bool(later)), *later]


def smallest(limits: Limits, key: str, keys: Iterable[str]) -> Value | None:
    """The value of a limit nearest to the one it has with which there is a plan beside the others; None if none is."""
    if key in limits.targets:
        return _highest(limits, key, [*keys])
    found = limits.find([*keys, key], {key: 1.0})
    return None if found is None else _as_used(limits, key, found)


def _highest(limits: Limits, key: str, keys: list[str]) -> float | None:
    """The highest target that the other limits leave within reach, of those with DIGITS digits, sought around what
    those limits leave that only forbid more."""
    one, problem = limits.problem.scored[limits.targets[key]], limits.problem
    assert one.target is not None
    size = math.floor(math.log10(abs(one.best - one.worst))) - DIGITS
    step = (1 if one.best > one.worst else -1) * 10.0**size

    def within(steps: int) -> bool:
        return moved(limits, key, _in_steps(steps, step)).find([*keys, key]) is not None

    def own(score: Array, side: Callable[[float], int]) -> int:
        return side(float(one.own(score)) / step + (1e-9 if side is math.floor else -1e-9))

    owned, bare = np.array([float(problem.tasks[one.line].owned)]), np.zeros((1, len(problem.pools)))
    nothing = problem.reaches(limits.targets[key], owned, bare)[0] + one.normal(np.array(one.target))
    low, top = (
        max(own(nothing, math.floor), own(np.array(0.0), math.ceil)),
        own(one.normal(np.array(one.target)), math.ceil),
    )
    about = limits.reach(key, keys)
    found = last(within, low, own(np.array(about), math.floor) if np.isfinite(about) else low, top)
    return None if found is None else _in_steps(found, step)


def last(within: Callable[[int], bool], low: int, about: int, top: int) -> int | None:
    """The last number from `low` on, before `top`, up to which all are within, sought in ever longer steps from `about`
    on; None if there is none.

    >>> last(lambda n: n <= 70, 0, 64, 100), last(lambda n: n <= 70, 0, 80, 100), last(lambda n: False, 0, 50, 100)
    (70, 70, None)
    """
    at, stride = min(max(about, low), top - 1), 1
    if within(at):
        low = at
        while low + stride < top and within(low + stride):
            low, stride = low + stride, 2 * stride
        top = min(top, low + stride)
    else:
        top = at
        while top > low and not within(max(top - stride, low)):
            top, stride = max(top - stride, low), 2 * stride
        if top <= low:
            return None
        low = max(top - stride, low)
    while top - low > 1:
        middle = (low + top) // 2
        low, top = (middle, top) if within(middle) else (low, middle)
    return low


def _in_steps(steps: int, step: float) -> float:
    return round(steps * step, 12)


def moved(limits: Limits, key: str, value: Value | None) -> Limits:
    """The limits with another value of one of them."""
    brief, (section, *rest) = limits.brief, limits.paths[key]
    if section == "constraints":
        texts = list(brief.constraints)
        texts[int(rest[0])] = str(value)
        return replace(limits, brief=brief.model_copy(update={"constraints": tuple(texts)}))
    if not rest:
        return replace(limits, brief=brief.model_copy(update={str(section): value}))
    name, entry = rest
    parts = getattr(brief, str(section))
    part = parts[name].model_copy(update={str(entry): value})
    return replace(limits, brief=brief.model_copy(update={str(section): {**parts, name: part}}))


def _value(brief: Brief, path: KeyPath) -> Value:
    """What stands in the brief at this path."""
    found: Any = brief
    for step in path:
        found = getattr(found, str(step)) if isinstance(found, BaseModel) else found[step]
    return cast(Value, found)


def _slack(limits: Limits, key: str, found: Within) -> Fraction:
    """How far a plan is beyond the row, or either row of an equation, of this key."""
    buys = limits.problem.buys(found.choice)
    rows = [row for row in limits.problem.rows if row.key == key]
    return max(row.use(limits.problem.lines, buys) - row.limit(found.budget) for row in rows)


def _as_used(limits: Limits, key: str, found: Within) -> Value:
    """The value of a limit that just lets this plan be."""
    if key == BUDGET:
        return float(found.budget)
    (section, *rest), brief, beyond = limits.paths[key], limits.brief, _slack(limits, key, found)
    if section == "constraints":
        (at_most, *_) = (row for row in limits.problem.rows if row.key == key)
        over = at_most.use(limits.problem.lines, limits.problem.buys(found.choice)) > at_most.limit(found.budget)
        return _shifted(brief.constraints[int(rest[0])], beyond, over)
    value = prices.exact(float(_value(brief, limits.paths[key])))
    if rest[-1:] == ["min_share"]:
        return float(_rounded(value - beyond / found.budget, up=False))
    if rest[-1:] == ["min_labels"]:
        return int(value - beyond)
    return int(value + beyond) if rest[-1:] == ["max_labels"] else float(_rounded(value + beyond, up=True))


def _shifted(text: str, beyond: Fraction, over: bool) -> str:
    """A constraint that gives by so much; an equation upwards where a plan is `over` it.

    >>> _shifted("a.cost <= 100", Fraction(20), True), _shifted("a.buy >= 2 * b.buy", Fraction(1, 3), True)
    ('a.cost <= 120', 'a.buy >= 2 * b.buy - 0.33334')
    """
    found = SENSE.fullmatch(text)
    assert found is not None
    left, sense, right = found.groups()
    amount = _rounded(beyond, up=True)
    more = sense == "<=" or (sense == "==" and over)
    try:
        return f"{left}{sense} {shown(prices.exact(float(right)) + (amount if more else -amount))}"
    except ValueError:
        return f"{text} {'+' if more else '-'} {shown(amount)}"


def _rounded(amount: Fraction, up: bool) -> Fraction:
    step = step_of(float(abs(amount)), DIGITS)
    return (math.ceil if up else math.floor)(amount / step) * step


def shown(amount: float | Fraction) -> str:
    """
    >>> shown(7200.50), shown(1e9)
    ('7200.5', '1000000000')
    """
    return f"{float(amount):.15g}"


def _repair(limits: Limits, key: str, value: Value) -> str:
    """What to write in the brief."""
    section, *rest = limits.paths[key]
    if section == "constraints":
        return f"write {value} for {limits.brief.constraints[int(rest[0])]}"
    if key == BUDGET:
        return f"raise the budget to {shown(float(value))}"
    if rest and rest[-1] == "target":
        return f"set the target of {rest[0]} to {shown(float(value))}"
    return f"set {rest[-1]} of {rest[0]} to {shown(float(value))}" if rest else f"set {key} to {shown(float(value))}"


def _reason(limits: Limits, key: str, value: Value, against: Sequence[str]) -> str:
    """What contradicts a limit, and how far it can be met."""
    others = "; ".join(_text(limits, each) for each in against if each != BUDGET or key not in limits.targets)
    if key == BUDGET:
        costs = f"what is asked for costs {shown(float(value))}, the budget is {shown(limits.brief.budget)}"
        return f"{costs}: {others}"
    if key in limits.targets:
        out = f"{_text(limits, key)} is out of reach"
        # What no money reaches is still raised by money, up to what there is.
        reached = f"is all that {shown(limits.brief.budget)} buys" if BUDGET in (against or [BUDGET]) else "is the most"
        return f"{out}{f' within these limits: {others}' if others else ''}; {shown(float(value))} {reached}"
    if not against:
        return f"these limits cannot hold: {_text(limits, key)}"
    return f"these limits contradict each other: {_text(limits, key)}; {others}"


def _text(limits: Limits, key: str) -> str:
    """A limit in words."""
    if key == BUDGET:
        return f"the budget {shown(limits.brief.budget)}"
    if key not in limits.targets:
        return next(row.text for row in limits.problem.rows if row.key == key)
    one = limits.problem.scored[limits.targets[key]]
    sure = "" if one.confidence is None else f" with probability {one.confidence:g}"
    return f"the target {shown(one.target or 0.0)} of {one.name}{sure}"
