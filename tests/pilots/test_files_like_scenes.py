"""Pilots on files score what pilots on the scenes in those files score: nothing is lost or changed on the way."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from test_files import DIGITS, write_coco

from budget import Brief
from pilots.config import setup
from pilots.data.examples import SPLITS, Examples
from pilots.data.files import _split_of
from pilots.data.scenes import scenes
from pilots.trainers import Run
from pilots.trainers.networks import NetworkTrainer, Problem

COUNTS = {"train": 220, "validation": 60, "test": 120}
FIRST = {"folders": 0, "coco": 1000, "masks": 2000, "pool": 3000}


def named(split, row, folder=""):
    """A file name whose hash puts it into this split."""
    names = (f"{folder}{row:04d}-{attempt}.png" for attempt in range(1000))
    return next(name for name in names if _split_of(name) == split)


def whole(first):
    """Scenes of all splits as one set, with the split of each."""
    parts = [scenes("fragments", split, first + np.arange(COUNTS[split])) for split in SPLITS]
    joined = Examples(*(np.concatenate([getattr(part, key) for part in parts]) for key in vars(parts[0])))
    return joined, np.repeat(np.arange(len(SPLITS)), [COUNTS[split] for split in SPLITS])


@dataclass(frozen=True)
class InMemory:
    """The scenes of `whole` under the numbers that their files get, which is the order of their names."""

    first: int
    names: tuple[str, ...]
    classes: int = 10

    def items(self, split):
        splits = whole(self.first)[1][np.argsort(self.names)]
        return np.flatnonzero(splits == SPLITS.index(split))

    def examples(self, split, items):
        return whole(self.first)[0].take(np.argsort(self.names)[items])


def write(folder, kind):
    """The files of one kind, and the same in memory."""
    seen, splits = whole(FIRST[kind])
    inside = [f"{digit}/" if kind in ("folders", "pool") else "" for digit in seen.classes]
    names = [named(split, row, inside[row]) for row, split in enumerate(splits)]
    place = folder / kind
    if kind == "coco":
        content = write_coco(place, seen)
        order = np.argsort(names)
        content["images"] = [{**content["images"][row], "file_name": names[row]} for row in order]
        (place / "labels.json").write_text(json.dumps(content))
    for row, name in enumerate(names):
        target = place / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(seen.images[row, 0]).save(target)
        if kind == "masks":
            (place / "masks").mkdir(exist_ok=True)
            Image.fromarray(seen.masks[row]).save(place / "masks" / name)
    return InMemory(FIRST[kind], tuple(names))


@pytest.mark.slow
def test_files_of_every_kind_give_the_curves_of_the_scenes_in_them(tmp_path):
    memory = {kind: write(tmp_path, kind) for kind in FIRST}
    data = {
        "pool": {"images": "pool/images"},
        "folders": {"images": "folders/images"},
        "boxes": {"coco": "coco/labels.json", "images": "coco/images", "labels": "detection"},
        "points": {"coco": "coco/labels.json", "images": "coco/images", "labels": "keypoints"},
        "masks": {"images": "masks/images", "masks": "masks/masks", "classes": list(DIGITS)},
    }
    tasks = {name: {"label_cost": 1, "owned": 200} for name in data if name != "pool"}
    brief = {"budget": 9, "pools": {"pool": {"label_cost": 1, "owned": 200}}, "tasks": tasks}
    made = setup(Brief.from_dict(brief | {"pilots": {"data": data, "channels": 1}}), tmp_path)
    kinds = {"folders": "classification", "boxes": "detection", "points": "keypoints", "masks": "segmentation"}
    sources = {"folders": "folders", "boxes": "coco", "points": "coco", "masks": "masks"}
    problems = {task: Problem(kind, memory[sources[task]]) for task, kind in kinds.items()}
    directly = NetworkTrainer(problems, {"pool": memory["pool"]})
    for task in tasks:
        for labels, pool in ((40, 0), (160, 200)):
            run = Run(task, labels, 0, (("pool", pool),))
            through_files, in_memory = (
                trainer.train(run, tmp_path / place).score
                for trainer, place in ((made.trainer, "out"), (directly, "directly"))
            )
            assert through_files == in_memory, run
