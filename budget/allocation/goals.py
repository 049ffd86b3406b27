"""What a plan is measured by under each goal: one number that is to be as large as possible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from budget.allocation.evaluation import means
from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem, labels_of


def goal_value(problem: Problem, choice: Choice) -> float:
    """The goal's number for a plan: mean score (under risk, of the worst tail of the draws), lowest score relative to
    its target, or minus the share of the budget spent."""
    if problem.goal == "cheapest":
        return -float(problem.cost(choice)) / max(problem.budget, 1e-12)
    if problem.goal == "worst":
        scores = means(problem, [choice])[0]
        return float((scores / problem.scales).min())
    if problem.risk > 0:
        return worst_tail(problem, draws_at(problem, np.array(choice.tasks, float), np.array(choice.pools, float)))[1]
    return float(means(problem, [choice])[0] @ problem.weights)


def draws_at(problem: Problem, tasks: Array, pools: Array) -> Array:
    """(S,) the mean score under every draw, for purchases in parts of labels: tasks (T,), pools (P,)."""
    owned = np.array([line.owned for line in problem.tasks], float)
    labels = problem.of_scored(tasks + owned)[:, None]
    return np.asarray(
        sum(s.weight * problem.draws(i, labels[i], pools[None])[:, 0] for i, s in enumerate(problem.scored))
    )


def goal_at(problem: Problem, tasks: Array, pools: Array) -> Array:
    """(k,) the goal's number, mean or lowest score, for purchases in parts of labels: tasks (k, T), pools (k, P)."""
    owned = np.array([line.owned for line in problem.tasks], float)[:, None]
    labels = problem.of_scored(tasks.T + owned)  # (n, k)
    if problem.risk > 0:
        totals = sum(one.weight * problem.draws(i, labels[i], pools) for i, one in enumerate(problem.scored))
        return np.array([worst_tail(problem, each)[1] for each in np.asarray(totals).T])
    scores = problem.scores(labels, pools)
    return np.asarray((scores.T / problem.scales).min(axis=1) if problem.goal == "worst" else problem.weights @ scores)


def goal_values(problem: Problem, choices: Sequence[Choice]) -> list[float]:
    """The same for several plans; the mean score of all of them at once."""
    if problem.goal == "mean" and problem.risk == 0 and choices:
        return [float(value) for value in means(problem, choices) @ problem.weights]
    return [goal_value(problem, choice) for choice in choices]


def values_in(cases: Sequence[Problem], choices: Sequence[Sequence[Choice]]) -> list[list[float]]:
    """The same for some plans in each of several cases over the same lines and surfaces, the mean score of all of them
    at once."""
    if any(case.goal != "mean" or case.risk > 0 for case in cases):
        return [goal_values(case, some) for case, some in zip(cases, choices, strict=True)]
    every = list(dict.fromkeys(chain.from_iterable(choices)))
    scores = dict(zip(every, means(cases[0], every) if every else (), strict=True))
    return [
        [float(scores[choice] @ case.weights) for choice in some] for case, some in zip(cases, choices, strict=True)
    ]


def scale(problem: Problem, index: int) -> float:
    """What a score is measured by under the goal `worst`: its target, else 1."""
    return float(problem.scales[index])


def worst_tail(problem: Problem, totals: Array) -> tuple[Array, float]:
    """Weights (S,) of the worst share `risk` of the draws of a plan's score, and the mean over them (CVaR).

    The mean over the lowest r S draws, the last of them counted in part (Rockafellar and Uryasev, 2000).
    """
    order = np.argsort(totals, kind="stable")
    left = problem.risk * len(totals) - np.arange(len(totals))
    weights = np.zeros(len(totals))
    weights[order] = np.clip(left, 0.0, 1.0) / (problem.risk * len(totals))
    return weights, float(weights @ totals)


def meets_targets(problem: Problem, choice: Choice) -> bool:
    """Does a plan reach every target that has to be kept?"""
    labels, bought = labels_of(problem, [choice])
    return all(problem.reaches(i, labels[:, i], bought)[0] >= -1e-12 for i in problem.targets)


def kept(problem: Problem, choice: Choice) -> bool:
    """Does a plan keep every limit and reach every target?"""
    return not problem.broken(choice) and meets_targets(problem, choice)
