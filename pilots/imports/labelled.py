"""Counts the labels in the files of annotation tools: COCO, Label Studio, CVAT; and the seconds they took, where those
are told. It looks at no image.
"""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from budget.errors import Fault, InvalidInput
from budget.inputs import read_text

PAUSE = 10.0  # times the median: who took longer for a label did something else meanwhile
SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton", "tag")


@dataclass(frozen=True)
class Labelled:
    """What one file of annotations holds: `items` with a label, how many `objects` are on them, `unlabelled` items.

    `seconds`: what each annotation took; `people`: annotations an item.
    """

    items: int
    objects: int
    unlabelled: int
    seconds: tuple[float, ...] = ()
    people: float = 1.0

    def brief_keys(self) -> dict[str, float]:
        """As keys of a brief: what is owned, the mean seconds of an annotation without pauses, people an item."""
        found: dict[str, float] = {"owned": self.items}
        worked = self.worked()
        if worked:
            found["label_seconds"] = float(f"{fmean(worked):.3g}")
        if round(self.people) > 1:
            found["annotators"] = round(self.people)
        return found

    def worked(self) -> list[float]:
        """The seconds of annotations that were not interrupted."""
        longest = PAUSE * median(self.seconds) if self.seconds else 0.0
        return [each for each in self.seconds if each <= longest]

    def note(self, source: str) -> str:
        """What was counted, in one sentence.

        >>> Labelled(2, 6, 1, (10.0, 12.0, 900.0)).note("boxes.json")
        'boxes.json: 2 items with 6 objects (3 each), 1 without; seconds of 2 annotations, 1 with a pause left out'
        """
        each = f" with {self.objects:,} objects ({self.objects / self.items:.3g} each)" if self.objects else ""
        text = f"{source}: {self.items:,} items{each}, {self.unlabelled:,} without"
        if not self.seconds:
            return text
        worked = len(self.worked())
        return f"{text}; seconds of {worked:,} annotations, {len(self.seconds) - worked:,} with a pause left out"


def read_labelled(path: Path) -> Labelled | None:
    """What an annotation file holds; None: it is none. Raises InvalidInput if it is one that cannot be read."""
    reader = {".json": _json, ".xml": _cvat, ".csv": _label_studio_table}.get(path.suffix.lower())
    if reader is None or not path.is_file():
        return None
    text = read_text(path)
    try:
        return reader(text)
    except (ValueError, KeyError, TypeError, AttributeError, ElementTree.ParseError, csv.Error) as error:
        found = f"{type(error).__name__}: {error}"[:200]
        allowed = "annotations of COCO (JSON), Label Studio (JSON, CSV) or CVAT (XML)"
        raise InvalidInput((Fault(str(path), "", found, allowed),)) from None


def _json(text: str) -> Labelled | None:
    content = json.loads(text)
    if isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys():
        return _coco(content)
    if isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
        if any(key in each for each in content for key in ("annotations", "completions")):
            return _label_studio(content)
        if any("annotation_id" in each for each in content):
            return _label_studio_rows(content)
    return None


def _coco(content: Mapping[str, Any]) -> Labelled:
    """An item is an image, labelled if it has an object; crowds are none."""
    images = {image["id"] for image in content["images"]}
    objects = Counter(each["image_id"] for each in content["annotations"] if not each.get("iscrowd"))
    labelled = images & objects.keys()
    return Labelled(len(labelled), sum(objects[image] for image in labelled), len(images) - len(labelled))


def _label_studio(tasks: list[dict[str, Any]]) -> Labelled:
    """An item is a task, labelled if somebody has submitted an annotation, be it an empty one."""
    submitted = [
        [each for each in task.get("annotations") or task.get("completions") or () if not each.get("was_cancelled")]
        for task in tasks
    ]
    labelled = [annotations for annotations in submitted if annotations]
    objects = sum(len({part.get("id") for part in annotations[0].get("result", ())}) for annotations in labelled)
    seconds = (each.get("lead_time") for annotations in labelled for each in annotations)
    return _timed(len(labelled), objects, len(tasks) - len(labelled), seconds, sum(map(len, labelled)))


def _label_studio_rows(rows: list[dict[str, Any]]) -> Labelled:
    """Label Studio's JSON-MIN and CSV: a row an annotation."""
    items = {row["id"] for row in rows if row["annotation_id"]}
    count = sum(1 for row in rows if row["annotation_id"])
    unlabelled = len({row["id"] for row in rows} - items)
    return _timed(len(items), 0, unlabelled, (row.get("lead_time") for row in rows), count)


def _label_studio_table(text: str) -> Labelled | None:
    rows = list(csv.DictReader(io.StringIO(text)))
    return _label_studio_rows(rows) if rows and {"annotation_id", "lead_time", "id"} <= rows[0].keys() else None


def _timed(items: int, objects: int, unlabelled: int, seconds: Any, annotations: int) -> Labelled:
    known = tuple(float(each) for each in seconds if each not in (None, "") and float(each) > 0)
    return Labelled(items, objects, unlabelled, known, annotations / max(items, 1))


def _cvat(text: str) -> Labelled | None:
    """An item is an image, or a frame of a video; labelled if a shape or a tag is on it."""
    root = ElementTree.fromstring(text)
    if root.tag != "annotations":
        return None
    on_images = [sum(len(image.findall(shape)) for shape in SHAPES) for image in root.iter("image")]
    frames = Counter(
        shape.get("frame") for track in root.iter("track") for shape in track if shape.get("outside", "0") == "0"
    )
    labelled = [count for count in [*on_images, *frames.values()] if count]
    size = root.findtext("meta/task/size") or root.findtext("meta/job/size")
    total = int(size) if size and frames else len(on_images) + len(frames)
    return Labelled(len(labelled), sum(labelled), max(total - len(labelled), 0))
