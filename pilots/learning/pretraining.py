"""Pretraining a backbone on the class labels of pools, kept in a file that every task's runs start from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pilots.data.examples import Examples
from pilots.learning.backbone import Backbone
from pilots.learning.heads import ClassHead
from pilots.learning.training import Network, Recipe, train


def joined(parts: Sequence[Examples], classes: Sequence[int]) -> Examples:
    """Class-labelled examples of several pools as one set: each pool's classes come after those of the pools before."""
    offsets = np.cumsum([0, *classes[:-1]])
    shifted = [replace(part, classes=part.classes + offset) for part, offset in zip(parts, offsets, strict=True)]
    images = sum(map(len, parts))
    return Examples(
        images=np.concatenate([part.images for part in shifted]),
        classes=np.concatenate([part.classes for part in shifted]),
        boxes=np.zeros((images, 0, 4), np.float32),
        kinds=np.zeros((images, 0), np.int64),
        masks=np.zeros((images, 0, 0), np.uint8),
        points=np.zeros((images, 0, 3), np.float32),
    )


def pretrain(
    backbone: Backbone, train_on: Examples, validate_on: Examples, classes: int, recipe: Recipe, seed: int
) -> None:
    """Train a backbone in place to tell `classes` classes apart, stopped early on `validate_on`."""
    head = ClassHead(classes, backbone.channels)
    train(Network(backbone, head), head, train_on, validate_on, recipe, seed)


def save(backbone: Backbone, path: Path) -> None:
    """Write beside and rename, so that a reader finds a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(backbone.state_dict(), file)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)


def load(path: Path, backbone: Backbone) -> None:
    """Give a backbone the weights that `save` wrote."""
    backbone.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
