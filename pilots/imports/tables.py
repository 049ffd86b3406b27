"""Measurements in and out of the store as tables: CSV and Parquet files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import Fault, InvalidInput
from pilots.store import IMPORTED, Row, Store
from pilots.trainers import Outcome, Run

if TYPE_CHECKING:
    import pandas as pd

    from budget.measurements import Measurements

POOL = "pool:"


def keep(store: Store, measurements: Measurements) -> int:
    """Put measurements from elsewhere into the store; the answer is how many of them it did not have yet.

    >>> import tempfile
    >>> import pandas as pd
    >>> from budget import Measurements
    >>> frame = pd.DataFrame({"task": ["cars"], "labels": [50], "seed": [0], "score": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "pilots.sqlite") as store:
    ...     keep(store, Measurements.from_frame(frame)), keep(store, Measurements.from_frame(frame))
    (1, 0)
    """
    return store.record_all(IMPORTED, _rows(measurements))


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or, for a name that ends in `.parquet`, as Parquet: whole, or not at all.

    Raises InvalidInput for any other ending.
    """
    if path.suffix not in (".csv", ".parquet"):
        fault = Fault(str(path), "", f"the ending {path.suffix!r}", ".csv or .parquet", "another name for the file")
        raise InvalidInput((fault,))
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".csv":
            frame.to_csv(beside, index=False)
        else:
            frame.to_parquet(beside, index=False)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _rows(measurements: Measurements) -> list[Row]:
    frame = measurements.frame
    pools = measurements.pools
    rows = []
    for values in frame.to_dict("records"):
        run = Run(
            task=values["task"],
            labels=int(values["labels"]),
            seed=int(values["seed"]),
            pools=tuple((name, int(values[POOL + name])) for name in pools),
            strategy=values["strategy"],
            annotators=int(values["annotators"]),
            mode=values["mode"],
            backbone=values["backbone"],
        )
        score, test_size, seconds = (_number(values.get(name)) for name in ("score", "test_size", "seconds"))
        note = "" if score is not None else f"a failed run of {measurements.source or 'a table'}"
        outcome = Outcome(score, int(test_size or 0), seconds or 0.0, _text(values.get("device")), note)
        name = _text(values.get("run")) or measurements.source
        rows.append(Row(run, outcome, name, _text(values.get("started"))))
    return rows


def _number(value: object) -> float | None:
    """None for an empty cell."""
    return None if value is None or value != value else float(str(value))


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)
