"""The smooth optimum with the goal `worst`: the lowest score, each over its scale, is raised, then the next, and so on.

The lowest score is the least of all weighted means of the scores, and so the best plan for the right weights q is the
best plan for the goal; for any weights the best mean is a bound:

    max_x min_i f_i(x) / s_i  =  min_q g(q),   g(q) = max_x sum_i q_i f_i(x) / s_i,   q >= 0,  sum_i q_i = 1

g is convex. Newton's method lowers it: near q it is taken for F q + q Q q / 2, with the scores F at the best plan and Q
from the slopes and bends there; what does not lower it is taken back. Many cases are solved at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.forecasts import forecasts
from budget.allocation.goals import goal_value
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.rounding import raised
from budget.allocation.smooth import Cases, Smooth, cases_of, climb, drawn
from budget.allocation.tail import least_mixture

ROUNDS, BACK, CLOSED = 12, 0.25, 5e-6  # steps; of a step that does not lower the mean; a gap that ends the search
TRACE = 1e-6  # of the largest weight has every score: one that counts for nothing leaves its labels undetermined
SUPPLE, HELD = 1e-3, 1e-4  # the same where bends are taken; of the largest weight: a score with more cannot rise


@dataclass(frozen=True)
class Weighted:
    """For k cases the weights (k, n) of the scores, and the best plan for them in parts of labels: tasks (k, T) and
    pools (k, P)."""

    weights: Array
    tasks: Array
    pools: Array


def weights_of_worst(problems: Sequence[Problem], tasks: Array, pools: Array) -> Weighted:
    """The weights under which the best plan is best for the goal, from purchases tasks (k, T) and pools (k, P) on."""
    first, cases = problems[0], cases_of(problems)
    weights = np.full((len(problems), len(first.scored)), 1 / len(first.scored))
    best = climb(_under(cases, weights), tasks, pools)
    scores = _scores(first, best)
    step, mean = np.ones(len(problems)), (weights * scores).sum(axis=1)
    wanted = weights.copy()
    fresh = np.arange(len(problems))  # whose best plan is a new one
    for _ in range(ROUNDS):
        for k in fresh:
            wanted[k] = _wanted(cases.only(np.array([k])), weights[k], best.tasks[k], best.pools[k], scores[k])
        moving = np.flatnonzero(mean - scores.min(axis=1) > CLOSED)
        if not len(moving):
            break
        tried = _traced(weights[moving] + step[moving, None] * (wanted - weights)[moving], TRACE)
        there = climb(_under(cases.only(moving), tried), best.tasks[moving], best.pools[moving])
        found = _scores(first, there)
        lower = (tried * found).sum(axis=1) < mean[moving]
        fresh = moving[lower]
        step[moving] = np.where(lower, 1.0, BACK * step[moving])
        weights[fresh], scores[fresh], mean[fresh] = tried[lower], found[lower], (tried * found).sum(axis=1)[lower]
        best.tasks[fresh], best.pools[fresh] = there.tasks[lower], there.pools[lower]
    return Weighted(weights, best.tasks, best.pools)


def _under(cases: Cases, weights: Array) -> Cases:
    """The cases of the weighted means."""
    return replace(cases, weights=weights / cases.first.scales)


def _traced(weights: Array, part: float) -> Array:
    weights = np.maximum(weights, part * weights.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _scores(first: Problem, at: Smooth) -> Array:
    """(k, n) scores over their scales."""
    owned = np.array([line.owned for line in first.tasks], float)[:, None]
    return np.asarray(first.scores(first.of_scored(at.tasks.T + owned), at.pools).T / first.scales)


def _wanted(case: Cases, weights: Array, tasks: Array, pools: Array, scores: Array) -> Array:
    """(n,) weights under which the mean of one case is least by the parabolas through its best plan."""
    around = drawn(case, tasks, pools)
    newton = around.newton(case, _traced(weights, SUPPLE), tasks, pools)
    return least_mixture(scores, newton.curvature(*around.rises), 1.0)


def levelled(problem: Problem, weights: Array, tasks: Array, rough: Choice) -> Choice:
    """Whole lots, from the best plan in parts of labels and its weights: with the pools of a rough plan, and the scores
    held that cannot rise, the next lowest are raised, and so on; at last lot by lot."""
    pools, held = np.array(rough.pools, float), np.zeros(len(problem.tasks), bool)
    least = np.array([line.least for line in problem.tasks], float)
    left = list(range(len(problem.scored)))
    while True:
        full = {problem.scored[i].line for i, part in zip(left, weights, strict=True) if part > HELD * weights.max()}
        held[list(full)] = True
        left = [i for i in left if not held[problem.scored[i].line]]
        lines = [problem.scored[i].line for i in left]
        if not (tasks[lines] > least[lines] + 1).any():
            break  # no money is left for them
        scored = tuple(problem.scored[i] for i in left)
        case = replace(
            problem,
            tasks=tuple(_fixed(line, tasks[t]) if held[t] else line for t, line in enumerate(problem.tasks)),
            pools=tuple(_fixed(line, buy) for line, buy in zip(problem.pools, pools, strict=True)),
            scored=scored,
            forecasts=forecasts([one.surface for one in scored]),
        )
        again = weights_of_worst([case], tasks[None], pools[None])
        tasks, weights = again.tasks[0], again.weights[0]
    whole = Choice(tuple(line.down(x) for line, x in zip(problem.tasks, tasks.tolist(), strict=True)), rough.pools)
    plans = [rough] if problem.broken(whole) else [raised(problem, whole), rough]
    return max(plans, key=lambda plan: goal_value(problem, plan))


def _fixed(line: Line, buy: float) -> Line:
    """The line with nothing to choose."""
    return replace(line, least=line.down(buy), most=line.down(buy))
