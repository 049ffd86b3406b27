"""Price lists, as CSV or XLSX: a row a task or pool, or a row a tier of one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from budget.errors import Fault, InvalidInput
from budget.inputs import read_text
from budget.messages import nearest, shown

WHOLE = ("owned", "max_labels", "min_labels", "lot", "min_buy", "annotators")
MONEY = ("label_cost", "label_seconds", "hourly_wage", "review", "setup_cost", "objects_per_label")
FROM = "from"  # the column that makes tiers: labels bought before this price holds
COLUMNS = ("name", "kind", FROM, *WHOLE, *MONEY)
PRICES = ("label_cost", "label_seconds")
KINDS = ("task", "pool")
Entry = dict[str, Any]


def read_prices(path: Path, fields: Mapping[str, str], constants: Mapping[str, str]) -> dict[str, Entry] | None:
    """By name what a price list says: keys of a brief, and `kind`; None: the file is no price list.

    fields: which column of the file is which of COLUMNS; constants: columns that are the same in all rows.
    Raises InvalidInput with every fault, its row counted as a spreadsheet does.
    """
    if path.suffix.lower() not in (".csv", ".xlsx") or not path.is_file():
        return None
    rows = _sheet(path) if path.suffix.lower() == ".xlsx" else list(csv.reader(io.StringIO(read_text(path))))
    header = [cell.strip() for cell in rows[0]] if rows else []
    of_file = {column: fields.get(column, column) for column in COLUMNS}
    named = {column for column, name in of_file.items() if name in header} | set(constants)
    if "score" in header or not named & set(PRICES) or "name" not in named:
        return None
    places = {column: header.index(name) for column, name in of_file.items() if name in header}
    entries: dict[str, Entry] = {}
    faults: list[Fault] = []
    for number, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            given = {column: row[place].strip() for column, place in places.items() if place < len(row)}
            _add(entries, given | dict(constants), f"{path}: row {number}", faults)
    faults += _wrong_tiers(entries, str(path))
    if faults:
        raise InvalidInput(tuple(faults))
    return {name: _plain(entry) for name, entry in entries.items()}


def _add(entries: dict[str, Entry], given: Mapping[str, str], place: str, faults: list[Fault]) -> None:
    """One row, added to what is known of its name."""
    name, kind = given.get("name", ""), given.get("kind") or "task"
    if not name:
        faults.append(Fault(place, "name", "nothing", "the name of a task or pool"))
        return
    if kind not in KINDS:
        faults.append(Fault(place, "kind", shown(kind), "task or pool", nearest(kind, KINDS)))
        return
    entry: Entry = {"kind": kind}
    for column in (*WHOLE, *MONEY, FROM):
        if given.get(column):
            value = _number(given[column], column in (*WHOLE, FROM))
            if value is None:
                allowed = "a whole number, 0 or more" if column in (*WHOLE, FROM) else "a number, 0 or more"
                faults.append(Fault(place, column, shown(given[column]), allowed))
            else:
                entry[column] = value
    if FROM in entry:
        tier = [entry.pop(FROM), entry.pop("label_cost", 0.0)]
        entry["tiers"] = [*entries.get(name, {}).get("tiers", []), tier]
    elif name in entries:
        faults.append(
            Fault(place, "name", f"{shown(name)} a second time", "one row each", f"a column {FROM} for tiers")
        )
    entries[name] = entries.get(name, {}) | entry


def _wrong_tiers(entries: Mapping[str, Entry], source: str) -> Iterable[Fault]:
    for name, entry in entries.items():
        starts = [start for start, _ in entry.get("tiers", ())]
        if starts and (min(starts) != 0 or len(set(starts)) < len(starts)):
            allowed = "a first price from 0, and others from different numbers of labels"
            yield Fault(source, f"{name}.{FROM}", ", ".join(map(str, starts)), allowed)


def _plain(entry: Entry) -> Entry:
    return entry | {"tiers": sorted(entry["tiers"])} if "tiers" in entry else entry


def _number(text: str, whole: bool) -> float | int | None:
    """A number as people write it into a spreadsheet; None: it is none.

    >>> _number("1,200", True), _number("0.35", False), _number("12 cents", False), _number("-1", False)
    (1200, 0.35, None, None)
    """
    try:
        value = float(text.replace(",", "") if whole else text)
    except ValueError:
        return None
    if not 0 <= value < float("inf") or (whole and value != int(value)):
        return None
    return int(value) if whole else value


def _sheet(path: Path) -> list[list[str]]:
    """The cells of the first sheet, as text."""
    import zipfile

    try:
        import openpyxl
    except ImportError:
        hint = "pip install 'labelbudget[xlsx]', or save it as CSV"
        raise InvalidInput((Fault(str(path), "", "an XLSX file", "openpyxl to read it with", hint),)) from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidInput((Fault(str(path), "", str(error)[:200], "an XLSX file"),)) from None
    try:
        return [
            ["" if cell is None else str(cell) for cell in row]
            for row in book.worksheets[0].iter_rows(values_only=True)
        ]
    finally:
        book.close()
