"""Runs in the SQLite files of MLflow and Optuna, read with the standard library: one record of named fields a run.

Tried with MLflow 3.17 and Optuna 5.0; the tables used have been the same since MLflow 1 and Optuna 3.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from budget.errors import Fault, InvalidInput

Record = dict[str, Any]

MLFLOW_RUNS = """
SELECT run_uuid, runs.name, experiments.name, status, start_time, end_time
FROM runs LEFT JOIN experiments USING (experiment_id)
WHERE status IN ('FINISHED', 'FAILED', 'KILLED') AND runs.lifecycle_stage = 'active' ORDER BY start_time, run_uuid
"""
OPTUNA_TRIALS = """
SELECT trial_id, study_name, number, state, datetime_start, datetime_complete,
       (julianday(datetime_complete) - julianday(datetime_start)) * 86400
FROM trials JOIN studies USING (study_id) WHERE state IN ('COMPLETE', 'FAIL') ORDER BY study_name, number
"""


def read_database(path: Path) -> list[Record]:
    """The runs of an SQLite file. Raises InvalidInput if it is neither MLflow's nor Optuna's, or damaged."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            reader = _reader(tables)
            if reader is not None:
                return reader(database)
            found = f"an SQLite file with the tables {', '.join(sorted(tables)[:5]) or 'none'}"
    except sqlite3.Error as error:
        found = str(error)
    raise InvalidInput((Fault(str(path), "", found, "an SQLite file of MLflow or Optuna"),))


def _reader(tables: set[str]) -> Callable[[sqlite3.Connection], list[Record]] | None:
    if {"runs", "experiments", "metrics"} <= tables:
        return _mlflow
    return _optuna if {"studies", "trials"} <= tables else None


def _mlflow(database: sqlite3.Connection) -> list[Record]:
    """Fields: run, name, experiment, status, started, seconds, params.*, tags.*, metrics.NAME.last|max|min."""
    records: dict[str, Record] = {}
    for run, name, experiment, status, start, end in database.execute(MLFLOW_RUNS):
        record = {"run": run, "name": name, "experiment": experiment, "status": status, "started": _when(start)}
        records[run] = record | {"seconds": (end - start) / 1000 if start and end else None}
    for kind in ("params", "tags"):
        for run, key, value in database.execute(f"SELECT run_uuid, key, value FROM {kind}"):
            if run in records:
                records[run][f"{kind}.{key}"] = value
    histories: dict[tuple[str, str], list[float]] = defaultdict(list)
    query = "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM metrics ORDER BY step, timestamp"
    for run, key, value in database.execute(query):
        histories[run, key].append(float("nan") if value is None else value)
    for (run, key), values in histories.items():
        if run in records:
            records[run] |= reduced(f"metrics.{key}", values)
    return list(records.values())


def _optuna(database: sqlite3.Connection) -> list[Record]:
    """Fields: run, study, number, state, started, seconds, value, value.1 (further objectives), params.*, attrs.*."""
    records: dict[int, Record] = {}
    for trial, study, number, state, start, _, seconds in database.execute(OPTUNA_TRIALS):
        record = {"run": f"{study} {number}", "study": study, "number": number, "state": state}
        records[trial] = record | {"started": start or "", "seconds": seconds, "value": None}
    for trial, objective, value in database.execute("SELECT trial_id, objective, value FROM trial_values"):
        if trial in records:
            records[trial]["value" if objective == 0 else f"value.{objective}"] = value
    query = "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
    for trial, name, value, distribution in database.execute(query):
        if trial in records:
            choices = json.loads(distribution).get("attributes", {}).get("choices")
            records[trial][f"params.{name}"] = choices[int(value)] if choices else value
    for trial, key, value in database.execute("SELECT trial_id, key, value_json FROM trial_user_attributes"):
        if trial in records:
            records[trial][f"attrs.{key}"] = json.loads(value)
    return list(records.values())


def reduced(name: str, values: Iterable[float]) -> Record:
    """A metric's history as the three figures that a run may be judged by.

    >>> reduced("metrics.accuracy", [0.5, 0.75, 0.625])
    {'metrics.accuracy.last': 0.625, 'metrics.accuracy.max': 0.75, 'metrics.accuracy.min': 0.5}
    """
    history = list(values)
    finite = [value for value in history if value == value] or [float("nan")]
    return {f"{name}.last": history[-1], f"{name}.max": max(finite), f"{name}.min": min(finite)}


def _when(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
