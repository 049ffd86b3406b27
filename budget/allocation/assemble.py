"""From a solved problem to the Plan: every figure a reader may ask for, each from the same evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from budget import prices
from budget.allocation.evaluation import LEVEL, Evaluated, draws_of, means, spread
from budget.allocation.evidence import dots, evidence
from budget.allocation.frontier import Point
from budget.allocation.goals import goal_value, meets_targets
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem, Scored
from budget.fitting.backtest import backtest
from budget.plan import (
    Baseline,
    FailedBudget,
    FrontierPoint,
    NextMoney,
    PoolLine,
    Score,
    SharePoint,
    TaskLine,
)

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements
    from budget.plan import Evidence


@dataclass(frozen=True)
class Solution:
    """The plan and what it is compared with, scored: `nothing` bought at all, and the plan of a little more money."""

    problem: Problem
    plan: Evaluated
    nothing: Evaluated
    richer: Evaluated
    richer_bound: float
    amount: float
    bands: dict[str, tuple[int, int]]
    could_be: dict[str, tuple[int, int]]


def task_score(one: Scored, plan: Evaluated, index: int) -> Score:
    """A task's score under a plan, in its own unit."""
    expected, *sides = (float(one.own(each[index])) for each in (plan.tasks, plan.low, plan.high))
    return Score(expected, min(sides), max(sides), LEVEL)


def task_lines(brief: Brief, surfaces: Mapping[str, Surface], solution: Solution) -> dict[str, TaskLine]:
    """One line a task of the brief, in the brief's order."""
    problem = solution.problem
    gains = _alone(solution, len(problem.tasks))
    draws = draws_of(problem, solution.plan.choice)
    lines = {}
    for i, one in enumerate(problem.scored):
        line = problem.tasks[one.line]
        labels = line.owned + solution.plan.choice.tasks[one.line]
        buy = solution.plan.choice.tasks[one.line] if line.name == one.name else 0
        score = task_score(one, solution.plan, i)
        task, trust = brief.tasks[one.name], surfaces[one.name].trust
        lines[one.name] = TaskLine(
            owned=labels - buy, buy=buy, labels=labels, cost=float(line.cost(buy)),
            expected=score.expected, low=score.low, high=score.high,
            now=float(one.own(solution.nothing.tasks[i])),
            trust=trust.status, trust_reason=trust.reason, trust_remedy=trust.remedy,
            target=one.target, target_probability=_reached(one, draws[:, i]),
            binding=_binding(line, solution.plan.choice.tasks[one.line], task.max_labels),
            beyond_pilot=_beyond(labels, surfaces[one.name].most_labels),
            next_gain=float(gains[one.line][i] * (one.best - one.worst)), weight=task.weight, group=task.group,
            label_cost=line.about if line.name == one.name else 0.0,
            metric=task.metric.name, best=one.best, worst=one.worst,
            direction=task.metric.direction,
            band=solution.bands.get(one.name), could_be=solution.could_be.get(one.name),
            measured_on=task.measured_on,
        )  # fmt: skip
    return {name: lines[name] for name in brief.tasks}


def pool_lines(brief: Brief, surfaces: Mapping[str, Surface], solution: Solution) -> dict[str, PoolLine]:
    """One line a pool of the brief, in the brief's order."""
    problem, lines = solution.problem, {}
    first = len(problem.tasks)
    gains = _alone(solution, len(problem.lines))
    for j, line in enumerate(problem.pools):
        buy = solution.plan.choice.pools[j]
        most = max((int(s.most_pools.get(line.name, 0)) for s in surfaces.values()), default=0)
        lines[line.name] = PoolLine(
            owned=line.owned, buy=buy, labels=line.owned + buy, cost=float(line.cost(buy)),
            beyond_pilot=_beyond(line.owned + buy, most),
            binding=_binding(line, buy, brief.pools[line.name].max_labels),
            label_cost=line.about, brings=_brings(solution, j),
            next_gain=float(gains[first + j] @ problem.weights),
            band=solution.bands.get(line.name), could_be=solution.could_be.get(line.name),
        )  # fmt: skip
    return {name: lines[name] for name in brief.pools}


def _alone(solution: Solution, count: int) -> list[Array]:
    """For each of the first lines: rise (n,) of every normalised score if `amount` more is spent on that line alone."""
    problem, plan = solution.problem, solution.plan.choice
    moved = []
    for j, line in enumerate(problem.lines[:count]):
        buys = [*plan.tasks, *plan.pools]
        buys[j] = line.richer(buys[j], prices.exact(solution.amount))
        moved.append(Choice(tuple(buys[: len(plan.tasks)]), tuple(buys[len(plan.tasks) :])))
    return [rise - solution.plan.tasks for rise in means(problem, moved)]


def _brings(solution: Solution, pool: int) -> dict[str, Score]:
    """By task: the plan's score minus the score with nothing bought of this pool."""
    plan = solution.plan.choice
    without = Choice(plan.tasks, tuple(0 if j == pool else buy for j, buy in enumerate(plan.pools)))
    (bare,) = means(solution.problem, [without])
    rises = draws_of(solution.problem, plan) - draws_of(solution.problem, without)
    brings = {}
    for i, one in enumerate(solution.problem.scored):
        unit = one.best - one.worst
        brings[one.name] = spread(float(unit * (solution.plan.tasks[i] - bare[i])), unit * rises[:, i])
    return brings


def _reached(one: Scored, draws: Array) -> float | None:
    """P(score >= target) over the draws; for a score that is minimised, P(score <= target)."""
    if one.target is None:
        return None
    return float((draws >= one.normal(np.array(one.target)) - 1e-12).mean())


def _binding(line: Line, buy: int, max_labels: int | None) -> tuple[str, ...]:
    """The keys of the brief that hold a line where it is."""
    keys = []
    if max_labels is not None and line.owned + max(buy + line.lot, line.first) > max_labels:
        keys.append("max_labels")
    if 0 < buy == line.least:
        keys.append("min_labels")
    return tuple(keys)


def _beyond(labels: int, most: int) -> float:
    return labels / most if most > 0 else (1.0 if labels == 0 else float(labels))


def compared(
    plan: Evaluated, baselines: Mapping[str, Evaluated], problem: Problem, repaired: Mapping[str, tuple[str, ...]]
) -> dict[str, Baseline]:
    """Every baseline, scored as the plan is, and set against it; `repaired`: which keys some were changed for."""
    return {
        name: Baseline(
            cost=float(each.cost), score=each.score, buy=problem.buys(each.choice),
            beaten_probability=float((plan.total_draws >= each.total_draws).mean()),
            gain=spread(plan.expected - each.expected, plan.total_draws - each.total_draws),
            expected={one.name: float(one.own(each.tasks[i])) for i, one in enumerate(problem.scored)},
            breaks=breaks(problem, each.choice), repaired=repaired.get(name, ()),
        )
        for name, each in baselines.items()
    }  # fmt: skip


def breaks(problem: Problem, choice: Choice) -> tuple[str, ...]:
    """The keys of the brief that a plan does not keep to: limits, rows, targets."""
    missed = () if meets_targets(problem, choice) else ("target",)
    return (*problem.broken(choice), *missed)


def next_money(solution: Solution) -> NextMoney:
    """What the plan of a little more money buys beyond this plan."""
    before, after = (solution.problem.buys(each.choice) for each in (solution.plan, solution.richer))
    changes = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    gain = solution.richer.expected - solution.plan.expected
    value = goal_value(replace(solution.problem, goal=raised(solution.problem)), solution.richer.choice)
    return NextMoney(solution.amount, gain, changes, gap(value, solution.richer_bound))


def raised(problem: Problem) -> str:
    """The goal of plans for other budgets: where the least money is sought, more of it buys the best mean score."""
    return "mean" if problem.goal == "cheapest" else problem.goal


def gap(value: float, bound: float) -> float | None:
    """How far a plan is from the best at most, in what its goal counts; None where that is not known."""
    return max(bound - value, 0.0) if np.isfinite(bound) else None


def frontier_points(points: Sequence[Point], problem: Problem) -> tuple[FrontierPoint, ...]:
    plain = raised(problem) == "mean" and problem.risk == 0  # what counts is the mean score
    return tuple(
        FrontierPoint(
            budget=point.budget, cost=float(each.cost), score=each.score, buy=problem.buys(each.choice),
            costs={name: float(cost) for name, cost in problem.costs(each.choice).items()},
            tasks={one.name: task_score(one, each, i) for i, one in enumerate(problem.scored)},
            gap=gap(point.value, point.bound), value=None if plain else point.value,
        )
        for point in points
        if (each := point.plan) is not None
    )  # fmt: skip


def failed_budgets(points: Sequence[Point]) -> tuple[FailedBudget, ...]:
    return tuple(FailedBudget(point.budget, point.reason) for point in points if point.plan is None)


def share_points(points: Sequence[Evaluated], problem: Problem, plan: Evaluated) -> tuple[SharePoint, ...]:
    money = plan.cost if problem.goal == "cheapest" else problem.money
    return tuple(
        SharePoint(
            float(problem.pool_cost(each.choice) / money),
            float(each.cost),
            each.score,
            problem.buys(each.choice),
        )
        for each in points
    )


def all_evidence(
    brief: Brief, measurements: Measurements, surfaces: Mapping[str, Surface], tasks: Mapping[str, TaskLine],
    pools: Mapping[str, PoolLine], seed: int,
) -> dict[str, Evidence]:  # fmt: skip
    """What each task's answer rests on, at the plan's labels, and what such forecasts were worth on its own pilots."""
    runs, tested = dots(measurements), backtest(measurements, brief, seed)
    mixes = {name: (line.owned, line.labels) for name, line in pools.items()}
    return {
        name: evidence(surfaces[name], runs.get(name, ()), tasks[name].labels, mixes, tested.get(name, ()))
        for name in brief.tasks
    }


def unspent_reason(problem: Problem, plan: Choice) -> str:
    """Why money is left, in a few words; nothing where none is. Limits are named that stop what would help."""
    left = problem.money - problem.cost(plan)
    if left == 0:
        return ""
    if problem.goal == "cheapest":
        return "every target is reached for less"
    steps = [step for j in range(len(problem.lines)) if (step := _one_more(problem, plan, j)) is not None]
    if not steps:
        return "every line is at its limit"
    steps = [step for step in steps if problem.cost(step) <= problem.money]
    if not steps:
        return "lot sizes"
    before, *after = means(problem, [plan, *steps])
    useful = [step for step, scores in zip(steps, after, strict=True) if (scores > before).any()]
    if not useful:
        return "more labels would not raise the expected score"
    broken = [problem.broken(step) for step in useful]
    stops = [row.text for row in problem.rows if any(row.key in keys for keys in broken)]
    if not stops:
        return "more labels would not raise what the goal counts"
    return "limited by " + ", ".join(dict.fromkeys(stops))


def _one_more(problem: Problem, plan: Choice, index: int) -> Choice | None:
    """The plan with the least that can be bought more of one line; None at its limit."""
    line, buys = problem.lines[index], [*plan.all]
    buys[index] = max(buys[index] + line.lot, line.first)
    if line.room is not None and buys[index] > line.room:
        return None
    return Choice(tuple(buys[: len(problem.tasks)]), tuple(buys[len(problem.tasks) :]))
