"""Lists of labelled images as teams have them: folders of classes, tables of paths, folders of masks.

Nothing is decoded here; what a list says that cannot be so goes into the report, and the item is left out.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from pilots.data.report import Report

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})


@dataclass(frozen=True, slots=True)
class Shape:
    """Where an object is: polygons as x, y, x, y, .. in pixels, or runs (off, on, off, ..) down the columns."""

    kind: int
    polygons: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled image, its labels in its own pixels. Items of one group are kept in one split.

    size: width and height that the labels were made for, where they are known. area: of the object with the points.
    """

    name: str
    path: Path
    group: str
    kind: int = -1
    boxes: tuple[tuple[int, float, float, float, float], ...] = ()
    shapes: tuple[Shape, ...] = ()
    mask: Path | None = None
    points: tuple[tuple[float, float, float], ...] = ()
    area: float = 0.0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Listing:
    """Items with the names of their classes; for masks the class of a pixel is its place in `classes` plus one."""

    items: tuple[Item, ...]
    classes: tuple[str, ...]
    report: Report


def class_folders(root: Path, classes: tuple[str, ...] | None = None) -> Listing:
    """`root/CLASS/../image.png`: the first folder below the root is the class, and there is one group an image.

    `classes`: only these, where not all are wanted.
    """
    report = Report(str(root))
    folders = sorted(path for path in root.iterdir() if path.is_dir() and (classes is None or path.name in classes))
    for name in sorted({*(classes or ())} - {folder.name for folder in folders}):
        report.add("class without a folder", name)
    items = []
    for kind, folder in enumerate(folders):
        images = _images(folder)
        if not images:
            report.add("class without images", folder.name)
        names = (path.relative_to(root).as_posix() for path in images)
        items += [Item(name, path, name, kind) for name, path in zip(names, images, strict=True)]
    report.found = len(items)
    return Listing(tuple(items), tuple(folder.name for folder in folders), report)


def image_folder(root: Path) -> Listing:
    """Every image below `root`, whatever its folder, without a label; one group an image."""
    paths = _images(root)
    names = (path.relative_to(root).as_posix() for path in paths)
    items = tuple(Item(name, path, name) for name, path in zip(names, paths, strict=True))
    return Listing(items, (), Report(str(root), len(items)))


def class_table(table: Path, group: str | None = None, classes: tuple[str, ...] | None = None) -> Listing:
    """A CSV with the columns path (from the table's folder) and class, and perhaps a column that groups images.

    `classes`: only these, where not all are wanted.
    """
    report = Report(str(table))
    rows = _rows(table, ("path", "class", *((group,) if group else ())), report)
    found = {row["class"] for _, row in rows if row["class"]}
    if classes is not None:
        for name in sorted({*classes} - found):
            report.add("class without a row", name)
        found &= {*classes}
        rows = [(line, row) for line, row in rows if not row["class"] or row["class"] in found]
        report.found = len(rows)
    kinds = {name: kind for kind, name in enumerate(sorted(found))}
    items = []
    for line, row in rows:
        path = table.parent / row["path"]
        if not row["class"]:
            report.add("row without a class", f"row {line}")
        elif not row["path"] or not path.is_file():
            report.add("missing file", f"row {line}: {row['path']}")
        else:
            items.append(Item(row["path"], path, row[group] if group else row["path"], kinds[row["class"]]))
    return Listing(tuple(items), tuple(kinds), report)


def _rows(table: Path, columns: tuple[str, ...], report: Report) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their numbers, the header being row 1."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        for name in missing:
            report.add("missing column", name)
        lines = enumerate(() if missing else reader, start=2)
        rows = [(line, {name: row[name] or "" for name in columns}) for line, row in lines]
    report.found = len(rows)
    return rows


def mask_folders(images: Path, masks: Path, classes: tuple[str, ...]) -> Listing:
    """`images/NAME.jpg` with `masks/NAME.png`: a pixel is 0 for nothing, k for the k-th class, 255 for undecided."""
    report = Report(str(masks))
    paths = _images(images)
    report.found = len(paths)
    items = []
    for path in paths:
        name = path.relative_to(images).as_posix()
        mask = (masks / name).with_suffix(".png")
        if mask.is_file():
            items.append(Item(name, path, name, mask=mask))
        else:
            report.add("image without a mask", name)
    return Listing(tuple(items), classes, report)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS)
