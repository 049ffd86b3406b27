"""The inside of a pilot's process: one job, carried out by a trainer, its result left as a file.

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
from pilots.trainers import Outcome, Run, Trainer

BUSY = 75  # EX_TEMPFAIL: another process is at this job


@dataclass(frozen=True)
class Job:
    """A run to carry out or, without a run, the pretraining that runs wait for.

    folder: this job's own (lock, log, result); shared: the folder that is handed to the trainer.
    """

    run: Run | None
    pools: tuple[tuple[str, int], ...]
    seed: int
    folder: Path
    shared: Path


def carry_out(trainer: Trainer, job: Job) -> None:
    """What the process does: it ends with a result, with the status BUSY if another is at it, or with a traceback."""
    lock = os.open(job.folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(BUSY)
    if read_result(job.folder) is None:
        _write_result(job.folder, *_timed(job, trainer))


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


def _timed(job: Job, trainer: Trainer) -> tuple[Outcome, str]:
    started, clock = now(), time.perf_counter()
    job.shared.mkdir(parents=True, exist_ok=True)
    if job.run is None:
        trainer.pretrain(job.pools, job.seed, job.shared)
        return Outcome(None, 0, time.perf_counter() - clock, "", "pretrained"), started
    outcome = replace(trainer.train(job.run, job.shared), seconds=time.perf_counter() - clock)
    if outcome.score is not None and not math.isfinite(outcome.score):
        note = f"the score is {outcome.score}: diverged" + (f"; {outcome.note}" if outcome.note else "")
        outcome = replace(outcome, score=None, note=note)
    return outcome, started


def _write_result(folder: Path, outcome: Outcome, started: str) -> None:
    """Written beside, put on disk, renamed: a reader sees all of it or nothing."""
    beside = folder / "result.json.new"
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"outcome": asdict(outcome), "started": started}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / "result.json")
