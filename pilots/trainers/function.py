"""Anyone's Python function as a trainer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilots.store import run_name
from pilots.trainers import Outcome, Run
from pilots.trainers.command import outcome_of


@dataclass(frozen=True)
class FunctionTrainer:
    """Calls `function(task=…, labels=…, seed=…, pools={name: labels}, out=Path)` for each run.

    The function returns the score, or a mapping with `score` and, if it likes, `test_size`, `device` and `note`; an
    exception is a failed run, and so is a score that is not finite. `pretraining(pools=…, seed=…, out=Path)`, where
    there is one, is called once per (pool labels, seed); its `out` is handed to the function as `pretrained` (None: no
    pool). The function's module is imported once and each run forked from there, so it must not touch a GPU while it is
    imported. `version` tells one state of the code from another: runs of another version are other runs.
    """

    function: Callable[..., Any]
    tasks: tuple[str, ...]
    pools: tuple[str, ...]
    pretraining: Callable[..., Any] | None = None
    version: str = ""

    @property
    def recipe(self) -> str:
        named = [f"{each.__module__}:{each.__qualname__}" for each in (self.function, self.pretraining) if each]
        return json.dumps({"functions": named, "version": self.version})

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        if self.pretraining is not None:
            out = _pretrained(pools, seed, folder)
            out.mkdir(parents=True, exist_ok=True)
            self.pretraining(pools=dict(pools), seed=seed, out=out)

    def train(self, run: Run, folder: Path) -> Outcome:
        """Call the function. Exits with a sentence if it returns no score."""
        out = folder / "out" / run_name(run)
        out.mkdir(parents=True, exist_ok=True)
        extra = {}
        if self.pretraining is not None:
            extra["pretrained"] = _pretrained(run.pools, run.seed, folder) if run.pools else None
        return outcome_of(
            self.function(task=run.task, labels=run.labels, seed=run.seed, pools=dict(run.pools), out=out, **extra)
        )


def _pretrained(pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> Path:
    return folder / "pretrained" / run_name(Run("", 0, seed, pools))
