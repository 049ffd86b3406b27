"""Checks a frame of measurements, column by column, and gives it back in its types and in canonical order.

It never guesses a value: a cell that cannot be read is a fault with its row and column, and all faults come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from budget.brief_checks import NAME_ALLOWED, is_name
from budget.errors import Fault, InvalidInput
from budget.measurements import MOST_SHOWN, POOL, REQUIRED
from budget.messages import nearest, number_hint, shown

OPTIONAL = ("strategy", "annotators", "mode", "backbone", "test_size", "seconds", "device", "run", "started")
MODES = ("finetune", "frozen", "scratch")
MOST = 10**12
EMPTY = ("", "nan", "na", "n/a", "null", "none")  # what tools write for a number that is missing


def checked(frame: pd.DataFrame, rows: Sequence[int], source: str) -> pd.DataFrame:
    """The canonical frame. `rows`: the number of each row in its source. Raises InvalidInput."""
    reader = _Reader(frame.reset_index(drop=True), rows, source)
    pools = reader.check_columns()
    table: dict[str, Any] = {"task": reader.names("task")}
    table["labels"] = reader.whole("labels", least=0)
    table["seed"] = reader.whole("seed", least=-MOST)
    table["score"] = reader.numbers("score", least=-np.inf)
    table |= {pool: reader.whole(pool, least=0, default=0) for pool in pools}
    table["strategy"] = reader.names("strategy", default="random")
    table["annotators"] = reader.whole("annotators", least=1, default=1)
    table["mode"] = reader.names("mode", default="finetune", options=MODES)
    table["backbone"] = reader.text("backbone") if "backbone" in frame else ""
    table["test_size"] = reader.numbers("test_size", least=1)
    if "seconds" in frame:
        table["seconds"] = reader.numbers("seconds", least=0)
    table |= {column: reader.text(column) for column in ("device", "run", "started") if column in frame}
    reader.stop_if_faulty()
    clean = pd.DataFrame(table).astype({"task": "str", "strategy": "str", "mode": "str", "backbone": "str"})
    key = ["task", "labels", *pools, "strategy", "annotators", "mode", "backbone", "seed"]
    reader.check_repeats(clean, key)
    reader.stop_if_faulty()
    return clean.sort_values([*key, "score"], kind="stable").reset_index(drop=True)


def _missing(cell: object) -> bool:
    """None, nan, and what pandas has for them."""
    return cell is None or cell is pd.NA or cell is pd.NaT or bool(isinstance(cell, Real | Decimal) and cell != cell)


class _Reader:
    """One frame being read, with the faults found so far. A column that is absent reads as its default."""

    def __init__(self, frame: pd.DataFrame, rows: Sequence[int], source: str) -> None:
        self.frame = frame
        self.rows = rows
        self.source = source
        self.faults: list[Fault] = []

    def stop_if_faulty(self) -> None:
        if self.faults:
            raise InvalidInput(tuple(self.faults))

    def check_columns(self) -> list[str]:
        """The pool columns, sorted. Raises InvalidInput at once if the columns are not the right ones."""
        names = list(self.frame.columns)
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
        if not len(self.frame):
            self.faults.append(Fault(self.source, "", "no rows", "at least one run"))
        self.stop_if_faulty()
        return pools

    def whole(self, column: str, least: int, default: int | None = None) -> NDArray[np.int64]:
        if column not in self.frame:
            return np.full(len(self.frame), default, dtype=np.int64)
        numbers, blank, read = self._numbers(column)
        bad = ~blank & ~(read & (numbers == np.floor(numbers)) & (numbers >= least) & (numbers <= MOST))
        bad |= blank if default is None else False
        self._refuse(column, bad, f"a whole number from {least} to {MOST}")
        return np.where(bad | blank, default or 0, numbers).astype(np.int64)

    def numbers(self, column: str, least: float) -> NDArray[np.float64]:
        """Numbers of which any may be missing: NaN."""
        if column not in self.frame:
            return np.full(len(self.frame), np.nan)
        numbers, blank, read = self._numbers(column)
        bad = ~blank & ~(read & (numbers >= least))
        self._refuse(column, bad, "a number" + (f" from {least:g}" if np.isfinite(least) else "") + ", or empty")
        return np.where(blank, np.nan, numbers) + 0.0

    def names(self, column: str, default: str | None = None, options: tuple[str, ...] = ()) -> NDArray[np.object_]:
        if column not in self.frame:
            return np.full(len(self.frame), default, dtype=object)
        cells = self.frame[column].to_numpy(dtype=object)
        codes, unique = pd.factorize(
            np.array([each if isinstance(each, str) else None for each in cells], dtype=object)
        )
        good = np.array([each in options if options else is_name(each) for each in unique] + [False], dtype=bool)
        blank = self._blank(cells, ("",)) if default is not None else np.zeros(len(cells), dtype=bool)
        bad = ~good[codes] & ~blank
        allowed = f"one of {', '.join(options)}" if options else f"text: {NAME_ALLOWED}"
        self._refuse(column, bad, allowed)
        read: NDArray[np.object_] = cells.copy()
        read[blank] = default
        return read

    def text(self, column: str) -> list[str]:
        cells = self.frame[column].to_numpy(dtype=object)
        plain = np.where(self._blank(cells, ("",)), "", cells)
        return [str(cell).encode("utf-8", "replace").decode() for cell in plain]

    def check_repeats(self, clean: pd.DataFrame, key: list[str]) -> None:
        """The same run twice would count twice. A failed run may have been tried again."""
        scored = clean[clean["score"].notna()]
        again = scored.duplicated(key)
        if again.any():
            bad = np.zeros(len(clean), dtype=bool)
            bad[scored.index[again]] = True
            allowed = f"each run once (one row for each {', '.join(key)})"
            self._refuse("seed", bad, allowed, "give a repeat a seed of its own", found="a run that is there already")

    def _numbers(self, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each cell: its number, whether it is empty, and whether it is a finite number."""
        values = self.frame[column]
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf":
            numbers = values.to_numpy(np.float64)
            return numbers, np.isnan(numbers), np.isfinite(numbers)
        cells = values.to_numpy(dtype=object)
        fit = np.array([isinstance(c, str | Real | Decimal) and not isinstance(c, bool | np.bool_) for c in cells])
        texts = cells.copy()
        texts[~fit] = None
        numbers = np.asarray(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce"), dtype=np.float64)
        return numbers, self._blank(cells, EMPTY), fit & np.isfinite(numbers)

    @staticmethod
    def _blank(cells: NDArray[np.object_], words: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which cells hold nothing, or text that stands for nothing."""
        return np.array([c.strip().lower() in words if isinstance(c, str) else _missing(c) for c in cells], dtype=bool)

    def _refuse(self, column: str, bad: NDArray[np.bool_], allowed: str, hint: str = "", found: str = "") -> None:
        """A fault for each bad row, up to a number that people read."""
        where = np.flatnonzero(bad)
        for row in where[:MOST_SHOWN]:
            cell = self.frame[column].iloc[row]
            cell = cell.item() if isinstance(cell, np.generic) else cell
            what = found or shown(None if isinstance(cell, str) and not cell else cell)
            place = f"{self.source}: row {self.rows[row]}" if self.source else f"row {self.rows[row]}"
            self.faults.append(Fault(place, column, what, allowed, hint or number_hint(cell)))
        if len(where) > MOST_SHOWN:
            rest = where[MOST_SHOWN:]
            place = f"{self.source}: rows {self.rows[rest[0]]} to {self.rows[rest[-1]]}".removeprefix(": ")
            self.faults.append(Fault(place, column, f"{len(rest)} more like these", allowed))
