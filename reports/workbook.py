"""The plan as an Excel workbook: its tables as numbers, with sums and shares as formulas that a reader can follow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from budget.errors import LabelBudgetError
from budget.plan import Plan
from reports.view import view_of
from reports.view.frontier import solved
from reports.view.parts import clean, lines_of, money_on

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MONEY, WHOLE, SHARE, SCORE = "#,##0.00", "#,##0", "0.0%", "0.0000"


class NoWorkbooks(LabelBudgetError):
    """The library that writes workbooks is not installed."""


def to_xlsx(plan: Plan) -> bytes:
    """Sheets Allocation, Alternatives, Frontier and Provenance. Raises NoWorkbooks without openpyxl."""
    try:
        from openpyxl import Workbook
    except ImportError:
        raise NoWorkbooks("a workbook needs openpyxl; try: pip install 'labelbudget[xlsx]'") from None
    book = Workbook()
    first = book.active
    first.title = "Allocation"
    _allocation(first, plan)
    _alternatives(book.create_sheet("Alternatives"), plan)
    _frontier(book.create_sheet("Frontier"), plan)
    sheet = book.create_sheet("Provenance")
    for pair in view_of(plan).method.provenance:
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


def _allocation(sheet: Worksheet, plan: Plan) -> None:
    from openpyxl.styles import Font

    money = plan.currency
    columns = ["", "kind", "owned", "buy", "labels", f"cost, {money}", "share of spend", "metric", "now", "expected"]
    _head(sheet, plan.title, [*columns, "low", "high", "target", "probability", "held by", "trust"])
    last = 2 + len(lines_of(plan))
    formats = ["", "", WHOLE, WHOLE, WHOLE, MONEY, SHARE, "", *[SCORE] * 5, SHARE]
    for number, (name, line) in enumerate(lines_of(plan).items(), start=3):
        share = f"=IF(F${last + 1}=0,0,F{number}/F${last + 1})"
        bought = [line.owned, line.buy, f"=C{number}+D{number}", line.cost, share]
        task = plan.tasks.get(name)
        scores: list[Any] = ["", *[None] * 6]
        if task:
            expected = [task.now, task.expected, task.low, task.high]
            scores = [task.metric, *expected, task.target, task.target_probability]
        row = [name, "task" if task else "pool", *bought, *scores, ", ".join(line.binding), task.trust if task else ""]
        _row(sheet, row, formats, formulas=(4, 6))
    sums = [f"=SUM({column}3:{column}{last})" for column in "CDEFG"]
    _row(sheet, ["Total", "", *sums], formats, formulas=range(2, 7))
    for cell in sheet[last + 1]:
        cell.font = Font(bold=True)
    for words, value in (("Budget", plan.budget), ("Unspent", f"=F{last + 2}-F{last + 1}")):
        _row(sheet, [words, "", None, None, None, value], formats, formulas=(5,))
    _widths(sheet)


def _alternatives(sheet: Worksheet, plan: Plan) -> None:
    """Scores as places between worst (0) and best (1); the difference is a formula against the plan's own."""
    columns = ["", f"cost, {plan.currency}", "score", "plan better by", "low", "high", "probability"]
    _head(sheet, "Alternatives at the same spend", columns)
    formats = ["", MONEY, *[SCORE] * 4, SHARE]
    _row(sheet, ["this plan", plan.cost, plan.score.expected], formats)
    for number, (name, other) in enumerate(plan.baselines.items(), start=4):
        values = [name, other.cost, other.score.expected, f"=C$3-C{number}", other.gain.low, other.gain.high]
        _row(sheet, [*values, other.beaten_probability], formats, formulas=(3,))
    _widths(sheet)


def _frontier(sheet: Worksheet, plan: Plan) -> None:
    names = list(lines_of(plan))
    money = plan.currency
    heads = [f"budget, {money}", f"cost, {money}", "score", "low", "high", f"on shared labels, {money}"]
    _head(sheet, "The best score for each budget", [*heads, *(f"buy {name}" for name in names)])
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
