"""Plans that other people made, read from a CSV file, to be compared with ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import Fault, InvalidInput
from budget.inputs import read_text
from budget.messages import nearest, shown
from budget.plan import spreadsheet_cell

if TYPE_CHECKING:
    from budget.brief import Brief


def read_others(paths: Iterable[Path], brief: Brief) -> dict[str, dict[str, int]]:
    """By each file's name without its ending, the labels it buys of each task and pool; of those not named, none.

    Raises InvalidInput with every fault of every file.
    """
    plans: dict[str, dict[str, int]] = {}
    faults: list[Fault] = []
    for path in paths:
        if path.stem in plans:
            faults.append(Fault(str(path), "--compare", shown(path.stem), "files of different names", "rename one"))
        try:
            plans[path.stem] = _read(path, brief)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(tuple(faults))
    return plans


def _read(path: Path, brief: Brief) -> dict[str, int]:
    rows = csv.DictReader(io.StringIO(read_text(path)))
    try:
        return _buys(path, rows, brief)
    except csv.Error as error:
        fault = Fault(f"{path}:{rows.line_num + 1}", "", f"no readable CSV ({error})", "CSV, separated by commas")
        raise InvalidInput((fault,)) from None


def _buys(path: Path, rows: csv.DictReader[str], brief: Brief) -> dict[str, int]:
    missing = [column for column in ("name", "buy") if column not in (rows.fieldnames or ())]
    if missing:
        found = ", ".join(rows.fieldnames or ()) or "nothing"
        raise InvalidInput((Fault(f"{path}:1", "columns", found, "name,buy", "an allocation.csv has them, too"),))
    names = [name for name, task in brief.tasks.items() if task.measured_on is None] + list(brief.pools)
    scores = set(brief.tasks) - set(names)  # of subgroups: in an allocation.csv too, with nothing to buy
    cells = {spreadsheet_cell(name): name for name in (*names, *scores)}
    buys: dict[str, int] = {}
    faults = []
    for row in rows:
        place, name, text = f"{path}:{rows.line_num}", row["name"] or "", (row["buy"] or "").strip()
        name = cells.get(name, name)
        if name in scores and text == "0":
            continue
        if name not in names:
            faults.append(Fault(place, "name", shown(name), ", ".join(names), nearest(name, names)))
        elif name in buys:
            faults.append(Fault(place, "name", f"{name} a second time", "each task and pool once", "add them up"))
        elif not (text.isascii() and text.isdigit() and len(text) <= 15):
            faults.append(Fault(place, f"{name}: buy", shown(text), "a whole number >= 0 of labels to buy"))
        else:
            buys[name] = int(text)
    if faults:
        raise InvalidInput(tuple(faults))
    return buys
