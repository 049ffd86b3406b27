"""Brings in what was measured elsewhere. It changes no file that it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budget.errors import Fault, InvalidInput
from budget.measurements import Measurements
from budget.messages import nearest

if TYPE_CHECKING:
    import pandas as pd

SQLITE = b"SQLite format 3\0"
CELL = ("task", "labels", "strategy", "annotators", "mode")
COLUMNS = (*CELL, "seed", "score", "test_size", "seconds", "device", "run", "started")
NOTHING: Mapping[str, str] = {}


def read(
    path: str | Path,
    fields: Mapping[str, str] = NOTHING,
    constants: Mapping[str, str] = NOTHING,
    where: Mapping[str, str] = NOTHING,
) -> Measurements:
    r"""The measurements in a file or folder of runs.

    Read are CSV and Parquet files, the SQLite files of MLflow and Optuna, `.npz` files of scikit-learn's learning
    curves, and folders with Hugging Face's trainer_state.json, Lightning's metrics.csv or TensorBoard's event files.

    fields: which field of a run is which column of measurements, {"labels": "params.n"}; a part of a field is taken by
    a pattern with one group, {"labels": r"path.0~n(\d+)"}. constants: columns that are the same for all runs,
    {"task": "cars"}. where: only runs with these values, {"experiment": "pilots"}. Without `seed`, runs of the same
    cell are numbered.

    Raises InvalidInput with every fault.
    """
    path = Path(path)
    if not fields and not constants and not where and path.suffix != ".npz" and _is_table(path):
        return Measurements.from_parquet(path) if path.suffix == ".parquet" else Measurements.from_csv(path)
    return _measurements(_records(path), fields, constants, where, str(path))


def _is_table(path: Path) -> bool:
    return not path.is_dir() and not _is_sqlite(path)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _records(path: Path) -> pd.DataFrame:
    """One row a run, one column a field."""
    import pandas as pd

    from pilots.imports.databases import read_database
    from pilots.imports.logs import READERS, read_folder, read_learning_curve

    if path.is_dir():
        return pd.DataFrame(read_folder(path))
    if _is_sqlite(path):
        return pd.DataFrame(read_database(path))
    if path.suffix == ".npz":
        return pd.DataFrame(read_learning_curve(path))
    if path.name in READERS:
        return pd.DataFrame(READERS[path.name](path))
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            (Fault(str(path), "", str(error)[:200], "a table, a database or a folder of runs"),)
        ) from None


def _measurements(
    records: pd.DataFrame,
    fields: Mapping[str, str],
    constants: Mapping[str, str],
    where: Mapping[str, str],
    source: str,
) -> Measurements:
    """The records as measurements; a field that has the name of a column is that column unless it is told otherwise."""
    import pandas as pd

    asked = [*((column, spec.partition("~")[0]) for column, spec in fields.items()), *((name, name) for name in where)]
    known = [str(name) for name in records.columns]
    faults = [
        Fault(source, column, f"no field {name}", f"one of {', '.join(known)}", nearest(name, known))
        for column, name in asked
        if name not in known
    ]
    faults += [
        Fault(source, column, f"the pattern {spec.partition('~')[2]}", "a regular expression with one group")
        for column, spec in fields.items()
        if "~" in spec and not _is_pattern(spec.partition("~")[2])
    ]
    if faults:
        raise InvalidInput(tuple(faults))
    for name, value in where.items():
        records = records[records[name].astype(str) == value]
    columns: dict[str, Any] = {name: records[name] for name in COLUMNS if name in records}
    columns |= {str(name): records[name] for name in records.columns if str(name).startswith("pool:")}
    columns |= {column: _field(records, spec) for column, spec in fields.items()} | dict(constants)
    table = pd.DataFrame(columns, index=records.index)
    if "seed" not in table:
        cell = [name for name in table.columns if name in CELL or name.startswith("pool:")]
        table["seed"] = table.groupby(cell, dropna=False).cumcount()
    return Measurements.from_frame(table.astype(object).where(table.notna(), None), source)


def _field(records: pd.DataFrame, spec: str) -> pd.Series[Any]:
    """One field of each run, or what a pattern finds in it."""
    name, _, pattern = spec.partition("~")
    return records[name].astype(str).str.extract(pattern, expand=False) if pattern else records[name]


def _is_pattern(text: str) -> bool:
    try:
        return re.compile(text).groups == 1
    except re.error:
        return False
