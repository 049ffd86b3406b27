"""The brief and the fitted surfaces as one problem: what can be bought, within which limits, and what it brings.

Everything inside is sorted by name, so that the order of a brief's lines changes nothing. Scores in here are
normalised: 0 is a task's worst, 1 its best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from budget import prices
from budget.allocation.forecasts import Forecast, Forecasts, forecasts
from budget.allocation.lines import Array, Line, line
from budget.allocation.rows import Row, rows
from budget.errors import InvalidInput

if TYPE_CHECKING:
    from budget.brief import Brief, Task

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """A score that counts: the surface, its weight (weights add up to 1) and the task line whose labels it lives on.

    `target`: in the task's own unit; `confidence`: it is to be reached with this probability; None: in expectation.
    """

    name: str
    surface: Forecast
    weight: float
    line: int
    best: float
    worst: float
    target: float | None
    confidence: float | None

    def normal(self, score: Array) -> Array:
        return (score - self.worst) / (self.best - self.worst)

    def own(self, score: Array) -> Array:
        """A normalised score in the task's own unit."""
        return self.worst + score * (self.best - self.worst)


@dataclass(frozen=True)
class Choice:
    """Labels to buy: tasks (T,), pools (P,), in the order of the problem's lines."""

    tasks: tuple[int, ...]
    pools: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return self.tasks + self.pools


@dataclass(frozen=True)
class Problem:
    """One brief, ready to be solved. `forecasts`: the surfaces of the scored tasks, asked at once; `mixture` (S,):
    weights of the draws that make the score, if not the expected."""

    budget: float
    goal: str
    risk: float
    tasks: tuple[Line, ...]
    pools: tuple[Line, ...]
    scored: tuple[Scored, ...]
    forecasts: Forecasts
    rows: tuple[Row, ...] = ()
    mixture: Array | None = None

    @cached_property
    def money(self) -> Fraction:
        """The budget, exactly."""
        return prices.exact(self.budget)

    @cached_property
    def for_tasks(self) -> Fraction:
        """What all tasks together may cost, by the budget or by a row that is a budget for them alone."""
        found, names = [self.money], {line.name for line in self.tasks}
        for row in self.rows:
            factors = set(row.cost.values())
            if not row.buy and row.cost.keys() == names and len(factors) == 1 and min(factors) > 0:
                found.append(row.limit(self.money) / min(factors))
        return min(found)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.tasks + self.pools

    @property
    def weights(self) -> Array:
        return np.array([s.weight for s in self.scored])

    @property
    def smooth(self) -> bool:
        """Is this only: spend money for the best mean or lowest score, at one price a label, within linear rows?"""
        priced = self.budget > 0 and any(line.price > 0 for line in self.lines)
        return priced and not self.targets and self.goal != "cheapest" and all(line.plain for line in self.lines)

    @property
    def plain(self) -> bool:
        """Is this smooth, and about the expected score?"""
        return self.smooth and self.linear

    @property
    def of_lots(self) -> bool:
        """Is this plain but for targets, so that lots filled in around a relaxed plan may be the answer?"""
        return self.goal == "mean" and self.risk == 0 and all(line.plain for line in self.lines)

    @property
    def of_labels(self) -> bool:
        """Are labels bought one by one, so that a plan may be as good as one without lots?"""
        return all(line.lot == 1 for line in self.lines)

    @property
    def scales(self) -> Array:
        """(n,) what each score is measured by under the goal `worst`: its target, else 1."""
        targets = [1.0 if one.target is None else float(one.normal(np.array(one.target))) for one in self.scored]
        return np.array([target if target > 0 else 1.0 for target in targets])

    @property
    def linear(self) -> bool:
        """Is what the goal counts a sum over the tasks?"""
        return self.goal != "worst" and self.risk == 0

    @property
    def targets(self) -> tuple[int, ...]:
        """Which scored tasks have a target to be kept; with the goal `worst` targets only set the scale."""
        return () if self.goal == "worst" else tuple(i for i, s in enumerate(self.scored) if s.target is not None)

    @cached_property
    def without_targets(self) -> Problem:
        """The same, with no target to be kept: no plan with them is better than its best."""
        if not self.targets:
            return self
        return replace(self, scored=tuple(replace(one, target=None, confidence=None) for one in self.scored))

    def costs(self, choice: Choice) -> dict[str, Fraction]:
        """Money for each line, by name."""
        costs = {each.name: each.cost(buy) for each, buy in zip(self.lines, choice.all, strict=True)}
        return dict.fromkeys((one.name for one in self.scored), Fraction(0)) | costs

    def cost(self, choice: Choice) -> Fraction:
        """Money for a whole choice, exactly: summed in whole numbers, by denominator."""
        parts: dict[int, int] = {}
        for each, buy in zip(self.lines, choice.all, strict=True):
            above, below = each.exact_cost(buy)
            parts[below] = parts.get(below, 0) + above
        return sum((Fraction(above, below) for below, above in parts.items()), Fraction(0))

    def pool_cost(self, choice: Choice) -> Fraction:
        """Money for the pools of a choice, exactly."""
        return sum((each.cost(buy) for each, buy in zip(self.pools, choice.pools, strict=True)), Fraction(0))

    def buys(self, choice: Choice) -> dict[str, int]:
        """Labels bought by name; of a subgroup's score, which has no labels of its own, none."""
        bought = {each.name: buy for each, buy in zip(self.lines, choice.all, strict=True)}
        return dict.fromkeys((one.name for one in self.scored), 0) | bought

    def broken(self, choice: Choice) -> tuple[str, ...]:
        """The keys of the brief that a choice breaks, in plain exact arithmetic; targets are not looked at here."""
        found = ["budget"] if self.cost(choice) > self.money else []
        found += [each.name for each, buy in zip(self.lines, choice.all, strict=True) if not each.allows(buy)]
        buys = self.buys(choice)
        return (*found, *(row.key for row in self.rows if row.use(self.lines, buys) > row.limit(self.money)))

    def with_budget(self, budget: float) -> Problem:
        return replace(self, budget=budget)

    def within(self, money: Fraction) -> Problem:
        """The same problem with no more money than that (rounded up to a float) to look through; what the rows make of
        the budget stays."""
        budget = float(money)
        if prices.exact(budget) < money:
            budget = math.nextafter(budget, math.inf)
        kept = tuple(replace(row, right=row.limit(self.money), of_budget=Fraction(0)) for row in self.rows)
        tasks, pools = (tuple(each.within(prices.exact(budget)) for each in some) for some in (self.tasks, self.pools))
        return replace(self, budget=budget, tasks=tasks, pools=pools, rows=kept)

    def pool_labels(self, bought: Array) -> dict[str, Array]:
        """Bought pool labels (k, P) as what a surface wants: {pool: owned + bought (k,)}."""
        return {each.name: each.owned + bought[:, j] for j, each in enumerate(self.pools)}

    @property
    def own_lines(self) -> bool:
        """Has every task line one score, in the same order?"""
        return len(self.scored) == len(self.tasks) and all(one.line == i for i, one in enumerate(self.scored))

    def scores(self, labels: Array, bought: Array) -> Array:
        """Normalised scores (n, k) of all scored tasks at labels of their own (n, k) and bought pool labels (k, P)."""
        if self.mixture is not None:
            return np.stack([self.mixture @ self.draws(i, row, bought) for i, row in enumerate(labels)])
        best, worst = (np.array([getattr(one, end) for one in self.scored])[:, None] for end in ("best", "worst"))
        return np.asarray((self.forecasts.expected(labels, self.pool_labels(bought)) - worst) / (best - worst))

    def of_scored(self, lines: Array) -> Array:
        """What belongs to task lines (T, ...) for each scored task: (n, ...)."""
        return lines if self.own_lines else lines[[one.line for one in self.scored]]

    def by_line(self, scores: Array) -> Array:
        """What belongs to scored tasks (n, ...) summed over those of each task line: (T, ...)."""
        if self.own_lines:
            return scores
        lines = np.zeros((len(self.tasks), *scores.shape[1:]))
        np.add.at(lines, [one.line for one in self.scored], scores)
        return lines

    def expected(self, index: int, labels: Array, bought: Array) -> Array:
        """Normalised score (k,) of one scored task at labels (k,) and bought pool labels (k, P)."""
        if self.mixture is not None:
            return np.asarray(self.mixture @ self.draws(index, labels, bought))
        one = self.scored[index]
        return one.normal(one.surface.expected(labels, self.pool_labels(bought)))

    def draws(self, index: int, labels: Array, bought: Array) -> Array:
        """The same for every draw: (S, k)."""
        one = self.scored[index]
        return one.normal(one.surface.draws(labels, self.pool_labels(bought)))

    def reaches(self, index: int, labels: Array, bought: Array) -> Array:
        """(k,) how far a scored task is above its target: of the expected score, or of the score that it has with the
        wanted confidence; 0 or more is reached."""
        one = self.scored[index]
        assert one.target is not None
        target = float(one.normal(np.array(one.target)))
        if one.confidence is None:
            return replace(self, mixture=None).expected(index, labels, bought) - target
        draws = np.sort(self.draws(index, labels, bought), axis=0)
        least = max(int(np.ceil(one.confidence * len(draws) - 1e-9)), 1)  # so many draws have to reach it
        return np.asarray(draws[len(draws) - least]) - target


def problem(brief: Brief, surfaces: Mapping[str, Forecast], reach: int = 1) -> Problem:
    """The brief as arrays. `reach`: lines may grow to what so many budgets would buy, for frontiers.

    Raises InvalidInput where a task was not measured.
    """
    faults = tuple(
        brief.fault(
            ("tasks", name), "no measurements of it", "a task with pilots", f"measured: {', '.join(sorted(surfaces))}"
        )
        for name in brief.tasks
        if name not in surfaces
    )
    if brief.risk > 0 and brief.goal != "mean":
        allowed = f"0, or goal: mean (risk is about the mean score, and the goal is {brief.goal})"
        faults += (brief.fault(("risk",), f"{brief.risk:g}", allowed),)
    if faults:
        raise InvalidInput(faults)
    names, money = sorted(brief.tasks), reach * prices.exact(brief.budget)
    own = [name for name in names if brief.tasks[name].measured_on is None]
    total = sum(brief.tasks[name].weight for name in names) or 1.0
    tasks = tuple(line(name, brief.tasks[name], money) for name in own)
    pools = tuple(line(name, brief.pools[name], money) for name in sorted(brief.pools))
    at = {name: own.index(brief.tasks[name].measured_on or name) for name in names}
    scored = tuple(_scored(name, brief.tasks[name], surfaces[name], total, at[name]) for name in names)
    asked = forecasts([one.surface for one in scored])
    return Problem(brief.budget, brief.goal, brief.risk, tasks, pools, scored, asked, rows(brief, tasks + pools))


def _scored(name: str, task: Task, surface: Forecast, total: float, at: int) -> Scored:
    metric = task.metric
    return Scored(
        name, surface, task.weight / total, at, metric.best, metric.worst, task.target, task.target_confidence
    )


def labels_of(problem: Problem, choices: Sequence[Choice]) -> tuple[Array, Array]:
    """Labels of the scored tasks (k, scored) and bought pool labels (k, P) of several choices."""
    bought = np.array([c.tasks for c in choices], float).reshape(len(choices), -1)
    owned = np.array([each.owned for each in problem.tasks], float)
    labels = (bought + owned)[:, [s.line for s in problem.scored]]
    return labels, np.array([c.pools for c in choices], float).reshape(len(choices), -1)
