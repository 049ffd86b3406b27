"""Scores of predictions, as small pure functions on numpy arrays: accuracy, F1, IoU, average precision, PCK, OKS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pilots.data.examples import IGNORED

Floats = NDArray[np.floating]
_RECALLS = np.linspace(0.0, 1.0, 101)
COCO_THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""How far apart people place the 17 points of COCO's persons, in shares of the root of the person's area."""


def accuracy(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Share of items whose predicted class is the true one.

    >>> accuracy(np.array([1, 2, 2]), np.array([1, 2, 3]))
    0.6666666666666666
    """
    return float(np.mean(predicted == truth))


def macro_f1(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Mean over the classes that occur, predicted or true, of F1 = 2 TP / (2 TP + FP + FN).

    >>> macro_f1(np.array([0, 0, 1]), np.array([0, 1, 1]))
    0.6666666666666666
    """
    classes = np.union1d(predicted, truth)
    hits = np.array([np.sum((predicted == kind) & (truth == kind)) for kind in classes])
    either = np.array([np.sum(predicted == kind) + np.sum(truth == kind) for kind in classes])
    return float(np.mean(2 * hits / either))


def mean_iou(predicted: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int) -> float:
    """Mean over the classes that occur of |predicted and true| / |predicted or true|, over all pixels of all images.

    `predicted` and `truth` hold a class 0..classes-1 a pixel, any shape; pixels whose truth is `IGNORED` do not count.

    >>> mean_iou(np.array([[0, 1]], dtype=np.uint8), np.array([[0, 0]], dtype=np.uint8), 2)
    0.25
    """
    counted = truth != IGNORED
    cells = truth[counted].astype(np.int64) * classes + predicted[counted]
    table = np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    union = table.sum(axis=0) + table.sum(axis=1) - table.diagonal()
    seen = union > 0
    return float(np.mean(table.diagonal()[seen] / union[seen])) if seen.any() else float("nan")


def pck(predicted: Floats, truth: Floats, size: float, share: float = 0.1) -> float:
    """Percentage of correct keypoints (Yang and Ramanan, 2013), as a share: points at most `share * size` off.

    `predicted` (N, K, 2) in pixels; `truth` (N, K, 3): x, y, and 1 where the point is labelled.

    >>> pck(np.array([[[3.0, 4.0], [9.0, 9.0]]]), np.array([[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]), size=50)
    1.0
    """
    off = np.linalg.norm(predicted - truth[..., :2], axis=-1)
    labelled = truth[..., 2] > 0
    return float(np.mean(off[labelled] <= share * size)) if labelled.any() else float("nan")


def keypoint_precision(
    predicted: Floats, confidences: Floats, truth: Floats, areas: Floats, sigmas: Floats | None = None
) -> float:
    """Average precision of keypoints as COCO defines it (Lin et al., 2014), of one object an image.

    A prediction is right at a threshold if its object keypoint similarity, the mean over labelled points of
    exp(-off^2 / (8 sigma^2 area)), reaches it; AP is the mean over `COCO_THRESHOLDS`. `predicted` (N, K, 2) in pixels;
    `confidences` (N,); `truth` (N, K, 3): x, y, and 1 where the point is labelled; `areas` (N,) in square pixels;
    `sigmas` (K,): unless given, COCO's own for 17 points and their mean for any other number. Images without a
    labelled point do not count.

    >>> keypoint_precision(np.zeros((1, 1, 2)), np.ones(1), np.array([[[0.0, 0.0, 1.0]]]), np.ones(1))
    1.0
    """
    points = truth.shape[1]
    if sigmas is None:
        sigmas = COCO_SIGMAS if points == len(COCO_SIGMAS) else np.full(points, COCO_SIGMAS.mean())
    labelled = truth[..., 2] > 0
    seen = labelled.any(axis=1)
    if not seen.any():
        return float("nan")
    off = np.square(predicted - truth[..., :2]).sum(axis=2)
    spread = 8 * np.square(sigmas) * np.maximum(areas, 1e-6)[:, None]
    near = np.where(labelled, np.exp(-off / spread), 0.0)[seen]
    similarity = near.sum(axis=1) / labelled[seen].sum(axis=1)
    order = np.argsort(-confidences[seen], kind="stable")
    hits = [similarity[order] >= threshold for threshold in COCO_THRESHOLDS]
    return float(np.mean([_interpolated(row, len(order)) for row in hits]))


@dataclass(frozen=True)
class Boxes:
    """Boxes of many images: image (B,), class (B,), corners (B, 4) left, top, right, bottom, confidence (B,)."""

    images: NDArray[np.int64]
    kinds: NDArray[np.int64]
    corners: Floats
    confidences: Floats


def box_iou(first: Floats, second: Floats) -> Floats:
    """Intersection over union of each of (.., A, 4) with each of (.., B, 4) boxes: (.., A, B).

    >>> box_iou(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    first, second = first[..., :, None, :], second[..., None, :, :]
    near = np.maximum(first[..., :2], second[..., :2])
    far = np.minimum(first[..., 2:], second[..., 2:])
    common = np.prod(np.clip(far - near, 0, None), axis=-1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (first, second)]
    return np.asarray(common / np.maximum(areas[0] + areas[1] - common, 1e-12))


def average_precision(predicted: Boxes, truth: Boxes, thresholds: tuple[float, ...] = (0.5,), most: int = 100) -> float:
    """Average precision as COCO defines it (Lin et al., 2014): mean over classes that occur and IoU thresholds.

    In order of confidence each prediction takes the free true box of its image and class that it overlaps most, if by
    the threshold at least. AP is the mean, at recalls 0, 0.01, .., 1, of the best precision at that recall or beyond.
    Of each image and class only the `most` most confident predictions count.

    >>> truth = Boxes(np.array([0]), np.array([3]), np.array([[0.0, 0, 4, 4]]), np.ones(1))
    >>> average_precision(truth, truth, COCO_THRESHOLDS)
    1.0
    """
    kinds = np.unique(truth.kinds)
    values = [_class_precision(_of(predicted, kind), _of(truth, kind), thresholds, most) for kind in kinds]
    return float(np.mean(values)) if values else float("nan")


def _of(boxes: Boxes, kind: int) -> Boxes:
    rows = boxes.kinds == kind
    return Boxes(boxes.images[rows], boxes.kinds[rows], boxes.corners[rows], boxes.confidences[rows])


def _class_precision(predicted: Boxes, truth: Boxes, thresholds: tuple[float, ...], most: int) -> float:
    """Mean over thresholds of the average precision of one class."""
    order = np.lexsort((-predicted.confidences, predicted.images))
    order = order[_places(predicted.images[order]) < most]
    images, confidences = predicted.images[order], predicted.confidences[order]
    right = np.zeros((len(thresholds), len(order)), dtype=bool)
    rows = np.isin(images, truth.images)  # most images have no box of most classes
    right[:, rows] = _matched(images[rows], predicted.corners[order][rows], truth, thresholds)
    hits = right[:, np.argsort(-confidences, kind="stable")]
    return float(np.mean([_interpolated(row, len(truth.images)) for row in hits]))


def _matched(
    images: NDArray[np.int64], corners: Floats, truth: Boxes, thresholds: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Which predictions, in order of image and confidence, get a true box, a row for each threshold: all images at
    once, their most confident predictions first.
    """
    names, image = np.unique(images, return_inverse=True)
    known = np.flatnonzero(np.isin(truth.images, names))
    known = known[np.argsort(truth.images[known], kind="stable")]
    owner = np.searchsorted(names, truth.images[known])
    rank, place = _places(image), _places(owner)
    boxes = np.full((len(names), place.max(initial=-1) + 1, 4), np.nan)
    boxes[owner, place] = truth.corners[known]
    found = np.full((len(names), rank.max(initial=-1) + 1, 4), np.nan)
    found[image, rank] = corners
    overlap = np.nan_to_num(box_iou(found, boxes), nan=-1.0)  # of what is not there
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    taken = np.zeros((len(thresholds), *boxes.shape[:2]), dtype=bool)
    right = np.zeros((len(thresholds), *found.shape[:2]), dtype=bool)
    for turn in range(found.shape[1]):
        free = np.where(taken, -1.0, overlap[:, turn])
        best = free.shape[2] - 1 - np.argmax(free[:, :, ::-1], axis=2)  # of equals the last, as COCO does
        right[:, :, turn] = np.take_along_axis(free, best[:, :, None], axis=2)[:, :, 0] >= least
        which = np.nonzero(right[:, :, turn])
        taken[(*which, best[which])] = True
    return right[:, image, rank]


def _places(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each among its equals, which stand together: 0, 1, ..

    >>> _places(np.array([3, 3, 5])).tolist()
    [0, 1, 0]
    """
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def _interpolated(right: NDArray[np.bool_], positives: int) -> float:
    """Area under the precision envelope at 101 recalls."""
    hits = np.cumsum(right)
    recall = hits / positives
    precision = hits / np.arange(1, len(right) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(np.mean(envelope[np.searchsorted(recall, _RECALLS, side="left")]))
