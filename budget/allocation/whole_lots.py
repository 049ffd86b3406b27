"""Plans in whole lots that keep to rows to the last label: all lots of all lines as whole variables of one program.

    maximise    sum_j slope_j lot_j k_j    subject to    the budget, the rows, the limits,  k whole

with slopes read off the ends of every line finds a plan for briefs whose rows leave few, not the best one; and

    minimise    sum_j price_j lot_j |k_j - K_j|

the plan nearest to one that breaks a row.
"""

from __future__ import annotations

import numpy as np

from budget.allocation.evaluation import expected
from budget.allocation.lines import Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.program import Program

Parts = list[tuple[int, int]]  # by line, its variables


def by_whole_lots(problem: Problem, solver: str, seconds: float | None = None) -> Choice | None:
    """A plan within every row, limit and the money; None if there is none, or where prices have tiers."""
    if any(len(line.tiers) > 1 for line in problem.lines):
        return None
    program, parts = _program(problem)
    for (lots, _), line, slope in zip(parts, problem.lines, _slopes(problem), strict=True):
        program.gain[lots] = slope * line.lot
    return _solved(problem, program, parts, solver, seconds)


def nearest(problem: Problem, choice: Choice, solver: str, seconds: float | None = None) -> Choice | None:
    """The plan within every row, limit and the money for which the least money is spent otherwise than for `choice`;
    None if none is found, or where prices have tiers."""
    if any(len(line.tiers) > 1 for line in problem.lines):
        return None
    program, parts = _program(problem)
    unit = max((line.about * line.lot for line in problem.lines), default=0.0) or 1.0
    for (lots, _), line, buy in zip(parts, problem.lines, choice.all, strict=True):
        away = program.variable(0.0, float(line.most // line.lot), -max(line.about * line.lot / unit, 1e-6))
        program.row([lots, away], [1.0, -1.0], buy / line.lot)
        program.row([lots, away], [-1.0, -1.0], -buy / line.lot)
    found = _solved(problem, program, parts, solver, seconds)
    return None if found is None or problem.broken(found) else found


def _program(problem: Problem) -> tuple[Program, Parts]:
    """All lots within the money, the rows and the limits."""
    program = Program()
    parts = [_variables(program, line) for line in problem.lines]
    costs = [(line.about * line.lot, float(line.setup)) for line in problem.lines]
    _row(program, parts, costs, problem.budget)
    for row in problem.rows:
        taken = []
        for line, (each, once) in zip(problem.lines, costs, strict=True):
            buy, cost = float(row.buy.get(line.name, 0)), float(row.cost.get(line.name, 0))
            taken.append((buy * line.lot + cost * each, cost * once))
        _row(program, parts, taken, float(row.limit(problem.money)))
    return program, parts


def _solved(problem: Problem, program: Program, parts: Parts, solver: str, seconds: float | None) -> Choice | None:
    answer = program.solve(solver, seconds)
    if not answer.found:
        return None
    buys = tuple(round(answer.values[lots]) * line.lot for (lots, _), line in zip(parts, problem.lines, strict=True))
    return Choice(buys[: len(problem.tasks)], buys[len(problem.tasks) :])


def _variables(program: Program, line: Line) -> tuple[int, int]:
    """How many lots of a line are bought, and whether any are."""
    most = line.most // line.lot
    lots = program.variable(float(line.least // line.lot), float(most), whole=True)
    anything = program.variable(1.0 if line.least else 0.0, 1.0, whole=True)
    program.row([lots, anything], [1.0, -float(most)], 0.0)
    program.row([anything, lots], [float(max(line.first, line.least) // line.lot), -1.0], 0.0)
    return lots, anything


def _row(program: Program, parts: Parts, taken: list[tuple[float, float]], right: float) -> None:
    """What lots and set-up take of a row, in units of its largest factor."""
    factors = [factor for pair in taken for factor in pair]
    size = max(map(abs, factors), default=1.0) or 1.0
    program.row([j for pair in parts for j in pair], [factor / size for factor in factors], right / size)


def _slopes(problem: Problem) -> list[float]:
    """By line, the rise of the mean score a label, from the fewest to the most, all else at the fewest."""
    count = len(problem.tasks)
    least = [line.least for line in problem.lines]
    plans = [least] + [[*least[:j], line.most, *least[j + 1 :]] for j, line in enumerate(problem.lines)]
    nothing, *most = expected(problem, [Choice(tuple(plan[:count]), tuple(plan[count:])) for plan in plans])
    width = [max(line.most - line.least, 1) for line in problem.lines]
    return [float(np.maximum(each - nothing, 0.0) / size) for each, size in zip(most, width, strict=True)]
