"""Many tasks with lots, set-up costs and least orders, and nothing but money to share: planned and proved by its price.

At a price y of money and given pools every task is by itself, and the best of its purchases is looked up:

    bound(X) = y (budget - p X) + sum_t max_x (w f_t(x, X) - y cost_t(x))

With many tasks the plan that buys just this comes very close, for only one task in all of them has to take what it
would not choose. Over all amounts of the pool the bound is taken in boxes, ever wider away from the plan; within a box
every score lies, at given labels of its own, under its tangent in the pool, so that the bound is largest at an end.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from budget.allocation.evaluation import expected
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem, Whole
from budget.allocation.relaxation import roughly, whole_pools
from budget.allocation.rounding import spend_rest
from budget.allocation.smooth import cases_of, climb
from budget.allocation.table import Table

MANY = 50  # tasks: with fewer of them whole choices close the gap
WINDOW, COARSE = 8, 24  # lots on both sides of what is about the best, all listed; purchases listed all over a line
HALVINGS, AROUND = 60, (0.25, 0.03, 0.006)  # of the price; of the pool: how far apart it is tried
FIRST, SLOPE = 0.004, 1e-4  # width of the boxes at the plan, as a ratio; of the pool: where slopes are taken
MOST = 80  # boxes


@dataclass(frozen=True)
class Steps:
    """A plan, what no plan exceeds, and the price of money."""

    choice: Choice
    bound: float
    price: float


@dataclass(frozen=True)
class Prices:
    """At given pools: the best price of money, the purchase (T,) it makes, and the bound."""

    price: float
    bought: Array
    bound: float


def fits(table: Table, problem: Problem) -> bool:
    """Is this a problem for prices alone?"""
    single = all(len(line.tiers) == 1 and line.price > 0 for line in problem.lines)
    few = len(problem.pools) <= 1 and all(line.plain for line in problem.pools)
    asks = problem.rows or problem.targets or problem.goal != "mean" or problem.risk > 0
    return len(problem.tasks) >= MANY and table.bulge <= 1e-9 and single and few and not asks and problem.budget > 0


def by_prices(table: Table, problem: Problem, tolerance: float) -> Steps:
    """The plan at the best pool, and its bound over all of them."""
    easy = replace(problem, tasks=tuple(map(_smooth, problem.tasks)), pools=tuple(map(_smooth, problem.pools)))
    start = climb(cases_of([easy]), *roughly(table, [easy]))
    pool, best = _best_pool(problem, start.tasks[0], start.pools[0])
    mix = whole_pools(problem, pool)
    found = _priced(problem, best.bought, np.array([mix], float))[0]
    bought = tuple(int(buy) for buy in found.bought)
    (choice,) = spend_rest([problem], [Choice(bought, mix)])
    if not problem.pools:
        return Steps(choice, found.bound, found.price)
    reached = float(expected(problem, [choice])[0])
    return Steps(choice, _over_pools(problem, found.bought, float(mix[0]), reached, tolerance), found.price)


def _smooth(line: Line) -> Line:
    return replace(line, lot=1, first=1, setup=line.setup * 0)


def _best_pool(problem: Problem, bought: Array, pool: Array) -> tuple[Array, Prices]:
    """The amount of the pool with the highest bound, at the top of ever narrower parabolas."""
    best = _priced(problem, bought, pool[None])[0]
    for width in AROUND if len(pool) else ():
        line = problem.pools[0]
        near = np.clip(pool * np.exp(width * np.array([-1.0, 0.0, 1.0])), line.least, line.most)
        left, best, right = _priced(problem, best.bought, near[:, None])
        bend = 2 * best.bound - left.bound - right.bound
        move = (right.bound - left.bound) / (2 * bend) if bend > 0 else float(np.sign(right.bound - left.bound))
        pool = np.clip(pool * np.exp(width * np.clip(move, -2.0, 2.0)), line.least, line.most)
    return pool, best


def _purchases(problem: Problem, near: Array) -> tuple[Array, Array]:
    """(T, C) purchases, rising, and their costs: all lots near to these amounts (T,), and some all over each line."""
    owned, lot, least, most, price, setup = (
        np.array([float(getattr(line, key)) for line in problem.tasks])[:, None]
        for key in ("owned", "lot", "least", "most", "price", "setup")
    )
    first = np.array([float(max(line.first, line.least)) for line in problem.tasks])[:, None]
    ratio = (most + owned + lot) / (first + owned + lot)
    wide = (first + owned + lot) * np.maximum(ratio, 1.0) ** np.linspace(0, 1, COARSE) - owned - lot
    close = np.round(near[:, None] / lot) * lot + lot * np.arange(-WINDOW, WINDOW + 1)
    points = np.clip(np.round(np.hstack([wide, close]) / lot) * lot, first, most // lot * lot)
    points = np.sort(np.hstack([least, np.where(first <= most, points, least)]), axis=1)
    return points, points * price + setup * (points > 0)


def _values(problem: Problem, points: Array, mixes: Array) -> Array:
    """(m, T, C) weighted scores of purchases at m amounts of the pool (m, P)."""
    owned = np.array([line.owned for line in problem.tasks], float)[:, None]
    labels = problem.of_scored(np.tile(points + owned, len(mixes)))
    scores = problem.scores(labels, np.repeat(mixes, points.shape[1], axis=0))
    values = problem.by_line(problem.weights[:, None] * scores).reshape(len(points), len(mixes), -1)
    return np.moveaxis(values, 1, 0)


def _priced(problem: Problem, near: Array, mixes: Array) -> list[Prices]:
    """Prices at some amounts of the pool (m, P), with purchases listed near to these (T,)."""
    points, costs = _purchases(problem, near)
    spent = np.array([[float(line.cost(int(x))) for line, x in zip(problem.pools, mix, strict=True)] for mix in mixes])
    money = problem.budget - spent.reshape(len(mixes), -1).sum(axis=1)
    return [_price(points, costs, *each) for each in zip(_values(problem, points, mixes), money, strict=True)]


def _price(points: Array, costs: Array, values: Array, money: float) -> Prices:
    """The price at which what is bought just costs no more than there is, by halving."""
    low, high = 0.0, float(((values.max(axis=1) - values[:, 0]) / np.maximum(costs[:, 1:].min(axis=1), 1e-300)).max())
    rows, bound = np.arange(len(points)), np.inf
    for _ in range(HALVINGS):
        price = (low + high) / 2
        worth = values - price * costs
        taken = worth.argmax(axis=1)
        bound = min(bound, float(worth[rows, taken].sum() + price * money))
        low, high = (low, price) if costs[rows, taken].sum() <= money else (price, high)
    taken = (values - high * costs).argmax(axis=1)
    return Prices(high, points[rows, taken], bound)


def _over_pools(problem: Problem, near: Array, pool: float, reached: float, tolerance: float) -> float:
    """What no plan exceeds with any amount of the one pool: the largest bound of a box."""
    line = problem.pools[0]
    edges = [float(line.least), max(float(line.least), 1.0), float(line.most)]
    width, pool = FIRST, max(pool, 1.0)
    while pool * np.exp(-width) > edges[1] or pool * np.exp(width) < line.most:
        edges += [pool * np.exp(-width), pool * np.exp(width)]
        width *= 2
    sides = np.unique(np.clip(edges, line.least, line.most)).tolist()
    boxes = _boxes(problem, near, sides if len(sides) > 1 else 2 * sides)
    queue = [(-bound, low, high) for low, high, bound in boxes]
    heapq.heapify(queue)
    for _ in range(MOST):
        bound, low, high = queue[0]
        if -bound <= reached + tolerance or high - low < line.lot:
            break
        heapq.heappop(queue)
        middle = (low * high) ** 0.5 if low > 0 else high / 2
        for a, b, new in _boxes(problem, near, [low, middle, high]):
            heapq.heappush(queue, (max(-new, bound), a, b))
    return max(-queue[0][0], reached)


def _boxes(problem: Problem, near: Array, edges: list[float]) -> list[tuple[float, float, float]]:
    """(low, high, bound) of the boxes between neighbouring amounts of the pool."""
    return [(low, high, _bound(problem, near, low, high)) for low, high in pairwise(edges)]


def _bound(problem: Problem, near: Array, low: float, high: float) -> float:
    """What no plan with the pool between these exceeds."""
    line = problem.pools[0]
    middle = (low * high) ** 0.5 if low > 0 else (low + high) / 2
    near = _priced(problem, near, np.array([[middle]]))[0].bought
    points, costs = _purchases(problem, near)
    step = max(SLOPE * (middle + line.owned), 1e-6)
    mixes = np.array([[middle], [low], [high], [middle + step], [max(middle - step, 0.0)]])
    here, first, last, more, less = _values(problem, points, mixes)
    slope = (more - less) / (mixes[3, 0] - mixes[4, 0])
    price, worst = line.about, -np.inf
    paid = _price(points, costs, here, problem.budget - price * middle).price
    for end, there in ((low, first), (high, last)):
        worth = np.maximum(here + slope * (end - middle), there) - paid * costs
        taken = worth.argmax(axis=1)
        total = worth[np.arange(len(points)), taken].sum() + _between(problem, points, worth, taken)
        worst = max(worst, float(total + paid * (problem.budget - price * end)))
    return worst


def _between(problem: Problem, points: Array, worth: Array, taken: Whole) -> float:
    """What purchases that are not listed may be worth beyond the best that is: tops of parabolas where its neighbours
    are more than a lot away."""
    rows, k = np.arange(len(points)), np.clip(taken, 1, points.shape[1] - 2)
    left, right = points[rows, k] - points[rows, k - 1], points[rows, k + 1] - points[rows, k]
    wide = np.maximum(left, right) > 1.5 * np.array([float(line.lot) for line in problem.tasks])
    wide &= (left > 0) & (right > 0) & (k == taken) & (points[rows, k - 1] > 0)
    drop = (worth[rows, k] - worth[rows, k - 1]) / np.maximum(left, 1.0)
    drop += (worth[rows, k] - worth[rows, k + 1]) / np.maximum(right, 1.0)
    bend = 2 * np.maximum(drop, 0.0) / np.maximum(left + right, 1.0)
    return float((np.where(wide, bend * np.maximum(left, right) ** 2 / 8, 0.0)).sum())
