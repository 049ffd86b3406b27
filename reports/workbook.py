"""The plan as an Excel workbook: its tables as numbers, with sums and shares as formulas that a reader can follow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from budget.errors import LabelBudgetError
from budget.plan import Plan
from reports.language import Language
from reports.view import view_of
from reports.view.frontier import solved
from reports.view.parts import Context, clean, context_of, limit_name, lines_of, money_on, on_others
from reports.view.verdict import baseline_name

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MONEY, WHOLE, SHARE, SCORE = "#,##0.00", "#,##0", "0.0%", "0.0000"


class NoWorkbooks(LabelBudgetError):
    """The library that writes workbooks is not installed."""


def to_xlsx(plan: Plan, language: str = "en") -> bytes:
    """Sheets Allocation, Alternatives, Frontier and Provenance, in this language.

    Raises NoWorkbooks without openpyxl.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise NoWorkbooks("a workbook needs openpyxl; try: pip install 'labelbudget[xlsx]'") from None
    book, context = Workbook(), context_of(plan, language)
    say = context.say
    first = book.active
    first.title = say("workbook.allocation")
    _allocation(first, context)
    _alternatives(book.create_sheet(say("workbook.alternatives")), context)
    _frontier(book.create_sheet(say("workbook.frontier")), context)
    sheet = book.create_sheet(say("workbook.provenance"))
    for pair in view_of(plan, language).method.provenance:
        _row(sheet, list(pair), [])
    _widths(sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _row(sheet: Worksheet, values: Sequence[Any], formats: Sequence[str], formulas: Sequence[int] = ()) -> None:
    """One row under the last. Text is text even where it begins like a formula, except at the places in `formulas`."""
    row = sheet.max_row + 1 if sheet.cell(1, 1).value is not None or sheet.max_row > 1 else 1
    for place, value in enumerate(values):
        cell = sheet.cell(row, place + 1, clean(value) if isinstance(value, str) else value)
        if isinstance(value, str) and place not in formulas:
            cell.data_type = "s"
        if place < len(formats):
            cell.number_format = formats[place]


def _head(sheet: Worksheet, title: str, columns: Sequence[str]) -> None:
    """The title, and a head that stays in sight."""
    from openpyxl.styles import Font

    _row(sheet, [title], [])
    _row(sheet, columns, [])
    for row in (1, 2):
        for cell in sheet[row]:
            cell.font = Font(bold=True)
    sheet.freeze_panes = "B3"


LINE = ("kind", "owned", "buy", "labels", "cost", "share", "metric", "now", "expected", "low", "high", "target")


def _columns(say: Language, plan: Plan, keys: Sequence[str]) -> list[str]:
    """The heads of these columns, after that of the names."""
    return ["", *(say(f"workbook.{key}", currency=plan.currency) for key in keys)]


def _allocation(sheet: Worksheet, context: Context) -> None:
    from openpyxl.styles import Font

    plan, say = context.plan, context.say
    _head(sheet, plan.title, _columns(say, plan, (*LINE, "probability", "held", "trust")))
    last = 2 + len(lines_of(plan))
    formats = ["", "", WHOLE, WHOLE, WHOLE, MONEY, SHARE, "", *[SCORE] * 5, SHARE]
    for number, (name, line) in enumerate(lines_of(plan).items(), start=3):
        share = f"=IF(F${last + 1}=0,0,F{number}/F${last + 1})"
        labels = [line.owned, line.buy, f"=C{number}+D{number}"]
        bought = [*([None] * 3 if on_others(line) else labels), line.cost, share]
        task = plan.tasks.get(name)
        scores: list[Any] = ["", *[None] * 6]
        if task:
            expected = [task.now, task.expected, task.low, task.high]
            scores = [task.metric, *expected, task.target, task.target_probability]
        held = ", ".join(limit_name(context, key) for key in line.binding)
        trust = say(f"workbook.status.{task.trust}") if task else ""
        row = [name, say("workbook.task" if task else "workbook.pool"), *bought, *scores, held, trust]
        _row(sheet, row, formats, formulas=(4, 6))
    sums = [f"=SUM({column}3:{column}{last})" for column in "CDEFG"]
    _row(sheet, [say("workbook.total"), "", *sums], formats, formulas=range(2, 7))
    for cell in sheet[last + 1]:
        cell.font = Font(bold=True)
    for key, value in (("budget", plan.budget), ("unspent", f"=F{last + 2}-F{last + 1}")):
        _row(sheet, [say(f"workbook.{key}"), "", None, None, None, value], formats, formulas=(5,))
    _widths(sheet)


def _alternatives(sheet: Worksheet, context: Context) -> None:
    """Scores as places between worst (0) and best (1); the difference is a formula against the plan's own."""
    plan, say = context.plan, context.say
    columns = _columns(say, plan, ("cost", "score", "better", "low", "high", "probability"))
    _head(sheet, say("workbook.same_spend"), columns)
    formats = ["", MONEY, *[SCORE] * 4, SHARE]
    _row(sheet, [say("workbook.this_plan"), plan.cost, plan.score.expected], formats)
    for number, (name, other) in enumerate(plan.baselines.items(), start=4):
        values = [
            baseline_name(context, name).whole,
            other.cost,
            other.score.expected,
            f"=C$3-C{number}",
            other.gain.low,
            other.gain.high,
        ]
        _row(sheet, [*values, other.beaten_probability], formats, formulas=(3,))
    _widths(sheet)


def _frontier(sheet: Worksheet, context: Context) -> None:
    plan, say = context.plan, context.say
    names = list(lines_of(plan))
    heads = _columns(say, plan, ("budget_in", "cost", "score", "low", "high", "on_shared"))[1:]
    _head(sheet, say("workbook.each_budget"), [*heads, *(say("workbook.buy_name", name=name) for name in names)])
    for point in solved(plan):
        shared = money_on(point.costs, plan.pools)
        values = [point.budget, point.cost, point.score.expected, point.score.low, point.score.high, shared]
        formats = [MONEY, MONEY, SCORE, SCORE, SCORE, MONEY, *[WHOLE] * len(names)]
        _row(sheet, [*values, *(point.buy.get(name, 0) for name in names)], formats)
    _widths(sheet)


def _widths(sheet: Worksheet) -> None:
    """Columns as wide as what stands in them under the title, within reason."""
    from openpyxl.utils import get_column_letter

    for number, column in enumerate(sheet.iter_cols(min_row=2), start=1):
        longest = max((len(str(cell.value)) for cell in column if cell.value is not None), default=0)
        sheet.column_dimensions[get_column_letter(number)].width = min(max(10, longest + 2), 48)
