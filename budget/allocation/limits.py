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
from budget.allocation.least_plans import (
    LeastPlans,
    breaks,
    least_plans,
    money_unit,
    most_beside,
    paid,
    row_unit,
    step_of,
)
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
IDLE = 5  # rounds of finer levels of the pools that bring nothing, one after the other, before no more are looked at
BETTER, CHEAPER = 1e-7, 1e-4  # of what gives, and of money: less is no gain
BEYOND = 1.5  # times a firm budget: what costs more comes within it at no finer level of the pools
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
    stopped: list[str] = field(default_factory=list)  # how programs ended that ran out of patience
    _lines: dict[tuple[object, ...], Line] = field(default_factory=dict)
    _needs: dict[tuple[object, ...], dict[tuple[float, ...], float]] = field(default_factory=dict)

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

        With a firm budget its money is looked through; without one, whether all that can be bought is enough, and then
        little money first: solvers are not exact where a line could have very many lots."""
        soft = soft or {}
        extra = soft.get(BUDGET, None if BUDGET in keys else 0.0)
        rows = {key: weight for key, weight in soft.items() if key != BUDGET}
        if extra is None:
            return self._find(self._only(keys, soft, prices.exact(self.brief.budget)), rows, extra)
        if not any(soft.values()):
            most = self._only(keys, soft, self.money)
            top = np.array([[float(line.most) if most.targets else 0.0 for line in most.pools]])
            needs = self._needed(most, extra, top)
            if np.isinf(needs).any():
                return None
            if (looked := least_plans(most, rows, extra, top, needs)).best is not None:
                budget = paid(most, looked.best)
                return Within(looked.best, budget, 0.0, next((m for m in self._amounts if m >= budget), self.money))
        best, stopped = None, len(self.stopped)
        for money in self._amounts:
            found = self._find(self._only(keys, soft, money), rows, extra)
            if found is not None and (best is None or found.given < best.given - BETTER):
                best = replace(found, money=money)
            if (best is not None and best.given <= BETTER) or len(self.stopped) > stopped:
                break
        return best

    @property
    def _amounts(self) -> list[Fraction]:
        """Of money, from the budget's size up to what is to be looked through."""
        amounts = [max(min(prices.exact(self.brief.budget), self.money), self.money / WIDEST)]
        while amounts[-1] < self.money:
            amounts.append(min(amounts[-1] * WIDER, self.money))
        return amounts

    def _find(self, case: Problem, soft: Mapping[str, float], extra: float | None) -> Within | None:
        """At finer and finer levels of the pools, as long as that brings what is not kept closer."""
        best: Within | None = None
        closest, mixes = (True, np.inf, np.inf), _mixes(case.pools) if case.targets else np.zeros((1, len(case.pools)))
        every, place, idle = mixes[:0], mixes[0], 0
        while len(mixes) and idle < IDLE:
            needs = self._needed(case, extra, mixes)
            looked = least_plans(case, soft, extra, mixes, needs)
            found = self._within(case, soft, extra, looked, mixes, needs)
            near = int(np.lexsort([looked.cost, looked.far])[0])
            here = (True, looked.far[near], looked.cost[near]) if found is None else (False, found.given, 0.0)
            idle, every = idle + 1, np.vstack([every, mixes])
            if _closer(here, closest):
                best, closest, idle = found or best, here, 0
                place = mixes[near] if found is None else np.array(found.choice.pools, float)
            if not (case.targets and case.pools) or np.isinf(closest[1]) or (best and best.given <= BETTER):
                break
            if best is None and closest[1] == 0 and extra is not None:
                break  # what a program found no plan for is not too dear
            mixes = _finer(case, every, place)
        return best

    def _within(
        self,
        case: Problem,
        soft: Mapping[str, float],
        extra: float | None,
        looked: LeastPlans,
        mixes: Array,
        needs: Array,
    ) -> Within | None:
        """The best plan at these levels: a least one, or by a program where another may be better."""
        if looked.best is not None:
            return Within(looked.best, case.money if extra is None else paid(case, looked.best), looked.given)
        if not looked.open.any():
            return None
        return self._solved(case, soft, extra, (mixes[looked.open], needs[looked.open]))

    def _solved(
        self, case: Problem, soft: Mapping[str, float], extra: float | None, ways: tuple[Array, Array]
    ) -> Within | None:
        """The program, solved anew with a hair less room where a solver's tolerance let a limit be broken."""
        tight: set[str] = set()
        for hair in HAIRS:
            program, parts, more = _program(case, soft, extra, ways, dict.fromkeys(tight, hair))
            answer = program.solve(self.solver, PATIENCE)
            if answer.status not in ("optimal", "infeasible"):
                self.stopped.append(answer.status)
            if not answer.found:
                return None
            found = _read(case, parts, answer, more)
            broken = {BUDGET if row is None else row.key for row in breaks(case, soft, found.choice, found.budget)}
            if not broken:
                return found
            tight |= broken
        return None

    def reach(self, key: str, keys: Collection[str]) -> float:
        """The highest score of a target's task, normalised, that the budget and those limits leave which only forbid
        more: about what can be reached, and never less."""
        case = self._only([each for each in keys if each != key], (), prices.exact(self.brief.budget))
        best, index, mixes = -np.inf, self.targets[key], _mixes(case.pools)
        target = self.problem.scored[index]
        every, place, idle = mixes[:0], mixes[0], 0
        while len(mixes) and idle < IDLE:
            most = most_beside(case, mixes, self._needed(case, None, mixes), target.line)
            labels = np.maximum(most, 0.0) + case.tasks[target.line].owned
            scores = np.where(most < 0, -np.inf, self.problem.reaches(index, labels, mixes))
            idle, every = idle + 1, np.vstack([every, mixes])
            if scores.max() > best + BETTER:
                best, place, idle = float(scores.max()), mixes[int(scores.argmax())], 0
            if np.isinf(best):
                break
            mixes = _finer(case, every, place)
        return best + float(target.normal(np.array(target.target)))

    def _only(self, keys: Collection[str], soft: Collection[str], money: Fraction) -> Problem:
        """The problem of these limits alone, for so much money."""
        asked = {self.targets[key] for key in keys if key in self.targets}
        scored = tuple(one if i in asked else replace(one, target=None) for i, one in enumerate(self.problem.scored))
        held = {key for key in keys if key not in soft and self.paths[key][-1] == "max_labels"}
        limited = {self.paths[key][:2] for key in held}
        tasks = tuple(self._free(line, ("tasks", line.name) in limited, money) for line in self.problem.tasks)
        pools = tuple(self._free(line, ("pools", line.name) in limited, money) for line in self.problem.pools)
        # Lines end where max_labels holds them: no row need say so.
        rows = (row for row in self.problem.rows if row.key in keys and (row.key not in held or row.right < 0))
        return replace(self.problem, tasks=tasks, pools=pools, rows=tuple(rows), scored=scored)

    def _free(self, line: Line, limited: bool, money: Fraction) -> Line:
        """The line with all that the money buys."""
        known = self._lines.get((line.name, line.room, limited, money))
        if known is None:
            last, price = line.tiers[-1]
            most = MOST_LABELS if price == 0 else last + int(money / price) + line.lot
            if line.room is not None and (price == 0 or limited):
                most = min(most, line.room)
            known = replace(line, least=0, most=most // line.lot * line.lot).within(money)
            self._lines[line.name, line.room, limited, money] = known
        return known

    def _needed(self, case: Problem, extra: float | None, mixes: Array) -> Array:
        """(m, T) the fewest labels of every task line at these purchases of pools; infinite also where they are of no
        use, for all of it costs far more than a firm budget."""
        needs, most = np.zeros((len(mixes), len(case.tasks))), np.inf if extra is not None else BEYOND * case.budget
        cost = sum((line.costs(mixes[:, j]) for j, line in enumerate(case.pools)), np.zeros(len(mixes)))
        places = list(map(tuple, mixes.tolist())) if case.targets else []
        for i in case.targets:
            one, line = case.scored[i], case.tasks[case.scored[i].line]
            known = self._needs.setdefault((i, one.target, line.most), {})
            asked = [k for k in np.flatnonzero(cost <= most).tolist() if places[k] not in known]
            if asked:
                known.update(zip((places[k] for k in asked), fewest(case, i, mixes[asked]).tolist(), strict=True))
            before = needs[:, one.line]
            after = np.array([max(known.get(place, np.inf), low) for place, low in zip(places, before, strict=True)])
            cost += np.where(np.isfinite(after), line.costs(np.where(np.isfinite(after), after, 0.0)), np.inf)
            cost -= np.where(np.isfinite(before), line.costs(np.where(np.isfinite(before), before, 0.0)), 0.0)
            needs[:, one.line] = after
        needs[cost > most] = np.inf
        return needs


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
    """Purchases of pools to look at first: all there are where these are few."""
    points, sides = LEVELS.get(len(pools), 3), []
    for line in pools:
        shift, top = 1.0 + line.owned, line.near(np.array([line.most]))[0]
        few = line.most // line.lot < points
        some = np.geomspace(shift, shift + top, points) - shift
        sides.append(np.unique(line.near(np.arange(0.0, top + 1, line.lot) if few else some)))
    return np.array(list(product(*sides)), float).reshape(math.prod(map(len, sides)), len(pools))


def _finer(case: Problem, mixes: Array, near: Array) -> Array:
    """Further purchases of pools: half-way from these ones to the next levels of those looked at."""
    sides = []
    for j, line in enumerate(case.pools):
        levels = np.unique(mixes[:, j])
        at = max(int(np.searchsorted(levels, near[j], side="right")) - 1, 0)
        beside = levels[max(at - 1, 0) : at + 2]
        sides.append(np.unique(line.near(np.array([levels[at], *(beside[1:] + beside[:-1]) / 2]))).tolist())
    known = set(map(tuple, mixes.tolist()))
    fresh = [mix for mix in product(*sides) if mix not in known]
    return np.array(fresh, float).reshape(len(fresh), len(case.pools))


def _closer(here: tuple[bool, float, float], closest: tuple[bool, float, float]) -> bool:
    """There is a plan; or less is given; or firm limits are nearer, or as near with less money."""
    if here[0] != closest[0]:
        return closest[0]
    less = here[1] < closest[1] - BETTER
    return less or (here[1] <= closest[1] and here[2] < (1 - CHEAPER) * closest[2])


def _program(
    problem: Problem,
    soft: Mapping[str, float],
    extra: float | None,
    ways: tuple[Array, Array],
    hairs: Mapping[str, float],
) -> tuple[Program, list[Lots], int | None]:
    """The program, the lines' variables, and that of further money, if the budget gives."""
    program = Program()
    parts = [lots_of(program, line) for line in problem.lines]
    index = [j for part in parts for j in part.index]
    money = [each for part in parts for each in part.money]
    unit = money_unit(problem)
    step = float(step_of(unit))
    more = None
    if extra is not None:
        most = sum(float(line.cost(line.most)) for line in problem.lines) + unit
        more = program.variable(0.0, math.ceil(most / step), -extra * step / unit, whole=True)
    columns = [] if more is None else [more]
    add_row(
        program, [*index, *columns], [*money, *[-step] * len(columns)],
        problem.budget - hairs.get(BUDGET, 0.0) * max(money),
    )  # fmt: skip
    for row in problem.rows:
        taken = [each for part, line in zip(parts, problem.lines, strict=True) for each in part.taken(line, row)]
        size, right = max(map(abs, taken), default=1.0), float(row.limit(problem.money))
        factors, every = [*taken, *[-float(row.of_budget) * step] * len(columns)], [*index, *columns]
        if row.key in soft:
            share = row_unit(problem, row)
            far = sum(abs(f) * program.high[j] for f, j in zip(factors, every, strict=True)) / share + 1
            every, factors = [*every, program.variable(0.0, far, -soft[row.key])], [*factors, -share]
        add_row(program, every, factors, right - hairs.get(row.key, 0.0) * size)
    _reached(program, problem, parts, *ways)
    return program, parts, more


def _reached(program: Program, problem: Problem, parts: list[Lots], mixes: Array, needs: Array) -> None:
    """Rows that buy what the targets need at one of the purchases of pools."""
    if not needs.any() and not mixes.any():
        return
    chosen = [program.variable(0.0, 1.0, whole=True) for _ in range(len(mixes))]
    program.row(chosen, [1.0] * len(chosen), 1.0, equal=True)
    for part, line, least in zip(parts, problem.lines, np.hstack([needs, mixes]).T, strict=True):
        if least.any():
            program.row([*chosen, part.index[0]], [*(least / line.lot).tolist(), -1.0], 0.0)


def _read(problem: Problem, parts: list[Lots], answer: Answer, more: int | None) -> Within:
    extra = 0 if more is None else step_of(money_unit(problem)) * round(answer.values[more])
    return Within(bought(problem, parts, answer), problem.money + extra, -answer.objective)
