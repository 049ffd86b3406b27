"""The one way any plan is scored: baseline, plan, frontier point or alternative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from budget.allocation.lines import Array
from budget.allocation.problem import Choice, Problem, labels_of
from budget.plan import Score

LEVEL = 0.9
SIDES = (1 - LEVEL) / 2, (1 + LEVEL) / 2


@dataclass(frozen=True)
class Evaluated:
    """A choice, scored. `tasks` (n,) expected normalised scores, between `low` and `high` (n,), where they lie with
    probability LEVEL; `total_draws` (S,): the plan's score under each draw."""

    choice: Choice
    cost: Fraction
    tasks: Array
    low: Array
    high: Array
    total_draws: Array
    weights: Array

    @property
    def expected(self) -> float:
        return float(self.tasks @ self.weights)

    @property
    def score(self) -> Score:
        return spread(self.expected, self.total_draws)


def spread(expected: float, draws: Array) -> Score:
    """Expected value with the interval of its draws, what is expected included, as surfaces have it.

    >>> spread(3.0, np.array([0.0, 1.0, 2.0])).high
    3.0
    """
    low, high = np.quantile(draws, SIDES)
    return Score(expected, min(float(low), expected), max(float(high), expected), LEVEL)


def means(problem: Problem, choices: Sequence[Choice]) -> Array:
    """Expected score (k, n) of every scored task under several choices."""
    labels, bought = labels_of(problem, choices)
    return problem.scores(labels.T, bought).T


def expected(problem: Problem, choices: Sequence[Choice]) -> Array:
    """Expected score (k,) of several choices."""
    return means(problem, choices) @ problem.weights


def draws_of(problem: Problem, choice: Choice) -> Array:
    """(S, n): every scored task under each draw."""
    labels, bought = labels_of(problem, [choice])
    return np.stack([problem.draws(i, labels[:, i], bought)[:, 0] for i in range(len(problem.scored))], axis=1)


def evaluate(problem: Problem, choices: Sequence[Choice]) -> list[Evaluated]:
    """Score several choices with their draws, one task after the other."""
    if not choices:
        return []
    labels, bought = labels_of(problem, choices)
    tasks, sides, total = means(problem, choices), [], np.zeros((1, 1))
    for i, one in enumerate(problem.scored):
        draws = problem.draws(i, labels[:, i], bought)  # (S, k)
        sides.append(np.quantile(draws, SIDES, axis=0))
        total = total + one.weight * draws
    low, high = np.stack(sides, axis=2)
    low, high = np.minimum(low, tasks), np.maximum(high, tasks)
    return [
        Evaluated(choice, problem.cost(choice), tasks[k], low[k], high[k], total[:, k], problem.weights)
        for k, choice in enumerate(choices)
    ]
