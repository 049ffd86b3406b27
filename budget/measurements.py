"""Measurements: the table of pilots, one row a run, checked as a whole and put into one canonical order."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import Fault, InvalidInput
from budget.inputs import read_bytes, read_text
from budget.messages import nearest, shown

if TYPE_CHECKING:
    import pandas as pd

    from budget.brief import Brief

POOL = "pool:"
REQUIRED = ("task", "labels", "seed", "score")
KIND = ("mode", "annotators", "backbone")  # what the runs of one curve have in common
BOOKKEEPING = ("seconds", "device", "run", "started")
MOST_SHOWN = 20  # faults of one kind; the rest is counted


@dataclass(frozen=True)
class Measurements:
    """`frame`: one row a run, in canonical order, index 0..R-1, columns

    task str · labels int64 · seed int64 · score float64 (NaN: failed) · pool:NAME int64 (every pool named anywhere) ·
    strategy str · annotators int64 · mode str · backbone str ("" where nobody said) · test_size float64 (NaN unknown) ·
    and the bookkeeping that was there. `annotators`: by task, the people an item whose labels are asked about.

    >>> import pandas as pd
    >>> rows = {"task": "cars", "labels": [200, 100], "seed": 0, "score": [0.7, None], "pool:web": 5000}
    >>> Measurements.from_frame(pd.DataFrame(rows)).frame[["labels", "score", "pool:web"]].values.tolist()
    [[100.0, nan, 5000.0], [200.0, 0.7, 5000.0]]
    """

    frame: pd.DataFrame
    source: str = ""
    annotators: Mapping[str, int] = field(default_factory=dict)

    def asked_by(self, brief: Brief | None) -> Measurements:
        """What a brief asks of these measurements: the runs of its tasks, as it pays for their labels. Its pools are
        all there, with no labels where none was measured; of others, which are not for sale, those that were varied.
        Without a brief all of them."""
        if brief is None:
            return self
        rows = self.frame[self.frame["task"].isin(list(brief.tasks))].reset_index(drop=True)
        others = [POOL + name for name in self.pools if name not in brief.pools]
        rows = rows.drop(columns=[each for each in others if not (rows.groupby("task")[each].nunique() > 1).any()])
        rows = rows.assign(**{POOL + name: 0 for name in brief.pools if name not in self.pools})
        paid = {name: brief.tasks[brief.labels_of(name)].annotators for name in brief.tasks}
        return replace(self, frame=rows, annotators=paid)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(sorted(self.frame["task"].unique()))

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(c.removeprefix(POOL) for c in self.frame.columns if c.startswith(POOL))

    @property
    def of_curves(self) -> pd.DataFrame:
        """The runs that surfaces are fitted to: labels chosen at random, and of each task the mode, the number of
        annotators and the network that most of its runs with a score have (of all its runs where none has a score); of
        equals the first by alphabet and number. Runs with the number of annotators that is asked about go before all
        others.

        A run from scratch without pool labels has no pretrained network to adapt: it belongs to every mode.
        """
        return self._of_one_kind(self.frame["strategy"] == "random")

    @property
    def of_strategies(self) -> pd.DataFrame:
        """The runs of the same kinds whose labels were not chosen at random."""
        return self._of_one_kind(self.frame["strategy"] != "random")

    def _of_one_kind(self, wanted: pd.Series[bool]) -> pd.DataFrame:
        rows, frame = self.frame[wanted], self.frame[self.frame["strategy"] == "random"]
        if rows.empty or (self.frame[list(KIND)].nunique() <= 1).all():
            return rows
        bare = (self.frame["mode"] == "scratch") & (self.frame[[POOL + name for name in self.pools]] == 0).all(axis=1)
        failed = frame["score"].isna()
        told = frame[~failed | failed.groupby(frame["task"]).transform("all")]
        told = told[~bare[told.index] | bare[told.index].groupby(told["task"]).transform("all")]
        runs = told.groupby(["task", *KIND]).size().reset_index(name="runs")
        runs["asked"] = runs["annotators"] == runs["task"].map(self.annotators)
        ranked = runs.sort_values(["asked", "runs"], ascending=False, kind="stable")
        most = ranked.drop_duplicates("task").set_index("task")
        same = {name: rows[name] == rows["task"].map(most[name]) for name in KIND}
        return rows[(same["mode"] | bare[rows.index]) & same["annotators"] & same["backbone"]]

    @property
    def sha256(self) -> str:
        """Of what was measured: the same for another order of rows or columns, or another file format."""
        digest = hashlib.sha256()
        one_network = not self.frame["backbone"].any()
        for column in sorted(c for c in self.frame.columns if c not in BOOKKEEPING):
            values = self.frame[column]
            if column == "backbone" and one_network:
                continue  # as if there were no such column
            numeric = values.dtype.kind in "if"
            content = values.to_numpy("<f8").tobytes() if numeric else "\0".join(values).encode()
            digest.update(f"{column}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, source: str = "") -> Measurements:
        """The runs of a frame with the columns above; only task, labels, seed and score are required.

        Raises InvalidInput with every fault; rows count from 1 there.
        """
        from budget.measurement_checks import checked

        return cls(checked(frame, range(1, len(frame) + 1), source), source)

    @classmethod
    def from_csv(cls, path: str | Path) -> Measurements:
        """The runs of a CSV file: UTF-8, commas, a header. Raises InvalidInput; the header is row 1 there."""
        import pandas as pd

        from budget.measurement_checks import checked

        header, rows = _read_csv(path)
        cells = pd.DataFrame(list(rows.values()), columns=header, dtype=object)
        return cls(checked(cells, list(rows), str(path)), str(path))

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
        told = self.frame["score"].notna() & (self.frame["strategy"] == "random")
        measured = sorted(self.frame.loc[told, "task"].unique())
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
