"""Measurements: the table of pilots, one row a run, checked as a whole and put into one canonical order."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from budget.errors import Fault, InvalidInput
from budget.inputs import read_bytes, read_text
from budget.messages import nearest, shown
from budget.run_table import Column, RunTable

if TYPE_CHECKING:
    import pandas as pd

    from budget.brief import Brief

POOL = "pool:"
REQUIRED = ("task", "labels", "seed", "score")
KIND = ("mode", "annotators", "backbone")  # what the runs of one curve have in common
Kind = tuple[str, int, str]
BOOKKEEPING = ("seconds", "device", "run", "started")
MOST_SHOWN = 20  # faults of one kind; the rest is counted


@dataclass(frozen=True)
class Measurements:
    """`runs` in canonical order, columns

    task str · labels int64 · seed int64 · score float64 (NaN: failed) · pool:NAME int64 (every pool named anywhere) ·
    strategy str · annotators int64 · mode str · backbone str ("" where nobody said) · test_size float64 (NaN unknown) ·
    and the bookkeeping that was there; `frame`: the same for pandas. `annotators`: by task, the people an item whose
    labels are asked about.

    >>> import pandas as pd
    >>> rows = {"task": "cars", "labels": [200, 100], "seed": 0, "score": [0.7, None], "pool:web": 5000}
    >>> Measurements.from_frame(pd.DataFrame(rows)).frame[["labels", "score", "pool:web"]].values.tolist()
    [[100.0, nan, 5000.0], [200.0, 0.7, 5000.0]]
    """

    runs: RunTable
    source: str = ""
    annotators: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def frame(self) -> pd.DataFrame:
        return self.runs.frame()

    def asked_by(self, brief: Brief | None) -> Measurements:
        """What a brief asks of these measurements: the runs of its tasks, as it pays for their labels. Its pools are
        all there, with no labels where none was measured; of others, which are not for sale, those that were varied.
        Without a brief all of them."""
        if brief is None:
            return self
        runs = self.runs.take(self.runs.among("task", brief.tasks))
        of_tasks = runs.places("task").values()
        idle = {
            POOL + name
            for name in self.pools
            if name not in brief.pools and not any(np.ptp(runs[POOL + name][rows]) > 0 for rows in of_tasks)
        }
        columns = {name: column for name, column in runs.columns.items() if name not in idle}
        columns |= {POOL + name: np.zeros(len(runs), np.int64) for name in brief.pools if name not in self.pools}
        paid = {name: brief.tasks[brief.labels_of(name)].annotators for name in brief.tasks}
        return replace(self, runs=RunTable(columns), annotators=paid)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.runs.places("task"))

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(name.removeprefix(POOL) for name in self.runs.columns if name.startswith(POOL))

    @property
    def of_curves(self) -> RunTable:
        """The runs that surfaces are fitted to: labels chosen at random, and of each task the mode, the number of
        annotators and the network that most of its runs with a score have (of all its runs where none has a score); of
        equals the first by alphabet and number. Runs with the number of annotators that is asked about go before all
        others.

        A run from scratch without pool labels has no pretrained network to adapt: it belongs to every mode.
        """
        return self.runs.take(self._at_random & self._of_one_kind)

    @property
    def beside_curves(self) -> RunTable:
        """The other runs whose labels were chosen at random."""
        return self.runs.take(self._at_random & ~self._of_one_kind)

    @property
    def of_strategies(self) -> RunTable:
        """The runs of the same kinds as those of the curves whose labels were not chosen at random."""
        return self.runs.take(~self._at_random & self._of_one_kind)

    @property
    def _at_random(self) -> NDArray[np.bool_]:
        return np.asarray(self.runs["strategy"] == "random", bool)

    @cached_property
    def _of_one_kind(self) -> NDArray[np.bool_]:
        """(R,) which runs are of the kind that their task's curve is of."""
        kinds = list(zip(*(self.runs[name].tolist() for name in KIND), strict=True))
        if len(set(kinds)) <= 1:
            return np.ones(len(self.runs), bool)
        bare = np.asarray(self.runs["mode"] == "scratch", bool)
        for name in self.pools:
            bare &= self.runs[POOL + name] == 0
        of_task = {
            task: self._most(task, rows[self._at_random[rows]], kinds, bare)
            for task, rows in self.runs.places("task").items()
        }
        same = [
            most is not None and kind[1:] == most[1:] and (kind[0] == most[0] or every)
            for kind, most, every in zip(
                kinds, (of_task[task] for task in self.runs["task"].tolist()), bare.tolist(), strict=True
            )
        ]
        return np.array(same, bool)

    def _most(self, task: str, rows: NDArray[np.intp], kinds: Sequence[Kind], bare: NDArray[np.bool_]) -> Kind | None:
        """The kind that most of a task's runs have whose labels were chosen at random."""
        for which in (self.runs.scored, ~bare):
            rows = rows[which[rows]] if which[rows].any() else rows
        counts = Counter(kinds[row] for row in rows)
        asked = self.annotators.get(task)
        return min(counts, key=lambda kind: (kind[1] != asked, -counts[kind], kind), default=None)

    @property
    def sha256(self) -> str:
        """Of what was measured: the same for another order of rows or columns, or another file format."""
        digest = hashlib.sha256()
        one_network = not self.runs["backbone"].any()
        for name in sorted(name for name in self.runs.columns if name not in BOOKKEEPING):
            column = self.runs[name]
            if name == "backbone" and one_network:
                continue  # as if there were no such column
            content = "\0".join(column).encode() if column.dtype == object else column.astype("<f8").tobytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, source: str = "") -> Measurements:
        """The runs of a frame with the columns above; only task, labels, seed and score are required.

        Raises InvalidInput with every fault; rows count from 1 there.
        """
        from budget.measurement_checks import checked

        columns = [(name, _plain(frame.iloc[:, place])) for place, name in enumerate(frame.columns)]
        return cls(checked(columns, range(1, len(frame) + 1), source), source)

    @classmethod
    def from_csv(cls, path: str | Path) -> Measurements:
        """The runs of a CSV file: UTF-8, commas, a header. Raises InvalidInput; the header is row 1 there."""
        from budget.measurement_checks import checked

        header, rows = _read_csv(path)
        columns = [(name, np.array([row[j] for row in rows.values()], dtype=object)) for j, name in enumerate(header)]
        return cls(checked(columns, list(rows), str(path)), str(path))

    @classmethod
    def from_parquet(cls, path: str | Path) -> Measurements:
        """The runs of a Parquet file. Raises InvalidInput; rows count from 1 there."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        raw = read_bytes(path)
        try:
            table = pq.read_table(pa.BufferReader(raw))
            table.validate(full=True)  # text that is not UTF-8 would only be noticed when it is used
            frame = table.to_pandas(ignore_metadata=True)
        except (pa.ArrowException, OSError, ValueError, TypeError, NotImplementedError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise InvalidInput((Fault(str(path), "", f"no readable Parquet ({reason})", "a Parquet file"),)) from None
        return cls.from_frame(frame, str(path))

    def faults_against(self, brief: Brief) -> tuple[Fault, ...]:
        """What keeps these measurements from answering a brief: tasks that nobody measured on labels chosen at random.

        Tasks and pools that only the measurements know are no fault: a brief may ask about fewer.
        """
        measured = list(self.runs.take(self.runs.scored & self._at_random).places("task"))
        other = "of which no run on labels chosen at random has a score"
        allowed = f"a task measured in {self.source or 'the measurements'}: {', '.join(measured) or 'none'}"
        return tuple(
            brief.fault(
                ("tasks", name),
                f"{shown(name)}, {other if name in self.tasks else 'which no pilot measured'}",
                allowed,
                nearest(name, measured),
            )
            for name in brief.tasks
            if name not in measured
        )


def _plain(series: pd.Series[Any]) -> Column:
    """A column of pandas' as numpy has it, None where anything is missing among what are not plain numbers."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        return series.to_numpy()
    cells = series.to_numpy(dtype=object).copy()
    cells[series.isna().to_numpy(bool)] = None
    return cells


def _read_csv(path: str | Path) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the cells of every row that is not empty, by row number (the header is row 1)."""
    source = str(path)
    text = read_text(path)
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InvalidInput((Fault(source, "", f"no readable CSV ({error})", "CSV, separated by commas"),)) from None
    if not rows or not any(rows[0]):
        found = "an empty first row" if rows else "an empty file"
        raise InvalidInput((Fault(source, "", found, "a header with task, labels, seed, score, then rows"),))
    header, width = rows[0], len(rows[0])
    if not set(header) & set(REQUIRED):
        hint = "separate columns by commas" if width == 1 and (";" in header[0] or "\t" in header[0]) else ""
        allowed = f"a header with {', '.join(REQUIRED)}"
        raise InvalidInput((Fault(f"{source}: row 1", "", shown(",".join(header)), allowed, hint),))
    uneven = [
        Fault(
            f"{source}: row {number}",
            "",
            f"{len(row)} cell{'' if len(row) == 1 else 's'}",
            f"{width} cells, as many as the header has",
        )
        for number, row in enumerate(rows, start=1)
        if row and len(row) != width
    ]
    if uneven:
        more = len(uneven) - MOST_SHOWN
        rest = [Fault(source, "", f"{more} more rows like these", f"{width} cells in each")] if more > 0 else []
        raise InvalidInput((*uneven[:MOST_SHOWN], *rest))
    return header, {number: row for number, row in enumerate(rows[1:], start=2) if any(row)}
