"""A synthetic truth and the whole, consistent Plan that comes from it, to look at and test the page with.

Truth: a task's error at n labels and P pool labels is floor + B (n + 30 + k P)^-b, with draws of B, b and k for what
is not known. The order is filled greedily, step by step, which is near the best for curves that flatten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from budget.plan import (
    Baseline,
    Certificate,
    Curve,
    Dot,
    Evidence,
    FrontierPoint,
    Hidden,
    NextMoney,
    NextPilot,
    Plan,
    PoolLine,
    Provenance,
    Score,
    Sensitivity,
    SharePoint,
    TaskLine,
)

DRAWS = 40
TANGENT = "linear program over tangent planes"
STEPS = 80  # of money; a third with many tasks, for time


@dataclass(frozen=True)
class Task:
    """One task of the synthetic truth; scores from worst to best."""

    price: float
    floor: float = 0.15
    scale: float = 4.0
    power: float = 0.4
    uses: float = 0.02  # task labels that one pool label is worth
    owned: int = 400
    most: int = 10**6
    weight: float = 1.0
    metric: str = "accuracy"
    best: float = 1.0
    worst: float = 0.0
    target: float | None = None
    trust: str = "PASS"
    pilot: int = 2000


@cache
def _draws(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(DRAWS, 3))
    return noise - noise.mean(axis=0)


@dataclass(frozen=True)
class World:
    """Tasks and pools with their draws; everything of a plan is computed from `places`."""

    tasks: dict[str, Task]
    pools: dict[str, tuple[float, int]]  # price, most labels
    seed: int = 0

    def draws(self, name: str) -> np.ndarray:
        return _draws(self.seed + sorted(self.tasks).index(name))

    def places(self, name: str, labels: float, pools: dict[str, int]) -> np.ndarray:
        """(DRAWS,) places of 0..1 of the task's score."""
        task, noise = self.tasks[name], self.draws(name)
        worth = task.uses * np.exp(0.3 * noise[:, 0]) * sum(labels for labels in pools.values())
        error = task.floor + task.scale * np.exp(0.1 * noise[:, 1]) * (labels + 30 + worth) ** -(
            task.power * (1 + 0.05 * noise[:, 2])
        )
        return 1 - np.clip(error, 0, 1)

    def total(self, buy: dict[str, int]) -> np.ndarray:
        """(DRAWS,) places of the plan's score."""
        pools = {name: buy.get(name, 0) for name in self.pools}
        weights = sum(task.weight for task in self.tasks.values())
        parts = [t.weight * self.places(name, t.owned + buy.get(name, 0), pools) for name, t in self.tasks.items()]
        return np.sum(parts, axis=0) / weights

    def price(self, name: str) -> float:
        return self.pools[name][0] if name in self.pools else self.tasks[name].price

    def room(self, name: str) -> int:
        return self.pools[name][1] if name in self.pools else self.tasks[name].most - self.tasks[name].owned

    def order(self, budget: float, only: list[str] | None = None) -> dict[str, int]:
        """A good order for this budget, whole labels."""
        names = only or [*self.pools, *self.tasks]
        buy = dict.fromkeys([*self.pools, *self.tasks], 0)
        left, step = budget, budget / (STEPS if len(self.tasks) < 10 else STEPS / 3)
        known: dict[str, float] = {}
        while left > 1e-9 and step > 0:
            more = {n: min(int(min(step, left) / self.price(n)), self.room(n) - buy[n]) for n in names}
            known |= {n: self.rise(n, more[n], buy) for n in names if n not in known and more[n] > 0}
            open_ = {n: known[n] / (more[n] * self.price(n)) for n in known if more[n] > 0}
            if not open_ or max(open_.values()) <= 1e-12:
                break
            name = max(open_, key=open_.__getitem__)
            buy[name] += more[name]
            left = budget - self.cost(buy)
            known = {} if name in self.pools else {n: r for n, r in known.items() if n != name and n not in self.pools}
        return buy

    def rise(self, name: str, more: int, buy: dict[str, int]) -> float:
        """Rise of the mean score for so many more labels on one line."""
        after = {**buy, name: buy[name] + more}
        weights = sum(task.weight for task in self.tasks.values())
        found = 0.0
        for task_name, task in self.tasks.items():
            if name in self.pools or name == task_name:
                old, new = ({pool: order[pool] for pool in self.pools} for order in (buy, after))
                rise = self.places(task_name, task.owned + after[task_name], new) - self.places(
                    task_name, task.owned + buy[task_name], old
                )
                found += task.weight * float(rise.mean()) / weights
        return found

    def even(self, budget: float, names: list[str]) -> dict[str, int]:
        share = budget / len(names)
        return {name: min(int(share / self.price(name)), self.room(name)) for name in names}

    def cost(self, buy: dict[str, int]) -> float:
        return round(math.fsum(count * self.price(name) for name, count in buy.items()), 2)


def spread(values: np.ndarray, level: float = 0.9) -> Score:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Score(float(values.mean()), float(low), float(high), level)


def in_unit(task: Task, places: np.ndarray) -> np.ndarray:
    return task.worst + places * (task.best - task.worst)


def plan_for(world: World, budget: float, title: str, currency: str = "USD", **changes: object) -> Plan:
    """The whole Plan of this world for this budget."""
    buy = world.order(budget)
    cost, step = world.cost(buy), round(budget / 100, 2) or 100.0
    total, none = world.total(buy), world.total({})
    more = world.order(budget + step)
    plan = Plan(
        status="optimal",
        title=title,
        currency=currency,
        goal="mean",
        risk=0.0,
        budget=budget,
        cost=cost,
        unspent=round(budget - cost, 2),
        unspent_reason=_reason(world, buy) if cost < budget else "",
        score=spread(total),
        now=spread(none),
        certificate=Certificate(
            float(total.mean()) + 2e-6, 2e-6, "HiGHS 1.12", 0.04, "linear program over tangent planes"
        ),
        next_money=NextMoney(
            step,
            float(max(world.total(more).mean() - total.mean(), 0)),
            {n: more[n] - buy[n] for n in more},
        ),
        tasks={name: _task(world, name, buy, step) for name in world.tasks},
        pools={name: _pool(world, name, buy, step) for name in world.pools},
        baselines=_baselines(world, budget, total),
        provenance=Provenance(
            "0.1.0",
            "3b5d" * 16,
            "9f01" * 16,
            0,
            "2026-11-20T16:08:42Z",
            "labelbudget plan brief.yaml m.csv",
            1.2,
            {"python": "3.11.9", "numpy": "2.4.6", "pulp": "3.3.2"},
            120,
            0,
        ),
        frontier=tuple(_point(world, budget * part) for part in (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)),
        shares=_shares(world, budget),
        sensitivity=_sensitivity(world, budget, buy),
        evidence={name: _evidence(world, name, buy) for name in world.tasks},
        next_pilots=_pilots(world, buy),
        pilots_looked_at=3 * len(world.tasks),
    )
    return replace(plan, **changes)


def _reason(world: World, buy: dict[str, int]) -> str:
    return "lot sizes" if any(buy[name] < world.room(name) for name in buy) else "every line is at its limit"


def _task(world: World, name: str, buy: dict[str, int], step: float) -> TaskLine:
    task, pools = world.tasks[name], {pool: buy[pool] for pool in world.pools}
    labels = task.owned + buy[name]
    values = in_unit(task, world.places(name, labels, pools))
    score = spread(values)
    more = in_unit(task, world.places(name, labels + step / task.price, pools)).mean()
    toward = 1 if task.best > task.worst else -1
    return TaskLine(
        owned=task.owned,
        buy=buy[name],
        labels=labels,
        cost=round(buy[name] * task.price, 2),
        expected=score.expected,
        low=score.low,
        high=score.high,
        now=float(in_unit(task, world.places(name, task.owned, dict.fromkeys(pools, 0))).mean()),
        trust=task.trust,
        trust_reason="" if task.trust == "PASS" else "floor and exponent are not determined by the pilots.",
        trust_remedy="" if task.trust == "PASS" else "Add a pilot at twice the largest size.",
        target=task.target,
        target_probability=None if task.target is None else float(np.mean(toward * (values - task.target) >= 0)),
        binding=("max_labels",) if labels >= task.most else (),
        beyond_pilot=labels / task.pilot,
        next_gain=float(more - score.expected),
        weight=task.weight,
        label_cost=task.price,
        metric=task.metric,
        best=task.best,
        worst=task.worst,
        direction="maximize" if task.best > task.worst else "minimize",
    )


def _pool(world: World, name: str, buy: dict[str, int], step: float) -> PoolLine:
    price, most = world.pools[name]
    pools = {pool: buy[pool] for pool in world.pools}
    without = {**pools, name: 0}
    brings = {}
    for task_name, task in world.tasks.items():
        labels = task.owned + buy[task_name]
        difference = world.places(task_name, labels, pools) - world.places(task_name, labels, without)
        brings[task_name] = spread(difference * (task.best - task.worst))
    more = world.total({**buy, name: buy[name] + int(step / price)}).mean() - world.total(buy).mean()
    binding = ("max_labels",) if buy[name] >= most else ()
    return PoolLine(
        0, buy[name], buy[name], round(buy[name] * price, 2), buy[name] / 50000, binding, price, brings, float(more)
    )


def _baselines(world: World, budget: float, ours: np.ndarray) -> dict[str, Baseline]:
    orders = {"nothing": {}, "even split": world.even(budget, [*world.pools, *world.tasks])}
    orders["tasks only"] = world.even(budget, list(world.tasks))
    if world.pools:
        orders["pools only"] = world.even(budget, list(world.pools))
    found = {}
    for name, buy in orders.items():
        theirs = world.total(buy)
        found[name] = Baseline(
            world.cost(buy), spread(theirs), buy, float(np.mean(ours >= theirs)), spread(ours - theirs)
        )
    return found


def _point(world: World, budget: float) -> FrontierPoint:
    buy = world.order(budget)
    pools = {pool: buy[pool] for pool in world.pools}
    costs = {name: round(count * world.price(name), 2) for name, count in buy.items()}
    tasks = {n: spread(in_unit(t, world.places(n, t.owned + buy[n], pools))) for n, t in world.tasks.items()}
    return FrontierPoint(budget, world.cost(buy), spread(world.total(buy)), buy, costs, tasks)


def _shares(world: World, budget: float) -> tuple[SharePoint, ...]:
    if not world.pools:
        return ()
    points = []
    for share in (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0):
        pools = world.order(budget * share, list(world.pools))
        fixed = {name: pools[name] for name in world.pools}
        tasks = _order_with(world, budget * (1 - share), fixed)
        buy = {**tasks, **fixed}
        points.append(SharePoint(share, world.cost(buy), spread(world.total(buy)), buy))
    return tuple(points)


def _order_with(world: World, budget: float, fixed: dict[str, int]) -> dict[str, int]:
    """The best order of task labels beside pools that are fixed."""
    buy = dict(fixed) | dict.fromkeys(world.tasks, 0)
    for _ in range(40):
        gains = {}
        for name, task in world.tasks.items():
            more = min(int(budget / 40 / task.price), world.room(name) - buy[name])
            if more > 0:
                rise = world.total({**buy, name: buy[name] + more}).mean() - world.total(buy).mean()
                gains[name] = (rise, more)
        if not gains:
            break
        name = max(gains, key=lambda n: gains[n][0])
        buy[name] += gains[name][1]
    return buy


def _sensitivity(world: World, budget: float, buy: dict[str, int]) -> tuple[Sensitivity, ...]:
    found = []
    for name in [*world.pools, *list(world.tasks)[:6]]:
        (low, low_moved), (high, high_moved) = (_moved(world, budget, buy, name, factor) for factor in (0.8, 1.25))
        prices = [f"{world.price(name) * factor:.3g}" for factor in (0.8, 1.25)]
        found.append(Sensitivity("label_cost", name, *prices, low, high, low_moved, high_moved))
    return tuple(found)


def _moved(world: World, budget: float, buy: dict[str, int], name: str, factor: float) -> tuple[float, float]:
    """Score and share of the money that moves with one price multiplied."""
    if name in world.pools:
        price, most = world.pools[name]
        moved = replace(world, pools={**world.pools, name: (price * factor, most)})
    else:
        task = replace(world.tasks[name], price=world.tasks[name].price * factor)
        moved = replace(world, tasks={**world.tasks, name: task})
    other = moved.order(budget)
    shift = sum(abs(other[n] * moved.price(n) - buy[n] * world.price(n)) for n in other) / 2 / budget
    return float(moved.total(other).mean()), shift


def _pilots(world: World, buy: dict[str, int]) -> tuple[NextPilot, ...]:
    """Pilots at twice the largest one, worth more the less sure a task is and the more is spent on it."""
    pools = dict.fromkeys(world.pools, 50000)
    found = []
    for name, task in world.tasks.items():
        sure = world.places(name, task.owned + buy[name], {pool: buy[pool] for pool in world.pools}).std()
        gain = 0.02 * float(sure) * buy[name] * task.price / max(world.cost(buy), 1)
        more = max(2 * task.pilot - task.owned, 0) * task.price
        found.append(NextPilot(name, 2 * task.pilot, pools, 2, gain, 40.0 + task.pilot / 20, more))
    return tuple(sorted((pilot for pilot in found if pilot.gain > 1e-6), key=lambda pilot: -pilot.gain))


def _evidence(world: World, name: str, buy: dict[str, int]) -> Evidence:
    task, noise = world.tasks[name], np.random.default_rng(len(name))
    size = task.best - task.worst
    sizes = [50, 100, 200, 500, 1000, task.pilot]
    few = len(world.tasks) > 10
    levels = [0, 50000] if world.pools and few else [0, 20000, 50000] if world.pools else [0]
    dots = []
    for labels in sizes:
        for level in levels:
            for seed in range(2 if few else 3):
                pools = dict.fromkeys(world.pools, level)
                mean = float(in_unit(task, world.places(name, labels, pools)).mean())
                dots.append(Dot(labels, round(mean + noise.normal() * 0.012 * size, 4), seed, pools if level else {}))
    planned = {pool: buy[pool] for pool in world.pools}
    furthest = max(task.owned + buy[name], task.pilot) * 1.6
    mixes = [planned, *(dict.fromkeys(world.pools, level) for level in levels)] if world.pools else [{}]
    curves = tuple(_curve(world, name, pools, furthest) for pools in mixes)
    at = spread(in_unit(task, world.places(name, task.pilot, dict.fromkeys(world.pools, 0))))
    came = at.expected + 0.3 * (at.high - at.expected)
    hidden = (Hidden(task.pilot, levels_of(world), at.expected, at.low, at.high, came, at.low, at.high),)
    top = task.worst + (1 - task.floor) * size
    return Evidence(
        tuple(dots),
        curves,
        task.pilot,
        dict.fromkeys(world.pools, 50000),
        {"pow4": 0.55, "effective data": 0.3, "multiplicative": 0.15},
        Score(task.power, task.power * 0.8, task.power * 1.25),
        Score(top, *sorted((top - 0.04 * size, top + 0.03 * size))),
        0.012 * abs(size),
        hidden,
        dict.fromkeys(world.pools, 12000.0),
    )


def levels_of(world: World) -> dict[str, int]:
    return dict.fromkeys(world.pools, 50000)


def _curve(world: World, name: str, pools: dict[str, int], furthest: float) -> Curve:
    task = world.tasks[name]
    labels = [float(value) for value in np.geomspace(40, furthest, 30)]
    scores = [spread(in_unit(task, world.places(name, value, pools))) for value in labels]
    digits = [tuple(float(f"{getattr(s, part):.5g}") for s in scores) for part in ("expected", "low", "high")]
    return Curve(pools, tuple(float(f"{value:.4g}") for value in labels), *digits)
