"""Checks a table of measurements, column by column, and gives it back in its types and in canonical order.

It never guesses a value: a cell that cannot be read is a fault with its row and column, and all faults come at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from budget.brief_checks import NAME_ALLOWED, is_name
from budget.errors import Fault, InvalidInput
from budget.measurements import MOST_SHOWN, POOL, REQUIRED
from budget.messages import nearest, number_hint, shown
from budget.run_table import Column, RunTable

OPTIONAL = ("strategy", "annotators", "mode", "backbone", "test_size", "seconds", "device", "run", "started")
MODES = ("finetune", "frozen", "scratch")
MOST = 10**12
EMPTY = ("", "nan", "na", "n/a", "null", "none")  # what tools write for a number that is missing
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


def checked(columns: Sequence[tuple[object, Column]], rows: Sequence[int], source: str) -> RunTable:
    """The canonical table. `columns`: names and cells, these numbers or any objects; `rows`: the number of each row in
    its source. Raises InvalidInput."""
    reader = _Reader(columns, rows, source)
    pools = reader.check_columns()
    table: dict[str, Column] = {"task": reader.names("task")}
    table["labels"] = reader.whole("labels", least=0)
    table["seed"] = reader.whole("seed", least=-MOST)
    table["score"] = reader.numbers("score", least=-np.inf)
    table |= {pool: reader.whole(pool, least=0, default=0) for pool in pools}
    table["strategy"] = reader.names("strategy", default="random")
    table["annotators"] = reader.whole("annotators", least=1, default=1)
    table["mode"] = reader.names("mode", default="finetune", options=MODES)
    table["backbone"] = reader.text("backbone")
    table["test_size"] = reader.numbers("test_size", least=1)
    if "seconds" in reader.columns:
        table["seconds"] = reader.numbers("seconds", least=0)
    table |= {column: reader.text(column) for column in ("device", "run", "started") if column in reader.columns}
    reader.stop_if_faulty()
    key = ["task", "labels", *pools, "strategy", "annotators", "mode", "backbone", "seed"]
    runs = list(zip(*(table[name].tolist() for name in key), strict=True))
    failed, score = np.isnan(table["score"]).tolist(), table["score"].tolist()
    reader.check_repeats(runs, failed, key)
    reader.stop_if_faulty()
    order = sorted(range(len(runs)), key=lambda row: (runs[row], failed[row], 0.0 if failed[row] else score[row]))
    return RunTable(table).take(np.array(order))


def _missing(cell: object) -> bool:
    """None and nan."""
    return cell is None or bool(isinstance(cell, Real | Decimal) and cell != cell)


def _number(cell: object) -> float:
    """The number that a cell is; nan where it is none, or too large."""
    if isinstance(cell, str) and not NUMBER.fullmatch(cell):
        return np.nan
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, str | Real | Decimal):
        return np.nan
    try:
        return float(cell)
    except (OverflowError, ValueError):
        return np.nan


class _Reader:
    """One table being read, with the faults found so far. A column that is absent reads as its default."""

    def __init__(self, columns: Sequence[tuple[object, Column]], rows: Sequence[int], source: str) -> None:
        self.headers = [name for name, _ in columns]
        self.columns = dict(columns)
        self.rows = rows
        self.source = source
        self.faults: list[Fault] = []

    def stop_if_faulty(self) -> None:
        if self.faults:
            raise InvalidInput(tuple(self.faults))

    def check_columns(self) -> list[str]:
        """The pool columns, sorted. Raises InvalidInput at once if the columns are not the right ones."""
        names = self.headers
        known = (*REQUIRED, *OPTIONAL)
        pools = sorted({str(name) for name in names if str(name).startswith(POOL)})
        place = f"{self.source}: header" if self.source else "header"
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                self.faults.append(Fault(place, shown(name), "this column more than once", "each column once"))
            elif str(name).startswith(POOL):
                if not is_name(str(name).removeprefix(POOL)):
                    self.faults.append(Fault(place, shown(name), "this name of a pool", NAME_ALLOWED))
            elif name not in known:
                hint = nearest(str(name), (*known, POOL + str(name)[4:].lstrip("_ :-"))) or "remove the column"
                allowed = f"one of {', '.join(known)}, {POOL}NAME"
                self.faults.append(Fault(place, shown(name), "an unknown column", allowed, hint))
        for name in REQUIRED:
            if name not in names:
                self.faults.append(Fault(place, name, "no such column", f"the columns {', '.join(REQUIRED)}"))
        if not self.rows:
            self.faults.append(Fault(self.source, "", "no rows", "at least one run"))
        self.stop_if_faulty()
        return pools

    def whole(self, column: str, least: int, default: int | None = None) -> NDArray[np.int64]:
        if column not in self.columns:
            return np.full(len(self.rows), default, dtype=np.int64)
        numbers, blank, read = self._numbers(column)
        bad = ~blank & ~(read & (numbers == np.floor(numbers)) & (numbers >= least) & (numbers <= MOST))
        bad |= blank if default is None else False
        self._refuse(column, bad, f"a whole number from {least} to {MOST}")
        return np.where(bad | blank, default or 0, numbers).astype(np.int64)

    def numbers(self, column: str, least: float) -> NDArray[np.float64]:
        """Numbers of which any may be missing: NaN."""
        if column not in self.columns:
            return np.full(len(self.rows), np.nan)
        numbers, blank, read = self._numbers(column)
        bad = ~blank & ~(read & (numbers >= least))
        self._refuse(column, bad, "a number" + (f" from {least:g}" if np.isfinite(least) else "") + ", or empty")
        return np.where(blank, np.nan, numbers) + 0.0

    def names(self, column: str, default: str | None = None, options: tuple[str, ...] = ()) -> NDArray[np.object_]:
        if column not in self.columns:
            return np.full(len(self.rows), default, dtype=object)
        cells = self.columns[column].astype(object)
        texts = {each for each in cells if isinstance(each, str)}
        good = {each for each in texts if (each in options if options else is_name(each))}
        blank = self._blank(cells, ("",)) if default is not None else np.zeros(len(cells), dtype=bool)
        bad = ~np.array([isinstance(each, str) and each in good for each in cells], dtype=bool) & ~blank
        allowed = f"one of {', '.join(options)}" if options else f"text: {NAME_ALLOWED}"
        self._refuse(column, bad, allowed)
        cells[blank] = default
        return cells

    def text(self, column: str) -> NDArray[np.object_]:
        if column not in self.columns:
            return np.full(len(self.rows), "", dtype=object)
        cells = self.columns[column].astype(object)
        cells[self._blank(cells, ("",))] = ""
        return np.array([str(cell).encode("utf-8", "replace").decode() for cell in cells], dtype=object)

    def check_repeats(self, runs: Sequence[object], failed: Sequence[bool], key: list[str]) -> None:
        """The same run twice would count twice. A failed run may have been tried again."""
        seen: set[object] = set()
        bad = np.zeros(len(runs), dtype=bool)
        for row, (run, none) in enumerate(zip(runs, failed, strict=True)):
            bad[row] = not none and run in seen
            seen |= set() if none else {run}
        allowed = f"each run once (one row for each {', '.join(key)})"
        self._refuse("seed", bad, allowed, "give a repeat a seed of its own", found="a run that is there already")

    def _numbers(self, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each cell: its number, whether it is empty, and whether it is a finite number."""
        cells = self.columns[column]
        if cells.dtype != object:
            numbers = cells.astype(np.float64)
            return numbers, np.isnan(numbers), np.isfinite(numbers)
        numbers = np.array([_number(cell) for cell in cells])
        return numbers, self._blank(cells, EMPTY), np.isfinite(numbers)

    @staticmethod
    def _blank(cells: NDArray[np.object_], words: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which cells hold nothing, or text that stands for nothing."""
        return np.array([c.strip().lower() in words if isinstance(c, str) else _missing(c) for c in cells], dtype=bool)

    def _refuse(self, column: str, bad: NDArray[np.bool_], allowed: str, hint: str = "", found: str = "") -> None:
        """A fault for each bad row, up to a number that people read."""
        where = np.flatnonzero(bad)
        for row in where[:MOST_SHOWN]:
            cell = self.columns[column][row]
            cell = cell.item() if isinstance(cell, np.generic) else cell
            what = found or shown(None if isinstance(cell, str) and not cell else cell)
            place = f"{self.source}: row {self.rows[row]}" if self.source else f"row {self.rows[row]}"
            self.faults.append(Fault(place, column, what, allowed, hint or number_hint(cell)))
        if len(where) > MOST_SHOWN:
            rest = where[MOST_SHOWN:]
            place = f"{self.source}: rows {self.rows[rest[0]]} to {self.rows[rest[-1]]}".removeprefix(": ")
            self.faults.append(Fault(place, column, f"{len(rest)} more like these", allowed))
