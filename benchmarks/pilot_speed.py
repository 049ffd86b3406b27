"""Runs a minute of the built-in trainer on this device: in plain PyTorch, one after another, side by side, and as a
trial chooses.

python benchmarks/pilot_speed.py                 # on a GPU 30 runs a task, without one 4

All four carry out the same runs (one task, label sizes x seeds, fine-tuned from a pool of 1,000) in one process, data,
scores and all, pretraining done before. Plain PyTorch is eager, one run after another; one after another is what
`--together 1` does (on a GPU with recorded steps); side by side is `pilots.learning.replicas`, whatever the trial says.
Score off: how far a score is from that of plain PyTorch, at most. Prints, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import torch

from pilots.learning import replicas
from pilots.learning.replicas import Stack
from pilots.trainers import Run, networks
from pilots.trainers.networks import NetworkTrainer, digit_scenes

POOL = (("general", 1000),)
Scores = dict[Run, float | None]
Way = Callable[[NetworkTrainer, Sequence[Run], Path], Scores]
WAYS = ("plain PyTorch", "one after another", "side by side", "as chosen")


def plain(trainer: NetworkTrainer, runs: Sequence[Run], folder: Path) -> Scores:
    with patch.object(replicas, "faster_stack", lambda *_: None):
        return one_by_one(trainer, runs, folder)


def one_by_one(trainer: NetworkTrainer, runs: Sequence[Run], folder: Path) -> Scores:
    return {run: trainer.train(run, folder).score for run in runs}


def side_by_side(trainer: NetworkTrainer, runs: Sequence[Run], folder: Path) -> Scores:
    with patch.object(networks, "faster_stack", Stack):
        return {run: outcome.score for run, outcome in trainer.train_together(runs, folder)}


def as_chosen(trainer: NetworkTrainer, runs: Sequence[Run], folder: Path) -> Scores:
    """As `labelbudget pilot run` does it: so many runs to a process as the trainer finds best, and there a trial."""
    most = trainer.most_together()
    parts = [runs[first : first + most] for first in range(0, len(runs), most)]
    return {run: outcome.score for part in parts for run, outcome in trainer.train_together(part, folder)}


ALL = (plain, one_by_one, side_by_side, as_chosen)


def timed(way: Way, trainer: NetworkTrainer, runs: Sequence[Run], folder: Path) -> tuple[float, Scores]:
    """Seconds and scores; without a GPU those of the processor, which nobody else's work lengthens."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    started = clock()
    scores = way(trainer, runs, folder)  # scored on the CPU, so the device is done
    return clock() - started, scores


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=digit_scenes().tasks, choices=digit_scenes().tasks)
    parser.add_argument("--labels", nargs="+", type=int, default=[50, 100, 200, 400, 800] if gpu else [50, 100])
    parser.add_argument("--seeds", type=int, default=6 if gpu else 2)
    parser.add_argument("--times", type=int, default=2, help="the least of so many counts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.cuda.get_device_name() if gpu else "cpu, one thread"
    trainer, found = digit_scenes(), {}
    print(f"device: {device}; {len(options.labels) * options.seeds} runs a task\n")
    columns = ("task", *(f"runs a minute, {way}" for way in WAYS), "times as fast as chosen", "score off")
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for seed in range(options.seeds):
            trainer.pretrain(POOL, seed, folder)
        for task in options.tasks:
            runs = [Run(task, labels, seed, POOL) for labels in options.labels for seed in range(options.seeds)]
            one_by_one(trainer, runs[:1], folder)  # reads test and validation, starts the device
            rounds = [[timed(way, trainer, runs, folder) for way in ALL] for _ in range(options.times)]
            results = [min(each, key=lambda result: result[0]) for each in zip(*rounds, strict=True)]
            minute = [60 * len(runs) / seconds for seconds, _ in results]
            alone = results[0][1]
            off = max(
                abs((score or 0.0) - (alone[run] or 0.0)) for _, scores in results for run, score in scores.items()
            )
            cells = [task, *(f"{each:.0f}" for each in minute), f"{minute[-1] / minute[0]:.2f}", f"{off:.3f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
            found[task] = dict(zip(WAYS, minute, strict=True)) | {"off": off}
    print(json.dumps({"benchmark": "pilot_speed", "device": device, "runs_a_minute": found}))


if __name__ == "__main__":
    main()
