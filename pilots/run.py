"""Carries out pilots: one process a run (or for several that are trained together), so many at a time; whatever is
interrupted goes on where it stopped.

What was measured lies in the store. A crash, a timeout or an exception is a failed run with its reason, never the end
of the others.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pilots.agenda import Agenda, Group, Pretraining, no_kin
from pilots.engines import HERE, Engine, Place, begin
from pilots.machine import several_gpus
from pilots.store import Row, Store, canonical, now, recipe_hash, run_name
from pilots.trainers import Outcome, Run, Together, Trainer
from pilots.worker import BUSY, Job, forget_result, read_result

LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True)
class Limits:
    """Seconds for one attempt, tries again after a crash, seconds after which nothing new is started; and the same,
    counted over all slots that were at work."""

    timeout: float = 3600.0
    retries: int = 2
    seconds: float = math.inf
    slot_seconds: float = math.inf


@dataclass(frozen=True)
class Progress:
    """Where an execution stands, in runs, with a guess of the seconds left; `last` is the run that has just ended."""

    total: int
    done: int
    failed: int
    running: int
    seconds_left: float | None
    last: Row | None = None


@dataclass(frozen=True)
class Summary:
    """What an execution came to, in runs. `skipped` were there before or done by another process meanwhile; `left` were
    not started in the time there was.
    """

    done: int
    failed: int
    skipped: int
    seconds: float
    left: int = 0


def execute(
    runs: Iterable[Run],
    trainer: Trainer,
    store: Store,
    slots: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    limits: Limits | None = None,
    retry_failed: bool = False,
    devices: Sequence[str] | None = None,
    place: Place = HERE,
    together: int | None = None,
) -> Summary:
    """Carry out those of `runs` that the store does not hold yet, in their order, `slots` at a time.

    `slots`: as many as there are processors, unless given; `place`: on this machine or a cluster. Pretraining happens
    once per (pools, seed), before the first run that needs it and beside those that need none. `retry_failed` does
    failed runs again. `devices`: GPUs of this machine, named as in CUDA_VISIBLE_DEVICES, dealt out to the slots in
    turn; all there are unless given. `together`: how many runs a process trains at most, where the trainer can train
    several; unless given, what it finds best on this machine, and one on a cluster. Stopped in any way, nothing is left
    running, and a second call does what is missing. KeyboardInterrupt passes through. `trainer` is pickled for the
    processes that carry out runs.
    """
    wanted = tuple(dict.fromkeys(map(canonical, runs)))
    store.use(trainer.recipe)
    finished = store.finished(trainer.recipe, failed=not retry_failed)
    missing = [run for run in wanted if run not in finished]
    here = place.engine == "local"
    if not isinstance(trainer, Together):
        together = 1
    elif together is None:
        together = trainer.most_together() if here else 1
    execution = _Execution(missing, trainer, store, limits or Limits(), together)
    if retry_failed:
        execution.forget_failures(missing)
    skipped = len(wanted) - len(missing)
    if not missing:
        return execution.summary(skipped)
    dealt = () if not here else several_gpus() if devices is None else tuple(devices)
    engine = begin(place, trainer, slots, together * execution.limits.timeout, store.folder)
    try:
        execution.work_through(engine, dealt, on_progress or (lambda progress: None))
    finally:
        engine.close()
        execution.keep_what_is_there()
    return execution.summary(skipped)


@dataclass(frozen=True)
class _Attempt:
    """A job under way. `slot` is its place among the slots, `deadline` and `begun` on the monotonic clock."""

    step: Group | Pretraining
    job: Job
    slot: int
    deadline: float
    started: str
    begun: float


class _Execution:
    """One call of `execute`: the agenda, the attempts under way by their engine's number, and the counts."""

    def __init__(self, runs: Sequence[Run], trainer: Trainer, store: Store, limits: Limits, together: int) -> None:
        self._trainer, self._store, self.limits = trainer, store, limits
        self._devices: tuple[str, ...] = ()
        kin = trainer.kin if together > 1 and isinstance(trainer, Together) else no_kin
        self._agenda = Agenda(runs, kin, together)
        self._total = len(runs)
        self._done = self._failed = self._elsewhere = 0
        self._busy = 0.0
        self._attempts: dict[int, _Attempt] = {}
        self._crashes: dict[Group | Pretraining, int] = {}
        self._last: Row | None = None
        self._pause_until = math.inf
        self._clock = time.monotonic()
        self._folder = store.folder.resolve() / recipe_hash(trainer.recipe)

    def forget_failures(self, runs: Iterable[Run]) -> None:
        """Results without a score that an earlier call left are no reason not to try again."""
        for run in runs:
            forget_result(self._job(Group((run,))).folder)

    def summary(self, skipped: int) -> Summary:
        """What it came to; `skipped` runs were there before."""
        seconds = time.monotonic() - self._clock
        return Summary(self._done, self._failed, skipped + self._elsewhere, seconds, len(self._agenda))

    def work_through(self, engine: Engine, devices: tuple[str, ...], on_progress: Callable[[Progress], None]) -> None:
        """Until nothing is left to do."""
        self._devices = devices
        self._clock = time.monotonic()  # loading what the trainer needs counts neither as pace nor against the limit
        on_progress(self._progress())
        while self._fill_slots(engine):
            for number, status in self._ended(engine).items():
                for last in self._settle(self._attempts.pop(number), status, engine):
                    self._last = last
                    on_progress(self._progress())

    def keep_what_is_there(self) -> None:
        """The results of processes that were ended on the way."""
        for attempt in self._attempts.values():
            for run, result in _results(attempt).items():
                self._keep(run, *result)
        self._attempts.clear()

    def _fill_slots(self, engine: Engine) -> bool:
        """Start jobs while there are free slots and jobs that can start; the answer is whether anything is left."""
        if time.monotonic() - self._clock >= self.limits.seconds or self._worked() >= self.limits.slot_seconds:
            return bool(self._attempts)
        if time.monotonic() >= self._pause_until:
            self._agenda.recall()
            self._pause_until = math.inf
        while len(self._attempts) < engine.slots:
            step = self._agenda.next(engine.slots)
            if step is None:
                break
            if isinstance(step, Group):
                left = tuple(run for run in step.runs if not self._store.holds(self._trainer.recipe, run))
                self._elsewhere += len(step.runs) - len(left)
                step = Group(left)
            if step != Group(()):
                self._start(step, engine)
        return bool(self._agenda or self._attempts)

    def _worked(self) -> float:
        """Seconds that slots have been at work, added up."""
        now = time.monotonic()
        return self._busy + sum(now - attempt.begun for attempt in self._attempts.values())

    def _start(self, step: Group | Pretraining, engine: Engine) -> None:
        slot = min(set(range(engine.slots)) - {attempt.slot for attempt in self._attempts.values()})
        device = {"CUDA_VISIBLE_DEVICES": self._devices[slot % len(self._devices)]} if self._devices else {}
        job = self._job(step)
        for folder in job.folders:
            folder.mkdir(parents=True, exist_ok=True)
            if folder != job.folder:
                (folder / "log.txt").write_text(f"trained together with others: see ../{job.folder.name}/log.txt\n")
        number = engine.start(job, job.folder / "log.txt", device)
        deadline = math.inf if engine.keeps_time else time.monotonic() + len(job.folders) * self.limits.timeout
        self._attempts[number] = _Attempt(step, job, slot, deadline, now(), time.monotonic())

    def _ended(self, engine: Engine) -> dict[int, int]:
        """Wait until something happens: {number: status} of attempts that are over; late ones are ended by force."""
        moment = min([self._pause_until, *(attempt.deadline for attempt in self._attempts.values())])
        ended = engine.wait(min(max(0.01, moment - time.monotonic()), LONGEST_WAIT_SECONDS))
        for number, attempt in self._attempts.items():
            if time.monotonic() >= attempt.deadline and number not in ended:
                engine.end(number)
        return ended

    def _settle(self, attempt: _Attempt, status: int, engine: Engine) -> Iterator[Row | None]:
        """Draw the consequences from what an attempt left: the rows that it came to, or None where there are none."""
        self._busy += time.monotonic() - attempt.begun
        if isinstance(attempt.step, Group):
            done = _results(attempt)
            yield from (self._keep(run, *result) for run, result in done.items())
            left: Group | Pretraining = Group(tuple(run for run in attempt.step.runs if run not in done))
            shared = len(attempt.step.runs) > 1
        else:
            result = read_result(attempt.job.folder)
            left, shared = attempt.step, False
            if result is not None:
                self._store.record_pretraining(self._trainer.recipe, *attempt.step, result[0].seconds)
                self._agenda.pretrained(attempt.step)
                left = Group(())
        if left == Group(()):
            yield None
        elif status == BUSY:
            self._agenda.postpone(left)
            self._pause_until = min(self._pause_until, time.monotonic() + engine.pause)
            yield None
        elif shared:  # which of them is to blame comes out when each goes alone
            self._agenda.put_back(left)
            yield None
        else:
            yield from self._crashed(attempt, _reason(attempt, status, self.limits.timeout))

    def _crashed(self, attempt: _Attempt, reason: str) -> Iterator[Row | None]:
        """Once more, as often as the limits allow; then a failed run, or as many as waited for a pretraining."""
        step, times = attempt.step, self._crashes.get(attempt.step, 0) + 1
        self._crashes[step] = times
        if times <= self.limits.retries:
            self._agenda.put_back(step)
            yield None
            return
        note = f"{reason} ({times} attempts)"
        lost = step.runs if isinstance(step, Group) else self._agenda.give_up(step)
        if not isinstance(step, Group):
            note = f"pretraining failed: {note}; log: {attempt.job.folder / 'log.txt'}"
        for run in lost:
            yield self._keep(run, Outcome(None, 0, 0.0, "", note), attempt.started)

    def _keep(self, run: Run, outcome: Outcome, started: str) -> Row:
        row = Row(run, outcome, run_name(run), started)
        new = self._store.record_all(self._trainer.recipe, (row,))
        if outcome.score is None:
            self._failed += 1
        elif not new:  # another process was told of it first
            self._elsewhere += 1
        else:
            self._done += 1
        return row

    def _progress(self) -> Progress:
        steps = [attempt.step for attempt in self._attempts.values()]
        running = sum(len(step.runs) for step in steps if isinstance(step, Group))
        ended = self._done + self._failed
        total = self._total - self._elsewhere
        left = (time.monotonic() - self._clock) / ended * (total - ended) if ended else None
        return Progress(total, self._done, self._failed, running, left, self._last)

    def _job(self, step: Group | Pretraining) -> Job:
        shared = self._folder / "shared"
        if isinstance(step, Group):
            folders = tuple(self._folder / "runs" / run_name(run) for run in step.runs)
            return Job(step.runs, (), 0, folders, shared)
        pools, seed = step
        name = run_name(Run("", 0, seed, pools))
        return Job((), pools, seed, (self._folder / "pretraining" / name,), shared)


def _results(attempt: _Attempt) -> dict[Run, tuple[Outcome, str]]:
    """What the runs of an attempt have left so far."""
    found = zip(attempt.job.runs, map(read_result, attempt.job.folders), strict=False)
    return {run: result for run, result in found if result is not None}


def _reason(attempt: _Attempt, status: int, timeout: float) -> str:
    """Why an attempt ended without a result, in one line."""
    if time.monotonic() >= attempt.deadline:
        return f"ended after {timeout:g} s, the timeout"
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (", as happens when memory runs out" if name == "SIGKILL" else "")
    return _last_line(attempt.job.folder / "log.txt") or f"ended with status {status}"


def _last_line(path: Path) -> str:
    """The last line of a log that says something, at most 300 characters."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
