"""COCO files: boxes, object masks and keypoints of a set of images (format: Lin et al., 2014, and cocodataset.org)."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pilots.data.listings import Item, Listing, Shape
from pilots.data.report import Report

CROWD = -1
"""Class of a shape whose pixels do not count."""


def coco(file: Path, images: Path, group: str | None = None) -> Listing:
    """The images of a COCO file with boxes, shapes and keypoints; `group` names a key of its images.

    Boxes of crowds are left out, their pixels do not count. Of keypoints there may be one object an image.
    """
    report = Report(str(file))
    content = _content(file, report)
    categories = sorted(content["categories"], key=lambda category: int(category["id"]))
    kinds = {category["id"]: kind for kind, category in enumerate(categories)}
    annotations: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    known = {image.get("id") for image in content["images"]}
    for annotation in content["annotations"]:
        if not _is_key(annotation.get("image_id")) or annotation["image_id"] not in known:
            report.add("annotation of an image that is not listed", f"annotation {annotation.get('id')}")
        elif not _is_key(annotation.get("category_id")) or annotation["category_id"] not in kinds:
            report.add("annotation of a category that is not listed", f"annotation {annotation.get('id')}")
        else:
            annotations[annotation["image_id"]].append(annotation)
    report.found = len(content["images"])
    items = []
    for image in content["images"]:
        path = images / str(image.get("file_name", ""))
        if not path.is_file():
            report.add("missing file", str(image.get("file_name")))
        elif not _is_size(image.get("width")) or not _is_size(image.get("height")):
            report.add("image without a size", path.name)
        else:
            items.append(_item(image, path, annotations[image["id"]], kinds, group, report))
    return Listing(tuple(items), tuple(str(category.get("name", category["id"])) for category in categories), report)


def _content(file: Path, report: Report) -> dict[str, list[Mapping[str, Any]]]:
    """The three lists of a COCO file; what is not of that form is reported and empty."""
    parts: dict[str, list[Mapping[str, Any]]] = {"images": [], "annotations": [], "categories": []}
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as fault:
        report.add("file that is not JSON", str(fault))
        return parts
    for name in parts:
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            report.add("missing list", name)
            continue
        good: list[Mapping[str, Any]] = [
            entry
            for entry in entries
            if isinstance(entry, dict) and (name == "annotations" or _is_key(entry.get("id")))
        ]
        if len(good) < len(entries):
            report.add(f"entry of {name} without a whole number as id", f"{len(entries) - len(good)} of {len(entries)}")
        parts[name] = good
    return parts


def _is_key(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _item(
    image: Mapping[str, Any],
    path: Path,
    annotations: Sequence[Mapping[str, Any]],
    kinds: Mapping[int, int],
    group: str | None,
    report: Report,
) -> Item:
    boxes, shapes, points, areas = [], [], [], []
    for annotation in annotations:
        place, kind = f"annotation {annotation.get('id')}", kinds[annotation["category_id"]]
        crowd = bool(annotation.get("iscrowd"))
        box = _box(annotation.get("bbox"), image["width"], image["height"])
        if box is None:
            report.add("box outside its image or without area", place)
        elif not crowd:
            boxes.append((kind, *box))
        if annotation.get("segmentation"):
            shape = _shape(annotation["segmentation"], CROWD if crowd else kind, image["width"] * image["height"])
            if shape is None:
                report.add("shape that is neither polygons nor runs of the image's size", place)
            else:
                shapes.append(shape)
        if annotation.get("num_keypoints") or any(annotation.get("keypoints") or ()):
            points.append(_points(annotation.get("keypoints"), place, report))
            areas.append(_area(annotation.get("area"), box))
    name = str(image["file_name"])
    if len(points) > 1:
        report.add("image with keypoints of several objects, which are left out", name)
    alone = len(points) == 1
    return Item(
        name,
        path,
        group=str(image.get(group, name)) if group else name,
        boxes=tuple(boxes),
        shapes=tuple(shapes),
        points=points[0] if alone else (),
        area=areas[0] if alone else 0.0,
        size=(image["width"], image["height"]),
    )


def _numbers(values: object, least: int) -> tuple[float, ...] | None:
    """Finite numbers, `least` at least, or None."""
    if not isinstance(values, list) or len(values) < least:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return None
    return tuple(map(float, values))


def _box(values: object, width: int, height: int) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom within the image from left, top, width, height."""
    numbers = _numbers(values, 4)
    if numbers is None:
        return None
    left, top = max(numbers[0], 0.0), max(numbers[1], 0.0)
    right, bottom = min(numbers[0] + numbers[2], width), min(numbers[1] + numbers[3], height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _area(value: object, box: tuple[float, float, float, float] | None) -> float:
    """The object's area as the file says or, if it does not, that of its box."""
    numbers = _numbers([value], 1)
    if numbers and numbers[0] > 0:
        return numbers[0]
    return (box[2] - box[0]) * (box[3] - box[1]) if box else 0.0


def _points(values: object, place: str, report: Report) -> tuple[tuple[float, float, float], ...]:
    """x, y and 1 if labelled (COCO's 1 and 2), for each keypoint."""
    numbers = _numbers(values, 3)
    if numbers is None or len(numbers) % 3:
        report.add("keypoints that are not x, y, visibility", place)
        return ()
    triples = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
    return tuple((x, y, float(seen > 0)) for x, y, seen in triples)


def _shape(segmentation: object, kind: int, pixels: int) -> Shape | None:
    if isinstance(segmentation, list):
        polygons = [_numbers(polygon, 6) for polygon in segmentation]
        good = tuple(polygon for polygon in polygons if polygon is not None and len(polygon) % 2 == 0)
        return Shape(kind, polygons=good) if len(good) == len(polygons) else None
    if not isinstance(segmentation, dict):
        return None
    counts = segmentation.get("counts")
    runs = _runs(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and run >= 0 for run in runs):
        return None
    return Shape(kind, runs=tuple(runs)) if sum(runs) == pixels else None


def _runs(text: str) -> list[int]:
    """Run lengths from COCO's compressed text: five bits a character, signed, from the third on less the last but two.

    >>> _runs("52203")
    [5, 2, 2, 2, 5]
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs
