"""The frozen pieces that every section is made of: names, tables, figures, and the unit in which a score is written."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup

from budget.plan import Plan, PoolLine, Score, TaskLine
from reports.language import Language, language_of
from reports.numbers import Numbers, decimals_for, two_digits

LONGEST_NAME = 44  # a longer name is shortened in the middle and shown whole on hover and in print
BIDI_CONTROLS = {chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@dataclass(frozen=True)
class Name:
    """A name from outside, safe to show: `short` fits a table, `whole` is everything."""

    short: str
    whole: str

    @property
    def said(self) -> str:
        """The short name inside a sentence: kept from turning the words around it where it runs from right to left."""
        turns = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in self.short)
        return f"\u2068{self.short}\u2069" if turns else self.short


@dataclass(frozen=True)
class Cell:
    """One cell. `live` is the key under which a script may find it; `picture` stands in place of the text."""

    text: str | Name = ""
    live: str = ""
    picture: Markup | None = None
    note: str = ""
    once: bool = False  # true of this plan only: hidden while the slider shows another
    passing: bool = False  # so is its note alone


@dataclass(frozen=True)
class Column:
    """A column's head; `kind` is `text`, `number` or `picture`."""

    label: str
    kind: str = "number"
    note: str = ""


@dataclass(frozen=True)
class Row:
    cells: tuple[Cell, ...]
    key: str = ""
    style: str = ""


@dataclass(frozen=True)
class Table:
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    foot: tuple[Row, ...] = ()

    def without_empty(self) -> Table:
        """The same table without the columns in which no row says anything."""
        kept = [
            i for i in range(len(self.columns)) if any(row.cells[i].text or row.cells[i].picture for row in self.rows)
        ]

        def thinned(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in rows)

        columns = tuple(self.columns[index] for index in kept)
        return replace(self, columns=columns, rows=thinned(self.rows), foot=thinned(self.foot))


@dataclass(frozen=True)
class Figure:
    """A drawn chart with its numbers as a table."""

    title: str
    picture: Markup
    table: Table


@dataclass(frozen=True)
class Heading:
    """How a section opens: its place in the page, its name, and the one thing it says."""

    key: str
    label: str
    headline: str
    lead: tuple[str, ...] = ()


def clean(text: str) -> str:
    """`text` without what no page can show: control characters, lone surrogates, characters that turn the text round.

    >>> clean("a\\x00b\\u202ec")
    'a\ufffdb\ufffdc'
    """
    return "".join(
        "\ufffd" if character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Cn") else character
        for character in text
    )


def name_of(text: str) -> Name:
    """
    >>> name_of("x" * 100).short == "x" * 31 + "…" + "x" * 12
    True
    """
    whole = clean(text)
    short = whole if len(whole) <= LONGEST_NAME else f"{whole[: LONGEST_NAME - 13]}…{whole[-12:]}"
    return Name(short, whole)


def cells(*texts: str | Name) -> tuple[Cell, ...]:
    return tuple(Cell(text) for text in texts)


@dataclass(frozen=True)
class Unit:
    """How a score is written: from worst to best in its own unit, with so many decimals.

    A difference is written so that more is better, whichever direction the metric has.
    """

    numbers: Numbers
    noun: str
    best: float
    worst: float
    decimals: int
    per: str = ""  # what a difference is counted in: the metric; nothing for points

    @property
    def minimised(self) -> bool:
        return self.best < self.worst

    def show(self, score: float) -> str:
        return self.numbers.plain(score, self.decimals)

    def interval(self, score: Score) -> str:
        return self.numbers.interval(self.show(score.low), self.show(score.high))

    def better(self, change: float, decimals: int | None = None) -> str:
        """A difference in the direction of good: `+0.03` is better for a loss too."""
        change = -change if self.minimised else change
        return self.numbers.signed(change, self.decimals if decimals is None else decimals)

    def place(self, score: float) -> float:
        """Where a score lies between worst (0) and best (100): for drawing several metrics on one axis."""
        return 100 * (score - self.worst) / (self.best - self.worst)


def task_unit(line: TaskLine, numbers: Numbers) -> Unit:
    """The unit of one task: fine enough to see its rise, its range and how far it is from its target."""
    rise = line.expected - line.now
    width = line.high - line.low
    seen = [rise, *([] if line.target is None else [line.expected - line.target])]
    needed = decimals_for(width / 2, *(max(abs(difference), width / 20) for difference in seen if difference))
    return Unit(numbers, clean(line.metric), line.best, line.worst, needed)


def same_metric(plan: Plan) -> bool:
    """Do all tasks share one metric, so that the plan's score can be written in it?"""
    kinds = {(line.metric, line.best, line.worst, line.direction) for line in plan.tasks.values()}
    return len(kinds) == 1


def plan_unit(plan: Plan, numbers: Numbers) -> Unit:
    """The unit of the plan's score: the tasks' own metric where they share one, else points of 100."""
    differences = [plan.score.high - plan.score.low, plan.score.expected - plan.now.expected]
    if same_metric(plan):
        line = next(iter(plan.tasks.values()))
        noun = clean(line.metric)
        noun = noun if len(plan.tasks) == 1 else numbers.say("numbers.mean", metric=noun)
        size = abs(line.best - line.worst)
        decimals = _steady(differences, size)
        return Unit(numbers, noun, line.best, line.worst, decimals, clean(line.metric))
    return Unit(numbers, "", 100.0, 0.0, max(1, _steady(differences, 100.0)))


def _steady(differences: list[float], size: float) -> int:
    """Decimals that show these differences, without letting a tiny one set the precision of a whole page."""
    real = [abs(difference) * size for difference in differences if difference]
    return decimals_for(*(max(difference, max(real) / 50) for difference in real)) if real else 2


@dataclass(frozen=True)
class PlanScores:
    """Writes the plan's scores, which are kept as places of 0..1, in its unit."""

    unit: Unit

    def value(self, place: float) -> float:
        return self.unit.worst + place * (self.unit.best - self.unit.worst)

    def show(self, place: float) -> str:
        return self.with_unit(self.unit.show(self.value(place)))

    def with_unit(self, text: str) -> str:
        """Points are said; a metric is not, for its name already stands before the score."""
        return self.unit.numbers.say("numbers.points", value=text) if self.points else text

    @property
    def points(self) -> bool:
        """Is the plan's score in points, for want of a metric that all tasks share?"""
        return not self.unit.noun

    def plain(self, place: float, decimals: int | None = None) -> str:
        return self.unit.numbers.plain(self.value(place), self.unit.decimals if decimals is None else decimals)

    def interval(self, score: Score) -> str:
        ends = sorted((self.value(score.low), self.value(score.high)))
        return self.unit.numbers.interval(*map(self.unit.show, ends))

    def change(self, places: float, decimals: int | None = None) -> str:
        """A difference of places, signed so that + is better, without its unit."""
        size = abs(self.unit.best - self.unit.worst)
        return self.unit.numbers.signed(places * size, self.unit.decimals if decimals is None else decimals)

    def size(self, places: float, decimals: int | None = None) -> str:
        """A difference without its sign, with its unit."""
        return self.with_unit(self.change(abs(places), decimals).lstrip("+"))

    def step(self, places: float) -> str:
        """The gain of one more step of money, two significant digits, with its unit."""
        return self.with_unit("0" if abs(places) < 1e-7 else self.rise(places))

    def rise(self, places: float) -> str:
        """A gain in a column whose head names the unit, two significant digits."""
        value = places * abs(self.unit.best - self.unit.worst)
        return self.unit.numbers.signed(value, max(self.unit.decimals, two_digits(value)))

    def changes(self, gain: Score, decimals: int | None = None) -> str:
        return self.unit.numbers.interval(self.change(gain.low, decimals), self.change(gain.high, decimals))

    def fine(self, *places: float) -> int:
        """Decimals for differences that stand together: as the scores have, and finer where all would look alike."""
        size = abs(self.unit.best - self.unit.worst)
        return min(max(self.unit.decimals, decimals_for(*(place * size for place in places))), self.unit.decimals + 2)


def scores_of(plan: Plan, numbers: Numbers) -> PlanScores:
    return PlanScores(plan_unit(plan, numbers))


def lines_of(plan: Plan) -> dict[str, TaskLine | PoolLine]:
    """Every line of the plan, pools first, then tasks: the one order of names on the whole page."""
    return {**plan.pools, **plan.tasks}


def on_others(line: TaskLine | PoolLine) -> bool:
    """Is it the score of a subgroup, measured on another task's labels, so that nothing is bought for it alone?"""
    return isinstance(line, TaskLine) and line.measured_on is not None


def bought_alone(plan: Plan) -> list[str]:
    """The tasks with labels of their own."""
    return [name for name, line in plan.tasks.items() if not on_others(line)]


def ticks(values: Iterable[float], write: Callable[[float], str]) -> tuple[tuple[float, str], ...]:
    return tuple((value, write(value)) for value in values)


@dataclass(frozen=True)
class Context:
    """What every section writes with: the plan, its numbers, the unit of its score and of each task's."""

    plan: Plan
    numbers: Numbers
    scores: PlanScores
    units: dict[str, Unit]
    names: dict[str, Name]

    @property
    def say(self) -> Language:
        return self.numbers.say

    @property
    def level(self) -> str:
        """The probability of every range on the page, as the head of a column notes it."""
        return self.say("numbers.level", level=self.percentage(self.plan.score.level))

    def percentage(self, level: float) -> str:
        return self.numbers.whole(100 * level)

    def level_range(self, interval: str, level: float | None = None) -> str:
        """A range with its probability: `90% range 0.5 to 0.6`."""
        level = self.plan.score.level if level is None else level
        return self.say("numbers.level_range", level=self.percentage(level), interval=interval)

    @property
    def per(self) -> str:
        """What a difference of the plan's score is counted in, for the head of a column."""
        return self.say("numbers.per_points") if self.scores.points else self.scores.unit.per

    @property
    def step(self) -> str:
        """The step of money that every `next gain` is for."""
        return self.numbers.money(self.plan.next_money.amount)

    @property
    def cents(self) -> int:
        """Decimals of money in every table of the page."""
        return self.numbers.cents(self.plan.cost, *(line.cost for line in lines_of(self.plan).values()))

    def cost(self, amount: float) -> str:
        """Money in a column whose head names the currency."""
        return self.numbers.plain(amount, self.cents)


def context_of(plan: Plan, language: str = "en") -> Context:
    """`language`: that the page is written in."""
    numbers = Numbers(clean(plan.currency), language_of(language))
    units = {name: task_unit(line, numbers) for name, line in plan.tasks.items()}
    return Context(plan, numbers, scores_of(plan, numbers), units, {name: name_of(name) for name in lines_of(plan)})


def limit_name(context: Context, key: str) -> str:
    """A key of the brief in words; a constraint as it was written, and what has neither as it is."""
    written = {limit.key: limit.text for limit in context.plan.limits}
    words = context.say.get("allocation.limit", key)
    return clean(written.get(key, key) if words == key else words)


def plan_gain(plan: Plan, name: str) -> float:
    """Rise of the plan's score for one more step of money spent on this line alone."""
    if name in plan.pools:
        return plan.pools[name].next_gain
    line = plan.tasks[name]
    weights = math.fsum(task.weight for task in plan.tasks.values())
    return line.next_gain / (line.best - line.worst) * line.weight / weights


def money_on(costs: dict[str, float], names: Iterable[str]) -> float:
    """What these lines cost together."""
    return math.fsum(costs.get(name, 0.0) for name in names)
