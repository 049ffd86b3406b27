"""The plans that need no optimizer. Where a simple rule would break the brief, it is bent as little as needed."""

from __future__ import annotations

from collections.abc import Mapping

from budget.allocation.lines import Line
from budget.allocation.problem import Choice, Problem


def baselines(problem: Problem, compare: Mapping[str, Mapping[str, int]] | None = None) -> dict[str, Choice]:
    """Every baseline of this problem by name: nothing, even split, proportional, as far as limits go, tasks only, pools
    only.

    `proportional` splits by weight, a pool counting as the mean task; `as far as limits go` by what all labels up to
    max_labels would cost, where all lines have one. The last two only where there are pools. `compare`: further plans,
    {task or pool: labels to buy}, cut down to the limits and, line by line alike, to the budget.
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
    for name, buys in (compare or {}).items():
        rules[name] = {line.name: float(line.cost(min(buys.get(line.name, 0), line.most))) for line in problem.lines}
    found = {name: split(problem, shares) for name, shares in rules.items()}
    for name, buys in (compare or {}).items():
        exact = [min(line.down(buys.get(line.name, 0)), line.most) for line in problem.lines]
        choice = Choice(tuple(exact[: len(problem.tasks)]), tuple(exact[len(problem.tasks) :]))
        found[name] = choice if problem.cost(choice) <= problem.money else found[name]
    return found


def split(problem: Problem, shares: Mapping[str, float]) -> Choice:
    """Money in proportion to the shares, within each line's limits: what one cannot take goes to the others.

    Every line gets clip(level x share, least, most) money, with the level at which the budget is spent.
    """
    rows = [
        (shares.get(line.name, 0.0), float(line.cost(line.least)), float(line.cost(line.most)))
        for line in problem.lines
    ]

    def money(level: float) -> list[float]:
        return [min(max(level * share, least), most) for share, least, most in rows]

    low, high = 0.0, max((most / share for share, _, most in rows if share > 0), default=0.0)
    if sum(money(high)) > problem.budget:
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (low, middle) if sum(money(middle)) > problem.budget else (middle, high)
    else:
        low = high
    buys = [
        _labels(line, spent) if spent > 0 or shares.get(line.name) else line.least
        for line, spent in zip(problem.lines, money(low), strict=True)
    ]
    return Choice(tuple(buys[: len(problem.tasks)]), tuple(buys[len(problem.tasks) :]))


def _labels(line: Line, money: float) -> int:
    """The whole lots that this money buys; all that may be had where labels cost nothing."""
    return line.most if line.price == 0 else line.down(money / line.about)
