"""The digit scenes as sources of labelled items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pilots.data.examples import Examples, Split
from pilots.data.glyphs import Script
from pilots.data.scenes import Style, scenes

_SIZES: dict[Split, int] = {"train": 1 << 18, "validation": 300, "test": 800}


@dataclass(frozen=True)
class DigitScenes:
    """Scenes of one style and script. Sources with another `first` item share no scene with this one, if a million lies
    between.

    >>> source = DigitScenes("fragments")
    >>> source.examples("test", source.items("test")[:3]).images.shape
    (3, 1, 32, 32)
    """

    style: Style
    first: int = 0
    size: int = 32
    script: Script = "written"

    @property
    def classes(self) -> int:
        return 40 if self.script == "broad" else 10

    def items(self, split: Split) -> NDArray[np.int64]:
        return self.first + np.arange(_SIZES[split], dtype=np.int64)

    def examples(self, split: Split, items: NDArray[np.int64]) -> Examples:
        return scenes(self.style, split, items, self.size, self.script)
