"""Digit scenes: one digit, turned, scaled and placed among clutter and noise, composed on the fly.

A scene is a function of (style, split, item, script). Everything is computed in integers, so that a scene is the same
on every machine. Which glyph belongs to which split is a matter of `pilots.data.glyphs`: no scene of one split ever
shows a glyph of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pilots.data.examples import SPLITS, Examples, Split
from pilots.data.glyphs import SCRIPTS, Integers, Script, glyphs
from pilots.data.hashing import hashed, integers

Style = Literal["fragments", "bars"]
_STYLES: tuple[Style, ...] = ("fragments", "bars")

_ONE = 1 << 12
_SIDES: dict[Style, tuple[int, int]] = {"fragments": (13 * 16, 21 * 16), "bars": (18 * 16, 26 * 16)}
_TURNS = 25  # degrees, either way
_COSINES = np.rint(np.cos(np.deg2rad(np.arange(360))) * _ONE).astype(np.int32)
_SINES = np.rint(np.sin(np.deg2rad(np.arange(360))) * _ONE).astype(np.int32)
_INK = 96  # of 256: from here on a pixel belongs to the digit
_CHUNK = 512  # scenes composed at once, so that the work stays in the cache
LANDMARKS = ((1, 0), (7, 0), (1, 8), (7, 8), (4, 4))
"""x, y in the digit's own 8 x 8 frame: the corners of where its ink is, and its centre."""


@dataclass(frozen=True)
class _Placement:
    """Where a shape lies in each of N scenes: its centre and side in 1/16 pixel, its turn in degrees; all (N,)."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    side: NDArray[np.int64]
    turn: NDArray[np.int64]

    def frame(self, size: int) -> tuple[Integers, Integers]:
        """Where each pixel centre lies in the shape's own frame, (N, S, S) each: 0..1024 is one side."""
        cosine, sine = _COSINES[self.turn % 360][:, None], _SINES[self.turn % 360][:, None]
        centres = np.arange(size, dtype=np.int32) * 16 + 8
        across = (centres - self.x[:, None]).astype(np.int32)
        down = (centres - self.y[:, None]).astype(np.int32)
        side = 4 * self.side[:, None].astype(np.int32)
        u = (across * cosine // side)[:, None, :] + (down * sine // side)[:, :, None] + 512
        v = (down * cosine // side)[:, :, None] - (across * sine // side)[:, None, :] + 512
        return u, v

    def points(self) -> NDArray[np.float32]:
        """The landmarks (N, K, 2) in pixels."""
        u, v = np.array(LANDMARKS, dtype=np.int64).T - 4
        cosine, sine = (table[self.turn % 360].astype(np.int64)[:, None] for table in (_COSINES, _SINES))
        side = self.side[:, None]
        x = self.x[:, None] + (u * cosine - v * sine) * side // (8 * _ONE)
        y = self.y[:, None] + (u * sine + v * cosine) * side // (8 * _ONE)
        return (np.stack([x, y], axis=2) / 16).astype(np.float32)


def _sampled(ink: Integers, place: _Placement, size: int) -> Integers:
    """Glyphs (N, 8, 8) as they lie in scenes of size x size pixels, (N, S, S) in 0..256: bilinear, nothing outside."""
    framed = np.zeros((len(ink), 10, 10), dtype=np.int32)
    framed[:, 1:9, 1:9] = ink
    flat = framed.reshape(-1)
    u, v = (np.clip(axis + 64, 0, 9 * 128 - 1) for axis in place.frame(size))
    start = (v >> 7) * 10 + (u >> 7) + (np.arange(len(ink), dtype=np.int32) * 100)[:, None, None]
    right, below = u & 127, v & 127
    upper = flat[start] * (128 - right) + flat[start + 1] * right
    lower = flat[start + 10] * (128 - right) + flat[start + 11] * right
    return np.asarray((upper * (128 - below) + lower * below) >> 14)


def _bars(place: _Placement, size: int) -> Integers:
    """Straight bars, (N, S, S) of 0 or 256: as long as their side, an eighth as wide."""
    u, v = place.frame(size)
    return ((abs(u - 512) < 512) & (abs(v - 512) < 64)) * np.int32(256)


def _ground(bits: NDArray[np.uint64], size: int) -> Integers:
    """Uneven light (N, S, S) in 0..80: 4 x 4 random levels, bilinear in between."""
    levels = integers(bits, 0, 80).astype(np.int32).reshape(-1, 4, 4)
    places = np.arange(size, dtype=np.int32) * (3 * 128) // size
    start, share = places >> 7, places & 127
    rows = levels[:, start] * (128 - share)[None, :, None] + levels[:, start + 1] * share[None, :, None]
    return np.asarray((rows[:, :, start] * (128 - share) + rows[:, :, start + 1] * share) >> 14)


def _place(bits: NDArray[np.uint64], sides: tuple[int, int], turns: int, size: int, margin: int) -> _Placement:
    """A placement from 4 hashes (N, 4): side in 1/16 pixel, centre at least margin/16 of a side from the edge."""
    side = integers(bits[:, 0], *sides) * size // 32
    edge = side * margin // 16
    span = (16 * size - 2 * edge).astype(np.uint64)
    x, y = (edge + ((bits[:, k] >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int64) for k in (1, 2))
    return _Placement(x, y, side, integers(bits[:, 3], -turns, turns))


def _fragment(ink: Integers, bits: NDArray[np.uint64]) -> Integers:
    """Glyphs of which one half, chosen by 64 bits each, is left: left, right, upper or lower."""
    halves = np.zeros((4, 8, 8), dtype=np.int32)
    halves[0, :, :4] = halves[1, :, 4:] = halves[2, :4] = halves[3, 4:] = 1
    return ink * halves[integers(bits, 0, 3)]


def _composed(style: Style, split: Split, items: NDArray[np.int64], size: int, script: Script) -> Examples:
    source = glyphs(split, script)
    keys = (_STYLES.index(style) + len(_STYLES) * SCRIPTS.index(script), SPLITS.index(split))
    bits = hashed(*keys, items[:, None], np.arange(64))
    shown = integers(bits[:, 0], 0, len(source.numbers) - 1)
    place = _place(bits[:, 1:5], _SIDES[style], _TURNS, size, 9)
    digit = _sampled(source.ink[shown], place, size)
    light = 256 * (20 + _ground(bits[:, 8:24], size))
    for start in range(24, 40, 8):
        other = bits[:, start : start + 8]
        strength = integers(other[:, 5], 70, 170).astype(np.int32)[:, None, None]
        if style == "fragments":
            where = _place(other, (11 * 16, 19 * 16), 180, size, 3)
            pieces = _fragment(source.ink[integers(other[:, 4], 0, len(source.numbers) - 1)], other[:, 6])
            shape = _sampled(pieces, where, size)
        else:
            shape = _bars(_place(other, (16 * 16, 36 * 16), 180, size, 3), size)
        light = np.maximum(light, shape * strength)
    strength = integers(bits[:, 5], 160, 235).astype(np.int32)[:, None, None]
    light = (np.maximum(light, digit * strength) >> 8) + _grain(keys, items, size)
    mask = digit >= _INK
    return _labelled(np.clip(light, 0, 255), mask, source.classes[shown], place)


def _grain(keys: tuple[int, int], items: NDArray[np.int64], size: int) -> Integers:
    """Noise of each pixel, (N, S, S) in -36..36: the sum of three uniform parts, eight pixels from each hash."""
    needed = 3 * size * size
    words = hashed(*keys, items[:, None], 1000 + np.arange(-(-needed // 8)))
    parts = words.astype("<u8").view(np.uint8)[:, :needed].reshape(len(items), 3, size, size)
    return np.asarray((parts.astype(np.int32).sum(axis=1) - 382) * 12 // 128)


def _labelled(light: Integers, mask: NDArray[np.bool_], digits: NDArray[np.int64], place: _Placement) -> Examples:
    """Labels from what is seen: the mask of the ink, the box around the mask, the landmarks of the frame."""
    size = light.shape[1]
    edges = []
    for axis in (1, 2):
        seen = np.logical_or.reduce(mask, axis=axis)
        edges += [seen.argmax(axis=1), size - seen[:, ::-1].argmax(axis=1)]
    left, right, top, low = edges
    corners = place.points()
    return Examples(
        images=light.astype(np.uint8)[:, None],
        classes=digits,
        boxes=np.stack([left, top, right, low], axis=1)[:, None].astype(np.float32),
        kinds=digits[:, None],
        masks=np.where(mask, digits[:, None, None] + 1, 0).astype(np.uint8),
        points=np.concatenate([corners, np.ones((*corners.shape[:2], 1), dtype=np.float32)], axis=2),
        areas=((right - left) * (low - top)).astype(np.float32),
    )


def scenes(
    style: Style, split: Split, items: NDArray[np.int64], size: int = 32, script: Script = "written"
) -> Examples:
    """The scenes `items` of `split`, of size x size pixels (32 to 48), with class, box, mask and landmarks.

    >>> seen = scenes("fragments", "test", np.array([5, 6]))
    >>> seen.images.shape, seen.boxes.shape, seen.masks.shape, seen.points.shape
    ((2, 1, 32, 32), (2, 1, 4), (2, 32, 32), (2, 5, 3))
    >>> bool((scenes("fragments", "test", np.array([6])).images[0] == seen.images[1]).all())
    True
    """
    starts = range(0, len(items), _CHUNK)
    parts = [_composed(style, split, items[start : start + _CHUNK], size, script) for start in starts]
    return Examples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Examples.__dataclass_fields__)
    )
