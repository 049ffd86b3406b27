"""Labels made worse on purpose: what cheap, noisy labels of a pool would be worth, or images without any."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pilots.data.examples import Examples, Source, Split, unlabelled
from pilots.data.hashing import hashed, integers

_KEY = 20_201


@dataclass(frozen=True)
class NoisySource:
    """A source of which a share of the class labels to learn from is replaced, each by another class at random.

    Which items are wrong, and how, is a matter of their number. Validation and test stay as they are.
    """

    source: Source
    share: float

    @property
    def classes(self) -> int:
        return self.source.classes

    def items(self, split: Split) -> NDArray[np.int64]:
        return self.source.items(split)

    def examples(self, split: Split, items: NDArray[np.int64]) -> Examples:
        found = self.source.examples(split, items)
        if split != "train" or self.classes < 2:
            return found
        wrong = hashed(_KEY, 0, items) < np.uint64(min(int(self.share * 2**64), 2**64 - 1))
        others = (found.classes + integers(hashed(_KEY, 1, items), 1, self.classes - 1)) % self.classes
        return replace(found, classes=np.where(wrong, others, found.classes))


@dataclass(frozen=True)
class Unlabelled:
    """A source of which only the images are known."""

    source: Source
    classes: int = 0

    def items(self, split: Split) -> NDArray[np.int64]:
        return self.source.items(split)

    def examples(self, split: Split, items: NDArray[np.int64]) -> Examples:
        return unlabelled(self.source.examples(split, items).images)
