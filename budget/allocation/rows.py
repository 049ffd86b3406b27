"""What limits a plan beyond each line's own bounds: hours, groups and the brief's constraints, as linear rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from budget import prices
from budget.allocation.lines import Line
from budget.constraints import TOTAL, Constraint, parse

if TYPE_CHECKING:
    from budget.brief import Brief


@dataclass(frozen=True)
class Row:
    """sum of buy[name] x labels bought + cost[name] x money spent <= right + of_budget x budget.

    `key`: what of the brief it comes from; `text`: the limit in words; `turned`: the brief has it the other way round,
    both sides with the other sign.
    """

    key: str
    text: str
    buy: Mapping[str, Fraction]
    cost: Mapping[str, Fraction]
    right: Fraction
    of_budget: Fraction = Fraction(0)
    turned: bool = False

    def limit(self, budget: Fraction) -> Fraction:
        return self.right + self.of_budget * budget

    def use(self, lines: Iterable[Line], buys: Mapping[str, int]) -> Fraction:
        """The left side for these purchases, exactly: summed in whole numbers, by denominator."""
        parts: dict[int, int] = {}
        for line in lines:
            bought = buys[line.name]
            for side, (above, below) in ((self.buy, (bought, 1)), (self.cost, line.exact_cost(bought))):
                factor = side.get(line.name)
                if factor is not None and above:
                    denominator = factor.denominator * below
                    parts[denominator] = parts.get(denominator, 0) + factor.numerator * above
        return sum((Fraction(above, below) for below, above in parts.items()), Fraction(0))


def rows(brief: Brief, lines: Iterable[Line]) -> tuple[Row, ...]:
    """Every row of a brief."""
    by_name = {line.name: line for line in lines}
    members = {
        name: _members(brief, name) for name in {task.group for task in brief.tasks.values()} if name is not None
    }
    found = []
    if brief.hours is not None:
        each = {name: line.hours for name, line in by_name.items() if line.hours}
        found.append(Row("hours", f"annotator hours <= {brief.hours:.10g}", each, {}, prices.exact(brief.hours)))
    for name, group in brief.groups.items():
        spent = dict.fromkeys(members.get(name, ()), Fraction(1))
        if group.max_cost is not None:
            text = f"{name}.cost <= {group.max_cost:.10g}"
            found.append(Row(f"groups.{name}.max_cost", text, {}, spent, prices.exact(group.max_cost)))
        if group.min_share > 0:
            share = prices.exact(group.min_share)
            text = f"{name}.cost >= {group.min_share:.10g} of the budget"
            negative = {member: -each for member, each in spent.items()}
            found.append(Row(f"groups.{name}.min_share", text, {}, negative, Fraction(0), -share, turned=True))
    names = {*by_name, *members, *brief.groups}
    for index, text in enumerate(brief.constraints):
        found += _constraint(f"constraints[{index}]", parse(text, names), by_name, members)
    return tuple(found)


def _members(brief: Brief, group: str) -> tuple[str, ...]:
    return tuple(name for name, task in brief.tasks.items() if task.group == group)


def _constraint(
    key: str, constraint: Constraint, lines: Mapping[str, Line], groups: Mapping[str, tuple[str, ...]]
) -> list[Row]:
    """One row, or two for an equation; labels are what is owned and what is bought."""
    buy: dict[str, Fraction] = {}
    cost: dict[str, Fraction] = {}
    right = prices.exact(constraint.right)
    for (name, quantity), value in constraint.coefficients.items():
        factor = prices.exact(value)
        concerned = tuple(lines) if name == TOTAL else groups.get(name, (name,))
        for each in concerned:
            side = cost if quantity == "cost" else buy
            side[each] = side.get(each, Fraction(0)) + factor
            if quantity == "labels":
                right -= factor * lines[each].owned
    at_most = Row(key, constraint.text, buy, cost, right)
    negative = [{name: -value for name, value in side.items()} for side in (buy, cost)]
    at_least = Row(key, constraint.text, negative[0], negative[1], -right, turned=True)
    return {"<=": [at_most], ">=": [at_least], "==": [at_most, at_least]}[constraint.sense]
