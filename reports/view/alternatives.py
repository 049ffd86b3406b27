"""The alternatives at the same spend: a forest plot inside a table, so that intervals stand beside numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from budget.plan import Baseline, Score
from reports.charts.scale import Scale
from reports.charts.svg import interval_cell
from reports.view.allocation import other_goal
from reports.view.parts import Cell, Column, Context, Heading, Row, Table, cells, lines_of, on_others
from reports.view.verdict import baseline_name, broken, repaired
from reports.wording import decision


@dataclass(frozen=True)
class Alternatives:
    heading: Heading
    table: Table
    axis: str
    detail: Table | None  # what each alternative buys


def alternatives_of(context: Context) -> Alternatives:
    baselines = context.plan.baselines
    better = sum(baseline.gain.low > 0 for baseline in baselines.values())
    say = context.say
    headline = decision.alternatives_headline(say, better, len(baselines))
    spent = [baseline for baseline in baselines.values() if same_spend(context, baseline)]
    gains = [baseline.gain for baseline in spent or baselines.values()]
    decimals = context.scores.fine(*(end for gain in gains for end in (gain.expected, gain.high - gain.low)))
    scale = difference_scale(gains)
    names = sorted(baselines, key=lambda name: (baselines[name].gain.expected, name))
    rows = tuple(_row(context, name, baselines[name], scale, decimals) for name in names)
    columns = (
        Column("", "text"),
        Column(say("allocation.column.cost"), note=context.numbers.currency),
        Column(say("alternatives.column.score"), note=context.per),
        Column(say("alternatives.column.better"), note=context.per),
        Column(say("allocation.column.range"), note=context.level),
        Column("", "picture", note=say("alternatives.column.picture")),
        Column(say("alternatives.column.probability"), note=say("alternatives.column.as_good")),
    )
    ahead = [baseline for baseline in baselines.values() if baseline.gain.high < 0]
    breaking = sum(bool(baseline.breaks) for baseline in baselines.values())
    allowed = sum(not baseline.breaks for baseline in ahead)
    lead = decision.alternatives_lead(say, breaking, len(ahead), allowed, other_goal(context))
    low, high = context.scores.change(scale.low), context.scores.change(scale.high)
    return Alternatives(
        Heading("alternatives", say("alternatives.label"), headline, (lead,) if rows else ()),
        Table(say("alternatives.caption"), columns, rows),
        say("alternatives.axis", low=low, high=high),
        _purchases(context, names) if rows else None,
    )


def same_spend(context: Context, baseline: Baseline) -> bool:
    """Does it spend money of the plan's size? Buying nothing does not, and may lie beyond the axis."""
    return baseline.cost > context.plan.cost / 2


def difference_scale(gains: Iterable[Score]) -> Scale:
    """One axis for every difference, with zero in it."""
    values = [0.0, *(end for gain in gains for end in (gain.low, gain.high))]
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or 0.01
    return Scale(low - air, high + air)


def _row(context: Context, name: str, baseline: Baseline, scale: Scale, decimals: int) -> Row:
    gain, scores = baseline.gain, context.scores
    style = "good" if gain.low > 0 else "bad" if gain.high < 0 else "even"
    return Row(
        (
            Cell(baseline_name(context, name), note=broken(context, baseline) or repaired(context, baseline)),
            Cell(context.numbers.plain(baseline.cost, context.cents)),
            Cell(scores.plain(baseline.score.expected, decimals)),
            Cell(scores.change(gain.expected, decimals)),
            Cell(scores.changes(gain, decimals)),
            Cell(picture=interval_cell(scale, (gain.expected, gain.low, gain.high), style)),
            Cell(context.numbers.probability(baseline.beaten_probability)),
        )
    )


def _purchases(context: Context, names: list[str]) -> Table:
    """What each alternative buys, beside the plan."""
    plan, n = context.plan, context.numbers
    lines = {name: line for name, line in lines_of(plan).items() if not on_others(line)}
    rows = tuple(
        Row(
            cells(
                context.names[line],
                n.count(lines[line].buy),
                *(n.count(plan.baselines[name].buy.get(line, 0)) for name in names),
            )
        )
        for line in lines
    )
    others = (Column(baseline_name(context, name).said) for name in names)
    columns = (Column("", "text"), Column(context.say("alternatives.column.plan")), *others)
    return Table(context.say("alternatives.detail"), columns, rows)
