"""Plans in whole lots that keep to rows to the last label: all lots of all lines as whole variables of one program.

    maximise    sum_j slope_j lot_j k_j    subject to    the budget, the rows, the limits,  k whole

with slopes read off the ends of every line finds a plan for briefs whose rows leave few, not the best one; and

    minimise    sum_j price_j lot_j |k_j - K_j|

the plan nearest to one that breaks a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from budget.allocation.evaluation import expected
from budget.allocation.lines import Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.program import Answer, Program
from budget.allocation.rows import Row


@dataclass(frozen=True)
class Lots:
    """A line's purchase and cost as sums over variables v, the first of which are its lots: labels . v, money . v."""

    index: tuple[int, ...]
    labels: tuple[float, ...]
    money: tuple[float, ...]

    def taken(self, line: Line, row: Row) -> list[float]:
        """What each variable takes of a row."""
        buy, cost = float(row.buy.get(line.name, 0)), float(row.cost.get(line.name, 0))
        return [buy * labels + cost * money for labels, money in zip(self.labels, self.money, strict=True)]


def by_whole_lots(problem: Problem, solver: str, seconds: float | None = None) -> Choice | None:
    """A plan within every row, limit and the money; None if there is none."""
    program, parts = _program(problem)
    for part, line, slope in zip(parts, problem.lines, _slopes(problem), strict=True):
        program.gain[part.index[0]] = slope * line.lot
    answer = program.solve(solver, seconds)
    return bought(problem, parts, answer) if answer.found else None


def nearest(problem: Problem, choice: Choice, solver: str, seconds: float | None = None) -> Choice | None:
    """The plan within every row, limit and the money for which the least money is spent otherwise than for `choice`,
    at the price of each line's first labels; None if none is found."""
    program, parts = _program(problem)
    unit = max((line.about * line.lot for line in problem.lines), default=0.0) or 1.0
    for part, line, buy in zip(parts, problem.lines, choice.all, strict=True):
        away = program.variable(0.0, float(line.most // line.lot), -max(line.about * line.lot / unit, 1e-6))
        program.row([part.index[0], away], [1.0, -1.0], buy / line.lot)
        program.row([part.index[0], away], [-1.0, -1.0], -buy / line.lot)
    answer = program.solve(solver, seconds)
    found = bought(problem, parts, answer) if answer.found else None
    return None if found is None or problem.broken(found) else found


def reach(problem: Problem, solver: str) -> tuple[tuple[float, float], ...]:
    """By line, no plan within every row, limit and the money buys fewer or more labels than that: in parts of lots."""
    program, parts = _program(problem)
    program.whole = [False] * len(program.whole)
    found = []
    for part, line in zip(parts, problem.lines, strict=True):
        ends, most = [], float(max(line.most // line.lot, 1))
        for way in (-1, 1):
            program.gain = [0.0] * len(program.gain)
            program.gain[part.index[0]] = way / most
            ends.append(way * program.solve(solver).bound * most * line.lot)
        found.append((max(ends[0], float(line.least)), min(ends[1], float(line.most))))
    return tuple(found)


def _program(problem: Problem) -> tuple[Program, list[Lots]]:
    """All lots within the money, the rows and the limits."""
    program = Program()
    parts = [lots_of(program, line) for line in problem.lines]
    index = [j for part in parts for j in part.index]
    add_row(program, index, [money for part in parts for money in part.money], problem.budget)
    for row in problem.rows:
        taken = [each for part, line in zip(parts, problem.lines, strict=True) for each in part.taken(line, row)]
        add_row(program, index, taken, float(row.limit(problem.money)))
    return program, parts


def bought(problem: Problem, parts: Sequence[Lots], answer: Answer) -> Choice:
    """The plan that a program's answer makes."""
    buys = tuple(
        round(answer.values[part.index[0]]) * line.lot for part, line in zip(parts, problem.lines, strict=True)
    )
    return Choice(buys[: len(problem.tasks)], buys[len(problem.tasks) :])


def lots_of(program: Program, line: Line) -> Lots:
    """How many lots of a line are bought; where that costs or asks for something, whether any are; and, where prices
    have tiers, how much of each tier, of which only full ones let the next begin."""
    least, most = line.least // line.lot, line.most // line.lot
    start = max(line.first, line.least) // line.lot
    lots = program.variable(float(least), float(most), whole=True)
    index, labels = [lots], [float(line.lot)]
    money = [line.about * line.lot if len(line.tiers) == 1 else 0.0]
    if line.setup or start > max(least, 1):
        anything = program.variable(1.0 if line.least else 0.0, 1.0, whole=True)
        program.row([lots, anything], [1.0, -float(most)], 0.0)
        program.row([anything, lots], [float(start), -1.0], 0.0)
        index, labels, money = [*index, anything], [*labels, 0.0], [*money, float(line.setup)]
    if len(line.tiers) > 1:
        within = [(begin, float(price)) for begin, price in line.tiers if begin < max(line.most, 1)]
        lengths = np.diff([*(begin for begin, _ in within), max(line.most, 1)]).astype(float)
        shares = [program.variable(0.0, 1.0) for _ in within]
        program.row([lots, *shares], [1.0, *(-lengths / line.lot)], 0.0, equal=True)
        for earlier, later in pairwise(shares):
            full = program.variable(0.0, 1.0, whole=True)
            program.row([full, earlier], [1.0, -1.0], 0.0)
            program.row([later, full], [1.0, -1.0], 0.0)
        index, labels = [*index, *shares], [*labels, *[0.0] * len(shares)]
        money += [length * price for length, (_, price) in zip(lengths.tolist(), within, strict=True)]
    return Lots(tuple(index), tuple(labels), tuple(money))


def add_row(program: Program, index: Sequence[int], factors: Sequence[float], right: float) -> None:
    """A row in units of its largest factor."""
    size = max(map(abs, factors), default=1.0) or 1.0
    program.row(index, [factor / size for factor in factors], right / size)


def _slopes(problem: Problem) -> list[float]:
    """By line, the rise of the mean score a label, from the fewest to the most, all else at the fewest."""
    count = len(problem.tasks)
    least = [line.least for line in problem.lines]
    plans = [least] + [[*least[:j], line.most, *least[j + 1 :]] for j, line in enumerate(problem.lines)]
    nothing, *most = expected(problem, [Choice(tuple(plan[:count]), tuple(plan[count:])) for plan in plans])
    width = [max(line.most - line.least, 1) for line in problem.lines]
    return [float(np.maximum(each - nothing, 0.0) / size) for each, size in zip(most, width, strict=True)]
