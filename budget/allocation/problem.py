"""The brief and the fitted surfaces as plain arrays: what can be bought, at which price, and what it brings.

Everything inside is sorted by name, so that the order of a brief's lines changes nothing. Scores in here are
normalised: 0 is a task's worst, 1 its best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from budget import prices
from budget.errors import Fault, InvalidInput

if TYPE_CHECKING:
    from budget.brief import Brief, Priced, Task

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class Forecast(Protocol):
    """What planning asks of a fitted task: labels (k,), pools {name: one number or (k,)}."""

    @property
    def most_labels(self) -> int: ...
    @property
    def most_pools(self) -> Mapping[str, int]: ...
    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(k,) mean over the draws, in the task's own score."""
        ...

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(S, k) equally likely truths."""
        ...


@dataclass(frozen=True)
class Line:
    """Something that can be bought: a task's or a pool's labels, `lot * j` of them between `least` and `most`.

    `price` is money a label, exactly.
    """

    name: str
    owned: int
    lot: int
    least: int
    most: int
    price: Fraction

    def cost(self, buy: int) -> Fraction:
        """Money for `buy` labels, exactly as the prices say."""
        return self.price * int(buy)

    def down(self, buy: float) -> int:
        """The largest purchase allowed that is not above `buy`, or else the least one."""
        return max(self.least, min(self.most, int(buy + 1e-9) // self.lot * self.lot))


@dataclass(frozen=True)
class Scored:
    """A score that counts: the surface, its weight (weights add up to 1) and the task line whose labels it lives on."""

    name: str
    surface: Forecast
    weight: float
    line: int
    best: float
    worst: float
    target: float | None

    def normal(self, score: Array) -> Array:
        return (score - self.worst) / (self.best - self.worst)


@dataclass(frozen=True)
class Choice:
    """Labels to buy: tasks (T,), pools (P,), in the order of the problem's lines."""

    tasks: tuple[int, ...]
    pools: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """One brief, ready to be solved."""

    budget: float
    tasks: tuple[Line, ...]
    pools: tuple[Line, ...]
    scored: tuple[Scored, ...]

    @property
    def money(self) -> Fraction:
        """The budget, exactly."""
        return prices.exact(self.budget)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.tasks + self.pools

    @property
    def weights(self) -> Array:
        return np.array([s.weight for s in self.scored])

    def cost(self, choice: Choice) -> Fraction:
        """Money for a whole choice, exactly."""
        return sum(self.costs(choice).values(), Fraction(0))

    def pool_cost(self, choice: Choice) -> Fraction:
        """Money for the pools of a choice, exactly."""
        return sum((line.cost(buy) for line, buy in zip(self.pools, choice.pools, strict=True)), Fraction(0))

    def costs(self, choice: Choice) -> dict[str, Fraction]:
        """Money for each line, by name."""
        return {line.name: line.cost(buy) for line, buy in zip(self.lines, choice.tasks + choice.pools, strict=True)}

    def buys(self, choice: Choice) -> dict[str, int]:
        return {line.name: buy for line, buy in zip(self.lines, choice.tasks + choice.pools, strict=True)}

    def feasible(self, choice: Choice) -> bool:
        """Does the choice keep the budget, the limits and the lots?"""
        return self.cost(choice) <= self.money and all(
            line.least <= buy <= line.most and buy % line.lot == 0
            for line, buy in zip(self.lines, choice.tasks + choice.pools, strict=True)
        )

    def with_budget(self, budget: float) -> Problem:
        return replace(self, budget=budget)

    def pool_labels(self, bought: Array) -> dict[str, Array]:
        """Bought pool labels (k, P) as what a surface wants: {pool: owned + bought (k,)}."""
        return {line.name: line.owned + bought[:, j] for j, line in enumerate(self.pools)}

    def expected(self, index: int, labels: Array, bought: Array) -> Array:
        """Normalised expected score (k,) of one scored task at labels (k,) and bought pool labels (k, P)."""
        one = self.scored[index]
        return one.normal(one.surface.expected(labels, self.pool_labels(bought)))

    def draws(self, index: int, labels: Array, bought: Array) -> Array:
        """The same for every draw: (S, k)."""
        one = self.scored[index]
        return one.normal(one.surface.draws(labels, self.pool_labels(bought)))


def _line(name: str, part: Priced, money: Fraction) -> Line:
    """Limits of one entry: what its bounds, its lot and the money leave."""
    price, lot, room = prices.exact_label_cost(part), part.lot, prices.most_buyable(part)
    if room is None and price == 0:
        allowed = "a whole number: labels that cost nothing need a limit"
        raise InvalidInput((Fault("", f"{name}.max_labels", "nothing", allowed, "set max_labels"),))
    least = -(-max(part.min_labels - part.owned, 0) // lot) * lot
    affordable = room if price == 0 else int(money / price) // lot * lot
    limits = [limit for limit in (room, affordable) if limit is not None]
    return Line(name, part.owned, lot, least, max(min(limits), least), price)


def problem(brief: Brief, surfaces: Mapping[str, Forecast], reach: int = 1) -> Problem:
    """The brief as arrays. `reach`: lines may grow to what so many budgets would buy, for frontiers.

    Raises InvalidInput where a task was not measured.
    """
    faults = tuple(
        Fault(
            "",
            f"tasks.{name}",
            "no measurements of it",
            "a task with pilots",
            f"measured: {', '.join(sorted(surfaces))}",
        )
        for name in brief.tasks
        if name not in surfaces
    )
    if faults:
        raise InvalidInput(faults)
    names, money = sorted(brief.tasks), reach * prices.exact(brief.budget)
    total = sum(brief.tasks[name].weight for name in names) or 1.0
    tasks = tuple(_line(name, brief.tasks[name], money) for name in names)
    pools = tuple(_line(name, brief.pools[name], money) for name in sorted(brief.pools))
    scored = tuple(_scored(name, brief.tasks[name], surfaces[name], total, i) for i, name in enumerate(names))
    return Problem(brief.budget, tasks, pools, scored)


def _scored(name: str, task: Task, surface: Forecast, total: float, line: int) -> Scored:
    metric = task.metric
    return Scored(name, surface, task.weight / total, line, metric.best, metric.worst, task.target)


def labels_of(problem: Problem, choices: Sequence[Choice]) -> tuple[Array, Array]:
    """Labels of the scored tasks (k, scored) and bought pool labels (k, P) of several choices."""
    bought = np.array([c.tasks for c in choices], float).reshape(len(choices), -1)
    owned = np.array([line.owned for line in problem.tasks], float)
    labels = (bought + owned)[:, [s.line for s in problem.scored]]
    return labels, np.array([c.pools for c in choices], float).reshape(len(choices), -1)
