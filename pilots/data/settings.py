"""Which of a team's files hold the labels of a task or pool: the keys under `pilots.data` of a brief."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pilots.data.coco import coco
from pilots.data.listings import Listing, class_folders, class_table, image_folder, mask_folders

Kind = Literal["classification", "detection", "segmentation", "keypoints"]
FORMS = (
    "images (a folder a class), perhaps with classes; table (a CSV of path and class), perhaps with classes or group; "
    "coco, images and labels, perhaps with group; images, masks and classes; or images and labels: none"
)
METRICS: dict[Kind, tuple[str, ...]] = {
    "classification": ("accuracy", "macro F1"),
    "detection": ("AP50", "AP"),
    "segmentation": ("mean IoU",),
    "keypoints": ("PCK", "OKS-AP"),
}
"""The scores that each kind of task can be measured by, the first one unless the brief's metric names another."""
_SYNONYMS = {"score": "", "map": "ap", "map50": "ap50", "miou": "meaniou", "f1": "macrof1"}
_FORMS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"images"}), frozenset({"classes"})),
    (frozenset({"table"}), frozenset({"classes", "group"})),
    (frozenset({"coco", "images", "labels"}), frozenset({"group"})),
    (frozenset({"images", "masks", "classes"}), frozenset()),
    (frozenset({"images", "labels"}), frozenset()),
)


class DataKeys(BaseModel):
    """The files of one task or pool, in one of the combinations of `FORMS`; paths start from the brief's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    images: str | None = Field(None, description="a folder of images, as text")
    table: str | None = Field(None, description="a CSV file with the columns path and class, as text")
    coco: str | None = Field(None, description="a COCO file, as text")
    masks: str | None = Field(None, description="a folder of masks named as the images, as text")
    labels: Literal["detection", "segmentation", "keypoints", "none"] | None = Field(
        None,
        description="detection, segmentation or keypoints: what of the COCO file is learned; "
        "or none: a folder of images to learn from without labels",
    )
    classes: tuple[str, ...] | None = Field(
        None, min_length=1, description="a list: the names of mask classes 1, 2, ..., or the only classes to be used"
    )
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
    >>> is_complete(DataKeys(images="pets", labels="none")), is_complete(DataKeys(images="pets", labels="detection"))
    (True, False)
    """
    alone = keys.labels == "none"
    fits = any(needed <= given(keys) <= needed | extra for needed, extra in _FORMS)
    return fits and alone == (given(keys) == {"images", "labels"})


def kind_of(keys: DataKeys) -> Kind | None:
    """What is learned from complete keys; None: nothing that is labelled.

    >>> kind_of(DataKeys(images="photos", masks="masks", classes=("road",)))
    'segmentation'
    >>> kind_of(DataKeys(images="photos", labels="none"))
    """
    if keys.masks is not None:
        return "segmentation"
    if keys.labels == "none":
        return None
    return keys.labels or "classification"


def metric_named(kind: Kind, name: str) -> str | None:
    """The score that a brief's metric name means for a kind of task; None: none that there is.

    Capitals, spaces and signs do not matter; `score`, the name of a metric without one, is the first of the kind.

    >>> metric_named("detection", "mAP"), metric_named("detection", "ap@50"), metric_named("keypoints", "score")
    ('AP', 'AP50', 'PCK')
    """
    plain = _plain(name)
    wanted = _SYNONYMS.get(plain, plain) or _plain(METRICS[kind][0])
    return next((metric for metric in METRICS[kind] if _plain(metric) == wanted), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def missing_files(keys: DataKeys, folder: Path) -> tuple[tuple[str, str], ...]:
    """(key, path) of each file or folder that is not there."""
    folders = [(key, path) for key in ("images", "masks") if (path := getattr(keys, key)) is not None]
    files = [(key, path) for key in ("table", "coco") if (path := getattr(keys, key)) is not None]
    absent = [(key, path) for key, path in folders if not (folder / path).is_dir()]
    return tuple(absent + [(key, path) for key, path in files if not (folder / path).is_file()])


def listing(keys: DataKeys, folder: Path) -> Listing:
    """The labelled images that complete keys name."""
    if keys.table is not None:
        return class_table(folder / keys.table, keys.group, keys.classes)
    assert keys.images is not None
    images = folder / keys.images
    if keys.coco is not None:
        return coco(folder / keys.coco, images, keys.group)
    if keys.masks is not None:
        return mask_folders(images, folder / keys.masks, keys.classes or ())
    return image_folder(images) if keys.labels == "none" else class_folders(images, keys.classes)
