"""Programs: the one place that builds them in PuLP, and reckons the bound that their prices prove.

    maximise    c . x    subject to    A x <= b,    E x = e,    low <= x <= high

Weak duality makes a bound of any prices y >= 0 of the first rows and z of the second, however exactly a solver reckons:

    bound = y . b + z . e + sum_j max((c - y A - z E)_j low_j, (c - y A - z E)_j high_j)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pulp

from budget.allocation.lines import Array
from budget.allocation.solver import GAP, Solved, solve

FAR = 10.0  # normalised scores lie well within this of 0
FINE = 1e4  # solvers with whole variables take objectives for equal that differ by a millionth: it is made larger


@dataclass(frozen=True)
class Answer:
    """`values` (variables,), `prices` (rows,) never negative but for equations, `bound` on the maximum."""

    status: str
    values: Array
    prices: Array
    objective: float
    bound: float
    solver: str

    @property
    def found(self) -> bool:
        return self.status in ("optimal", "feasible")


@dataclass
class Program:
    """A program under construction: variables and rows are known by their numbers."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    index: list[Sequence[int]] = field(default_factory=list)
    factor: list[Sequence[float]] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    equal: list[bool] = field(default_factory=list)

    def variable(self, low: float, high: float, gain: float = 0.0, whole: bool = False) -> int:
        self.low.append(low)
        self.high.append(high)
        self.gain.append(gain)
        self.whole.append(whole)
        return len(self.low) - 1

    def row(self, index: Sequence[int], factor: Sequence[float], right: float, equal: bool = False) -> int:
        """sum of factor x variable <= right, or = right."""
        self.index.append(index)
        self.factor.append(factor)
        self.right.append(right)
        self.equal.append(equal)
        return len(self.right) - 1

    def solve(self, solver: str, seconds: float | None = None, gap: float = GAP) -> Answer:
        """Build it in PuLP, solve it, and reckon the bound."""
        program = pulp.LpProblem("plan", pulp.LpMaximize)
        add = program.add_variable
        variables = [
            add(f"x{j}", low, high, pulp.LpInteger if whole else pulp.LpContinuous)
            for j, (low, high, whole) in enumerate(zip(self.low, self.high, self.whole, strict=True))
        ]
        size = FINE if any(self.whole) else 1.0
        gains = [(v, size * g) for v, g in zip(variables, self.gain, strict=True) if g]
        program.setObjective(pulp.LpAffineExpression(gains))
        for r, (index, factor) in enumerate(zip(self.index, self.factor, strict=True)):
            left = pulp.LpAffineExpression([(variables[j], f) for j, f in zip(index, factor, strict=True)])
            sense = pulp.LpConstraintEQ if self.equal[r] else pulp.LpConstraintLE
            program.addConstraint(pulp.LpConstraint(left, sense, rhs=self.right[r]), f"r{r}")
        return self._answer(solve(program, solver, seconds, size * gap), size)

    def _answer(self, solved: Solved, size: float) -> Answer:
        low, high, gain = np.array(self.low), np.array(self.high), np.array(self.gain)
        if not solved.found:
            return Answer(solved.status, low, np.zeros(len(self.right)), -np.inf, np.inf, solved.solver)
        values = np.array([solved.values.get(f"x{j}", 0.0) for j in range(len(low))])
        values = np.clip(values, low, high)
        prices = np.array([solved.prices.get(f"r{r}", 0.0) for r in range(len(self.right))])
        bound = solved.limit / size
        if not any(self.whole):
            bound, prices = min((self._bound(way * prices) for way in (1, -1)), key=lambda each: each[0])
        return Answer(solved.status, values, prices, float(gain @ values), bound, solved.solver)

    def _bound(self, prices: Array) -> tuple[float, Array]:
        """Weak duality at these prices, those of inequalities made non-negative."""
        prices = np.where(self.equal, prices, np.maximum(prices, 0.0))
        low, high, left = np.array(self.low), np.array(self.high), np.array(self.gain)
        if self.index:
            counts = [len(index) for index in self.index]
            at = np.concatenate([np.asarray(index, int) for index in self.index])
            factors = np.concatenate([np.asarray(factor, float) for factor in self.factor])
            left = left - np.bincount(at, weights=factors * np.repeat(prices, counts), minlength=len(low))
        return float(prices @ np.array(self.right) + np.maximum(left * low, left * high).sum()), prices
