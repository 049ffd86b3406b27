"""All limits of a brief as one program in whole lots; any may be left out, or made to give as little as can be.

    minimise    sum_r weight_r s_r / unit_r  +  weight B / unit          over the limits that give
    subject to  sum_j a_rj x_j + b_rj c_j(x_j) <= d_r + s_r              hours, groups, constraints, min_ and max_labels
                sum_j c_j(x_j) <= budget + B
                x_t >= sum_m z_m need_tm,   X >= sum_m z_m X_m,   sum_m z_m = 1,   z in {0, 1}
                x whole lots; B whole steps of money

need_tm are the fewest labels with which the targets of task t are reached where the pools are bought to X_m: scores are
taken to rise with labels and with pools.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from budget import prices
from budget.allocation.forecasts import Forecast
from budget.allocation.lines import Array, Line
from budget.allocation.problem import Choice, Problem
from budget.allocation.problem import problem as posed
from budget.allocation.program import Answer, Program
from budget.allocation.rows import Row
from budget.allocation.shelf import fewest
from budget.allocation.whole_lots import Lots, add_row, bought, lots_of
from budget.brief import MOST_LABELS
from budget.messages import KeyPath, path_text

if TYPE_CHECKING:
    from budget.brief import Brief

BUDGET = "budget"
LEVELS = {1: 48, 2: 12, 3: 6}  # levels a pool, by how many pools there are; 3 beyond
WIDER, WIDEST = 8, 10**6  # times the money, from one amount that is looked through to the next; all in all
FINER = 8  # rounds of levels around the last plan's pools
BETTER = 1e-7  # of what gives: less is no gain
HAIRS = (0.0, 1e-8, 1e-6, 1e-4)  # of one lot's use: more than what solvers take for keeping to a row
PATIENCE = 20.0  # seconds for a program: whole lots can be a riddle


@dataclass(frozen=True)
class Within:
    """A plan within the limits, the budget there is then, what those that give gave, and the money looked through."""

    choice: Choice
    budget: Fraction
    given: float
    money: Fraction = Fraction(0)


@dataclass(frozen=True)
class Limits:
    """A brief's limits by key: what of `money` can be bought is looked through."""

    brief: Brief
    surfaces: Mapping[str, Forecast]
    money: Fraction
    solver: str
    _needs: dict[tuple[object, ...], Array] = field(default_factory=dict)
    _levels: dict[tuple[int, ...], Array] = field(default_factory=dict)

    @cached_property
    def problem(self) -> Problem:
        """The brief with what each line must and may have as rows."""
        asked = posed(self.brief, self.surfaces)
        return replace(asked, rows=(*_of_lines(self.brief, asked.lines), *asked.rows))

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Keys of min_labels and max_labels."""
        return tuple(row.key for row in _of_lines(self.brief, self.problem.lines))

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """Keys of hours, groups and constraints."""
        return tuple(dict.fromkeys(row.key for row in self.problem.rows if row.key not in self.lines))

    @cached_property
    def targets(self) -> dict[str, int]:
        """Keys of the targets that have to be kept, with their scored tasks; those that weigh most come first."""
        order = sorted(self.problem.targets, key=lambda i: -self.problem.scored[i].weight)
        return {target_key(self.problem.scored[i].name): i for i in order}

    @cached_property
    def paths(self) -> dict[str, KeyPath]:
        """Where each limit stands in the brief."""
        lines = ("tasks", self.brief.tasks), ("pools", self.brief.pools)
        entries = ("min_labels", "max_labels", "target")
        found: list[KeyPath] = [(part, name, entry) for part, names in lines for name in names for entry in entries]
        paths = {path_text(path): path for path in found}
        for name in self.brief.groups:
            paths |= {f"groups.{name}.{entry}": ("groups", name, entry) for entry in ("max_cost", "min_share")}
        paths |= {f"constraints[{k}]": ("constraints", k) for k in range(len(self.brief.constraints))}
        return paths | {"hours": ("hours",), BUDGET: (BUDGET,)}

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.lines, *self.rows, BUDGET, *self.targets)

    def find(self, keys: Collection[str], soft: Mapping[str, float] | None = None) -> Within | None:
        """A plan within the limits of these keys, if there is one; `soft` ones give, by their weights, the least.

        It is looked for in little money first: solvers are not exact where a line could have very many lots."""
        soft = {**(soft or {}), **({} if BUDGET in keys else {BUDGET: 0.0})}
        best: Within | None = None
        for money in self._amounts:
            found = self._find(self._only(keys, soft, money), soft)
            if found is not None and (best is None or found.given < best.given - BETTER):
                best = replace(found, money=money)
            if best is not None and best.given <= BETTER:
                break
        return best

    @property
    def _amounts(self) -> list[Fraction]:
        """Of money, from the budget's size up to what is to be looked through."""
        amounts = [max(min(prices.exact(self.brief.budget), self.money), self.money / WIDEST)]
        while amounts[-1] < self.money:
            amounts.append(min(amounts[-1] * WIDER, self.money))
        return amounts

    def _find(self, case: Problem, soft: Mapping[str, float]) -> Within | None:
        if not case.targets:
            return _solved(case, soft, None, self.solver)
        best = _solved(case, soft, self._ways(case), self.solver)
        for _ in range(FINER if any(soft.values()) and case.pools else 0):
            if best is None or not self._finer(case, best.choice.pools):
                break
            closer = _solved(case, soft, self._ways(case), self.solver)
            if closer is None or closer.given > best.given - BETTER:
                break
            best = closer
        return best

    def _only(self, keys: Collection[str], soft: Collection[str], money: Fraction) -> Problem:
        """The problem of these limits alone, for so much money."""
        scored = tuple(
            one if target_key(one.name) in keys else replace(one, target=None) for one in self.problem.scored
        )
        firm = {key for key in keys if key not in soft}
        tasks = tuple(self._free(line, "tasks", firm, money) for line in self.problem.tasks)
        pools = tuple(self._free(line, "pools", firm, money) for line in self.problem.pools)
        rows = tuple(row for row in self.problem.rows if row.key in keys)
        return replace(self.problem, tasks=tasks, pools=pools, rows=rows, scored=scored)

    def _free(self, line: Line, section: str, firm: Collection[str], money: Fraction) -> Line:
        """The line with all that the money buys."""
        last, price = line.tiers[-1]
        most = MOST_LABELS if price == 0 else last + int(money / price) + line.lot
        if line.room is not None and (price == 0 or path_text((section, line.name, "max_labels")) in firm):
            most = min(most, line.room)
        return replace(line, least=0, most=most // line.lot * line.lot).within(money)

    def _ways(self, case: Problem) -> tuple[Array, Array]:
        """Purchases of pools (m, P) and the fewest labels (m, T) of every task line there."""
        key = tuple(line.most for line in case.pools)
        mixes = self._levels.setdefault(key, _mixes(case.pools))
        needs = np.zeros((len(mixes), len(case.tasks)))
        for i in case.targets:
            one = case.scored[i]
            known = self._needs.get((key, i, one.target, case.tasks[one.line].most))
            if known is None or len(known) != len(mixes):
                known = fewest(case, i, mixes)
                self._needs[key, i, one.target, case.tasks[one.line].most] = known
            needs[:, one.line] = np.maximum(needs[:, one.line], known)
        return mixes, needs

    def closer(self, keys: Collection[str], pools: tuple[int, ...]) -> bool:
        """Look, beside these limits, at pools half-way to the next levels too; were there any?"""
        grown = [self._finer(self._only(keys, (), money), pools) for money in self._amounts]
        return any(grown)

    def _finer(self, case: Problem, pools: tuple[int, ...]) -> bool:
        key = tuple(line.most for line in case.pools)
        mixes, sides = self._levels.setdefault(key, _mixes(case.pools)), []
        for j, line in enumerate(case.pools):
            levels = np.unique(mixes[:, j])
            at = int(np.searchsorted(levels, pools[j], side="right")) - 1
            near = levels[max(at - 1, 0) : at + 2]
            sides.append(np.unique(line.near(np.array([levels[at], *(near[1:] + near[:-1]) / 2]))))
        self._levels[key] = np.unique(np.concatenate([mixes, list(product(*sides))]), axis=0)
        return len(self._levels[key]) > len(mixes)


def target_key(name: str) -> str:
    return path_text(("tasks", name, "target"))


def _of_lines(brief: Brief, lines: Collection[Line]) -> list[Row]:
    """min_labels and max_labels as rows."""
    found = []
    for line in lines:
        section = "pools" if line.name in brief.pools else "tasks"
        part = getattr(brief, section)[line.name]
        for name, way, limit in (("min_labels", -1, part.min_labels), ("max_labels", 1, part.max_labels)):
            if limit is not None and limit > (line.owned if way < 0 else -1):
                key, text = path_text((section, line.name, name)), f"{name} {limit} of {line.name}"
                found.append(Row(key, text, {line.name: Fraction(way)}, {}, Fraction(way * (limit - line.owned))))
    return found


def _mixes(pools: tuple[Line, ...]) -> Array:
    """Purchases of pools to look at: all there are where these are few."""
    points, sides = LEVELS.get(len(pools), 3), []
    for line in pools:
        shift, top = 1.0 + line.owned, line.near(np.array([line.most]))[0]
        few = line.most // line.lot < points
        some = np.geomspace(shift, shift + top, points) - shift
        sides.append(np.unique(line.near(np.arange(0.0, top + 1, line.lot) if few else some)))
    return np.array(list(product(*sides)), float).reshape(math.prod(map(len, sides)), len(pools))


def step_of(amount: float, digits: int = 2) -> Fraction:
    """A unit to round an amount to: so many digits after the point, more for small amounts, fewer for huge ones."""
    size = math.floor(math.log10(amount)) if amount > 0 else 0
    return Fraction(10) ** max(min(-digits, size - 4), size - 11)


def _solved(
    problem: Problem, soft: Mapping[str, float], ways: tuple[Array, Array] | None, solver: str
) -> Within | None:
    """The program, solved anew with a hair less room where a solver's tolerance let a limit be broken."""
    if ways is not None and not np.isfinite(ways[1]).all(axis=1).any():
        return None
    tight: set[str] = set()
    for hair in HAIRS:
        program, parts, more = _program(problem, soft, ways, dict.fromkeys(tight, hair))
        answer = program.solve(solver, PATIENCE)
        if not answer.found:
            return None
        found = _read(problem, parts, answer, more)
        buys = problem.buys(found.choice)
        broken = {
            row.key
            for row in problem.rows
            if row.key not in soft and row.use(problem.lines, buys) > row.limit(found.budget)
        }
        broken |= {BUDGET} if problem.cost(found.choice) > found.budget else set()
        if not broken:
            return found
        tight |= broken
    return None


def _program(
    problem: Problem, soft: Mapping[str, float], ways: tuple[Array, Array] | None, hairs: Mapping[str, float]
) -> tuple[Program, list[Lots], int | None]:
    """The program, the lines' variables, and that of further money, if the budget gives."""
    program = Program()
    parts = [lots_of(program, line) for line in problem.lines]
    index = [j for part in parts for j in part.index]
    money = [each for part in parts for each in part.money]
    unit = max(problem.budget, *money, 1e-9)
    step = float(step_of(unit))
    more = None
    if BUDGET in soft:
        most = sum(float(line.cost(line.most)) for line in problem.lines) + unit
        more = program.variable(0.0, math.ceil(most / step), -soft[BUDGET] * step / unit, whole=True)
    extra = [] if more is None else [more]
    add_row(
        program, [*index, *extra], [*money, *[-step] * len(extra)],
        problem.budget - hairs.get(BUDGET, 0.0) * max(money),
    )  # fmt: skip
    for row in problem.rows:
        taken = [each for part, line in zip(parts, problem.lines, strict=True) for each in part.taken(line, row)]
        size, right = max(map(abs, taken), default=1.0), float(row.limit(problem.money))
        factors, columns = [*taken, *[-float(row.of_budget) * step] * len(extra)], [*index, *extra]
        if row.key in soft:
            share = max(abs(right), size) or 1.0
            far = sum(abs(f) * program.high[j] for f, j in zip(factors, columns, strict=True)) / share + 1
            columns, factors = [*columns, program.variable(0.0, far, -soft[row.key])], [*factors, -share]
        add_row(program, columns, factors, right - hairs.get(row.key, 0.0) * size)
    if ways is not None:
        _reached(program, problem, parts, *ways)
    return program, parts, more


def _reached(program: Program, problem: Problem, parts: list[Lots], mixes: Array, needs: Array) -> None:
    """Rows that buy what the targets need at one of the purchases of pools."""
    fine = np.isfinite(needs).all(axis=1)
    chosen = [program.variable(0.0, 1.0, whole=True) for _ in range(int(fine.sum()))]
    program.row(chosen, [1.0] * len(chosen), 1.0, equal=True)
    for part, line, least in zip(parts, problem.lines, np.hstack([needs, mixes])[fine].T, strict=True):
        if least.any():
            program.row([*chosen, part.index[0]], [*(least / line.lot).tolist(), -1.0], 0.0)


def _read(problem: Problem, parts: list[Lots], answer: Answer, more: int | None) -> Within:
    choice = bought(problem, parts, answer)
    money = [each for part in parts for each in part.money]
    step = step_of(max(problem.budget, *money, 1e-9))
    budget = problem.money + (0 if more is None else step * round(answer.values[more]))
    return Within(choice, budget, -answer.objective)
