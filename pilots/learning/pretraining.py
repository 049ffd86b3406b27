"""Pretraining a backbone on the class labels of pools, kept in a file that every task's runs start from."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from pilots.data.examples import Examples, unlabelled
from pilots.learning.backbone import Backbone
from pilots.learning.heads import ClassHead
from pilots.learning.replicas import train
from pilots.learning.training import Network, Recipe


def joined(parts: Sequence[Examples], classes: Sequence[int]) -> Examples:
    """Class-labelled examples of several pools as one set: each pool's classes come after those of the pools before."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *classes[:-1]])
    images = unlabelled(np.concatenate([part.images for part in parts]))
    shifted = [part.classes + offset for part, offset in zip(parts, offsets, strict=True)]
    return replace(images, classes=np.concatenate(shifted))


def pretrain(
    backbone: Backbone, train_on: Examples, validate_on: Examples, classes: int, recipe: Recipe, seed: int
) -> None:
    """Train a backbone in place to tell `classes` classes apart, stopped early on `validate_on`."""
    head = ClassHead(classes, backbone.channels)
    train(Network(backbone, head), train_on, validate_on, recipe, seed)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, beside `path` and renamed at the end, so that a reader finds all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """One process at a time is at what will be `path`; others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.lock")
    with beside.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        beside.unlink(missing_ok=True)  # whoever waits for it finds what is now there


def save(backbone: Backbone, path: Path, note: str = "") -> None:
    """Write the weights and a note on them."""
    with written_whole(path) as file:
        torch.save({"weights": backbone.state_dict(), "note": note}, file)


def load(path: Path, backbone: Backbone) -> str:
    """Give a backbone the weights that `save` wrote. Returns their note."""
    kept = torch.load(path, weights_only=True, map_location="cpu")
    backbone.load_state_dict(kept["weights"])
    return str(kept["note"])
