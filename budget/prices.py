"""What labels cost: money and annotator hours a label, the cost of buying so many, and how many some money buys.

Prices are read as the decimals that the brief shows (0.1 is a tenth) and reckoned as fractions, so that
`cost <= budget` is decided exactly and sums do not depend on their order; a float is only made at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budget.brief import Brief, Priced

SECONDS_AN_HOUR = 3600


def exact(number: float) -> Fraction:
    """The decimal that a float shows.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(float(number)))


def _work(line: Priced) -> Fraction:
    """How many times one item's price is paid for one label: annotators x (1 + review) x objects_per_label."""
    return line.annotators * (1 + exact(line.review)) * exact(getattr(line, "objects_per_label", 1.0))


def _steps(line: Priced) -> list[tuple[int, Fraction]]:
    """(labels bought, exact price of each label beyond them), from 0 upwards; one step unless there are tiers."""
    if line.tiers is not None:
        return [(start, exact(price) * _work(line)) for start, price in line.tiers]
    if line.label_cost is not None:
        return [(0, exact(line.label_cost) * _work(line))]
    if line.label_seconds is None or line.hourly_wage is None:
        raise ValueError("a line without a price: build briefs with Brief.from_dict or Brief.from_file, which check it")
    return [(0, exact(line.label_seconds) * exact(line.hourly_wage) / SECONDS_AN_HOUR * _work(line))]


def exact_label_cost(line: Priced) -> Fraction:
    """Money a label as a fraction; with tiers, the first label's."""
    return _steps(line)[0][1]


def label_cost(line: Priced) -> float:
    """Money a label: price of one item x annotators x (1 + review) x objects_per_label.

    The price of one item is label_cost, or label_seconds / 3600 x hourly_wage. With tiers this is the first
    label's price; what many cost, `cost` says.

    Five seconds a label at 12 an hour, three people, every fifth checked once more:

    >>> from budget.brief import Pool
    >>> label_cost(Pool(label_seconds=5.0, hourly_wage=12.0, annotators=3, review=0.2))
    0.06
    """
    return float(exact_label_cost(line))


def tiers(line: Priced) -> tuple[tuple[int, float], ...]:
    """(labels bought, money for each label beyond them), from 0 upwards, with everything that multiplies a price."""
    return tuple((start, float(price)) for start, price in _steps(line))


def exact_tiers(line: Priced) -> tuple[tuple[int, Fraction], ...]:
    """As `tiers`, exactly."""
    return tuple(_steps(line))


def label_hours(line: Priced) -> float | None:
    """Annotator hours a label, review included; None where the brief does not say how long a label takes."""
    hours = exact_label_hours(line)
    return None if hours is None else float(hours)


def exact_label_hours(line: Priced) -> Fraction | None:
    """As `label_hours`, exactly."""
    return None if line.label_seconds is None else exact(line.label_seconds) * _work(line) / SECONDS_AN_HOUR


def exact_cost(line: Priced, buy: int) -> Fraction:
    """The money that buying this many labels costs, set-up included; nothing bought costs nothing."""
    if buy <= 0:
        return Fraction(0)
    steps = _steps(line)
    ends = [start for start, _ in steps[1:]] + [buy]
    bought = ((max(min(end, buy) - start, 0), price) for (start, price), end in zip(steps, ends, strict=True))
    return exact(line.setup_cost) + sum(labels * price for labels, price in bought)


def cost(line: Priced, buy: int) -> float:
    """As `exact_cost`, as a float.

    >>> from budget.brief import Task
    >>> cost(Task(tiers=((0, 0.05), (1000, 0.04)), setup_cost=20.0), 1500)
    90.0
    """
    return float(exact_cost(line, buy))


def total_cost(purchases: Iterable[tuple[Priced, int]]) -> Fraction:
    """What all these (line, labels bought) cost together, exactly."""
    return sum((exact_cost(line, buy) for line, buy in purchases), Fraction(0))


def affordable(brief: Brief, buy: dict[str, int]) -> bool:
    """Whether these labels ({task or pool: labels}; not named: none) stay within the budget, to the last digit.

    >>> from budget.brief import Brief
    >>> brief = Brief.from_dict({"budget": 0.3, "tasks": {"a": {"label_cost": 0.1}}})
    >>> affordable(brief, {"a": 3}), affordable(brief, {"a": 4})
    (True, False)
    """
    lines = {**brief.pools, **brief.tasks}
    return total_cost((line, buy.get(name, 0)) for name, line in lines.items()) <= exact(brief.budget)


def least_order(line: Priced) -> int:
    """The fewest labels that can be bought if any are: whole lots, at least min_buy."""
    return max(-(-line.min_buy // line.lot), 1) * line.lot


def least_buy(line: Priced) -> int:
    """The fewest labels that have to be bought to have min_labels: 0, or whole lots, at least min_buy.

    >>> from budget.brief import Task
    >>> least_buy(Task(label_cost=1.0, owned=10, min_labels=31, lot=20))
    40
    """
    least = -(-max(line.min_labels - line.owned, 0) // line.lot) * line.lot
    return max(least, least_order(line)) if least > 0 else 0


def most_buyable(line: Priced) -> int | None:
    """The most labels that limits and lots let one buy, whatever the money; None: no end."""
    return None if line.max_labels is None else max(line.max_labels - line.owned, 0) // line.lot * line.lot


def largest_buy(line: Priced, money: float | Fraction) -> int:
    """The most labels that this money buys: a multiple of the lot, within max_labels, at least min_buy or else 0.

    >>> from budget.brief import Task
    >>> largest_buy(Task(label_cost=0.1, lot=10), 7.3)
    70
    """
    left = (money if isinstance(money, Fraction) else exact(money)) - exact(line.setup_cost)
    if left < 0:
        return 0
    steps, labels = _steps(line), 0
    for (start, price), end in zip(steps, [*(start for start, _ in steps[1:]), None], strict=True):
        most = None if price == 0 else left // price
        if end is not None and (most is None or most >= end - start):
            labels, left = end, left - (end - start) * price
            continue
        labels = start + most if most is not None else (most_buyable(line) or 0)
        break
    top = most_buyable(line)
    buy = labels // line.lot * line.lot
    buy = buy if top is None else min(buy, top)
    return buy if buy >= line.min_buy else 0
