"""What would change the plan: each assumption moved, the plan solved again, and how much of the money moves with it."""

from __future__ import annotations

from dataclasses import dataclass

from budget.plan import Sensitivity
from reports.charts.scale import Scale
from reports.charts.svg import tornado_cell
from reports.view.parts import Cell, Column, Context, Heading, Row, Table, cells, clean, lines_of, name_of, on_others
from reports.view.pilots import Pilots, pilots_of
from reports.wording import outlook

SHOWN = 12
FACTORS = ("weight", "surface")  # assumptions whose value is a factor and no money


@dataclass(frozen=True)
class Changes:
    heading: Heading
    table: Table | None
    axis: str
    omitted: str
    firm: Table | None  # how far each order could move
    pilots: Pilots | None


def changes_of(context: Context) -> Changes:
    moved = sorted(
        context.plan.sensitivity, key=lambda line: (-largest_move(line), -_width(line), line.name, line.what)
    )
    n, say = context.numbers, context.say
    top = moved[0] if moved else None
    headline = outlook.changes_headline(
        say,
        largest_move(top) if top else 0.0,
        n.percent(largest_move(top)) if top else "",
        what(context, top) if top else "",
        len(moved),
    )
    heading = Heading("changes", say("changes.label"), headline)
    if not moved:
        return Changes(heading, None, "", "", firmness(context), pilots_of(context))
    plan = context.plan.score.expected
    ends = [end - plan for line in moved for end in (line.low_score, line.high_score)]
    reach = max((abs(end) for end in ends), default=0.0) * 1.1 or 0.01
    scale = Scale(-reach, reach)
    decimals = context.scores.fine(reach)
    rows = tuple(_row(context, line, scale, decimals) for line in moved[:SHOWN])
    columns = (
        Column(say("changes.column.assumption"), "text"),
        Column(say("changes.column.low"), "text"),
        Column(say("changes.column.changes"), note=context.per),
        Column("", "picture", note=say("changes.column.picture")),
        Column(say("changes.column.high"), "text"),
        Column(say("changes.column.changes"), note=context.per),
        Column(say("changes.column.money"), note=say("changes.column.low_high")),
    )
    left = moved[SHOWN:]
    omitted = say("changes.omitted", len(left), share=n.percent(largest_move(left[0]))) if left else ""
    low, high = context.scores.change(-reach, decimals), context.scores.change(reach, decimals)
    axis = f"{say('alternatives.axis', low=low, high=high)} {say('changes.varied_note')}"
    table = Table(say("changes.caption"), columns, rows)
    return Changes(heading, table, axis, omitted, firmness(context), pilots_of(context))


def firmness(context: Context) -> Table | None:
    """Per line, the orders of the best plans over the draws, and those of plans nearly as good as this one."""
    n, say = context.numbers, context.say
    lines = {name: line for name, line in lines_of(context.plan).items() if not on_others(line)}
    if not any(line.band or line.could_be for line in lines.values()):
        return None

    def span(band: tuple[int, int] | None) -> str:
        return outlook.span(say, n.count(band[0]), n.count(band[1])) if band else ""

    rows = tuple(
        Row(cells(context.names[name], n.count(line.buy), span(line.band), span(line.could_be)))
        for name, line in lines.items()
    )
    columns = (
        Column("", "text"),
        Column(say("allocation.column.buy")),
        Column(say("changes.column.best"), note=say("changes.column.draws")),
        Column(say("changes.column.nearly"), note=outlook.within(say, context.plan.certificate.of)),
    )
    return Table(say("changes.firmness"), columns, rows).without_empty()


def what(context: Context, line: Sensitivity) -> str:
    """The assumption in words: `price of a label of detection`."""
    return context.say(f"changes.varied.{line.what}", name=name_of(line.name).said)


def value(context: Context, line: Sensitivity, text: str) -> str:
    """A value of an assumption, which the plan holds as text, written as the page writes numbers."""
    try:
        number = float(text)
    except ValueError:
        return clean(text)
    n = context.numbers
    return n.times(number) if line.what in FACTORS else n.with_currency(n.whole(number))


def largest_move(line: Sensitivity) -> float:
    return max(line.low_moved, line.high_moved)


def _width(line: Sensitivity) -> float:
    return abs(line.high_score - line.low_score)


def _row(context: Context, line: Sensitivity, scale: Scale, decimals: int) -> Row:
    n, scores = context.numbers, context.scores
    plan = context.plan.score.expected
    return Row(
        (
            Cell(what(context, line)),
            Cell(value(context, line, line.low_value)),
            Cell(scores.change(line.low_score - plan, decimals)),
            Cell(picture=tornado_cell(scale, line.low_score - plan, line.high_score - plan)),
            Cell(value(context, line, line.high_value)),
            Cell(scores.change(line.high_score - plan, decimals)),
            Cell(f"{n.percent(line.low_moved)}; {n.percent(line.high_moved)}"),
        )
    )
