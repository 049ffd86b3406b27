"""What the built-in pilots measure, as tables: mean score over seeds and its standard deviation.

python benchmarks/pilot_curves.py curves     (or another table: see --help)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from torch import Tensor, nn

from pilots.data.examples import Examples, Split, unlabelled
from pilots.data.glyphs import glyphs
from pilots.learning.backbone import Backbone
from pilots.learning.heads import ClassHead, Features
from pilots.learning.replicas import train
from pilots.learning.training import Network, Recipe, answers
from pilots.trainers import Run
from pilots.trainers.networks import NetworkTrainer, Pools, digit_scenes

SCENES = digit_scenes()
TASKS = SCENES.tasks
CLASSES = ("classification", "detection")  # the tasks that need the class


@dataclass(frozen=True)
class Row:
    """One way to train: its name in the table, with what, and from which pools."""

    name: str
    pools: Pools = ()
    trainer: NetworkTrainer = SCENES
    mode: str = "finetune"


@dataclass(frozen=True)
class Table:
    """Every row for every task at each number of labels."""

    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    tasks: tuple[str, ...] = TASKS


def general(*sizes: int) -> tuple[Row, ...]:
    return tuple(Row(f"{size} general", (("general", size),)) if size else Row("none") for size in sizes)


def curves() -> Table:
    """Labels, and the pool."""
    return Table(general(0, 1000, 4000), (50, 100, 200, 400, 800))


def growth() -> Table:
    """Four times as many pool labels at each step."""
    return Table(general(0, 250, 1000, 4000, 16000), (100,))


def modes() -> Table:
    """The whole network moved, the head alone, or everything from scratch."""
    pool = (("general", 4000),)
    return Table(tuple(Row(mode, pool, mode=mode) for mode in ("finetune", "frozen", "scratch")), (50, 200, 800))


def noise() -> Table:
    """Wrong labels in the pool, and how many right ones are worth as much."""
    wrong = tuple(
        Row(f"4000, {share:.0%} wrong", (("general", 4000),), SCENES.with_noise({"general": share}))
        for share in (0.2, 0.4, 0.6, 0.8)
    )
    return Table((*general(0, 1000, 2000, 4000), *wrong), (100, 400), CLASSES)


def capacity() -> Table:
    """Small, medium and large backbones."""
    rows = (
        Row(f"{size}, {labels} general", (("general", labels),), replace(SCENES, backbone=size))
        for size in ("small", "medium", "large")
        for labels in (0, 1000, 4000, 16000)
    )
    return Table(tuple(rows), (100,), CLASSES)


def alone() -> Table:
    """Images alone against class labels."""
    images = tuple(Row(f"{size} unlabelled", (("unlabelled", size),)) for size in (1000, 4000))
    both = Row("4000 unlabelled, 1000 general", (("general", 1000), ("unlabelled", 4000)))
    return Table((*general(0, 1000), *images, both), (50, 200, 800))


def synthetic() -> Table:
    """Drawn digits, few written ones, and both."""
    few, many = ("general", 250), ("synthetic", 4000)
    rows = (Row("4000 synthetic", (many,)), Row("4000 synthetic, 250 general", (few, many)))
    return Table((*general(0, 250), *rows, *general(4000)), (50, 200, 800), CLASSES)


def aligned() -> Table:
    """Labels of the tasks' own ten classes (general) against those of forty classes (broad)."""
    broad = tuple(Row(f"{size} broad", (("broad", size),)) for size in (1000, 4000, 16000))
    return Table((*general(1000, 4000), *broad), (50, 200, 800), CLASSES)


def rates() -> Table:
    """Learning rates as they are, and chosen by validation."""
    tuned = replace(SCENES, tune=True)
    rows = (
        Row(f"{labels} general, {name}", (("general", labels),), trainer)
        for labels in (0, 4000)
        for name, trainer in (("as they are", SCENES), ("chosen", tuned))
    )
    return Table(tuple(rows), (50, 200, 800))


TABLES: dict[str, Callable[[], Table]] = {
    each.__name__: each for each in (curves, growth, modes, noise, capacity, alone, synthetic, aligned, rates)
}


def cell(scores: Sequence[float | None]) -> str:
    found = [score for score in scores if score is not None]
    if len(found) < len(scores):
        return "failed"
    return f"{mean(found):.3f} ± {stdev(found) if len(found) > 1 else 0:.3f}"


def measured(row: Row, task: str, labels: int, seeds: int, folder: Path) -> str:
    runs = [Run(task, labels, seed, row.pools, mode=row.mode) for seed in range(seeds)]
    return cell([row.trainer.train(run, folder).score for run in runs])


def print_table(table: Table, seeds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        started = time.process_time()
        for row in table.rows:
            for seed in range(seeds if row.mode != "scratch" else 0):
                row.trainer.pretrain(row.pools, seed, folder)
        pretraining = time.process_time() - started
        print(f"| task | pools | {' | '.join(f'{labels} labels' for labels in table.labels)} |")
        print(f"|---|---|{'---:|' * len(table.labels)}")
        for task in table.tasks:
            for row in table.rows:
                cells = [measured(row, task, labels, seeds, folder) for labels in table.labels]
                print(f"| {task} | {row.name} | {' | '.join(cells)} |", flush=True)
        runs = len(table.tasks) * len(table.rows) * len(table.labels) * seeds
        each = (time.process_time() - started - pretraining) / runs
        print(f"\nCPU seconds: {pretraining:.0f} for pretraining, {each:.2f} for each of {runs} runs")


class RandomFeatures(Backbone):
    """50 random features of 64 pixels, never trained: a model whose size is known."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = (50, 50, 50)
        self.layer = nn.Linear(64, 50)
        nn.init.normal_(self.layer.weight, std=0.3)

    def forward(self, images: Tensor) -> Features:
        features = self.layer(images.flatten(1)).relu()[:, :, None, None]
        return features, features, features


def digits_alone(split: Split, wrong: float = 0.0, seed: int = 0) -> Examples:
    """The glyphs of a split without a scene around them, this share of their classes wrong."""
    found, random = glyphs(split), np.random.default_rng(seed)
    others = (found.classes + random.integers(1, 10, len(found.classes))) % 10
    classes = np.where(random.random(len(others)) < wrong, others, found.classes)
    return replace(unlabelled(found.ink.clip(0, 255).astype(np.uint8)[:, None]), classes=classes)


def descent(seeds: int) -> None:
    """Score against labels, a fifth of them wrong, with and without early stopping."""
    validation, test = digits_alone("validation"), digits_alone("test")
    sizes = (40, 80, 160, 320, 640, 1250)
    print(f"| early stopping | {' | '.join(f'{size} labels' for size in sizes)} |\n|---|{'---:|' * len(sizes)}")
    for stopping in (False, True):
        cells = []
        for size in sizes:
            scores = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                backbone = RandomFeatures()
                head = ClassHead(10, backbone.channels)
                network = Network(backbone, head)
                recipe = Recipe(2000 / size**0.5, 32, 0.0, 0.1, 0.0, checks=40, patience=5, early_stopping=stopping)
                learn = digits_alone("train", 0.2, seed)
                chosen = learn.take(np.random.default_rng(seed).permutation(len(learn))[:size])
                train(network, chosen, validation, recipe, seed)
                scores.append(head.score(answers(network, test), test))
            cells.append(cell(scores))
        print(f"| {'yes' if stopping else 'no'} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    names = [*TABLES, "descent"]
    lines = "\n".join(f"  {name:10} {TABLES.get(name, descent).__doc__}" for name in names)
    options = argparse.ArgumentParser(
        description=f"{__doc__}\n{lines}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("table", nargs="?", default="curves", choices=names)
    options.add_argument("--seeds", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(1)
    if given.table == "descent":
        descent(given.seeds)
    else:
        print_table(TABLES[given.table](), given.seeds)


if __name__ == "__main__":
    main()
