"""The built-in trainer: small networks on digit scenes, pretrained on class labels, fine-tuned a task at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from budget.errors import Fault, InvalidInput
from pilots.data.digits import DigitScenes
from pilots.data.examples import Examples, Source, Split
from pilots.data.hashing import hashed, shuffled
from pilots.data.noise import NoisySource
from pilots.data.settings import Kind
from pilots.learning.backbone import Channels, backbone_named
from pilots.learning.detection import BoxHead
from pilots.learning.heads import ClassHead, MaskHead, PointHead
from pilots.learning.pretraining import joined, load, pretrain, save
from pilots.learning.training import Diverged, Network, Recipe, device, outputs, train
from pilots.trainers import Outcome, Run

PRETRAINING = Recipe(pace=9, batch=32, backbone_rate=0.015, head_rate=0.015, decay=0.05, checks=4, patience=4)
SCRATCH = Recipe(pace=6, batch=32, backbone_rate=0.01, head_rate=0.01, decay=0.05, checks=3, patience=1)
FINE_TUNING = Recipe(pace=7, batch=16, backbone_rate=0.002, head_rate=0.02, decay=0.05, checks=3, patience=1)
FROZEN = Recipe(pace=7, batch=16, backbone_rate=0.0, head_rate=0.02, decay=0.05, checks=3, patience=1)
_VERSION = "networks 4"  # part of the recipe: raise it with every change to scenes, networks or training


@dataclass(frozen=True)
class Problem:
    """One task: the kind of its labels, and where they come from."""

    kind: Kind
    source: Source


@dataclass(frozen=True)
class NetworkTrainer:
    """Trains a network a run. Pools are class-labelled; the tasks' kinds choose head, loss and score.

    backbone: small, medium or large, or anyone's `module:function` (`backbone_named`).
    """

    problems: Mapping[str, Problem]
    shared: Mapping[str, Source]
    backbone: str = "medium"

    def with_noise(self, shares: Mapping[str, float]) -> NetworkTrainer:
        """The same with a share of the class labels of these pools and tasks replaced by wrong ones."""
        shared = {name: _noisy(source, shares.get(name, 0.0)) for name, source in self.shared.items()}
        problems = {
            name: replace(problem, source=_noisy(problem.source, shares.get(name, 0.0)))
            for name, problem in self.problems.items()
        }
        return replace(self, problems=problems, shared=shared)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.problems)

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(self.shared)

    @property
    def recipe(self) -> str:
        recipes = (PRETRAINING, SCRATCH, FINE_TUNING, FROZEN)
        sources = (sorted(self.problems.items()), sorted(self.shared.items()))
        return "; ".join([_VERSION, self.backbone, *map(repr, recipes + sources)])

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        """Write the checkpoint of (pools, seed) under `folder`; nothing to do if it is there or no pool is used."""
        used = _used(pools)
        path = self._checkpoint(used, seed, folder)
        if not used or path.exists():
            return
        _one_thread()
        sources = [self.shared[name] for name, _ in used]
        classes = [source.classes for source in sources]
        learned = [_chosen(source, name, labels, seed) for source, (name, labels) in zip(sources, used, strict=True)]
        checked = [_whole(source, "validation") for source in sources]
        torch.manual_seed(_number("pretraining", seed))
        both = joined(learned, classes)
        backbone = backbone_named(self.backbone, both.images.shape[1])
        pretrain(backbone, both, joined(checked, classes), sum(classes), PRETRAINING, seed)
        save(backbone, path)

    def train(self, run: Run, folder: Path) -> Outcome:
        """Train and test one network; a run whose loss diverges has no score."""
        self._check(run)
        started = time.perf_counter()
        _one_thread()
        problem = self.problems[run.task]
        test, where = _whole(problem.source, "test"), device()
        try:
            score, note = self._score(run, problem, folder, test), ""
        except Diverged as failure:
            score, note = None, str(failure)
        seconds = time.perf_counter() - started
        name = torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu"
        return Outcome(score, len(test), seconds, name, note)

    def _score(self, run: Run, problem: Problem, folder: Path, test: Examples) -> float | None:
        learned = _chosen(problem.source, run.task, run.labels, run.seed)
        used = () if run.mode == "scratch" else _used(run.pools)
        self.pretrain(used, run.seed, folder)
        torch.manual_seed(_number(run.task, run.seed))
        channels, size = learned.images.shape[1:3]
        backbone = backbone_named(self.backbone, channels)
        head = head_for(problem.kind, problem.source.classes, learned.points.shape[1], size, backbone.channels)
        if used:
            load(self._checkpoint(used, run.seed, folder), backbone)
        network = Network(backbone, head)
        recipe = FROZEN if run.mode == "frozen" else FINE_TUNING if used else SCRATCH
        train(network, head, learned, _whole(problem.source, "validation"), recipe, _number(run.task, run.seed))
        return head.score(outputs(network, test, device()), test)

    def _checkpoint(self, used: tuple[tuple[str, int], ...], seed: int, folder: Path) -> Path:
        digest = hashlib.sha256(repr((self.recipe, used, seed)).encode()).hexdigest()[:16]
        return folder / f"backbone-{digest}.pt"

    def _check(self, run: Run) -> None:
        """Refuse a run that this trainer cannot carry out as it is asked."""
        faults = []
        if run.task not in self.problems:
            faults.append(Fault("run", "task", repr(run.task), f"one of {', '.join(self.tasks)}"))
        else:
            most = len(self.problems[run.task].source.items("train"))
            if not 1 <= run.labels <= most:
                faults.append(
                    Fault("run", "labels", str(run.labels), f"1 to {most}, the items there are to learn from")
                )
        for name, labels in run.pools:
            if name not in self.shared:
                faults.append(Fault("run", "pools", repr(name), f"of {', '.join(self.pools) or 'none'}"))
            elif not 0 <= labels <= (most := len(self.shared[name].items("train"))):
                faults.append(Fault("run", f"pools.{name}", str(labels), f"0 to {most}"))
        for field, found, allowed in (
            ("strategy", run.strategy, ("random",)),
            ("annotators", run.annotators, (1,)),
            ("mode", run.mode, ("finetune", "frozen", "scratch")),
        ):
            if found not in allowed:
                faults.append(Fault("run", field, repr(found), " or ".join(map(str, allowed))))
        if faults:
            raise InvalidInput(tuple(faults))


def head_for(
    kind: Kind, classes: int, points: int, size: int, channels: Channels
) -> ClassHead | BoxHead | MaskHead | PointHead:
    """The head of a kind of task; masks have one class more than there are kinds of things: what is none of them."""
    if kind == "classification":
        return ClassHead(classes, channels)
    if kind == "detection":
        return BoxHead(classes, channels)
    if kind == "segmentation":
        return MaskHead(classes + 1, channels)
    return PointHead(points, size, channels)


def digit_scenes() -> NetworkTrainer:
    """The built-in tasks and their pool.

    >>> digit_scenes().tasks, digit_scenes().pools
    (('classification', 'detection', 'segmentation', 'keypoints'), ('general',))
    """
    far = 1_000_000
    return NetworkTrainer(
        problems={
            "classification": Problem("classification", DigitScenes("bars", 0)),
            "detection": Problem("detection", DigitScenes("fragments", far)),
            "segmentation": Problem("segmentation", DigitScenes("fragments", 2 * far)),
            "keypoints": Problem("keypoints", DigitScenes("fragments", 3 * far)),
        },
        shared={"general": DigitScenes("fragments", 4 * far)},
    )


def _noisy(source: Source, share: float) -> Source:
    return NoisySource(source, share) if share else source


def _used(pools: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((name, labels) for name, labels in pools if labels > 0))


def _chosen(source: Source, name: str, labels: int, seed: int) -> Examples:
    """`labels` training examples: nested random subsets, a different order for each name and seed."""
    items = source.items("train")
    return source.examples("train", shuffled(items, _number(name, seed))[:labels])


@lru_cache(maxsize=16)
def _whole(source: Source, split: Split) -> Examples:
    return source.examples(split, source.items(split))


def _number(name: str, seed: int) -> int:
    """A number for torch and the hashes that depends on a name and a seed."""
    word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    return int(hashed(word, seed)[0] >> 1)


def _one_thread() -> None:
    """One thread a process: runs are parallel, not layers; and the order of sums stays the same."""
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
