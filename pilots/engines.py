"""Where the processes of pilots run: on this machine, on a Ray cluster, or as SLURM jobs; all with the same face.

On a cluster every machine must see the store's folder of files, and the code and data of the trainer, under the same
path. A job leaves its result there as a file; nothing but the calling process ever writes the store.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from budget.errors import LabelBudgetError
from pilots.forking import Server
from pilots.machine import default_slots, threads
from pilots.remote import pack
from pilots.trainers import Trainer
from pilots.worker import Job, carry_out, read_result

LOOK_SECONDS = 0.02
QUEUED_JOBS = 100  # SLURM jobs at a time, unless the number of slots is given
ENGINES = ("local", "ray", "slurm")


class Engine(Protocol):
    """Carries out jobs, each in a process of its own, `slots` at a time. `pause`: seconds after which a job that
    somebody else was at is tried again; `keeps_time`: the engine itself ends what takes too long, counted from when it
    begins.
    """

    slots: int
    pause: float
    keeps_time: bool

    def start(self, job: Job, log: Path, environment: Mapping[str, str]) -> int:
        """Begin a job, all its output appended to `log`; the answer is its number."""

    def wait(self, seconds: float) -> dict[int, int]:
        """Wait until a job has ended, at most so long: {number: exit status, or minus the signal that ended it}."""

    def end(self, number: int) -> None:
        """End a job; `wait` tells when it has ended."""

    def close(self) -> None:
        """End everything."""


@dataclass(frozen=True)
class Place:
    """Where pilots run. `engine`: local, ray or slurm; `address`: of a Ray cluster (auto: that of this machine; without
    one, Ray is started here for the while), or what submitit calls the cluster (local: processes of this machine)."""

    engine: str = "local"
    address: str = ""


HERE = Place()


def begin(place: Place, trainer: Trainer, slots: int | None, timeout: float, files: Path) -> Engine:
    """The engine of a place. Raises LabelBudgetError if what it needs is not installed or does not answer."""
    if place.engine == "ray":
        return _ray(place.address, trainer, slots, timeout)
    if place.engine == "slurm":
        return _slurm(place.address, trainer, slots, timeout, files)
    count = slots or default_slots()
    return Server(partial(carry_out, trainer), threads(count), count)


class Handle(Protocol):
    """Something that is carried out elsewhere, and ends with an exit status."""

    def done(self) -> bool: ...
    def result(self) -> int: ...
    def cancel(self) -> None: ...


class Remote:
    """Jobs handed to a cluster. `submit` is given what to call and with what, and returns a handle; `errors`: what its
    `result` raises when the job, or the machine it was on, came to nothing.
    """

    pause = 5.0
    keeps_time = True

    def __init__(
        self,
        trainer: Trainer,
        slots: int,
        timeout: float,
        submit: Callable[[list[str], dict[str, str]], Handle],
        errors: tuple[type[Exception], ...],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.slots = slots
        self._function, self._timeout = partial(carry_out, trainer), min(timeout, 1e9)
        self._submit, self._errors, self._close = submit, errors, close
        self._handles: dict[int, tuple[Handle, Path]] = {}
        self._ended: dict[int, int] = {}
        self._count = 0

    def start(self, job: Job, log: Path, environment: Mapping[str, str]) -> int:
        self._count += 1
        if read_result(job.folder) is not None:  # left by a job whose parent was ended
            self._ended[self._count] = 0
            return self._count
        parcel = job.folder / "job.pickle"
        pack(parcel, self._function, job)
        handle = self._submit([str(parcel.resolve()), str(self._timeout), str(log.resolve())], dict(environment))
        self._handles[self._count] = handle, log
        return self._count

    def wait(self, seconds: float) -> dict[int, int]:
        end = time.monotonic() + seconds
        self._look()
        while not self._ended and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            self._look()
        ended, self._ended = self._ended, {}
        return ended

    def end(self, number: int) -> None:
        if number in self._handles:
            self._handles[number][0].cancel()

    def close(self) -> None:
        for handle, _ in self._handles.values():
            handle.cancel()
        self._close()

    def _look(self) -> None:
        """Note what has ended meanwhile; why something came to nothing goes to its log."""
        for number, (handle, log) in list(self._handles.items()):
            if handle.done():
                del self._handles[number]
                try:
                    code = handle.result()
                    self._ended[number] = 128 - code if code > 128 else code  # a shell's way to tell of a signal
                except self._errors as error:
                    with log.open("a", encoding="utf-8") as file:
                        file.write(f"lost: {' '.join(str(error).split())[:250]}\n")
                    self._ended[number] = 1


def call(arguments: list[str], environment: dict[str, str]) -> int:
    """On the machine of a cluster: the exit status of `pilots.remote` with these arguments."""
    command = [sys.executable, "-m", "pilots.remote", *arguments]
    return subprocess.run(command, env=os.environ | environment, stdin=subprocess.DEVNULL, check=False).returncode


def _installed(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise LabelBudgetError(f"{module} is not installed; try: pip install 'labelbudget[{extra}]'") from None


def _ray(address: str, trainer: Trainer, slots: int | None, timeout: float) -> Engine:
    """A run takes a processor and, where the cluster has GPUs, one of these."""
    ray = _installed("ray", "ray")
    aside = contextlib.redirect_stdout(sys.stderr)  # Ray prints what happens to its workers; stdout is for answers
    begun: dict[str, Any] = {"address": address} if address else {"num_cpus": slots, "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **begun)
    except (ConnectionError, ValueError) as error:
        raise LabelBudgetError(f"no Ray cluster at {address}: {error}") from None
    has = ray.cluster_resources()
    gpus = int(has.get("GPU", 0))
    task = ray.remote(max_retries=0, num_cpus=1, num_gpus=min(gpus, 1))(call)

    @dataclass(frozen=True)
    class Task:
        reference: Any

        def done(self) -> bool:
            return bool(ray.wait([self.reference], timeout=0)[0])

        def result(self) -> int:
            return int(ray.get(self.reference))

        def cancel(self) -> None:
            ray.cancel(self.reference, force=True)

    def submit(arguments: list[str], environment: dict[str, str]) -> Handle:
        return Task(task.remote(arguments, environment))

    count = slots or gpus or max(1, int(has.get("CPU", 1)))

    def close() -> None:
        ray.shutdown()
        aside.__exit__(None, None, None)

    aside.__enter__()
    return Remote(trainer, count, timeout, submit, (ray.exceptions.RayError,), close)


def _slurm(cluster: str, trainer: Trainer, slots: int | None, timeout: float, files: Path) -> Engine:
    """A run is a job of one processor; what else it needs (partition, account, GPUs), SBATCH_* variables say."""
    submitit = _installed("submitit", "slurm")
    executor = submitit.AutoExecutor(folder=files / "slurm", cluster=cluster or None)
    minutes = 1 + math.ceil(min(timeout, 3e7) / 60)
    executor.update_parameters(timeout_min=minutes, cpus_per_task=1, name="labelbudget")

    def submit(arguments: list[str], environment: dict[str, str]) -> Handle:
        handle: Handle = executor.submit(call, arguments, environment)
        return handle

    errors = (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError)
    return Remote(trainer, slots or QUEUED_JOBS, timeout, submit, errors)
