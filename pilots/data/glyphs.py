"""The shapes that digit scenes show: handwritten digits, the same cut up and put together anew, and drawn ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from pilots.data.examples import SPLITS, Split
from pilots.data.hashing import hashed, integers, shuffled

Integers = NDArray[np.int32]
Script = Literal["written", "broad", "drawn"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

_TRAIN_SHARE, _VALIDATION_SHARE = 0.7, 0.1
_DRAWN = {"train": 1000, "validation": 200, "test": 200}
_KEY = 7_071
# The segments that are lit in each digit: top, upper left, upper right, middle, lower left, lower right, bottom.
_SEGMENTS = (
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
)


@dataclass(frozen=True)
class Glyphs:
    """The glyphs of one split: ink (G, 8, 8) in 0..256, their class (G,) and their number among all glyphs (G,)."""

    ink: Integers
    classes: NDArray[np.int64]
    numbers: NDArray[np.int64]


@lru_cache(maxsize=len(SPLITS) * len(SCRIPTS))
def glyphs(split: Split, script: Script = "written") -> Glyphs:
    """The glyphs of `split`, in one of three scripts.

    written: the 1,797 digits of 8 x 8 pixels that scikit-learn ships (Alpaydin and Kaynak, 1998), of each digit's
    glyphs, in hashed order, 70 % train, 10 % validation and 20 % test. broad: each of these four times, as it is, with
    its left and right halves changed over, its upper and lower ones, and both: 40 classes, of which 0 to 9 are the
    digits. drawn: digits of seven straight segments, no two alike in place, width and slant.

    >>> [len(glyphs(split).numbers) for split in SPLITS]
    [1252, 181, 364]
    >>> [int(glyphs("train", script).classes.max()) + 1 for script in SCRIPTS]
    [10, 40, 10]
    """
    if script == "drawn":
        return _drawn(split)
    written = _written(split)
    if script == "written":
        return written
    sides, halves = np.roll(written.ink, 4, axis=2), np.roll(written.ink, 4, axis=1)
    ink = np.concatenate([written.ink, sides, halves, np.roll(sides, 4, axis=1)])
    return Glyphs(
        ink,
        np.concatenate([written.classes + 10 * turn for turn in range(4)]),
        np.concatenate([written.numbers + len(_all_digits()[0]) * turn for turn in range(4)]),
    )


@lru_cache(maxsize=1)
def _all_digits() -> tuple[Integers, NDArray[np.int64]]:
    bunch = load_digits()
    return np.rint(bunch.images * 16).astype(np.int32), np.asarray(bunch.target, dtype=np.int64)


def _written(split: Split) -> Glyphs:
    ink, digits = _all_digits()
    chosen = []
    for digit in range(10):
        numbers = shuffled(np.flatnonzero(digits == digit), 0, digit)
        ends = [0, *(int(len(numbers) * share) for share in (_TRAIN_SHARE, _TRAIN_SHARE + _VALIDATION_SHARE, 1.0))]
        place = SPLITS.index(split)
        chosen.append(numbers[ends[place] : ends[place + 1]])
    numbers = np.sort(np.concatenate(chosen))
    return Glyphs(ink[numbers], digits[numbers], numbers)


def _drawn(split: Split) -> Glyphs:
    """Digits of seven segments: bars one or two pixels wide between four corners and two middles that move a little."""
    count = _DRAWN[split]
    first = sum(_DRAWN[before] for before in SPLITS[: SPLITS.index(split)])
    numbers = first + np.arange(count, dtype=np.int64)
    bits = hashed(_KEY, numbers[:, None], np.arange(8))
    left, right = integers(bits[:, 0], 0, 2), integers(bits[:, 1], 5, 7)
    top, middle, bottom = integers(bits[:, 2], 0, 1), integers(bits[:, 3], 3, 4), integers(bits[:, 4], 6, 7)
    width, slant = integers(bits[:, 5], 0, 1), integers(bits[:, 6], -1, 1)
    ends = (
        (left, right, top, top),
        (left, left, top, middle),
        (right, right, top, middle),
        (left, right, middle, middle),
        (left, left, middle, bottom),
        (right, right, middle, bottom),
        (left, right, bottom, bottom),
    )
    lit = np.array([[segment == "1" for segment in digit] for digit in _SEGMENTS])[numbers % 10]
    rows, columns = np.arange(8)[None, :, None], np.arange(8)[None, None, :]
    ink = np.zeros((count, 8, 8), dtype=bool)
    for place, bar in enumerate(ends):
        west, east, north, south = (end[:, None, None] for end in bar)
        moved = columns + slant[:, None, None] * (rows - 3) // 4
        wide = width[:, None, None]
        inside = (moved >= west - wide * (west > 3)) & (moved <= east + wide * (east <= 3))
        inside &= (rows >= north - wide * (north > 3)) & (rows <= south + wide * (south <= 3))
        ink |= inside & lit[:, place, None, None]
    return Glyphs(256 * ink.astype(np.int32), numbers % 10, numbers)
