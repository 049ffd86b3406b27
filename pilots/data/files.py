"""A team's own labelled images as a source: decoded once to the training size, kept in memory-mapped files.

Splits follow from the hash of each item's group, so that test and validation are fixed and no group is in two of them.
An image of which the very same pixels are in the test split is not learned from, and a pool's image that is a test or
validation image of a task neither.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pilots.data.coco import CROWD
from pilots.data.examples import IGNORED, SPLITS, Examples, Split
from pilots.data.hashing import hashed
from pilots.data.listings import Item, Listing, Shape
from pilots.data.report import Report

_SHARES = {"test": 0.2, "validation": 0.1}
_VERSION = 3
_LOOK = 16  # bytes that stand for an image's pixels
_PAIRS: tuple[tuple[Split, Split], ...] = (("test", "train"), ("test", "validation"), ("validation", "train"))
"""Splits of which the first keeps an image that is in both."""
_MODES = {1: "L", 3: "RGB"}
_DECODING = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass(frozen=True)
class FileSource:
    """Items of a cache that `prepared` wrote, without those `left_out`. `digest` stands for their content, wherever the
    cache lies."""

    folder: Path = field(repr=False, compare=False)
    digest: str
    classes: int
    left_out: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def items(self, split: Split) -> NDArray[np.int64]:
        items = np.flatnonzero(_opened(self.folder)["split"] == SPLITS.index(split)).astype(np.int64)
        return np.setdiff1d(items, self.left_out, assume_unique=True) if self.left_out else items

    def looks(self, items: NDArray[np.int64]) -> list[bytes]:
        """16 bytes for each item that stand for the pixels of its file: equal pixels, equal bytes."""
        return [look.tobytes() for look in _opened(self.folder)["looks"][items]]

    def examples(self, split: Split, items: NDArray[np.int64]) -> Examples:
        arrays = _opened(self.folder)
        return Examples(*(np.ascontiguousarray(arrays[name][items]) for name in Examples.__dataclass_fields__))


@lru_cache(maxsize=16)
def _opened(folder: Path) -> dict[str, NDArray[np.generic]]:
    names = ("split", "looks", *Examples.__dataclass_fields__)
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}


def prepared(
    listing: Listing, cache: Path, size: int = 32, channels: int = 3, strict: bool = False
) -> tuple[FileSource, Report]:
    """The source of a listing, its images decoded into `cache` unless they lie there already, and what was wrong.

    size: side of the training images in pixels, a multiple of 8; images are stretched to it. channels: 1 or 3.
    With `strict` any fault is an error: InvalidInput, and nothing is kept.
    """
    report = listing.report
    key = hashlib.sha256(repr((_VERSION, size, channels)).encode())
    for item in listing.items:
        state = item.path.stat()
        key.update(repr((item.name, item.group, state.st_size, state.st_mtime_ns, _labels_of(item))).encode())
    folder = cache / f"images-{key.hexdigest()[:16]}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=cache, prefix=folder.name))
        try:
            found = Report(report.source)
            digest = _decoded(listing, beside, size, channels, found)
            (beside / "report.json").write_text(json.dumps({"digest": digest, "report": asdict(found)}))
            if not folder.exists():
                beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    kept = json.loads((folder / "report.json").read_text())
    decoding = Report(**kept["report"])
    whole = Report(
        report.source,
        report.found,
        decoding.kept,
        {**report.counts, **decoding.counts},
        {**report.places, **decoding.places},
    )
    if strict:
        whole.refuse()
    return FileSource(folder, kept["digest"], len(listing.classes)), whole


def without_judged(
    pool: FileSource, names: Sequence[str], report: Report, tasks: Mapping[str, FileSource]
) -> FileSource:
    """A pool without what has the very pixels of a test or validation image of one of the tasks: a network that had
    learned from it would know part of what it is judged by (Sun et al., 2017, left such images out, too).

    names: of the pool's items; what is left out goes into the report.
    """
    left_out: list[int] = []
    for task, source in sorted(tasks.items()):
        for keeper, loser in _PAIRS:
            judged, items = set(source.looks(source.items(keeper))), pool.items(loser)
            same = [look in judged for look in pool.looks(items)]
            for item in np.setdiff1d(items[np.array(same, bool)], left_out).tolist():
                left_out.append(item)
                report.add(
                    f"{loser} image with the pixels of a {keeper} image of {task}, which is left out", names[item]
                )
    if not left_out:
        return pool
    report.kept -= len(left_out)
    digest = hashlib.sha256(repr((pool.digest, sorted(left_out))).encode()).hexdigest()[:16]
    found = replace(pool, digest=digest, left_out=tuple(sorted(left_out)))
    for split in SPLITS[:2]:
        if not len(found.items(split)):
            report.add("split without images", split)
    return found


def _labels_of(item: Item) -> tuple[object, ...]:
    mask = (item.mask.stat().st_size, item.mask.stat().st_mtime_ns) if item.mask else None
    return (item.kind, item.boxes, item.shapes, item.points, item.area, mask)


def _split_of(group: str) -> int:
    """The split of a group: a matter of its name alone, so that new items move none of the others."""
    word = int.from_bytes(hashlib.sha256(group.encode()).digest()[:7], "big")
    share = float(hashed(0, word)[0]) / 2.0**64
    if share < _SHARES["test"]:
        return SPLITS.index("test")
    return SPLITS.index("validation" if share < _SHARES["test"] + _SHARES["validation"] else "train")


def _decoded(listing: Listing, folder: Path, size: int, channels: int, report: Report) -> str:
    """Decode every item into arrays under `folder`, and return a digest of what lies there."""
    arrays = _empty(listing.items, size, channels, folder)
    looks = [bytes(_LOOK)] * len(listing.items)
    digest = hashlib.sha256(repr((_VERSION, size, channels, listing.classes)).encode())
    for row, item in enumerate(listing.items):
        try:
            image = _pixels(item, channels)
            labels = _labels(item, image.size, size, len(listing.classes), arrays)
        except _DECODING as fault:
            report.add("image or mask that cannot be used", f"{item.name} ({fault})")
            continue
        looks[row] = hashlib.blake2b(repr(image.size).encode() + image.tobytes(), digest_size=_LOOK).digest()
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        arrays["images"][row] = pixels.reshape(size, size, channels).transpose(2, 0, 1)
        for name, values in labels.items():
            arrays[name][row] = values
        arrays["split"][row] = _split_of(item.group)
        digest.update(looks[row] + repr((item.name, item.group)).encode())
        digest.update(b"".join(arrays[name][row].tobytes() for name in labels))
    _set_apart(arrays["split"], looks, listing.items, report)
    report.kept = int((arrays["split"] >= 0).sum())
    arrays["looks"] = np.frombuffer(b"".join(looks), np.uint8).reshape(-1, _LOOK)
    for name, array in arrays.items():
        if not isinstance(array, np.memmap):
            np.save(folder / f"{name}.npy", array)
        else:
            array.flush()
    return digest.hexdigest()[:16]


def _empty(items: tuple[Item, ...], size: int, channels: int, folder: Path) -> dict[str, NDArray[Any]]:
    """Arrays for all items: the large ones in files, and -1 as the split of an item that is in none."""
    count = len(items)
    boxes = max((len(item.boxes) for item in items), default=0)
    points = max((len(item.points) for item in items), default=0)
    masked = size if any(item.mask or item.shapes for item in items) else 0
    large = {"images": (count, channels, size, size), "masks": (count, masked, masked)}
    arrays: dict[str, NDArray[Any]] = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
        if np.prod(shape)
        else np.zeros(shape, np.uint8)
        for name, shape in large.items()
    }
    return arrays | {
        "classes": np.full(count, -1, np.int64),
        "boxes": np.full((count, boxes, 4), np.nan, np.float32),
        "kinds": np.full((count, boxes), -1, np.int64),
        "points": np.zeros((count, points, 3), np.float32),
        "areas": np.zeros(count, np.float32),
        "split": np.full(count, -1, np.int8),
    }


def _pixels(item: Item, channels: int) -> Image.Image:
    with Image.open(item.path) as image:
        if item.size and image.size != item.size:
            raise ValueError(f"it is {image.size[0]} x {image.size[1]}, its labels say {item.size[0]} x {item.size[1]}")
        if image.mode.startswith("I"):  # 16 bits a pixel, which `convert` would cut off at 255
            return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)).convert(_MODES[channels])
        return image.convert(_MODES[channels])


def _labels(
    item: Item, seen: tuple[int, int], size: int, classes: int, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """The labels of one item at the training size, in the form of a row of `arrays`; `seen`: width and height."""
    scale = np.array([size / seen[0], size / seen[1]])
    labels: dict[str, NDArray[Any]] = {
        "masks": np.zeros(arrays["masks"].shape[1:], np.uint8),
        "classes": np.array(item.kind),
        "boxes": np.full(arrays["boxes"].shape[1:], np.nan, np.float32),
        "kinds": np.full(arrays["kinds"].shape[1:], -1, np.int64),
        "points": np.zeros(arrays["points"].shape[1:], np.float32),
        "areas": np.array(item.area * scale.prod(), np.float32),
    }
    for place, (kind, *corners) in enumerate(item.boxes):
        labels["boxes"][place], labels["kinds"][place] = np.array(corners) * np.tile(scale, 2), kind
    for place, (x, y, labelled) in enumerate(item.points):
        labels["points"][place] = (x * scale[0], y * scale[1], labelled)
    if item.mask:
        labels["masks"] = _mask_file(item.mask, size, classes)
    elif item.shapes:
        labels["masks"] = _drawn(item.shapes, seen, size)
    return labels


def _mask_file(path: Path, size: int, classes: int) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        if image.mode not in ("L", "P", "1", "I", "I;16"):
            raise ValueError(f"the mask {path.name} has mode {image.mode}, not one number a pixel")
        mask = np.asarray(image.resize((size, size), Image.Resampling.NEAREST))
    beyond = mask[(mask > classes) & (mask != IGNORED)]
    if beyond.size:
        raise ValueError(f"the mask {path.name} has class {beyond.max()}, and there are {classes}")
    return mask.astype(np.uint8)


def _drawn(shapes: tuple[Shape, ...], seen: tuple[int, int], size: int) -> NDArray[np.uint8]:
    """Classes from 1 on of the pixels whose centres are in a shape, later ones above earlier ones, crowds below all."""
    canvas = np.zeros((size, size), np.uint8)
    for shape in sorted(shapes, key=lambda shape: shape.kind != CROWD):
        colour = IGNORED if shape.kind == CROWD else shape.kind + 1
        if shape.runs:
            flat = np.repeat(np.arange(len(shape.runs)) % 2, shape.runs).astype(np.uint8)
            whole = Image.fromarray(np.ascontiguousarray(flat.reshape(seen).T))
            canvas[np.asarray(whole.resize((size, size), Image.Resampling.NEAREST)) > 0] = colour
        for polygon in shape.polygons:
            canvas[_inside(np.array(polygon).reshape(-1, 2) * size / seen, size)] = colour
    return canvas


def _inside(corners: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """Which pixel centres are in a polygon (P, 2): those with an odd number of edges to their right."""
    centres = np.arange(size) + 0.5
    x, y = corners[:, 0, None, None], corners[:, 1, None, None]
    next_x, next_y = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)
    crosses = (y > centres[:, None]) != (next_y > centres[:, None])
    rise = np.where(next_y == y, 1.0, next_y - y)
    crossing = x + (centres[:, None] - y) * (next_x - x) / rise
    return np.asarray(np.logical_xor.reduce(crosses & (centres < crossing), axis=0))


def _set_apart(split: NDArray[np.int8], looks: list[bytes], items: tuple[Item, ...], report: Report) -> None:
    """Take out of train what has the same pixels as a test or validation image, and out of validation as a test one."""
    for keeper, loser in _PAIRS:
        kept = {looks[row] for row in np.flatnonzero(split == SPLITS.index(keeper))}
        for row in np.flatnonzero(split == SPLITS.index(loser)):
            if looks[row] in kept:
                split[row] = -1
                report.add(f"{loser} image with the pixels of a {keeper} image, which is left out", items[row].name)
    for name in SPLITS:
        if not (split == SPLITS.index(name)).any():
            report.add("split without images", name)
