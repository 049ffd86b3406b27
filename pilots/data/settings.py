"""Which of a team's files hold the labels of a task or pool: the keys under `pilots.data` of a brief."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pilots.data.coco import coco
from pilots.data.listings import Listing, class_folders, class_table, mask_folders

Kind = Literal["classification", "detection", "segmentation", "keypoints"]
FORMS = (
    "images (a folder a class); table (a CSV with path and class), perhaps with group; "
    "coco, images and labels, perhaps with group; or images, masks and classes"
)
_FORMS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"images"}), frozenset()),
    (frozenset({"table"}), frozenset({"group"})),
    (frozenset({"coco", "images", "labels"}), frozenset({"group"})),
    (frozenset({"images", "masks", "classes"}), frozenset()),
)


class DataKeys(BaseModel):
    """The files of one task or pool, in one of the combinations of `FORMS`; paths start from the brief's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    images: str | None = Field(None, description="a folder of images, as text")
    table: str | None = Field(None, description="a CSV file with the columns path and class, as text")
    coco: str | None = Field(None, description="a COCO file, as text")
    masks: str | None = Field(None, description="a folder of masks named as the images, as text")
    labels: Literal["detection", "segmentation", "keypoints"] | None = Field(
        None, description="detection, segmentation or keypoints: what of the COCO file is learned"
    )
    classes: tuple[str, ...] | None = Field(None, min_length=1, description="a list: the names of classes 1, 2, ...")
    group: str | None = Field(None, description="a column, or a key of COCO's images: one group stays in one split")


def given(keys: DataKeys) -> frozenset[str]:
    """The keys that have a value.

    >>> sorted(given(DataKeys(images="pets")))
    ['images']
    """
    return frozenset(keys.model_dump(exclude_none=True))


def is_complete(keys: DataKeys) -> bool:
    """Whether the keys are one of the combinations that there are.

    >>> is_complete(DataKeys(images="pets")), is_complete(DataKeys(coco="labels.json"))
    (True, False)
    """
    return any(needed <= given(keys) <= needed | extra for needed, extra in _FORMS)


def kind_of(keys: DataKeys) -> Kind:
    """What is learned from complete keys.

    >>> kind_of(DataKeys(images="photos", masks="masks", classes=("road",)))
    'segmentation'
    """
    if keys.masks is not None:
        return "segmentation"
    return keys.labels or "classification"


def missing_files(keys: DataKeys, folder: Path) -> tuple[tuple[str, str], ...]:
    """(key, path) of each file or folder that is not there."""
    folders = [(key, path) for key in ("images", "masks") if (path := getattr(keys, key)) is not None]
    files = [(key, path) for key in ("table", "coco") if (path := getattr(keys, key)) is not None]
    absent = [(key, path) for key, path in folders if not (folder / path).is_dir()]
    return tuple(absent + [(key, path) for key, path in files if not (folder / path).is_file()])


def listing(keys: DataKeys, folder: Path) -> Listing:
    """The labelled images that complete keys name."""
    if keys.table is not None:
        return class_table(folder / keys.table, keys.group)
    assert keys.images is not None
    images = folder / keys.images
    if keys.coco is not None:
        return coco(folder / keys.coco, images, keys.group)
    if keys.masks is not None:
        return mask_folders(images, folder / keys.masks, keys.classes or ())
    return class_folders(images)
