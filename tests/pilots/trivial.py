"""A trainer that trains nothing: it waits a little, writes what it did to a side log and scores by a formula."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pilots.trainers import Outcome, Run


@dataclass(frozen=True)
class Trivial:
    """`log`: a file to which every run and pretraining appends a line when it is through; `spoil`: what goes wrong."""

    log: Path
    wait: float = 0.0
    spoil: tuple[tuple[str, str], ...] = ()
    tasks: tuple[str, ...] = ("cars", "lanes")
    pools: tuple[str, ...] = ("general",)
    recipe: str = "trivial"

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        time.sleep(self.wait)
        if dict(self.spoil).get("pretraining") == "exception":
            raise ValueError("no such pool")
        (folder / f"pretrained-{dict(pools)['general']}-{seed}").touch()
        append(self.log, f"pretraining {dict(pools)['general']} {seed}")

    def train(self, run: Run, folder: Path) -> Outcome:
        time.sleep(self.wait)
        self.log.touch()
        if run.pools:
            assert (folder / f"pretrained-{dict(run.pools)['general']}-{run.seed}").exists(), "not pretrained"
        how = dict(self.spoil).get(run.task)
        self._go_wrong(how, folder)
        append(self.log, f"{run.task} {run.labels} {dict(run.pools).get('general', 0)} {run.seed}")
        score = float("nan") if how == "nan" else 1 - 1 / (1 + run.labels)
        return Outcome(score, 100, 0.0, os.environ.get("CUDA_VISIBLE_DEVICES", "cpu"))

    def _go_wrong(self, how: str | None, folder: Path) -> None:
        if how == "once" and not (folder / "tried").exists():
            (folder / "tried").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exception":
            raise ValueError("the labels are all one class")
        if how == "hang" or (how == "hang after two" and len(self.log.read_text().splitlines()) >= 2):
            (folder / f"pid-{os.getpid()}").write_text(str(os.getpid()))
            time.sleep(600)


@dataclass(frozen=True)
class Siblings(Trivial):
    """The same, several runs of a task in one process, which notes how many; `spoil` may name a task and labels."""

    def most_together(self) -> int:
        return 4

    def kin(self, run: Run) -> Hashable:
        return run.task, bool(run.pools)

    def train_together(self, runs: Sequence[Run], folder: Path) -> Iterator[tuple[Run, Outcome]]:
        append(self.log.with_name("groups"), str(len(runs)))
        for run in runs:
            self._go_wrong(dict(self.spoil).get(f"{run.task} {run.labels}"), folder)
            started = time.perf_counter()
            yield run, replace(self.train(run, folder), seconds=time.perf_counter() - started)


def append(log: Path, line: str) -> None:
    """One write to a file opened for appending: lines of several processes do not mix."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def fork_example(folder: Path, case: str) -> None:
    """What a forked process of test_forking does."""
    (folder / "server").write_text(str(os.getppid()))
    if case == "print":
        print(f"said {case} in slot {os.environ['SLOT']} with {os.environ['OMP_NUM_THREADS']} threads")
    elif case == "exit 7":
        sys.exit(7)
    elif case == "raise":
        raise ValueError("no good")
    elif case == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        left = subprocess.Popen(["sleep", "600"])
        (folder / ("left" if case == "leave" else "started")).write_text(str(left.pid))
        if case == "wait":
            left.wait()
