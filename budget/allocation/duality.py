"""The proof under risk: Lagrange's dual over sampled purchases, lowered by cutting planes.

At any mixture q of the draws that may be worst and at any prices y >= 0 of the rows A x + B X <= b, no plan is above

    D(q, y) = max_X { y (b - B X) + sum_t max_x [ q . F_t(x, X) - y A_t x ] }     (weak duality)

for the mean over the worst draws is the least of all mixtures (`tail`). That asks nothing of the draws' shape, which
wander; the maxima are taken over samples, finer around a plan. D is convex, and every plan that answers some q and y
lies in a plane below it: the least point of these planes is where it is tried next (Kelley, 1960).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from budget.allocation.cuts import FEW, NEAR
from budget.allocation.goals import draws_at
from budget.allocation.lines import Array
from budget.allocation.problem import Problem
from budget.allocation.program import FAR, Program
from budget.allocation.smooth import Cases, Smooth, cases_of
from budget.allocation.table import outline

POINTS, LEVELS = 24, {0: 1, 1: 24, 2: 12, 3: 6}  # of a line, and of a pool by how many there are; 3 beyond
FEWER_POINTS, FEWER_LEVELS = 12, {1: 6, 2: 5, 3: 4}  # where there is much to keep
KEPT = 2**24  # numbers that are kept, draws of all samples; with more of them D is asked once
ROUNDS, CLOSE = 15, 1e-7  # of planes; what is left between them and D where they end


@dataclass(frozen=True)
class Block:
    """Samples: purchases `bought` (T, K) of the task lines, each with the pools' `mixes` (M, P)."""

    bought: Array
    mixes: Array


@dataclass(frozen=True)
class Answer:
    """What is best at a mixture and prices: D there, and the plan, tasks (T,) and pools (P,)."""

    value: float
    tasks: Array
    pools: Array


@dataclass
class Samples:
    """Draws of all samples of a problem: those all over, the same whatever money, weights and rows, are kept."""

    problem: Problem
    kept: dict[int, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = self.problem
        size = problem.draws(0, np.ones(1), np.zeros((1, len(problem.pools)))).size * len(problem.tasks)
        self.few = size * POINTS * LEVELS.get(len(problem.pools), 3) ** len(problem.pools) > KEPT
        points, levels = (FEWER_POINTS, FEWER_LEVELS) if self.few else (POINTS, LEVELS)
        table = outline(problem, points, levels)
        self.all = Block(table.bought, table.mixes)

    def draws(self, index: int, block: Block) -> Array:
        """(S, M, K) scores of one scored task."""
        if block is self.all and index in self.kept:
            return self.kept[index]
        line = self.problem.scored[index].line
        bought = block.bought[line]
        labels = np.tile(bought + self.problem.tasks[line].owned, len(block.mixes))
        found = self.problem.draws(index, labels, np.repeat(block.mixes, len(bought), axis=0))
        found = found.reshape(-1, len(block.mixes), len(bought))
        if block is self.all and not self.few:
            self.kept[index] = found
        return found


@dataclass(frozen=True)
class Dual:
    """D of one case, over the samples all over and those around a plan."""

    samples: Samples
    case: Cases
    around: Block
    near: dict[int, Array] = field(default_factory=dict)

    def best(self, mixture: Array, prices: Array) -> Answer:
        """D at a mixture (S,) and prices (R,) of the rows."""
        return max(self._answers(mixture, prices), key=lambda answer: answer.value)

    def _answers(self, mixture: Array, prices: Array) -> Iterator[Answer]:
        problem, charged = self.samples.problem, prices @ self.case.tasks[0]
        for block in (self.samples.all, self.around):
            worth = np.repeat((-charged[:, None] * block.bought)[:, None], len(block.mixes), axis=1)  # (T, M, K)
            for index, (one, weight) in enumerate(zip(problem.scored, self.case.weights[0], strict=True)):
                worth[one.line] += weight * np.tensordot(mixture, self._draws(index, block), 1)
            total = (self.case.right[0] - block.mixes @ self.case.pools[0].T) @ prices
            buys = []
            for line, bought, each in zip(problem.tasks, block.bought, worth, strict=True):
                top, at = tops(np.log(bought + line.owned + 1), each)
                total += top
                buys.append(np.exp(at) - line.owned - 1)
            best = int(total.argmax())
            yield Answer(float(total[best]), np.array(buys)[:, best], block.mixes[best])

    def _draws(self, index: int, block: Block) -> Array:
        if block is not self.around:
            return self.samples.draws(index, block)
        if index not in self.near:
            self.near[index] = self.samples.draws(index, block)
        return self.near[index]


def tops(places: Array, values: Array) -> tuple[Array, Array]:
    """The top (M,) of each row of values (M, K) at rising places (K,), and where it is: that of the parabola through
    the highest and its neighbours.

    >>> x = np.array([0.0, 1.0, 3.0])
    >>> top, at = tops(x, -((x - 1.2) ** 2)[None])
    >>> abs(top.round(6)).tolist(), at.round(6).tolist()
    ([0.0], [1.2])
    """
    rows, highest = np.arange(len(values)), values.argmax(axis=1)
    top, at = values[rows, highest], places[highest]
    if len(places) < 3:
        return top, at
    middle = np.clip(highest, 1, len(places) - 2)
    start, here, end = (places[middle + side] for side in (-1, 0, 1))
    before, there, after = (values[rows, middle + side] for side in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # where two places are one there is no parabola
        rise, fall = (there - before) / (here - start), (after - there) / (end - here)
        bend = (fall - rise) / (end - start)
        slope = (rise * (end - here) + fall * (here - start)) / (end - start)
        peak = here - slope / (2 * bend)
        inside = (bend < 0) & (peak > start) & (peak < end)
        above = there - slope**2 / (4 * bend)
    return np.where(inside, np.maximum(top, above), top), np.where(inside, peak, at)


def around(problem: Problem, best: Smooth) -> Block:
    """Samples around a plan: its own labels and pools among them."""
    ends = [np.array([(line.least, line.most, line.owned + 1) for line in lines], float).reshape(-1, 3).T
            for lines in (problem.tasks, problem.pools)]  # fmt: skip
    (low, high, shift), (least, most, shifts) = ends
    near = (best.tasks[0] + shift)[:, None] * np.array(NEAR) - shift[:, None]
    even = outline(problem, FEWER_POINTS, FEWER_LEVELS).bought
    bought = np.sort(np.clip(np.concatenate([even, near], axis=1), low[:, None], high[:, None]), axis=1)
    factors = np.array(list(product(FEW, repeat=len(shifts))))
    return Block(bought, np.clip((best.pools + shifts) * factors - shifts, least, most))


@dataclass(frozen=True)
class Bound:
    """No sampled plan exceeds `value`; the other `plans`, tasks (T,) and pools (P,), whose planes hold it up, the one
    that holds most first."""

    value: float
    plans: Sequence[tuple[Array, Array]]


def bound(
    samples: Samples,
    problem: Problem,
    best: Smooth,
    mixture: Array,
    value: float,
    enough: float,
    solver: str,
    known: Sequence[Smooth] = (),
) -> Bound:
    """What no sampled plan of a case exceeds, nor any other that is known, from the mixture (S,) under which `best` is
    best on, until that is within `enough` of a `value`."""
    case = cases_of([problem])
    dual = Dual(samples, case, around(problem, best))
    scales = np.maximum(np.abs(case.right[0]), 1.0)

    def plane(tasks: Array, pools: Array) -> tuple[Array, Array]:
        """What the draws of a plan come to (S,), and what it leaves of the rows, as shares (R,)."""
        left = case.right[0] - case.tasks[0] @ tasks - case.pools[0] @ pools
        return draws_at(problem, tasks, pools), left / scales

    plans = [(each.tasks[0], each.pools[0]) for each in (best, *known)]
    planes, prices, least = [plane(*each) for each in plans], best.prices[0] * scales, np.inf
    holds = np.zeros(len(plans))
    for _ in range(ROUNDS):
        answer = dual.best(mixture, prices / scales)
        met = max(float(mixture @ draws + prices @ left) for draws, left in planes)
        least = min(least, max(answer.value, met))
        if least - value <= enough or samples.few:
            break
        plans.append((answer.tasks, answer.pools))
        planes.append(plane(*plans[-1]))
        mixture, prices, holds, lowest = _lowest(planes, 1 / (problem.risk * len(mixture)), solver)
        if least - lowest < CLOSE:
            break
    return Bound(least, [plans[k] for k in np.argsort(-holds, kind="stable") if k and holds[k] > 0])


def _lowest(planes: Sequence[tuple[Array, Array]], most: float, solver: str) -> tuple[Array, Array, Array, float]:
    """The mixture (S,) of shares up to `most` and prices (R,) at which the highest of the planes is lowest, how much
    each plane holds it up, adding up to 1, and how low it is there."""
    program = Program()
    theta = program.variable(-FAR, FAR, -1.0)
    shares = [program.variable(0.0, most) for _ in planes[0][0]]
    prices = [program.variable(0.0, FAR) for _ in planes[0][1]]
    program.row(shares, [1.0] * len(shares), 1.0, equal=True)
    for draws, left in planes:
        program.row([theta, *shares, *prices], [-1.0, *draws.tolist(), *left.tolist()], 0.0)
    found = program.solve(solver)
    return found.values[shares], found.values[prices], found.prices[1:], -found.objective
