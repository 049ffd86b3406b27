"""Scores: against scikit-learn, the published COCO evaluator, and evaluators written out the long way."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from pilots.data.examples import IGNORED
from pilots.learning.scores import (
    COCO_SIGMAS,
    COCO_THRESHOLDS,
    Boxes,
    accuracy,
    average_precision,
    box_iou,
    keypoint_precision,
    macro_f1,
    mean_iou,
    pck,
)

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(LABELS)
def test_accuracy_and_macro_f1_are_what_scikit_learn_says(pairs):
    predicted, truth = np.array(pairs).T
    assert accuracy(predicted, truth) == pytest.approx(accuracy_score(truth, predicted))
    assert macro_f1(predicted, truth) == pytest.approx(f1_score(truth, predicted, average="macro"))


@given(LABELS)
def test_mean_iou_is_the_macro_jaccard_score_of_the_pixels(pairs):
    predicted, truth = np.array(pairs, dtype=np.uint8).T
    assert mean_iou(predicted, truth, 5) == pytest.approx(jaccard_score(truth, predicted, average="macro"))


def test_pixels_that_do_not_count_do_not_count():
    truth = np.array([[0, 1, IGNORED, IGNORED]], dtype=np.uint8)
    assert mean_iou(np.array([[0, 1, 0, 1]], dtype=np.uint8), truth, 2) == 1.0
    assert np.isnan(mean_iou(truth * 0, np.full_like(truth, IGNORED), 2))


@given(st.integers(0, 2**32), st.floats(0.01, 0.5))
def test_pck_is_the_share_of_labelled_points_within_reach(seed, share):
    random = np.random.default_rng(seed)
    truth = np.concatenate([random.uniform(0, 50, (7, 4, 2)), random.integers(0, 2, (7, 4, 1))], axis=2)
    predicted = truth[..., :2] + random.normal(0, 5, (7, 4, 2))
    near = [
        np.hypot(*(predicted[image, point] - truth[image, point, :2])) <= share * 50
        for image in range(7)
        for point in range(4)
        if truth[image, point, 2]
    ]
    if near:
        assert pck(predicted, truth, 50, share) == pytest.approx(np.mean(near))


def random_boxes(seed, images=8, kinds=3, most=5):
    """True boxes, and predictions that are moved true boxes, doubles and inventions, with tied confidences."""
    random = np.random.default_rng(seed)
    truth, predicted = [], []
    for image in range(images):
        for _ in range(random.integers(0, most)):
            corner, side, kind = random.uniform(0, 30, 2), random.uniform(4, 20, 2), random.integers(kinds)
            truth.append((image, kind, *corner, *(corner + side), 1.0))
            for _ in range(random.integers(0, 3)):
                near, wide = corner + random.normal(0, 2, 2), side * random.uniform(0.6, 1.4, 2)
                moved = np.concatenate([near, near + wide])
                other = kind if random.random() < 0.8 else random.integers(kinds)
                predicted.append((image, other, *moved, random.random().__round__(2)))
    rows = [np.array(part).reshape(-1, 7) for part in (predicted, truth)]
    return [Boxes(part[:, 0].astype(int), part[:, 1].astype(int), part[:, 2:6], part[:, 6]) for part in rows]


def brute_force_precision(predicted, truth, threshold):
    """Average precision written out a prediction, a true box and a recall at a time, with plain floats."""
    values = []
    for kind in sorted(set(truth.kinds)):
        candidates = [index for index in range(len(predicted.kinds)) if predicted.kinds[index] == kind]
        images = sorted(candidates, key=lambda index: predicted.images[index])
        candidates = sorted(images, key=lambda index: -predicted.confidences[index])
        positives = sum(truth.kinds == kind)
        free, right, curve = {i for i in range(len(truth.kinds)) if truth.kinds[i] == kind}, 0, []
        for rank, index in enumerate(candidates, start=1):
            left, top, far, low = predicted.corners[index]
            best, chosen = threshold, None
            for other in sorted(free):
                if truth.images[other] != predicted.images[index]:
                    continue
                a, b, c, d = truth.corners[other]
                common = max(0, min(far, c) - max(left, a)) * max(0, min(low, d) - max(top, b))
                overlap = common / ((far - left) * (low - top) + (c - a) * (d - b) - common)
                if overlap >= best:
                    best, chosen = overlap, other
            if chosen is not None:
                free.remove(chosen)
                right += 1
            curve.append((right / positives, right / rank))
        steps = [max((p for r, p in curve if r >= step / 100), default=0.0) for step in range(101)]
        values.append(sum(steps) / 101)
    return sum(values) / len(values)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threshold", [0.5, 0.75])
def test_average_precision_is_what_the_definition_says(seed, threshold):
    predicted, truth = random_boxes(seed)
    got = average_precision(predicted, truth, (threshold,))
    assert got == pytest.approx(brute_force_precision(predicted, truth, threshold), abs=1e-9)


def coco_precision(predicted, truth):
    """AP and AP50 by pycocotools."""
    mask = pytest.importorskip("pycocotools.cocoeval")
    coco = pytest.importorskip("pycocotools.coco").COCO
    annotations = [
        {"id": n + 1, "image_id": int(i), "category_id": int(k), "bbox": [*c[:2], *(c[2:] - c[:2])], "iscrowd": 0}
        | {"area": float(np.prod(c[2:] - c[:2]))}
        for n, (i, k, c) in enumerate(zip(truth.images, truth.kinds, truth.corners, strict=True))
    ]
    found = [
        {"image_id": int(i), "category_id": int(k), "bbox": [*c[:2], *(c[2:] - c[:2])], "score": float(s)}
        for i, k, c, s in zip(predicted.images, predicted.kinds, predicted.corners, predicted.confidences, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco()
        data.dataset = {
            "info": {},
            "images": [{"id": int(image)} for image in range(8)],
            "annotations": annotations,
            "categories": [{"id": int(kind)} for kind in np.unique(truth.kinds)],
        }
        data.createIndex()
        known = set(np.unique(truth.kinds).tolist())
        judge = mask.COCOeval(data, data.loadRes([row for row in found if row["category_id"] in known]), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:2]


@pytest.mark.parametrize("seed", range(12))
def test_average_precision_agrees_with_the_published_evaluator(seed):
    predicted, truth = random_boxes(seed)
    ours = average_precision(predicted, truth, COCO_THRESHOLDS), average_precision(predicted, truth, (0.5,))
    assert ours == pytest.approx(tuple(coco_precision(predicted, truth)), abs=1e-6)


def test_no_predictions_score_nothing_and_no_truth_scores_not_a_number():
    predicted, truth = random_boxes(3)
    none = Boxes(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4)), np.zeros(0))
    assert average_precision(none, truth) == 0.0
    assert np.isnan(average_precision(predicted, none))


@given(st.integers(0, 2**32))
def test_average_precision_does_not_depend_on_the_order_of_the_boxes(seed):
    predicted, truth = random_boxes(seed)
    random = np.random.default_rng(seed)
    predicted = Boxes(
        predicted.images, predicted.kinds, predicted.corners, random.permutation(len(predicted.kinds)) / 99
    )
    order = random.permutation(len(predicted.kinds))
    mixed = Boxes(*(part[order] for part in vars(predicted).values()))
    if len(truth.kinds):
        assert average_precision(mixed, truth) == pytest.approx(average_precision(predicted, truth), abs=1e-12)


def test_boxes_that_touch_do_not_overlap():
    assert box_iou(np.array([[0.0, 0, 1, 1]]), np.array([[1.0, 0, 2, 1]])).tolist() == [[0.0]]


def random_points(seed, images=12, points=6):
    """Places, confidences, partly labelled truth (an image without any included) and areas."""
    random = np.random.default_rng(seed)
    truth = np.concatenate(
        [random.uniform(0, 100, (images, points, 2)), random.integers(0, 2, (images, points, 1))], axis=2
    )
    truth[0, :, 2] = 0
    places = truth[..., :2] + random.normal(0, random.uniform(0.5, 6, (images, 1, 1)), (images, points, 2))
    return places, random.random(images), truth, random.uniform(300, 9000, images)


@pytest.mark.parametrize("seed", range(12))
def test_keypoint_precision_agrees_with_the_published_evaluator(seed):
    judges = pytest.importorskip("pycocotools.cocoeval")
    coco = pytest.importorskip("pycocotools.coco").COCO
    points = 17 if seed % 2 else 6
    places, confidences, truth, areas = random_points(seed, points=points)
    seen = np.flatnonzero(truth[..., 2].any(axis=1))
    sigmas = COCO_SIGMAS if points == 17 else np.full(points, COCO_SIGMAS.mean())
    annotations = [
        {"id": int(n) + 1, "image_id": int(n), "category_id": 1, "iscrowd": 0, "area": float(areas[n])}
        | {"keypoints": (truth[n] * [1, 1, 2]).ravel().tolist(), "num_keypoints": int(truth[n, :, 2].sum())}
        | {"bbox": [0.0, 0.0, 100.0, 100.0]}
        for n in seen
    ]
    found = [
        {"image_id": int(n), "category_id": 1, "score": float(confidences[n])}
        | {"keypoints": np.c_[places[n], np.ones(points)].ravel().tolist()}
        for n in seen
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco()
        data.dataset = {"info": {}, "images": [{"id": int(n)} for n in seen], "annotations": annotations}
        data.dataset["categories"] = [{"id": 1, "keypoints": [str(n) for n in range(points)]}]
        data.createIndex()
        judge = judges.COCOeval(data, data.loadRes(found), "keypoints")
        judge.params.kpt_oks_sigmas = sigmas
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert keypoint_precision(places, confidences, truth, areas) == pytest.approx(judge.stats[0], abs=1e-6)


def test_keypoints_in_their_places_score_one_and_without_labels_not_a_number():
    _, confidences, truth, areas = random_points(1)
    assert keypoint_precision(truth[..., :2], confidences, truth, areas) == 1.0
    assert np.isnan(keypoint_precision(truth[..., :2], confidences, truth * [1, 1, 0], areas))
