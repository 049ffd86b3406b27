"""The plans that need no optimizer. Where a simple rule would break the brief, it is bent as little as needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from budget.allocation.problem import Choice, Problem
from budget.allocation.whole_lots import nearest
from budget.errors import Fault, InvalidInput
from budget.messages import shown

MOST_REPAIRED, PATIENCE = 200, 5.0  # lines, with more of which baselines that break a row stay so; seconds for each


def baselines(problem: Problem, compare: Mapping[str, Mapping[str, int]] | None = None) -> dict[str, Choice]:
    """Every baseline of this problem by name: nothing, even split, proportional, as far as limits go, tasks only, pools
    only.

    `proportional` splits by weight, a pool counting as the mean task; `as far as limits go` by what all labels up to
    max_labels would cost, where all lines have one. The last two only where there are pools. `compare`: further plans,
    {task or pool: labels to buy}, cut down to the limits and, line by line alike, to the budget.

    Raises InvalidInput where a compared plan has the name of one of ours.
    """
    tasks = dict.fromkeys((line.name for line in problem.tasks), 1.0)
    pools = dict.fromkeys((line.name for line in problem.pools), 1.0)
    weights = dict.fromkeys((line.name for line in problem.pools), 1.0 / max(len(problem.tasks), 1))
    for one in problem.scored:
        name = problem.tasks[one.line].name
        weights[name] = weights.get(name, 0.0) + one.weight
    rules: dict[str, Mapping[str, float]] = {"nothing": {}, "even split": {**tasks, **pools}, "proportional": weights}
    if all(line.room is not None for line in problem.lines):
        rules["as far as limits go"] = {line.name: float(line.cost(line.room or 0)) for line in problem.lines}
    if pools:
        rules |= {"tasks only": tasks, "pools only": pools}
    taken = [name for name in (compare or {}) if name in rules]
    if taken:
        allowed = f"names other than those of the plans that are always compared: {', '.join(rules)}"
        raise InvalidInput(tuple(Fault("", "compare", shown(name), allowed) for name in taken))
    for name, buys in (compare or {}).items():
        rules[name] = {line.name: float(line.cost(min(buys.get(line.name, 0), line.most))) for line in problem.lines}
    found = {name: split(problem, shares) for name, shares in rules.items()}
    for name, buys in (compare or {}).items():
        exact = [min(line.down(buys.get(line.name, 0)), line.most) for line in problem.lines]
        choice = Choice(tuple(exact[: len(problem.tasks)]), tuple(exact[len(problem.tasks) :]))
        found[name] = choice if problem.cost(choice) <= problem.money else found[name]
    return found


def repaired(problem: Problem, plans: Mapping[str, Choice], solver: str) -> dict[str, tuple[Choice, tuple[str, ...]]]:
    """Of plans that break rows of a brief, those nearest to them that keep to all, and the keys that they were changed
    for; what cannot be repaired is left out."""
    found = {}
    for name, choice in plans.items():
        broken = problem.broken(choice)
        if broken and len(problem.lines) <= MOST_REPAIRED:
            near = nearest(problem, choice, solver, PATIENCE)
            if near is not None:
                found[name] = near, broken
    return found


def split(problem: Problem, shares: Mapping[str, float]) -> Choice:
    """Money in proportion to the shares, within each line's limits: what one cannot take goes to the others.

    Every line gets clip(level x share, least, most) money, with the level at which the budget is spent, and buys what
    that pays for in whole lots.
    """
    share = [Fraction(shares.get(line.name, 0.0)) for line in problem.lines]
    least, most = ([line.cost(getattr(line, end)) for line in problem.lines] for end in ("least", "most"))
    level = _level(share, least, most, problem.money)
    spent = [min(max(level * part, low), high) for part, low, high in zip(share, least, most, strict=True)]
    buys = [
        max(line.affordable(money), line.least) if part else line.least
        for line, part, money in zip(problem.lines, share, spent, strict=True)
    ]
    return Choice(tuple(buys[: len(problem.tasks)]), tuple(buys[len(problem.tasks) :]))


def _level(share: list[Fraction], least: list[Fraction], most: list[Fraction], money: Fraction) -> Fraction:
    """The level at which clip(level x share, least, most) adds up to the money; more where all of them get the most."""
    part, low, high = (np.array(each, float) for each in (share, least, most))
    some = part > 0
    ends = np.unique(np.concatenate([[0.0], low[some] / part[some], high[some] / part[some]]))
    after = bisect_right(ends, float(money), key=lambda level: float(np.clip(level * part, low, high).sum()))
    if after in (0, len(ends)):
        return Fraction(2 * float(ends[-1])) if after else Fraction(0)
    middle = (ends[after - 1] + ends[after]) / 2 * part  # between two ends all that rises rises evenly
    rises = (low < middle) & (middle < high)
    fixed = sum(
        (b if m >= b else a for a, b, m, up in zip(least, most, middle, rises, strict=True) if not up), Fraction(0)
    )
    rising = sum((each for each, up in zip(share, rises, strict=True) if up), Fraction(0))
    return (money - fixed) / rising if rising else Fraction(float(ends[after - 1]))
