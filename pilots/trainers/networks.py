"""The built-in trainer: small networks, pretrained on class labels or images alone, fine-tuned a task at a time."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from budget.errors import Fault, InvalidInput
from pilots.data.digits import DigitScenes
from pilots.data.examples import Examples, Source, Split
from pilots.data.hashing import hashed, shuffled
from pilots.data.noise import NoisySource, Unlabelled
from pilots.data.settings import METRICS, Kind
from pilots.learning.backbone import Backbone, Channels, backbone_named
from pilots.learning.detection import BoxHead
from pilots.learning.heads import ClassHead, MaskHead, PointHead
from pilots.learning.pretraining import joined, load, only_one, pretrain, save, written_whole
from pilots.learning.replicas import faster_stack, train, train_stacked
from pilots.learning.selfsupervised import learn_alone
from pilots.learning.training import Diverged, Learner, Network, Recipe, answers, device, within_memory
from pilots.trainers import Outcome, Run

PRETRAINING = Recipe(pace=9, batch=32, backbone_rate=0.015, head_rate=0.015, decay=0.05, checks=4, patience=4)
ALONE = Recipe(
    pace=12, batch=128, backbone_rate=0.005, head_rate=0.005, decay=0.05, checks=1, patience=0, early_stopping=False
)
SCRATCH = Recipe(pace=6, batch=32, backbone_rate=0.01, head_rate=0.01, decay=0.05, checks=3, patience=1)
FINE_TUNING = Recipe(pace=7, batch=16, backbone_rate=0.002, head_rate=0.02, decay=0.05, checks=3, patience=1)
FROZEN = Recipe(pace=7, batch=16, backbone_rate=0.0, head_rate=0.02, decay=0.05, checks=3, patience=1)
RATE_FACTORS = (1.0, 0.3, 3.0)  # tried on a recipe's rates, the recipe's own first: it wins a draw
TUNING_LABELS = 200  # or as many as there are
TUNING_SEEDS = (0, 1)
MOST_TOGETHER = 32  # runs that are handed to one process where there is a GPU
MOST_IMAGES = 200_000  # that the runs of a stack learn from together
_VERSION = "networks 6"  # part of the recipe: raise it with every change to scenes, networks or training

Pools = tuple[tuple[str, int], ...]
AnyHead = ClassHead | BoxHead | MaskHead | PointHead


@dataclass(frozen=True)
class Problem:
    """One task: the kind of its labels, where they come from, and its score (the first of its kind unless given)."""

    kind: Kind
    source: Source
    metric: str = ""


@dataclass(frozen=True)
class NetworkTrainer:
    """Trains a network a run. The tasks' kinds choose head and loss. A backbone learns first from pools of images alone
    (`classes` 0), if any are used, then from class-labelled ones.

    backbone: small, medium or large, or anyone's `module:function` (`backbone_named`). early_stopping: False trains to
    the last step and keeps the last weights. tune: True chooses the rates for each (task, pools, mode) by validation.
    """

    problems: Mapping[str, Problem]
    shared: Mapping[str, Source]
    backbone: str = "medium"
    early_stopping: bool = True
    tune: bool = False

    def with_noise(self, shares: Mapping[str, float]) -> NetworkTrainer:
        """The same with a share of the class labels of these pools and tasks replaced by wrong ones."""
        shared = {name: _noisy(source, shares.get(name)) for name, source in self.shared.items()}
        problems = {
            name: replace(problem, source=_noisy(problem.source, shares.get(name)))
            for name, problem in self.problems.items()
        }
        return replace(self, problems=problems, shared=shared)

    def with_metrics(self, metrics: Mapping[str, str]) -> NetworkTrainer:
        """The same with these scores, of `METRICS`, for these tasks."""
        problems = {
            name: replace(problem, metric=metrics.get(name, problem.metric)) for name, problem in self.problems.items()
        }
        return replace(self, problems=problems)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.problems)

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(self.shared)

    @property
    def recipe(self) -> str:
        recipes = (PRETRAINING, ALONE, SCRATCH, FINE_TUNING, FROZEN)
        sources = (sorted(self.problems.items()), sorted(self.shared.items()))
        switches = f"early stopping {self.early_stopping}, tune {self.tune}"
        return "; ".join([_VERSION, self.backbone, switches, *map(repr, recipes + sources)])

    def pretrain(self, pools: Pools, seed: int, folder: Path) -> None:
        """Write the checkpoint of (pools, seed) under `folder`; nothing to do if it is there or no pool is used."""
        used = _used(pools)
        path = self._checkpoint(used, seed, folder)
        if not used or path.exists():
            return
        with only_one(path):
            if not path.exists():
                self._pretrain(used, seed, path)

    def _pretrain(self, used: Pools, seed: int, path: Path) -> None:
        folder = path.parent
        _one_thread()
        alone = tuple(pool for pool in used if not self.shared[pool[0]].classes)
        labelled = tuple(pool for pool in used if self.shared[pool[0]].classes)
        if labelled:  # what was learned from the images alone is of use without these labels, too
            self.pretrain(alone, seed, folder)
        torch.manual_seed(_number("pretraining", seed))
        backbone = backbone_named(self.backbone, self._channels(used))
        if not labelled:
            note = self._learn_alone(backbone, alone, seed)
        else:
            before = load(self._checkpoint(alone, seed, folder), backbone) if alone else ""
            note = "; ".join(filter(None, (before, self._learn_classes(backbone, labelled, seed))))
        save(backbone, path, note)

    def _learn_alone(self, backbone: Backbone, pools: Pools, seed: int) -> str:
        parts = [_chosen(self.shared[name], name, images, seed).images for name, images in pools]
        images = np.concatenate(parts) if len(parts) > 1 else parts[0]
        weights = deepcopy(backbone.state_dict())

        def attempt(recipe: Recipe) -> None:
            backbone.load_state_dict(weights)
            learn_alone(backbone, images, recipe, seed)

        return within_memory(ALONE, attempt)[1]

    def _learn_classes(self, backbone: Backbone, pools: Pools, seed: int) -> str:
        sources = [self.shared[name] for name, _ in pools]
        classes = [source.classes for source in sources]
        learned = [_chosen(source, name, labels, seed) for source, (name, labels) in zip(sources, pools, strict=True)]
        checked = [_whole(source, "validation") for source in sources]
        examples, validation = joined(learned, classes), joined(checked, classes)
        weights = deepcopy(backbone.state_dict())

        def attempt(recipe: Recipe) -> None:
            backbone.load_state_dict(weights)
            pretrain(backbone, examples, validation, sum(classes), recipe, seed)

        return within_memory(PRETRAINING, attempt)[1]

    def train(self, run: Run, folder: Path) -> Outcome:
        """Train and test one network; a run whose loss diverges has no score."""
        return next(self.train_together((run,), folder))[1]

    def most_together(self) -> int:
        return MOST_TOGETHER if torch.cuda.is_available() else 1

    def kin(self, run: Run) -> Hashable:
        """The same task, from scratch or from pools, learned in the same way."""
        return run.task, run.mode, run.backbone, bool(_learned_before(run))

    def train_together(self, runs: Sequence[Run], folder: Path) -> Iterator[tuple[Run, Outcome]]:
        """Train and test a network a run, side by side where a trial of both ways says that it is faster."""
        for run in runs:
            self._check(run)
        _one_thread()
        alike: dict[tuple[str, Recipe], list[Run]] = {}
        for run in runs:
            alike.setdefault((run.backbone, self._with(run.backbone)._recipe(run, folder)), []).append(run)
        for (backbone, recipe), mates in alike.items():
            for part in self._portions(mates):
                yield from self._with(backbone)._side_by_side(part, recipe, folder)

    def _with(self, backbone: str) -> NetworkTrainer:
        """The same with another network, if one is named."""
        return replace(self, backbone=backbone or self.backbone)

    def _portions(self, runs: Sequence[Run]) -> Iterator[list[Run]]:
        """Runs in their order, so many at a time as have no more than `MOST_IMAGES` images to be held at once."""
        part: list[Run] = []
        for run in runs:
            if part and sum(mate.labels for mate in part) + run.labels > MOST_IMAGES:
                yield part
                part = []
            part.append(run)
        yield part

    def _side_by_side(self, runs: list[Run], recipe: Recipe, folder: Path) -> Iterator[tuple[Run, Outcome]]:
        """Runs of one recipe; where memory runs out, those that are left in two halves, and in the end each alone."""
        left, too_many = list(runs), False
        try:
            for run, outcome in self._stacked(runs, recipe, folder):
                left.remove(run)
                yield run, outcome
        except torch.OutOfMemoryError:
            too_many = True
        if not too_many:
            yield from ((run, self._alone(run, recipe, folder)) for run in left)
            return
        torch.cuda.empty_cache()  # only here: what was raised holds on to the memory
        half = len(left) // 2
        for part in filter(None, (left[:half], left[half:])):
            yield from self._side_by_side(part, recipe, folder)

    def _stacked(self, runs: Sequence[Run], recipe: Recipe, folder: Path) -> Iterator[tuple[Run, Outcome]]:
        """The same, as one stack of networks; nothing where that is not faster."""
        if len(runs) < 2:
            return
        started = time.perf_counter()
        learned = _nested(self.problems[runs[0].task].source, runs)
        prepared = [
            self._prepared(run.task, examples, run.seed, _learned_before(run), folder)
            for run, examples in zip(runs, learned, strict=True)
        ]
        learners = [learner for learner, _ in prepared]
        stack = faster_stack(learners, recipe)
        if stack is None:
            return
        validation = _whole(self.problems[runs[0].task].source, "validation")
        seconds, left = 0.0, len(runs)
        for place, result in train_stacked(stack, validation):
            run, failed = runs[place], isinstance(result, Diverged)
            score = None if failed else self._tested(learners[place], run.task)
            moment = time.perf_counter()
            seconds += (moment - started) / left  # at any time those that are not yet done share it evenly
            started, left = moment, left - 1
            yield run, self._outcome(run, score, str(result) if failed else _noted(prepared[place][1]), seconds)

    def _alone(self, run: Run, recipe: Recipe, folder: Path) -> Outcome:
        started = time.perf_counter()

        def attempt(recipe: Recipe) -> tuple[float, str]:
            learner, _, note = self._trained(run.task, run.labels, run.seed, _learned_before(run), recipe, folder)
            return self._tested(learner, run.task), note

        try:
            (score, before), note = within_memory(recipe, attempt)
        except Diverged as failure:
            return self._outcome(run, None, str(failure), time.perf_counter() - started)
        said = "; ".join(filter(None, (_noted(before), note)))
        return self._outcome(run, score, said, time.perf_counter() - started)

    def _outcome(self, run: Run, score: float | None, note: str, seconds: float) -> Outcome:
        where = device()
        name = torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu"
        tested = len(_whole(self.problems[run.task].source, "test"))
        return Outcome(score, tested, seconds, name, note)

    def _tested(self, learner: Learner, task: str) -> float:
        test = _whole(self.problems[task].source, "test")
        return learner.head.score(answers(learner.network, test), test)

    def _recipe(self, run: Run, folder: Path) -> Recipe:
        """How this run is trained."""
        used = _learned_before(run)
        recipe = FROZEN if run.mode == "frozen" else FINE_TUNING if used else SCRATCH
        recipe = replace(recipe, early_stopping=self.early_stopping)
        return self._tuned(run, used, recipe, folder) if self.tune else recipe

    def _trained(
        self, task: str, labels: int, seed: int, used: Pools, recipe: Recipe, folder: Path
    ) -> tuple[Learner, float, str]:
        """A trained network for `task`, its score on validation, and the note of its pretraining."""
        learned = _chosen(self.problems[task].source, task, labels, seed)
        learner, note = self._prepared(task, learned, seed, used, folder)
        validation = _whole(self.problems[task].source, "validation")
        return learner, train(learner.network, learner.train_on, validation, recipe, learner.seed), note

    def _prepared(self, task: str, learned: Examples, seed: int, used: Pools, folder: Path) -> tuple[Learner, str]:
        """A network for `task` before its training, with what it learns from, and the note of its pretraining."""
        problem = self.problems[task]
        self.pretrain(used, seed, folder)
        torch.manual_seed(_number(task, seed))
        channels, size = learned.images.shape[1:3]
        backbone = backbone_named(self.backbone, channels)
        head = head_for(problem, learned.points.shape[1], size, backbone.channels)
        note = load(self._checkpoint(used, seed, folder), backbone) if used else ""
        return Learner(Network(backbone, head), learned, _number(task, seed)), note

    def _tuned(self, run: Run, used: Pools, recipe: Recipe, folder: Path) -> Recipe:
        """The recipe with those rates, of a short logarithmic grid, that score best on validation: the backbone's in
        fine-tuning, the head's on a frozen backbone, both from scratch.

        They are chosen once for each (task, pools, mode), with `TUNING_LABELS`, and kept under `folder`.
        """
        path = folder / f"rates-{self._digest((run.task, used, run.mode))}.json"
        if not path.exists():
            labels = min(TUNING_LABELS, len(self.problems[run.task].source.items("train")))
            scores = {
                factor: self._validated(run.task, labels, used, _scaled(recipe, factor, used), folder)
                for factor in RATE_FACTORS
            }
            with written_whole(path) as file:
                file.write(json.dumps(max(scores, key=lambda factor: scores[factor])).encode())
        return _scaled(recipe, float(json.loads(path.read_text())), used)

    def _validated(self, task: str, labels: int, used: Pools, recipe: Recipe, folder: Path) -> float:
        """Mean score on validation over `TUNING_SEEDS`; none at all if one of them diverges."""
        try:
            return float(np.mean([self._trained(task, labels, seed, used, recipe, folder)[1] for seed in TUNING_SEEDS]))
        except Diverged:
            return -math.inf

    def _channels(self, used: Pools) -> int:
        """How many channels the images of the pools have."""
        source = self.shared[used[0][0]]
        return int(source.examples("train", source.items("train")[:1]).images.shape[1])

    def _checkpoint(self, used: Pools, seed: int, folder: Path) -> Path:
        return folder / f"backbone-{self._digest((used, seed))}.pt"

    def _digest(self, *parts: object) -> str:
        return hashlib.sha256(repr((self.recipe, *parts)).encode()).hexdigest()[:16]

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


def head_for(problem: Problem, points: int, size: int, channels: Channels) -> AnyHead:
    """The head of a task; masks have one class more than there are kinds of things: what is none of them."""
    metric, classes = problem.metric or METRICS[problem.kind][0], problem.source.classes
    if problem.kind == "classification":
        return ClassHead(classes, channels, metric)
    if problem.kind == "detection":
        return BoxHead(classes, channels, metric)
    if problem.kind == "segmentation":
        return MaskHead(classes + 1, channels)
    return PointHead(points, size, channels, metric)


def digit_scenes() -> NetworkTrainer:
    """The built-in tasks and pools: class labels of the tasks' own ten classes, of four times as many, of drawn digits,
    of which a fifth are wrong, and images alone.

    >>> digit_scenes().tasks
    ('classification', 'detection', 'segmentation', 'keypoints')
    >>> digit_scenes().pools
    ('general', 'broad', 'synthetic', 'web', 'unlabelled')
    """
    far = 1_000_000
    return NetworkTrainer(
        problems={
            "classification": Problem("classification", DigitScenes("bars", 0)),
            "detection": Problem("detection", DigitScenes("fragments", far)),
            "segmentation": Problem("segmentation", DigitScenes("fragments", 2 * far)),
            "keypoints": Problem("keypoints", DigitScenes("fragments", 3 * far)),
        },
        shared={
            "general": DigitScenes("fragments", 4 * far),
            "broad": DigitScenes("fragments", 5 * far, script="broad"),
            "synthetic": DigitScenes("fragments", 6 * far, script="drawn"),
            "web": NoisySource(DigitScenes("fragments", 7 * far), 0.2),
            "unlabelled": Unlabelled(DigitScenes("fragments", 8 * far)),
        },
    )


def _noisy(source: Source, share: float | None) -> Source:
    """A source with this share of wrong labels; None leaves it as it is."""
    if share is None:
        return source
    clean = source.source if isinstance(source, NoisySource) else source
    return NoisySource(clean, share) if share else clean


def _scaled(recipe: Recipe, factor: float, used: Pools) -> Recipe:
    """The rates that a mode is about times `factor`: the backbone's of a pretrained one that moves, else the head's."""
    backbone = recipe.backbone_rate * factor
    head = recipe.head_rate if used and recipe.backbone_rate else recipe.head_rate * factor
    return replace(recipe, backbone_rate=backbone, head_rate=head)


def _used(pools: Pools) -> Pools:
    return tuple(sorted((name, labels) for name, labels in pools if labels > 0))


def _learned_before(run: Run) -> Pools:
    """The pools whose checkpoint a run starts from."""
    return () if run.mode == "scratch" else _used(run.pools)


def _noted(pretraining: str) -> str:
    return f"pretraining: {pretraining}" if pretraining else ""


def _chosen(source: Source, name: str, labels: int, seed: int) -> Examples:
    """`labels` training examples: nested random subsets, a different order for each name and seed."""
    items = source.items("train")
    return source.examples("train", shuffled(items, _number(name, seed))[:labels])


def _nested(source: Source, runs: Sequence[Run]) -> list[Examples]:
    """What runs of one task learn from; made once for each seed, for fewer labels are the first of more."""
    most = {run.seed: max(other.labels for other in runs if other.seed == run.seed) for run in runs}
    whole = {seed: _chosen(source, runs[0].task, labels, seed) for seed, labels in most.items()}
    return [whole[run.seed].take(slice(run.labels)) for run in runs]


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
