"""What carrying out a pilot costs beside its training: milliseconds a run, and as many times a rival's.

usage: python benchmarks/pilot_overhead.py [--runs 1000] [--slots 2]

Trivial runs, which train nothing, in the same number of slots: the runner of this package (a result counts once it is
on disk), against `subprocess` (a fresh interpreter a run, nothing loaded in it) and the standard library's
ProcessPoolExecutor with a fork server and a fresh process a task. Neither rival keeps anything, and one killed worker
loses the pool's batch. Before that a command that prints a score, as a trainer, against the same command started bare:
the difference is what a run of one's own program costs beside the program. Prints, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pilots.machine import default_slots
from pilots.run import execute
from pilots.store import Store
from pilots.trainers import Outcome, Run
from pilots.trainers.command import CommandTrainer


@dataclass(frozen=True)
class Nothing:
    """A trainer that trains nothing."""

    tasks: tuple[str, ...] = ("nothing",)
    pools: tuple[str, ...] = ()
    recipe: str = "nothing"

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        raise AssertionError("no run asks for a pool")

    def train(self, run: Run, folder: Path) -> Outcome:
        return Outcome(1 / (1 + run.seed), 1, 0.0, "cpu")


SCORES = ("echo", '{"score": 0.5, "note": "seed {seed}"}')


def ours(runs: int, slots: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "pilots.sqlite") as store:
        summary = execute([Run("nothing", 1, seed) for seed in range(runs)], Nothing(), store, slots)
        assert summary.done == len(store.rows()) == runs


def command(runs: int, slots: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "pilots.sqlite") as store:
        trainer = CommandTrainer(SCORES, ("nothing",), (), Path(folder))
        summary = execute([Run("nothing", 1, seed) for seed in range(runs)], trainer, store, slots)
        assert summary.done == len(store.rows()) == runs


def bare_command(runs: int, slots: int) -> None:
    def start(seed: int) -> str:
        words = [word.replace("{seed}", str(seed)) for word in SCORES]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(slots) as pool:
        assert len([json.loads(text) for text in pool.map(start, range(runs))]) == runs


def interpreters(runs: int, slots: int) -> None:
    def start(seed: int) -> str:
        command = [sys.executable, "-c", f"print({1 / (1 + seed)})"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(slots) as pool:
        assert len([float(text) for text in pool.map(start, range(runs))]) == runs


def process_pool(runs: int, slots: int) -> None:
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(slots, mp_context=context, max_tasks_per_child=1) as pool:
        assert len(list(pool.map(Nothing().train, [Run("nothing", 1, seed) for seed in range(runs)], [Path()] * runs)))


def milliseconds(work: Callable[[int, int], None], runs: int, slots: int) -> tuple[float, float]:
    """Of one run in one slot: the wall clock, which is what a slot spends on a run that takes no time, and the
    processors' time, which other work on the machine hardly lengthens."""
    started, before = time.perf_counter(), processors()
    work(runs, slots)
    return (time.perf_counter() - started) / runs * slots * 1000, (processors() - before) / runs * 1000


def processors() -> float:
    """Seconds of processors that this process and those it has waited for have had."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=min(2, default_slots()))
    options = parser.parse_args()
    found: dict[str, float] = {}

    def say(name: str, times: tuple[float, float], more: str = "") -> None:
        found[name], found[f"{name}, processors"] = times
        print(f"{name:20} {times[0]:7.1f} ms a run and slot, {times[1]:5.1f} ms of a processor{more}", flush=True)

    programs = [milliseconds(work, options.runs, options.slots) for work in (command, bare_command)]
    say("own program", programs[0])
    say("the same, bare", programs[1])
    say("overhead", (programs[0][0] - programs[1][0], programs[0][1] - programs[1][1]), " (60 ms allowed)")
    for name, work in (("labelbudget", ours), ("subprocess", interpreters), ("ProcessPoolExecutor", process_pool)):
        times = milliseconds(work, options.runs, options.slots)
        say(name, times, f"   {times[0] / found.get('labelbudget', times[0]):5.2f} x ours")
    print(json.dumps({"benchmark": "pilot_overhead", "runs": options.runs, "slots": options.slots} | found))


if __name__ == "__main__":
    main()
