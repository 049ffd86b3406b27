"""Labelled images as plain arrays: what every data source gives and every head is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
IGNORED = 255
"""Mask value of a pixel that counts neither for the loss nor for the score."""


@dataclass(frozen=True)
class Examples:
    """N images of C channels and S x S pixels with their labels; what a source does not label is empty (second axis 0).

    images   (N, C, S, S) uint8
    classes  (N,) int64; -1 where there is none
    boxes    (N, M, 4) float32: left, top, right, bottom in pixels; rows of NaN fill up images with fewer objects
    kinds    (N, M) int64: class of each box, -1 where there is no box
    masks    (N, S, S) uint8: class of each pixel, `IGNORED` where it does not count; (N, 0, 0) where there is none
    points   (N, K, 3) float32: x, y in pixels, 1 where the point is labelled, else 0
    areas    (N,) float32: square pixels of the object that the points belong to; 0 where there is none
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.int64]
    boxes: NDArray[np.float32]
    kinds: NDArray[np.int64]
    masks: NDArray[np.uint8]
    points: NDArray[np.float32]
    areas: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: NDArray[np.int64] | slice) -> Examples:
        """The examples of `rows`, in that order; of a slice without a copy."""
        return Examples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def unlabelled(images: NDArray[np.uint8]) -> Examples:
    """Images of which nothing is known.

    >>> unlabelled(np.zeros((2, 1, 32, 32), np.uint8)).classes.tolist()
    [-1, -1]
    """
    count = len(images)
    return Examples(
        images=images,
        classes=np.full(count, -1, np.int64),
        boxes=np.zeros((count, 0, 4), np.float32),
        kinds=np.zeros((count, 0), np.int64),
        masks=np.zeros((count, 0, 0), np.uint8),
        points=np.zeros((count, 0, 3), np.float32),
        areas=np.zeros(count, np.float32),
    )


class Source(Protocol):
    """Items of one task or pool. Items are numbers; a split's items never change and never overlap."""

    @property
    def classes(self) -> int:
        """How many classes of things there are; 0 where the items have no labels."""

    def __hash__(self) -> int:
        """Equal sources have equal hashes, so that what was read can be kept."""

    def items(self, split: Split) -> NDArray[np.int64]:
        """The items of `split`."""

    def examples(self, split: Split, items: NDArray[np.int64]) -> Examples:
        """Images and labels of `items`, all of `split`."""
