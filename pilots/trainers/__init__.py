"""What a pilot run is, what comes out of one, and what a trainer must be able to do.

This is the arrow between the rooms that decide on, run and store pilots and the trainers that learn something. It loads
no torch: a trainer's own module does, when it is used. The built-in one is `pilots.trainers.networks.digit_scenes()`; a
server that forks workers should load that module first: torch and scikit-learn take longer to load than a run takes.

A sensible grid for the built-in digit scenes: labels 50, 100, 200, 400, 800; pool `general` 0, 1000, 4000; two seeds,
one more at the fewest.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Run:
    """One pilot: train `task` on `labels` labels after pretraining on the labels of `pools`, as (name, labels) pairs.
    `backbone`: another network than the trainer's own, to compare.

    >>> Run("detection", 100, 0, (("general", 1000),)).mode
    'finetune'
    """

    task: str
    labels: int
    seed: int
    pools: tuple[tuple[str, int], ...] = ()
    strategy: str = "random"
    annotators: int = 1
    mode: str = "finetune"
    backbone: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a run gave. A failed run has no score, and `note` says why."""

    score: float | None
    test_size: int
    seconds: float
    device: str
    note: str = ""


class Trainer(Protocol):
    """Anything that can carry out runs."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it can train."""

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools it can pretrain on."""

    @property
    def recipe(self) -> str:
        """All that defines a run's result besides the run itself; runs of another recipe are other runs."""

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        """Pretrain once per (pools, seed): a checkpoint written atomically under `folder`; no-op if it is there."""

    def train(self, run: Run, folder: Path) -> Outcome:
        """Carry out `run` from the checkpoint of its pools under `folder`; pools all 0 mean from scratch."""


@runtime_checkable
class Together(Protocol):
    """A trainer that can also carry out several runs at once, faster than one after another."""

    def most_together(self) -> int:
        """How many runs are best handed to one process on this machine."""

    def kin(self, run: Run) -> Hashable:
        """Runs of the same answer can be trained together."""

    def train_together(self, runs: Sequence[Run], folder: Path) -> Iterator[tuple[Run, Outcome]]:
        """Carry out runs of one kin, each as `train` would: their outcomes, each as it is there, with its share of the
        seconds."""


def outcomes(trainer: Trainer, runs: Sequence[Run], folder: Path) -> Iterator[tuple[Run, Outcome]]:
    """Carry out runs, together where the trainer can: their outcomes, each as it is there."""
    if isinstance(trainer, Together):
        yield from trainer.train_together(runs, folder)
    else:
        for run in runs:
            started = time.perf_counter()
            outcome = trainer.train(run, folder)
            yield run, replace(outcome, seconds=time.perf_counter() - started)
