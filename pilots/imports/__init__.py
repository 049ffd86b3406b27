"""Brings in what was measured elsewhere. It changes no file that it reads."""

from __future__ import annotations

from pathlib import Path

from budget.measurements import Measurements


def read(path: str | Path) -> Measurements:
    """The measurements in a file: CSV, or Parquet where the name ends so. Raises InvalidInput with every fault."""
    path = Path(path)
    return Measurements.from_parquet(path) if path.suffix == ".parquet" else Measurements.from_csv(path)
