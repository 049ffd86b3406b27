"""Runs as plain arrays, column by column: all that planning needs of a table. Pandas alone takes longer to load than a
fit to make."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Column = NDArray[Any]


@dataclass(frozen=True)
class RunTable:
    """R runs: by name a column (R,), numbers as int64 or float64, text as objects.

    >>> runs = RunTable({"task": np.array(["cars", "cats"], dtype=object), "labels": np.array([100, 200])})
    >>> runs.take(runs["labels"] > 100)["task"].tolist(), runs.places("task")["cats"].tolist()
    (['cats'], [1])
    """

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def take(self, rows: NDArray[Any]) -> RunTable:
        """Some of the runs: which (R,), true or false, or their places."""
        return RunTable({name: column[rows] for name, column in self.columns.items()})

    def with_more(self, others: RunTable) -> RunTable:
        """These runs and then the others, which have the same columns."""
        return RunTable({name: np.concatenate([column, others[name]]) for name, column in self.columns.items()})

    def places(self, name: str) -> dict[str, NDArray[np.intp]]:
        """Where each value of a column is, sorted by the value."""
        found: dict[str, list[int]] = {}
        for row, value in enumerate(self[name].tolist()):
            found.setdefault(value, []).append(row)
        return {value: np.array(found[value]) for value in sorted(found)}

    def among(self, name: str, values: Container[Any]) -> NDArray[np.bool_]:
        """(R,) where a column has one of these values."""
        return np.array([each in values for each in self[name].tolist()], dtype=bool)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(R,) which have a score."""
        return ~np.isnan(self["score"])

    def frame(self) -> pd.DataFrame:
        """The same for pandas."""
        import pandas as pd

        text = {name: "str" for name, column in self.columns.items() if column.dtype == object}
        return pd.DataFrame(dict(self.columns)).astype(text)
