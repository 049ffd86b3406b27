"""Digit scenes: a function of style, split and item; labels say what is seen; no glyph crosses from split to split."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from pilots.data import glyphs as shapes
from pilots.data import scenes as module
from pilots.data.examples import SPLITS
from pilots.data.glyphs import SCRIPTS, glyphs
from pilots.data.hashing import hashed, integers, shuffled
from pilots.data.scenes import scenes

ITEMS = np.arange(60) * 7919
STYLES = ("fragments", "bars")


def test_every_glyph_belongs_to_one_split():
    numbers = np.concatenate([glyphs(split).numbers for split in SPLITS])
    assert sorted(numbers) == list(range(1797))


def test_no_glyph_of_one_split_looks_exactly_like_one_of_another():
    looks = [{glyph.tobytes() for glyph in glyphs(split).ink} for split in SPLITS]
    assert not looks[0] & looks[2]
    assert not looks[1] & looks[2]


def test_drawn_glyphs_belong_to_one_split_and_look_different():
    drawn = [glyphs(split, "drawn") for split in SPLITS]
    assert sorted(np.concatenate([part.numbers for part in drawn])) == list(range(1400))
    one = drawn[0].ink[drawn[0].classes == 8]
    assert len({glyph.tobytes() for glyph in one}) > 0.5 * len(one)


def test_a_broad_glyph_s_class_says_its_digit_and_how_it_was_put_together():
    written, broad = glyphs("validation"), glyphs("validation", "broad")
    count = len(written.ink)
    assert broad.classes.tolist() == [digit + 10 * turn for turn in range(4) for digit in written.classes]
    np.testing.assert_array_equal(broad.ink[:count], written.ink)
    np.testing.assert_array_equal(broad.ink[count : 2 * count, :, :4], written.ink[:, :, 4:])
    np.testing.assert_array_equal(broad.ink[2 * count : 3 * count, :4], written.ink[:, 4:])
    np.testing.assert_array_equal(broad.ink[3 * count :, 4:, 4:], written.ink[:, :4, :4])


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_show_other_scenes(script):
    same = scenes("fragments", "train", ITEMS, script=script).images == scenes("fragments", "train", ITEMS).images
    assert same.all() == (script == "written")


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_every_digit_in_like_shares(split):
    counts = np.bincount(glyphs(split).classes, minlength=10)
    assert counts.min() > 0.8 * counts.max()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_scenes_of_a_split_show_nothing_of_the_test_glyphs(monkeypatch, style, split):
    before = scenes(style, split, ITEMS)
    ink, digits = shapes._all_digits()
    tampered = ink.copy()
    tampered[glyphs("test").numbers] = 256 - tampered[glyphs("test").numbers]
    glyphs.cache_clear()
    monkeypatch.setattr(shapes, "_all_digits", lambda: (tampered, digits))
    after, tests = scenes(style, split, ITEMS), scenes(style, "test", ITEMS)
    glyphs.cache_clear()
    np.testing.assert_array_equal(before.images, after.images)
    monkeypatch.undo()
    assert (scenes(style, "test", ITEMS).images != tests.images).any()


@pytest.mark.parametrize(
    ("style", "split", "images", "labels"),
    [
        ("fragments", "train", "6dce428df34b9195", "e15c71e55c3dcef9"),
        ("fragments", "test", "f4bdb2c6afa352bd", "363cac203a1e2573"),
        ("bars", "train", "d1a4197a3834a637", "b83c9efcf1d102c2"),
        ("bars", "test", "faf7aac40c249faa", "890193655445311c"),
    ],
)
def test_pixels_and_labels_are_the_same_on_every_machine(style, split, images, labels):
    seen = scenes(style, split, np.arange(20) * 7919, 40)
    words = (seen.masks.tobytes(), seen.boxes.astype("<f4").tobytes(), seen.points.astype("<f4").tobytes())
    assert hashlib.sha256(seen.images.tobytes()).hexdigest()[:16] == images
    assert hashlib.sha256(b"".join(words)).hexdigest()[:16] == labels


@given(order=st.permutations(range(12)), style=st.sampled_from(STYLES))
def test_a_scene_does_not_depend_on_the_others_that_are_composed_with_it(order, style):
    together = scenes(style, "train", ITEMS[:12])
    shuffled_scenes = scenes(style, "train", ITEMS[:12][list(order)])
    np.testing.assert_array_equal(shuffled_scenes.images, together.images[list(order)])


def test_more_scenes_than_are_composed_at_once_are_the_same_scenes():
    many = scenes("bars", "train", np.arange(module._CHUNK + 3))
    np.testing.assert_array_equal(many.images[-3:], scenes("bars", "train", np.arange(module._CHUNK + 3)[-3:]).images)
    assert len(many) == module._CHUNK + 3


@given(size=st.integers(32, 48), style=st.sampled_from(STYLES), first=st.integers(0, 10**6))
def test_labels_say_what_is_seen(size, style, first):
    seen = scenes(style, "train", np.arange(first, first + 20), size)
    assert seen.images.shape == (20, 1, size, size)
    brighter = []
    for image in range(20):
        rows, columns = np.nonzero(seen.masks[image])
        assert seen.boxes[image, 0].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert set(np.unique(seen.masks[image])) == {0, seen.classes[image] + 1}
        ink, rest = seen.images[image, 0][seen.masks[image] > 0], seen.images[image, 0][seen.masks[image] == 0]
        brighter.append(ink.mean() - rest.mean())
    assert min(brighter) > 0  # faint ink behind strong bars is little brighter than they are
    assert np.mean(brighter) > 20
    assert (seen.kinds[:, 0] == seen.classes).all()
    assert (abs(seen.points[..., :2] - size / 2) < size / 2 + 2).all()


def test_landmarks_are_the_corners_of_the_turned_frame_around_its_centre():
    points = scenes("fragments", "train", ITEMS).points[..., :2]
    np.testing.assert_allclose(points[:, :4].mean(axis=1), points[:, 4], atol=0.15)
    sides = np.linalg.norm(points[:, 1] - points[:, 0], axis=1), np.linalg.norm(points[:, 2] - points[:, 0], axis=1)
    np.testing.assert_allclose(sides[0] / sides[1], 6 / 8, atol=0.03)


def test_a_glyph_is_sampled_as_an_affine_map_with_bilinear_interpolation_says():
    ink = glyphs("train").ink[:20]
    place = module._Placement(*(np.full(20, value, dtype=np.int64) for value in (16 * 15, 16 * 18, 16 * 17, 25)))
    down, across = np.mgrid[0:32, 0:32] + 0.5 - np.array([18, 15])[:, None, None]
    turn = np.deg2rad(25)
    u = (across * np.cos(turn) + down * np.sin(turn)) * 8 / 17 + 3.5
    v = (down * np.cos(turn) - across * np.sin(turn)) * 8 / 17 + 3.5
    wanted = [map_coordinates(glyph.astype(float), [v, u], order=1, mode="constant") for glyph in ink]
    got = module._sampled(ink, place, 32)
    inside = (u > 0) & (u < 7) & (v > 0) & (v < 7)  # at the very edge the oracle cuts off, where the scene fades out
    assert abs(got - np.array(wanted))[:, inside].max() < 6


def test_taking_rows_takes_all_their_labels():
    seen = scenes("fragments", "test", ITEMS[:5])
    taken = seen.take(np.array([3, 1]))
    again = scenes("fragments", "test", ITEMS[[3, 1]])
    assert all((getattr(taken, name) == getattr(again, name)).all() for name in seen.__dataclass_fields__)
    assert len(replace(taken)) == 2


@given(st.integers(-(2**62), 2**62), st.integers(0, 50), st.integers(0, 50))
def test_integers_stay_within_their_ends(seed, low, span):
    drawn = integers(hashed(seed, np.arange(50)), low, low + span)
    assert low <= drawn.min()
    assert drawn.max() <= low + span


def test_hashed_numbers_are_uniform_and_unrelated_between_neighbours():
    bits = hashed(3, np.arange(100)[:, None], np.arange(200))
    uniform = (bits >> np.uint64(11)) / 2.0**53
    assert abs(uniform.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(uniform[:, :-1].ravel(), uniform[:, 1:].ravel())[0, 1]) < 0.03
    assert len(np.unique(bits)) == bits.size


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=40), st.integers(0, 2**60), st.randoms())
def test_an_order_is_nested_and_does_not_depend_on_how_items_come_in(items, seed, random):
    listed = np.array(sorted(items), dtype=np.int64)
    mixed = listed.copy()
    random.shuffle(mixed)
    order = shuffled(listed, seed)
    assert order.tolist() == shuffled(mixed, seed).tolist()
    kept = listed[listed % 2 == 0]
    assert [item for item in order if item % 2 == 0] == shuffled(kept, seed).tolist()
