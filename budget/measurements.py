"""Measurements: the table of pilots, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measurements:
    """SKETCH: the ground room completes checks and messages. `frame`: one row a run, sorted, index 0..R-1, columns

    task str · labels int64 · seed int64 · score float64 (NaN: failed) · pool:NAME int64 (every pool named anywhere) ·
    strategy str · annotators int64 · mode str · test_size float64 (NaN unknown) · and the bookkeeping that was there.
    """

    frame: pd.DataFrame
    source: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(sorted(self.frame["task"].unique()))

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(c.removeprefix("pool:") for c in self.frame.columns if c.startswith("pool:"))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Measurements:
        frame = frame.copy()
        for column, default in (
            ("strategy", "random"),
            ("annotators", 1),
            ("mode", "finetune"),
            ("test_size", float("nan")),
        ):
            if column not in frame:
                frame[column] = default
        return cls(frame.sort_values(["task", "labels", "seed"]).reset_index(drop=True))

    @classmethod
    def from_csv(cls, path: str | Path) -> Measurements:
        import pandas as pd

        return cls.from_frame(pd.read_csv(path))
