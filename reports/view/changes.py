"""What would change the plan: each assumption moved, the plan solved again, and how much of the money moves with it."""

from __future__ import annotations

from dataclasses import dataclass

from budget.plan import Sensitivity
from reports.charts.scale import Scale
from reports.charts.svg import tornado_cell
from reports.view.parts import Cell, Column, Context, Heading, Row, Table, cells, clean, lines_of, name_of
from reports.wording import decision, outlook

SHOWN = 12


@dataclass(frozen=True)
class Changes:
    heading: Heading
    table: Table | None
    axis: str
    omitted: str
    firm: Table | None  # how far each order could move


def changes_of(context: Context) -> Changes:
    moved = sorted(
        context.plan.sensitivity, key=lambda line: (-largest_move(line), -_width(line), line.name, line.what)
    )
    n = context.numbers
    top = moved[0] if moved else None
    headline = outlook.changes_headline(
        largest_move(top) if top else 0.0,
        n.percent(largest_move(top)) if top else "",
        what(top) if top else "",
        len(moved),
    )
    heading = Heading("changes", "What would change the plan", headline)
    if not moved:
        return Changes(heading, None, "", "", firmness(context))
    plan = context.plan.score.expected
    ends = [end - plan for line in moved for end in (line.low_score, line.high_score)]
    reach = max((abs(end) for end in ends), default=0.0) * 1.1 or 0.01
    scale = Scale(-reach, reach)
    decimals = context.scores.fine(reach)
    rows = tuple(_row(context, line, scale, decimals) for line in moved[:SHOWN])
    columns = (
        Column("Assumption", "text"),
        Column("Low", "text"),
        Column("Score changes by", note=context.scores.unit.per),
        Column("", "picture", note="change of the score"),
        Column("High", "text"),
        Column("Score changes by", note=context.scores.unit.per),
        Column("Money that moves", note="low; high"),
    )
    omitted = (
        outlook.omitted_changes(len(moved) - SHOWN, n.percent(largest_move(moved[SHOWN]))) if len(moved) > SHOWN else ""
    )
    axis = decision.difference_axis(context.scores.change(-reach, decimals), context.scores.change(reach, decimals))
    table = Table("The plan solved again with one assumption moved", columns, rows)
    return Changes(heading, table, f"{axis} {outlook.VARIED_NOTE}", omitted, firmness(context))


def firmness(context: Context) -> Table | None:
    """Per line, the orders of the best plans over the draws, and those of plans nearly as good as this one."""
    lines, n = lines_of(context.plan), context.numbers
    if not any(line.band or line.could_be for line in lines.values()):
        return None

    def span(band: tuple[int, int] | None) -> str:
        return outlook.span(n.count(band[0]), n.count(band[1])) if band else ""

    rows = tuple(
        Row(cells(context.names[name], n.count(line.buy), span(line.band), span(line.could_be)))
        for name, line in lines.items()
    )
    columns = (
        Column("", "text"),
        Column("Buy"),
        Column("Best orders", note="in four of five draws"),
        Column("Nearly as good", note="within 0.1 points"),
    )
    return Table("How firm each order is", columns, rows).without_empty()


def what(line: Sensitivity) -> str:
    """The assumption in words: `price of a label of detection`."""
    return outlook.assumption(line.what, name_of(line.name).said)


def largest_move(line: Sensitivity) -> float:
    return max(line.low_moved, line.high_moved)


def _width(line: Sensitivity) -> float:
    return abs(line.high_score - line.low_score)


def _row(context: Context, line: Sensitivity, scale: Scale, decimals: int) -> Row:
    n, scores = context.numbers, context.scores
    plan = context.plan.score.expected
    return Row(
        (
            Cell(what(line)),
            Cell(clean(line.low_value)),
            Cell(scores.change(line.low_score - plan, decimals)),
            Cell(picture=tornado_cell(scale, line.low_score - plan, line.high_score - plan)),
            Cell(clean(line.high_value)),
            Cell(scores.change(line.high_score - plan, decimals)),
            Cell(f"{n.percent(line.low_moved)}; {n.percent(line.high_moved)}"),
        )
    )
