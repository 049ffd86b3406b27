"""Shared or specific: the score against the share spent on pools, and what the pools bring to each task."""

from __future__ import annotations

from dataclasses import dataclass

from budget.plan import Plan, SharePoint
from reports.charts.scale import Scale, even_scale
from reports.charts.svg import Axis, Band, Chart, Line, Mark, draw
from reports.view.frontier import here
from reports.view.parts import Cell, Column, Context, Figure, Heading, Row, Table, cells, money_on, ticks
from reports.wording import outlook

POINT = 0.01  # of the way from worst to best


@dataclass(frozen=True)
class Shared:
    heading: Heading
    figure: Figure | None
    sentences: tuple[str, ...]
    brings: Table | None
    fading: str  # what the columns on fading mean


def shared_of(context: Context) -> Shared:
    plan, n, say = context.plan, context.numbers, context.say
    share = shared_share(context)
    headline = outlook.shared_headline(say, n.percent(share), share, len(plan.pools))
    heading = Heading("shared", say("shared.label"), headline)
    points = best_by_share(plan)
    if not plan.pools or len(points) < 2:
        return Shared(heading, None, (), _brings(context), say("shared.fading"))
    columns = (
        Column(say("shared.column")),
        Column(say("allocation.column.cost"), note=n.currency),
        Column(say("alternatives.column.score"), note=context.per),
        Column(say("allocation.column.range"), note=context.level),
    )
    rows = tuple(
        Row(
            cells(
                n.percent(p.share, 1),
                context.cost(p.cost),
                context.scores.plain(p.score.expected),
                context.scores.interval(p.score),
            )
        )
        for p in points
    )
    chart = shares_chart(context, points)
    figure = Figure(chart.title, draw(chart), Table(say("shared.caption"), columns, rows))
    return Shared(heading, figure, _flat(context, points), _brings(context), say("shared.fading"))


def best_by_share(plan: Plan) -> list[SharePoint]:
    """The solved splits by rising share, the best one where several spend the same share."""
    best: dict[float, SharePoint] = {}
    for point in sorted(plan.shares, key=lambda point: point.score.expected):
        best[round(point.share, 4)] = point
    return sorted(best.values(), key=lambda point: point.share)


def shared_share(context: Context) -> float:
    """The share of the spend that goes to pools."""
    plan = context.plan
    return spent_on_pools(plan) / plan.cost if plan.cost else 0.0


def spent_on_pools(plan: Plan) -> float:
    return money_on({name: line.cost for name, line in plan.pools.items()}, plan.pools)


def shares_chart(context: Context, points: list[SharePoint]) -> Chart:
    plan, n, value, say = context.plan, context.numbers, context.scores.value, context.say
    y = even_scale([value(end) for point in points for end in (point.score.low, point.score.high)])
    x = Scale(0.0, 1.0)
    first, last = points[0], points[-1]
    return Chart(
        "shares-chart",
        say("shared.title"),
        say(
            "shared.description",
            first=n.percent(first.share),
            first_score=context.scores.show(first.score.expected),
            last=n.percent(last.share),
            last_score=context.scores.show(last.score.expected),
        ),
        Axis(x, say("shared.x"), ticks((0.0, 0.25, 0.5, 0.75, 1.0), n.percent)),
        Axis(
            y,
            outlook.y_title(say, context.scores.unit.noun, context.scores.unit.minimised),
            ticks(y.ticks(5), n.compact),
        ),
        height=280,
        bands=(Band(tuple((p.share, value(p.score.low), value(p.score.high)) for p in points), "pool"),),
        lines=(Line(tuple((p.share, value(p.score.expected)) for p in points), "pool"),),
        marks=(
            *(Mark(p.share, value(p.score.expected), "solved pool") for p in points),
            Mark(
                spent_on_pools(plan) / (here(plan) or 1.0),
                value(plan.score.expected),
                "chosen",
                say("page.this_plan"),
                above=True,
            ),
        ),
    )


def _flat(context: Context, points: list[SharePoint]) -> tuple[str, ...]:
    """Between which shares the choice costs less than a point, and what the two extremes cost."""
    plan, n, scores, say = context.plan, context.numbers, context.scores, context.say
    near = [point.share for point in points if point.score.expected > plan.score.expected - POINT]
    ends = [
        say("shared.end", share=n.percent(p.share), score=scores.show(p.score.expected))
        for p in (points[0], points[-1])
    ]
    flat = (
        say("shared.flat", low=n.percent(min(near)), high=n.percent(max(near)), size=_point(context))
        if len(near) > 1
        else ""
    )
    return tuple(sentence for sentence in (flat, " ".join(ends)) if sentence)


def _point(context: Context) -> str:
    return context.say("shared.one_point") if context.scores.points else context.scores.size(POINT)


def _brings(context: Context) -> Table | None:
    """Per task, what each pool that is bought brings at the planned labels, and where that fades."""
    plan = context.plan
    pools = [name for name, line in plan.pools.items() if line.brings]
    if not pools:
        return None
    columns = [Column("", "text")]
    for pool in pools:
        short = context.names[pool].said
        brings = context.say("shared.pool_brings", pool=short)
        columns += [Column(brings, note=context.level), Column(context.say("shared.fades"), "text", note=short)]
    rows = tuple(Row((Cell(context.names[task]), *_pool_cells(context, task, pools))) for task in plan.tasks)
    return Table(context.say("shared.brings"), tuple(columns), rows).without_empty()


def _pool_cells(context: Context, task: str, pools: list[str]) -> tuple[Cell, ...]:
    unit, found = context.units[task], []
    for pool in pools:
        brings = context.plan.pools[pool].brings.get(task)
        if brings is None:
            found += [Cell(""), Cell("")]
            continue
        ends = (brings.high, brings.low) if unit.minimised else (brings.low, brings.high)
        interval = context.numbers.interval(*map(unit.better, ends))
        found += [Cell(unit.better(brings.expected), note=interval), Cell(_fades(context, task, pool))]
    return tuple(found)


def _fades(context: Context, task: str, pool: str) -> str:
    evidence = context.plan.evidence.get(task)
    if evidence is None or pool not in evidence.fades_at:
        return ""
    labels = evidence.fades_at[pool]
    if labels is None:
        return context.say("shared.not_within")
    return context.say("shared.beyond", labels=context.numbers.count(float(f"{labels:.2g}")))
