"""The inside of a pilot's process: one job, carried out by a trainer, the result of each run left as a file.

The file `result.json` is the result: it is there whole or not at all, whatever is killed. A job that has one is never
carried out again.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pilots.store import now
from pilots.trainers import Outcome, Run, Trainer, outcomes

BUSY = 75  # EX_TEMPFAIL: another process is at this job


@dataclass(frozen=True)
class Job:
    """Runs to carry out in one process or, without runs, the pretraining (pools, seed) that runs wait for.

    folders: of each run, or of the pretraining, its own (lock, log, result); shared: what is handed to the trainer.
    """

    runs: tuple[Run, ...]
    pools: tuple[tuple[str, int], ...]
    seed: int
    folders: tuple[Path, ...]
    shared: Path

    @property
    def folder(self) -> Path:
        """Where the process writes its log."""
        return self.folders[0]


def carry_out(trainer: Trainer, job: Job) -> None:
    """What the process does: it ends with all results, with the status BUSY if another is at any of it, or with a
    traceback; each result is there as soon as it can be."""
    free = [place for place, folder in enumerate(job.folders) if _locked(folder)]
    todo = [place for place in free if read_result(job.folders[place]) is None]
    job.shared.mkdir(parents=True, exist_ok=True)
    started, clock = now(), time.perf_counter()
    if todo and not job.runs:
        trainer.pretrain(job.pools, job.seed, job.shared)
        _write_result(job.folder, Outcome(None, 0, time.perf_counter() - clock, "", "pretrained"), started)
    elif todo:
        folders = {job.runs[place]: job.folders[place] for place in todo}
        for run, outcome in outcomes(trainer, tuple(folders), job.shared):
            _write_result(folders[run], _finite(outcome), started)
    if len(free) < len(job.folders):
        sys.exit(BUSY)


def _locked(folder: Path) -> bool:
    """Whether this process has the lock now, which it keeps to its end; another process may have it."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_result(folder: Path) -> tuple[Outcome, str] | None:
    """The outcome that a job left in its folder and when it began, or None: the job is still to be done."""
    try:
        found = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Outcome(**found["outcome"]), found["started"]


def forget_result(folder: Path) -> None:
    """Let a job be done again."""
    (folder / "result.json").unlink(missing_ok=True)


def _finite(outcome: Outcome) -> Outcome:
    """A score that is no number is none."""
    if outcome.score is None or math.isfinite(outcome.score):
        return outcome
    note = f"the score is {outcome.score}: diverged" + (f"; {outcome.note}" if outcome.note else "")
    return replace(outcome, score=None, note=note)


def _write_result(folder: Path, outcome: Outcome, started: str) -> None:
    """Written beside, put on disk, renamed: a reader sees all of it or nothing."""
    beside = folder / "result.json.new"
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"outcome": asdict(outcome), "started": started}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / "result.json")
