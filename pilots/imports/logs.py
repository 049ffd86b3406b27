"""Runs in the files that trainers leave: Hugging Face, Lightning, TensorBoard, scikit-learn; one record a run."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from budget.errors import Fault, InvalidInput
from pilots.imports.databases import Record, reduced
from pilots.imports.tensorboard import PATTERN as EVENTS
from pilots.imports.tensorboard import read_events


def read_trainer_state(path: Path) -> list[Record]:
    """Hugging Face's trainer_state.json. Fields: metrics.NAME.last|max|min, global_step, epoch, best_metric."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        history: list[dict[str, Any]] = state["log_history"]
        names = {name for entry in history for name in entry} - {"step", "epoch"}
        record = {name: state.get(name) for name in ("global_step", "epoch", "best_metric")}
        for name in sorted(names):
            values = [entry[name] for entry in history if isinstance(entry.get(name), int | float)]
            record |= reduced(f"metrics.{name}", values) if values else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refuse(path, f"{type(error).__name__}: {error}", "a trainer_state.json with a log_history") from None
    return [record]


def read_lightning(path: Path) -> list[Record]:
    """Lightning's metrics.csv, with the hparams.yaml beside it. Fields: metrics.NAME.last|max|min, params.*."""
    import yaml

    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        beside = path.with_name("hparams.yaml")
        settings = yaml.safe_load(beside.read_text(encoding="utf-8")) if beside.exists() else None
        record: Record = {f"params.{name}": value for name, value in (settings or {}).items()}
        for name in rows[0] if rows else ():
            values = [float(row[name]) for row in rows if row[name] not in (None, "")]
            record |= reduced(f"metrics.{name}", values) if values else {}
    except (OSError, ValueError, TypeError, AttributeError, csv.Error, yaml.YAMLError) as error:
        raise _refuse(path, f"{type(error).__name__}: {error}", "a metrics.csv of Lightning's CSVLogger") from None
    return [record]


def read_learning_curve(path: Path) -> list[Record]:
    """What scikit-learn's `learning_curve` returns, saved by numpy.savez with the names of its results.

    Fields: labels (train_sizes), seed (the fold), score (test_scores), train_score where it was saved.
    """
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as saved:
            sizes, scores = saved["train_sizes"], saved["test_scores"]
            train = saved["train_scores"] if "train_scores" in saved else np.full(scores.shape, np.nan)
        if not len(sizes) == len(scores) == len(train) or scores.ndim != 2:
            raise ValueError(f"train_sizes {sizes.shape} and test_scores {scores.shape} do not fit")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        allowed = "numpy.savez(file, train_sizes=…, test_scores=…), sizes (k,) and scores (k, folds)"
        raise _refuse(path, f"{type(error).__name__}: {error}", allowed) from None
    return [
        {"labels": int(size), "seed": fold, "score": float(scores[row, fold]), "train_score": float(train[row, fold])}
        for row, size in enumerate(sizes)
        for fold in range(scores.shape[1])
    ]


def read_tensorboard(path: Path) -> list[Record]:
    """All event files of one folder, as one run. Fields: metrics.TAG.last|max|min, in the order of steps."""
    history: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for each in sorted(path.parent.glob(EVENTS)):
        try:
            for tag, steps in read_events(each).items():
                history[tag] += steps
        except (OSError, ValueError) as error:
            raise _refuse(each, f"{type(error).__name__}: {error}", "an event file of TensorBoard") from None
    record: Record = {}
    for tag, steps in sorted(history.items()):
        record |= reduced(f"metrics.{tag}", [value for _, value in sorted(steps, key=lambda step: step[0])])
    return [record]


READERS: dict[str, Callable[[Path], list[Record]]] = {
    "trainer_state.json": read_trainer_state,
    "metrics.csv": read_lightning,
    EVENTS: read_tensorboard,
}


def read_folder(folder: Path) -> list[Record]:
    """Every run that left a file of READERS below a folder. Fields beside the file's own: path.0, path.1, …, path.-1:
    the names of the folders that lead to it, from the left and from the right.

    Where one folder holds several trainer_state.json one below the other (checkpoints), the outermost one counts; event
    files below a run of another kind are that run's.
    """
    records: dict[Path, Record] = {}
    for name, reader in READERS.items():
        files = {path.parent: path for path in sorted(folder.rglob(name), reverse=True)}
        for place, path in files.items():
            above = files if name != EVENTS else records
            if above.keys().isdisjoint(place.parents):
                (record,) = reader(path)
                records[place] = records.get(place, {}) | record
    if not records:
        raise _refuse(folder, "no run", f"a folder with {' or '.join(READERS)} somewhere below it")
    return [_names(place.relative_to(folder).parts) | records[place] for place in sorted(records)]


def _names(parts: tuple[str, ...]) -> Record:
    """The names of the folders that lead to a run, as fields."""
    left = {f"path.{place}": part for place, part in enumerate(parts)}
    return {"run": "/".join(parts)} | left | {f"path.{place - len(parts)}": part for place, part in enumerate(parts)}


def _refuse(path: Path, found: str, allowed: str) -> InvalidInput:
    return InvalidInput((Fault(str(path), "", found[:200], allowed),))
