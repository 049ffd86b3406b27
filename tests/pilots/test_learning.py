"""Learning: losses whose least is the right answer, the best weights kept, the same seed the same result."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from backbones import RandomFeatures

from pilots.data.examples import IGNORED, Examples, unlabelled
from pilots.data.glyphs import glyphs
from pilots.data.scenes import scenes
from pilots.learning.backbone import SIZES, ResidualNet, as_input, backbone_named
from pilots.learning.detection import STRIDE, BoxHead, predictions
from pilots.learning.heads import ClassHead, MaskHead, PointHead
from pilots.learning.pretraining import joined, load, save
from pilots.learning.replicas import train
from pilots.learning.training import Diverged, Network, Recipe, answers

CHANNELS = SIZES["medium"]
QUICK = Recipe(pace=4, batch=16, backbone_rate=0.01, head_rate=0.01, decay=0.05, checks=3, patience=5)
HEADS = {
    "classification": lambda: ClassHead(10, CHANNELS),
    "detection": lambda: BoxHead(10, CHANNELS),
    "segmentation": lambda: MaskHead(11, CHANNELS),
    "keypoints": lambda: PointHead(5, 32, CHANNELS),
}


def some(split="train", count=64):
    return scenes("fragments", split, np.arange(count))


def learned(kind, recipe=QUICK, seed=0, train_on=None):
    torch.manual_seed(seed)
    head = HEADS[kind]()
    network = Network(ResidualNet(), head)
    train(network, train_on or some(), some("validation"), recipe, seed)
    return network, head


def several(first, apart):
    """Examples with more than one object an image: two scenes' boxes in one, of which the last image has one only."""
    pair = scenes("fragments", "train", np.arange(first, first + 16))
    second = pair.boxes[8:] / 2 + 16 if apart else pair.boxes[8:]
    boxes = np.concatenate([pair.boxes[:8] / 2 if apart else pair.boxes[:8], second], axis=1)
    kinds = np.concatenate([pair.kinds[:8], pair.kinds[8:]], axis=1)
    boxes[-1, 1], kinds[-1, 1] = np.nan, -1
    return replace(pair.take(np.arange(8)), boxes=boxes, kinds=kinds)


@pytest.mark.parametrize("kind", HEADS)
def test_the_same_seed_gives_the_same_result(kind):
    torch.set_num_threads(1)
    first, second = (answers(learned(kind)[0], some("test")) for _ in range(2))
    assert torch.equal(first, second)


def loss_on(network, examples):
    where = next(network.parameters()).device
    with torch.inference_mode():
        outputs = network.eval()(as_input(torch.from_numpy(examples.images).to(where)))
        return float(network.head.loss(outputs, [part.to(where) for part in network.head.targets(examples)]))


@pytest.mark.parametrize("kind", HEADS)
def test_training_lowers_the_loss_on_what_it_learns_from(kind):
    torch.manual_seed(0)
    head = HEADS[kind]()
    seen = some()
    network = Network(ResidualNet(), head)
    before = loss_on(network, seen)
    train(network, seen, seen, replace(QUICK, pace=10), 0)
    assert loss_on(network, seen) < 0.8 * before


def test_the_network_ends_with_the_weights_that_scored_best_on_validation():
    torch.manual_seed(0)
    head = HEADS["classification"]()
    network = Network(ResidualNet(), head)
    validation = some("validation")
    best = train(network, some(), validation, replace(QUICK, checks=8, patience=99), 0)
    assert head.score(answers(network, validation), validation) == best


def test_training_stops_when_the_validation_score_no_longer_rises(monkeypatch):
    scores = iter([0.5, 0.4, 0.3, 0.9, 0.9, 0.9])
    monkeypatch.setattr(ClassHead, "score", lambda *_: next(scores))
    torch.manual_seed(0)
    head = ClassHead(10, CHANNELS)
    assert (
        train(Network(ResidualNet(), head), some(), some("validation"), replace(QUICK, checks=6, patience=1), 0) == 0.5
    )
    assert next(scores) == 0.9


def test_without_early_stopping_the_last_weights_stay_whatever_they_score(monkeypatch):
    scores = iter([0.1, 0.2])
    monkeypatch.setattr(ClassHead, "score", lambda *_: next(scores))
    torch.manual_seed(0)
    head = ClassHead(10, CHANNELS)
    network = Network(ResidualNet(), head)
    recipe = replace(QUICK, checks=6, patience=0, early_stopping=False)
    assert train(network, some(), some("validation"), recipe, 0) == 0.1
    assert next(scores) == 0.2


def test_what_memory_does_not_hold_at_once_is_computed_in_parts():
    class Small(Network):
        def forward(self, images):
            if len(images) > 10:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    torch.manual_seed(0)
    backbone, head = ResidualNet(), HEADS["keypoints"]()
    whole = answers(Network(backbone, head), some())
    torch.testing.assert_close(answers(Small(backbone, head), some()), whole)


def test_a_loss_that_is_no_number_is_an_error_that_says_where():
    with pytest.raises(Diverged, match="at step"):
        learned("keypoints", replace(QUICK, head_rate=math.inf))


def test_a_backbone_with_rate_zero_is_left_as_it_was():
    torch.manual_seed(0)
    head, backbone = ClassHead(10, CHANNELS), ResidualNet()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    train(Network(backbone, head), some(), some("validation"), replace(QUICK, backbone_rate=0.0), 0)
    after = backbone.state_dict()
    assert all(torch.equal(value, after[name].cpu()) for name, value in before.items())


def test_steps_grow_with_the_root_of_the_labels():
    assert [replace(QUICK, pace=8).steps(labels) for labels in (1, 100, 400)] == [8, 80, 160]


@pytest.mark.parametrize("examples", [some(), several(0, True), several(500, True)], ids=["one", "two", "more"])
def test_outputs_that_say_each_cell_s_target_find_every_object(examples):
    head = BoxHead(10, CHANNELS)
    kinds, boxes = head.targets(examples)
    side = examples.images.shape[2] // STRIDE
    line = torch.arange(side) + 0.5
    down, across = torch.meshgrid(line, line, indexing="ij")
    centres = torch.stack([across.flatten(), down.flatten()], dim=1)
    away = torch.cat([centres - boxes[..., :2], boxes[..., 2:] - centres], dim=2).clamp(min=1e-3)
    raw = torch.where(away > 20, away, torch.log(torch.expm1(away)))
    logits = torch.full((len(examples), side * side, 10), -9.0)
    logits[kinds >= 0, kinds[kinds >= 0]] = 9.0
    perfect = torch.cat([logits, raw], dim=2).transpose(1, 2).unflatten(2, (side, side))
    assert head.score(head.answers(perfect), examples) == pytest.approx(1.0, abs=1e-6)
    assert float(head.loss(perfect, (kinds, boxes))) < 0.01


def test_every_object_has_a_cell_and_a_contested_cell_goes_to_the_smaller_one():
    examples = several(0, False)
    kinds, boxes = BoxHead(10, CHANNELS).targets(examples)
    for image in range(len(examples)):
        found = {tuple(box) for box in boxes[image][kinds[image] >= 0].tolist()}
        areas = [np.prod(box[2:] - box[:2]) for box in examples.boxes[image] / STRIDE]
        smallest = tuple((examples.boxes[image] / STRIDE)[int(np.nanargmin(areas))].tolist())
        assert smallest in found


def test_overlapping_boxes_of_one_class_are_thinned_out_and_others_stay():
    head = BoxHead(2, CHANNELS)
    outputs_of = torch.full((1, 6, 8, 8), -9.0)
    outputs_of[0, 2:] = 2.0
    outputs_of[0, 0, 3, 3], outputs_of[0, 0, 3, 4], outputs_of[0, 1, 3, 3], outputs_of[0, 0, 0, 0] = 3.0, 2.0, 1.0, 0.5
    found = predictions(head.answers(outputs_of))
    assert found.kinds.tolist() == [0, 1, 0]
    assert found.confidences == pytest.approx(1 / (1 + np.exp([-3.0, -1.0, -0.5])))


def test_masks_said_pixel_by_pixel_score_one_and_ignored_pixels_cost_nothing():
    examples, head = some(count=16), MaskHead(11, CHANNELS)
    masks = examples.masks.copy()
    masks[:, :4] = IGNORED
    examples = replace(examples, masks=masks)
    truth = torch.from_numpy(np.where(masks == IGNORED, 10, masks).astype(np.int64))
    logits = 20.0 * torch.nn.functional.one_hot(truth, 11).permute(0, 3, 1, 2)
    perfect = torch.nn.functional.pixel_unshuffle(logits.float(), 2)
    assert head.score(head.answers(perfect), examples) == 1.0
    assert float(head.loss(perfect, head.targets(examples))) < 1e-6


def test_heat_at_one_place_is_a_point_there():
    head = PointHead(1, 32, CHANNELS)
    head.decoder = torch.nn.Identity()
    heat = torch.full((1, 1, 8, 8), -50.0)
    heat[0, 0, 2, 5] = 50.0
    head.last = torch.nn.Identity()
    assert head(heat)[0, 0, :2].tolist() == pytest.approx([5.5 / 8, 2.5 / 8])


def test_points_without_a_label_cost_nothing():
    examples, head = some(count=8), PointHead(5, 32, CHANNELS)
    hidden = examples.points.copy()
    hidden[:, 1:] = [999.0, 999.0, 0.0]
    places = torch.from_numpy(examples.points[..., :2]) / 32
    examples = replace(examples, points=hidden)
    assert float(head.loss(places, head.targets(examples))) == 0.0
    assert head.score(places, examples) == 1.0


def test_a_saved_backbone_comes_back_and_nothing_else_is_left(tmp_path):
    torch.manual_seed(1)
    backbone = ResidualNet(3)
    save(backbone, tmp_path / "deep" / "backbone.pt")
    again = ResidualNet(3)
    load(tmp_path / "deep" / "backbone.pt", again)
    images = as_input(torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8))
    backbone.eval(), again.eval()
    assert torch.equal(backbone(images)[2], again(images)[2])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["backbone.pt"]


def test_pools_are_joined_with_classes_of_their_own():
    first, second = some(count=4), some("validation", count=3)
    both = joined([first, second], [10, 10])
    assert isinstance(both, Examples)
    assert both.classes.tolist() == [*first.classes.tolist(), *(second.classes + 10).tolist()]
    np.testing.assert_array_equal(both.images, np.concatenate([first.images, second.images]))


@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_features_at_three_scales(size):
    backbone = backbone_named(size, 3)
    shapes = [tuple(feature.shape) for feature in backbone(torch.zeros(2, 3, 48, 48))]
    assert shapes == [(2, many, side, side) for many, side in zip(SIZES[size], (24, 12, 6), strict=True)]


def test_a_larger_size_has_more_weights():
    weights = [
        sum(each.numel() for each in backbone_named(size, 1).parameters()) for size in ("small", "medium", "large")
    ]
    assert weights == sorted(set(weights))


def test_anyone_s_module_is_a_backbone_if_its_features_are_what_it_says():
    theirs = backbone_named("backbones:plain", 1)
    head = ClassHead(10, theirs.channels)
    assert 0 <= train(Network(theirs, head), some(), some("validation"), QUICK, 0) <= 1
    with pytest.raises(ValueError, match="backbones:wrong: from a 32 x 32 image it gives"):
        backbone_named("backbones:wrong", 1)


def glyph_examples(split, wrong=0.0, seed=0):
    """Digits of 8 x 8 pixels without a scene, this share of their classes wrong."""
    found, random = glyphs(split), np.random.default_rng(seed)
    others = (found.classes + random.integers(1, 10, len(found.classes))) % 10
    classes = np.where(random.random(len(others)) < wrong, others, found.classes)
    return replace(unlabelled(found.ink.clip(0, 255).astype(np.uint8)[:, None]), classes=classes)


@pytest.mark.slow
def test_where_wrong_labels_are_fitted_more_labels_bring_nothing_and_early_stopping_restores_their_worth():
    """Sample-wise double descent (Nakkiran et al., 2019) with a fifth of the labels wrong: 50 features can fit about
    300 labels, and up to there the score should stall or fall. It stalls; a fall beyond noise is not there.
    """
    torch.set_num_threads(1)
    validation, test = glyph_examples("validation"), glyph_examples("test")

    def score(labels, stopping, seed):
        torch.manual_seed(seed)
        backbone = RandomFeatures()
        head = ClassHead(10, backbone.channels)
        network = Network(backbone, head)
        recipe = Recipe(1500 / labels**0.5, 32, 0.0, 0.1, 0.0, checks=30, patience=5, early_stopping=stopping)
        learn = glyph_examples("train", 0.2, seed).take(np.random.default_rng(seed).permutation(1252)[:labels])
        train(network, learn, validation, recipe, seed)
        return head.score(answers(network, test), test)

    sizes = (80, 160, 320, 1250)
    fitted, stopped = (
        [np.mean([score(labels, stopping, seed) for seed in range(3)]) for labels in sizes]
        for stopping in (False, True)
    )
    assert abs(fitted[2] - fitted[0]) < 0.06
    assert stopped[2] - stopped[0] > 0.08
    assert fitted[3] > fitted[2] + 0.15
    assert (np.diff(stopped) > -0.02).all()
    assert (np.array(stopped)[1:3] > np.array(fitted)[1:3] + 0.1).all()
