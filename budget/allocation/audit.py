"""Can this brief be met? Every reason why not, each with its smallest repair."""

from __future__ import annotations

from fractions import Fraction

from budget.allocation.problem import Problem
from budget.allocation.table import Table
from budget.errors import CannotBeMet, Shortfall


def check(problem: Problem) -> None:
    """Raises CannotBeMet with every reason."""
    least = {line.name: line.cost(line.least) for line in problem.lines if line.least > 0}
    total = sum(least.values(), Fraction(0))
    if total > problem.money:
        parts = ", ".join(f"{name} {float(cost):.10g}" for name, cost in least.items())
        reason = (
            f"the least that must be bought costs {float(total):.10g} ({parts}), the budget is {problem.budget:.10g}"
        )
        raise CannotBeMet((Shortfall(reason, f"raise the budget to {float(total):.10g}"),))


def explained(table: Table, problem: Problem, solver: str) -> CannotBeMet:
    """Why no plan was found."""
    return CannotBeMet((Shortfall("no plan keeps to all limits and targets at once", "loosen a limit or a target"),))
