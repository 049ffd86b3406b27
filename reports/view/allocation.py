"""The allocation: one table that adds up, pools first, with the money and the scores drawn in its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from budget.plan import Limit, Plan, PoolLine, TaskLine
from reports.charts.scale import Scale, even_scale
from reports.charts.svg import bar_cell, interval_cell
from reports.view.parts import (
    Cell,
    Column,
    Context,
    Heading,
    Row,
    Table,
    bought_alone,
    clean,
    limit_name,
    lines_of,
    name_of,
    on_others,
    plan_gain,
)
from reports.wording import decision, outlook


@dataclass(frozen=True)
class Allocation:
    heading: Heading
    table: Table
    rounding: str
    axis: str
    none: tuple[str, ...]  # why a task gets nothing
    none_more: str
    limits: Table | None  # rows of the brief beyond single lines


def allocation_of(context: Context) -> Allocation:
    plan, say, n = context.plan, context.say, context.numbers
    scale = score_scale(context)
    widest = widest_cost(plan)
    rows = [_pool_row(context, name, line, widest) for name, line in plan.pools.items()]
    rows += [_task_row(context, name, line, widest, scale) for name, line in plan.tasks.items()]
    headline = headline_of(context, {name: line.buy for name, line in lines_of(plan).items()})
    table = Table(say("allocation.caption"), _columns(context), tuple(rows), (_total(context),)).without_empty()
    none = tuple(why_nothing(context, name) for name in bought_alone(plan) if plan.tasks[name].buy == 0)
    return Allocation(
        Heading("allocation", say("allocation.label"), headline),
        table,
        decision.rounding(say, n.currency, context.cents),
        say("allocation.axis", low=n.plain(scale.low), high=n.plain(scale.high)),
        none,
        say("allocation.more", len(none) - 8),
        _limits(context),
    )


def headline_of(context: Context, buy: dict[str, int]) -> str:
    """Who gets labels when so many are bought."""
    plan = context.plan
    own = bought_alone(plan)
    tasks, pools = (sum(buy.get(name, 0) > 0 for name in names) for names in (own, plan.pools))
    return decision.allocation_headline(context.say, tasks, len(own), pools, len(plan.pools))


def widest_cost(plan: Plan) -> float:
    """The cost that fills a bar."""
    return max(line.cost for line in lines_of(plan).values()) or 1.0


def score_scale(context: Context) -> Scale:
    """The one axis on which every task's score is drawn: its place between worst (0) and best (100)."""
    places = [
        context.units[name].place(value)
        for name, line in context.plan.tasks.items()
        for value in (line.now, line.expected, line.low, line.high, *([] if line.target is None else [line.target]))
    ]
    around = even_scale(places)
    return Scale(max(math.floor(around.low / 10) * 10.0, 0.0), min(math.ceil(around.high / 10) * 10.0, 100.0))


def _columns(context: Context) -> tuple[Column, ...]:
    head = partial(_head, context)
    return (
        Column("", "text"),
        Column(head("owned")),
        Column(head("buy")),
        Column(head("cost"), note=context.numbers.currency),
        Column(head("share"), note=head("of_spend")),
        Column("", "picture"),
        Column(head("now")),
        Column(head("expected")),
        Column(head("range"), note=context.level),
        Column("", "picture", note=head("rise")),
        Column(head("target"), note=head("probability")),
        Column(head("held"), "text"),
        Column(
            head("gain"), note=context.say("allocation.column.per", step=context.step) if context.plan.budget else ""
        ),
    )


def _head(context: Context, key: str) -> str:
    return context.say(f"allocation.column.{key}")


def share_text(context: Context, cost: float, whole: float) -> str:
    return context.numbers.percent(cost / whole if whole else 0.0, 1)


def _money_cells(context: Context, name: str, line: TaskLine | PoolLine, widest: float, kind: str) -> tuple[Cell, ...]:
    n = context.numbers
    note = _kind(context, line)
    whole = Cell(
        context.names[name],
        note=note,
    )
    return (
        whole,
        Cell("" if on_others(line) else n.count(line.owned)),
        Cell(n.count(line.buy), live="buy"),
        Cell(context.cost(line.cost), live="cost"),
        Cell(share_text(context, line.cost, context.plan.cost), live="share"),
        Cell(picture=bar_cell(line.cost / widest, kind)),
    )


def _kind(context: Context, line: TaskLine | PoolLine) -> str:
    """What stands below a name: that it is a pool, or the metric and on whose labels it is measured."""
    if isinstance(line, PoolLine):
        return context.say("allocation.kind_pool")
    metric = clean(line.metric)
    if line.measured_on is None:
        return metric
    return context.say("allocation.on_labels", metric=metric, task=name_of(line.measured_on).said)


def _pool_row(context: Context, name: str, line: PoolLine, widest: float) -> Row:
    gain = context.scores.step(line.next_gain)
    empty = (Cell(),) * 5
    rest = (
        Cell(_held(context, line.binding), once=True),
        Cell(gain, once=True),
    )
    return Row(
        (*_money_cells(context, name, line, widest, "pool"), *empty, *rest),
        "line",
        "pool",
    )


def _task_row(context: Context, name: str, line: TaskLine, widest: float, scale: Scale) -> Row:
    unit = context.units[name]
    place = unit.place
    low, high = sorted((place(line.low), place(line.high)))
    target = None if line.target is None else place(line.target)
    picture = interval_cell(scale, (place(line.expected), low, high), "task", since=place(line.now), target=target)
    scores = (
        Cell(unit.show(line.now)),
        Cell(unit.show(line.expected), live="expected"),
        Cell(context.numbers.interval(unit.show(line.low), unit.show(line.high)), live="range"),
        Cell(picture=picture),
        _target(context, name, line),
    )
    rest = (Cell(_held(context, line.binding), once=True), Cell(task_gain(context, name, line), once=True))
    cells = (*_money_cells(context, name, line, widest, "task"), *scores, *rest)
    return Row(cells, "line", "task")


def _target(context: Context, name: str, line: TaskLine) -> Cell:
    if line.target is None:
        return Cell("")
    chance = "" if line.target_probability is None else context.numbers.probability(line.target_probability)
    return Cell(context.units[name].show(line.target), note=chance, passing=True)


def _held(context: Context, binding: tuple[str, ...]) -> str:
    return ", ".join(limit_name(context, key) for key in binding)


def task_gain(context: Context, name: str, line: TaskLine) -> str:
    """The rise of the task's own score for one more step of money, + is better."""
    unit = context.units[name]
    size = abs(unit.best - unit.worst)
    if abs(line.next_gain) < 1e-6 * size:
        return "0"
    return context.numbers.gain(-line.next_gain if unit.minimised else line.next_gain)


def _total(context: Context) -> Row:
    plan, n, scores = context.plan, context.numbers, context.scores
    lines = lines_of(plan).values()
    note = "allocation.scores_points" if scores.points else "allocation.scores_mean"
    cells = (
        Cell(context.say("allocation.total"), note=context.say(note, metric=scores.unit.per)),
        Cell(n.count(sum(line.owned for line in lines if not on_others(line)))),
        Cell(n.count(sum(line.buy for line in lines)), live="buy"),
        Cell(context.cost(plan.cost), live="cost"),
        Cell(n.percent(1.0, 1) if plan.cost else n.percent(0.0, 1), live="share"),
        Cell(),
        Cell(scores.plain(plan.now.expected)),
        Cell(scores.plain(plan.score.expected), live="expected"),
        Cell(scores.interval(plan.score), live="range"),
        Cell(),
        Cell(),
        Cell(),
        Cell(scores.step(plan.next_money.gain), once=True),
    )
    return Row(cells, "total", "total")


def why_nothing(context: Context, name: str) -> str:
    """Why a task gets no labels of its own."""
    plan, line = context.plan, context.plan.tasks[name]
    scores, own = context.scores, plan_gain(plan, name)
    known = decision.Refusal(
        context.step,
        scores.step(own),
        scores.step(plan.next_money.gain),
        own > plan.next_money.gain,
        tuple(limit_name(context, key) for key in line.binding),
        tuple(limit_text(context, limit) for limit in plan.limits if _binds(limit)),
        other_goal(context),
        line.trust != "PASS",
        plan.budget == 0,
    )
    return decision.none_bought(context.say, context.names[name].said, known)


def other_goal(context: Context) -> str:
    """The goal in words, where it is another than the mean score."""
    plan = context.plan
    if plan.goal == "mean" and plan.risk == 0:
        return ""
    return outlook.goal(context.say, plan.goal, plan.risk, context.numbers.percent(plan.risk))


def _limits(context: Context) -> Table | None:
    """What the brief asks for beyond single lines: how much of it is used, and what one unit more would bring."""
    limits, n, head = context.plan.limits, context.numbers, partial(_head, context)
    if not limits:
        return None
    loose = context.say("allocation.not_binding")
    columns = (
        Column("", "text"),
        Column(head("used")),
        Column(head("limit")),
        Column(head("one_more"), note=head("counted")),
    )
    rows = tuple(
        Row(
            (
                Cell(limit_text(context, limit)),
                Cell(n.whole(round(limit.used, 2))),
                Cell(n.whole(round(limit.limit, 2))),
                Cell(n.gain(limit.price) if _binds(limit) else loose),
            )
        )
        for limit in limits
    )
    return Table(context.say("allocation.limits"), columns, rows)


def _binds(limit: Limit) -> bool:
    return abs(limit.used - limit.limit) <= 1e-9 * max(abs(limit.limit), 1.0)


def limit_text(context: Context, limit: Limit) -> str:
    """A limit of the brief as the brief says it."""
    return clean(context.say.translated(limit.text or limit.key))
