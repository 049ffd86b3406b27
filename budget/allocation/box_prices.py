"""What no plan with pools in a box exceeds: the least, over prices of the rows, of the best that its corners allow.

At prices y >= 0 and weights q of the scores (which only the goal `worst` leaves open: sum_i q_i scale_i = 1)

    D(y, q) = max over corners X of { y (b - B X) + sum_t max_x [ sum_i q_i p_i(x, X) - y A_t x ] }

with p_i the tangents of the scores in the pools. D is convex: every corner's best purchases make a plane below it, a
small program finds where all of these planes are lowest, D is asked there, and so on (Kelley, 1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from budget.allocation.choice_program import right_sides, uses
from budget.allocation.lines import Array
from budget.allocation.problem import Problem
from budget.allocation.program import FAR, Program
from budget.allocation.shelf import between, tops

ROUNDS, ENOUGH = 15, 4  # of prices; of them after which a box that cannot be closed is left
STEP = 1e-3  # of a box's width: over which slopes in the pools are taken
NEVER = 1e3  # less than any purchase is worth
Corner = tuple[int, ...]
Lists = tuple[Array, ...]


@dataclass(frozen=True)
class Prices:
    """Of the rows (R,), the budget first, and weights of the scores (n,)."""

    rows: Array
    weights: Array


@dataclass(frozen=True)
class Proof:
    """No plan in the box exceeds `bound`, none in its middle `at_middle`; `tasks` (T,): what is best there at these
    prices, `near`: by task line, purchases at and next to the best ones in all corners."""

    bound: float
    at_middle: float
    prices: Prices
    near: Lists
    tasks: Array


@dataclass(frozen=True)
class Corners:
    """At some prices, for every corner and at last the middle: D (K,), its slopes in the prices of rows (K, R) and in
    the weights (K, n), which purchases are best (T, K), and what each is worth, by task line (K, C)."""

    value: Array
    rows: Array
    weights: Array
    best: NDArray[np.intp]
    worth: tuple[Array, ...]


@dataclass(frozen=True)
class Looked:
    """Purchases (C,) of a task line: what they take of the rows (C, R), what they gain besides scores (C,), the bounds
    (K, C) on its scores, and whether they reach its targets (K, C): anywhere in the box, and at last in the middle."""

    buys: Array
    uses: Array
    gain: Array
    planes: dict[int, Array]
    reached: NDArray[np.bool_]

    def joined(self, more: Looked) -> Looked:
        """Both, rising."""
        buys = np.concatenate([self.buys, more.buys])
        order = np.argsort(buys, kind="stable")
        planes = {i: np.hstack([plane, more.planes[i]])[:, order] for i, plane in self.planes.items()}
        reached = np.hstack([self.reached, more.reached])[:, order]
        uses, gain = np.concatenate([self.uses, more.uses])[order], np.concatenate([self.gain, more.gain])[order]
        return Looked(buys[order], uses, gain, planes, reached)

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """(K, C): the last purchase before one that reaches the targets stands for those between them."""
        allowed = self.reached.copy()
        allowed[:, :-1] |= self.reached[:, 1:]
        return allowed


class Inside:
    """A box of pools, with the purchases of every task line that are looked at."""

    def __init__(
        self, problem: Problem, low: Corner, middle: Corner, high: Corner, mixture: Array | None, lists: Sequence[Array]
    ) -> None:
        self.problem, self.low, self.middle, self.high = problem, low, middle, high
        self._summed = replace(problem, goal="cheapest" if problem.goal == "cheapest" else "mean", mixture=mixture)
        self._ends = [*(tuple(c) for c in product(*zip(low, high, strict=True))), middle]
        self._right, self._lost = self._pools()
        self._looked = self._asked(lists)

    def bound(self, prices: Prices, enough: float, tolerance: float, solver: str) -> Proof:
        """The least D found from these prices on, or the first that is not above `enough`."""
        proof = Proof(np.inf, np.inf, prices, (), np.zeros(0))
        planes: list[tuple[float, Array, Array]] = []
        for turn in range(ROUNDS):
            corners = self._at(prices)
            while (above := self._grown(corners, tolerance / (8 * len(self._looked)))) is None:
                corners = self._at(prices)
            top = float(corners.value[:-1].max()) + above
            if top < proof.bound:
                tasks = np.array([each.buys[k] for each, k in zip(self._looked, corners.best[:, -1], strict=True)])
                proof = Proof(top, float(corners.value[-1]), prices, self._near(corners), tasks)
            if top <= enough:
                break
            for value, rows, weights in zip(corners.value, corners.rows, corners.weights, strict=True):
                if np.isfinite(value):
                    planes.append((float(value - rows @ prices.rows - weights @ prices.weights), rows, weights))
            least, prices = self._lowest(planes, prices, solver)
            if proof.bound - least <= tolerance or (turn >= ENOUGH and least > enough):
                break
        return proof

    def _pools(self) -> tuple[Array, Array]:
        """(K, R) what the pools of each corner leave of the rows, and (K,) what they cost the goal; each pool at its
        cheapest tier within the box."""
        problem, right, lost = self.problem, [], []
        for corner in self._ends:
            left, spent = right_sides(problem, self.low), 0.0
            for j, line in enumerate(problem.pools):
                more = corner[j] - self.low[j]
                money = more * min(float(price) for start, price in line.tiers if start < max(corner[j], 1))
                rows = [
                    float(row.buy.get(line.name, 0)) * more + float(row.cost.get(line.name, 0)) * money
                    for row in problem.rows
                ]
                left = left - np.array([money, *rows])
                spent += float(line.cost(self.low[j])) + money
            right.append(left)
            lost.append(spent / max(problem.budget, 1e-12) if problem.goal == "cheapest" else 0.0)
        return np.array(right), np.array(lost)

    def _asked(self, lists: Sequence[Array]) -> list[Looked]:
        """What purchases of every task line bring in every corner."""
        problem, found = self.problem, []
        cheapest = problem.goal == "cheapest"
        planes = {} if cheapest else self._planes(lists)
        for t, (line, buys) in enumerate(zip(problem.tasks, lists, strict=True)):
            mine = {i: planes[i] for i, one in enumerate(problem.scored) if one.line == t and i in planes}
            reached = np.ones((len(self._ends), len(buys)), bool)
            for i in problem.targets:
                if problem.scored[i].line == t and len(buys):
                    labels, points = buys + line.owned, self._points
                    above = problem.reaches(i, np.tile(labels, len(points)), np.repeat(points, len(labels), axis=0))
                    enough = self._raised(above.reshape(len(points), -1)) >= -1e-9
                    # What is enough in one corner may be all that is needed somewhere between it and the others.
                    enough[:-1] = enough[:-1].any(axis=0)
                    reached &= enough
            gain = -line.costs(buys) / max(problem.budget, 1e-12) if cheapest else np.zeros(len(buys))
            found.append(Looked(buys, uses(problem, t, buys), gain, mine, reached))
        return found

    def _planes(self, lists: Sequence[Array]) -> dict[int, Array]:
        """By scored task, (K, C) bound on its score at purchases of its line: all tasks asked at once."""
        longest = max(len(buys) for buys in lists)
        if not longest:
            return {i: np.zeros((len(self._ends), 0)) for i in range(len(self.problem.scored))}
        padded = [np.resize(buys, longest) if len(buys) else np.zeros(longest) for buys in lists]
        labels = self.problem.of_scored(
            np.array([buys + line.owned for buys, line in zip(padded, self.problem.tasks, strict=True)])
        )
        points = self._points
        scores = self._summed.scores(np.tile(labels, len(points)), np.repeat(points, longest, axis=0))
        each = enumerate(scores.reshape(len(scores), len(points), longest))
        return {i: self._raised(score[:, : len(lists[self.problem.scored[i].line])]) for i, score in each}

    @cached_property
    def _points(self) -> Array:
        """The middle, the corners, and the middle moved a little along every pool, up and down."""
        here, ends = np.array(self.middle, float), np.array(self._ends[:-1], float)
        step = np.maximum(STEP * (ends.max(axis=0) - ends.min(axis=0)), 1e-6)
        moved = np.array([way * unit for unit in np.diag(step) for way in (1, -1)])
        owned = np.array([line.owned for line in self.problem.pools], float)
        return np.vstack([here, ends, np.maximum(here + moved, -owned)])

    def _raised(self, found: Array) -> Array:
        """(K, C) bound on a score in each corner, from what it is at `_points`: the tangent at the middle, raised to
        the score; in the middle the score itself."""
        count, points = len(self._ends) - 1, self._points
        value, at_ends, moved = found[0], found[1 : 1 + count], found[1 + count :]
        planes = np.tile(value, (count, 1))
        for j in range(points.shape[1]):
            width = points[1 + count + 2 * j, j] - points[2 + count + 2 * j, j]
            planes += (points[1 : 1 + count, j, None] - points[0, j]) * (moved[2 * j] - moved[2 * j + 1]) / width
        return np.vstack([np.maximum(planes, at_ends), value])

    def _grown(self, corners: Corners, little: float) -> float | None:
        """What purchases between those looked at may be worth beyond the best ones of the highest corner; where that is
        more than a little, they are looked at instead."""
        top, more, above = int(corners.value[:-1].argmax()), [], 0.0
        for t, (line, looked) in enumerate(zip(self.problem.tasks, self._looked, strict=True)):
            worth, at = corners.worth[t][top], int(corners.best[t, top])
            beyond = tops(line, looked.buys, worth.max(initial=-1.0) - worth)
            fresh = between(line, looked.buys, at) if beyond > little else np.zeros(0)
            above += beyond if beyond <= little else 0.0
            more.append(fresh)
        if not any(len(buys) for buys in more):
            return above
        self._looked = [old.joined(new) for old, new in zip(self._looked, self._asked(more), strict=True)]
        return None

    def _near(self, corners: Corners) -> Lists:
        """The purchases that are best in some corner, and their neighbours."""
        found = []
        for looked, best in zip(self._looked, corners.best, strict=True):
            places = np.unique(np.clip(best[:, None] + [-1, 0, 1], 0, len(looked.buys) - 1))
            found.append(looked.buys[places])
        return tuple(found)

    def _at(self, prices: Prices) -> Corners:
        value, rows = self._right @ prices.rows - self._lost, self._right.copy()
        weights, best, worths = np.zeros((len(value), len(self.problem.scored))), [], []
        every = np.arange(len(value))
        for looked in self._looked:
            worth = looked.gain - looked.uses @ prices.rows
            for i, plane in looked.planes.items():
                worth = worth + prices.weights[i] * plane
            worth = np.where(looked.allowed, worth, -NEVER)  # (K, C)
            at = worth.argmax(axis=1)
            best.append(at)
            worths.append(worth)
            value = np.where(looked.allowed.any(axis=1), value + worth[every, at], -np.inf)
            rows -= looked.uses[at]
            for i, plane in looked.planes.items():
                weights[:, i] = plane[every, at]
        return Corners(value, rows, weights, np.array(best), tuple(worths))

    def _lowest(self, planes: list[tuple[float, Array, Array]], prices: Prices, solver: str) -> tuple[float, Prices]:
        """Where all planes are lowest, and how low."""
        program, open_ = Program(), self.problem.goal == "worst"
        units = np.maximum(np.abs([rows for _, rows, _ in planes]).max(axis=0), 1e-12)
        theta = program.variable(-1e3, 1e3, -1.0)
        index = [program.variable(0.0, FAR) for _ in units]
        shares = [program.variable(0.0, 1.0) for _ in prices.weights] if open_ else []
        for constant, rows, weights in planes:
            factors = [-1.0, *(rows / units).tolist()]
            if open_:
                program.row([theta, *index, *shares], [*factors, *(weights / self.problem.scales).tolist()], -constant)
            else:
                program.row([theta, *index], factors, -constant - float(weights @ prices.weights))
        if open_:
            program.row(shares, [1.0] * len(shares), 1.0, equal=True)
        answer = program.solve(solver)
        if not answer.found:
            return -np.inf, prices
        weights = answer.values[shares] / self.problem.scales if open_ else prices.weights
        return -answer.objective, Prices(answer.values[index] / units, weights)
