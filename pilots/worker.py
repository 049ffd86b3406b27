"""The inside of a pilot's process: one job, carried out by a trainer, its result left as a file.

The file `result.json` is the result: it is there whole or not at all, whatever is killed. A job that has one is never
carried out again.
"""

from __future__ import annotations

import fcntl
import json
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

from pilots.store import now
from pilots.trainers import Outcome, Run, Trainer

BUSY = 75  # EX_TEMPFAIL: another process is at this job
GRACE_SECONDS = 1.0  # how long a run may outlive its parent: what ends in this time is not done a second time


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


def carry_out(job: Job, trainer: Trainer, environment: Mapping[str, str]) -> None:
    """The main function of the process: exits 0 with a result, BUSY if another is at it, else with a traceback."""
    os.setsid()  # a group of its own, so that everything the trainer starts can be ended with it
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(job.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
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


def _end_with_parent() -> None:
    """If the parent dies, end this process and all that it started, a moment later."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs only as a child"
    wait([parent.sentinel])
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)
