"""A team's own files: what is read back is what was written, split by group, with every fault in one report."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from budget.errors import InvalidInput
from pilots.data.coco import _runs, coco
from pilots.data.examples import SPLITS
from pilots.data.files import _drawn, _split_of, prepared
from pilots.data.listings import Shape, class_folders, class_table, mask_folders
from pilots.data.scenes import scenes

COUNT = 60
DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def seen():
    return scenes("fragments", "train", np.arange(COUNT))


def write_images(folder, examples, name="{row:03d}.png"):
    for row, image in enumerate(examples.images):
        path = folder / name.format(row=row, kind=examples.classes[row])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(path)


def write_coco(folder, examples, rows=None):
    """Boxes, run-length masks and keypoints of scenes, as a COCO file beside its images."""
    write_images(folder / "images", examples)
    annotations = []
    for row in range(len(examples)):
        left, top, right, bottom = examples.boxes[row, 0].tolist()
        flat = np.concatenate([[0], (examples.masks[row] > 0).T.ravel(), [-1]]).astype(int)
        ends = np.flatnonzero(np.diff(flat))
        runs = np.diff([0, *ends]).tolist()
        points = [value for x, y, _ in examples.points[row].tolist() for value in (x, y, 2)]
        annotations.append(
            {"id": row, "image_id": row, "category_id": int(examples.classes[row]) + 1, "iscrowd": 0}
            | {"bbox": [left, top, right - left, bottom - top], "num_keypoints": 5, "keypoints": points}
            | {"segmentation": {"size": list(examples.masks[row].shape), "counts": runs}}
        )
    size = examples.images.shape[2]
    content = {
        "images": [
            {"id": row, "file_name": f"{row:03d}.png", "width": size, "height": size} for row in range(len(examples))
        ],
        "annotations": annotations,
        "categories": [{"id": kind + 1, "name": name} for kind, name in enumerate(DIGITS)],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return content


def read_all(source):
    """All items of all splits, by their row in the cache."""
    rows = [(int(item), split) for split in SPLITS for item in source.items(split)]
    return {row: source.examples(split, np.array([row])) for row, split in sorted(rows)}


def test_class_folders_come_back_as_they_were_written(tmp_path, seen):
    write_images(tmp_path / "images", seen, "{kind}/{row:03d}.png")
    listing = class_folders(tmp_path / "images")
    source, report = prepared(listing, tmp_path / "cache", channels=1)
    assert listing.classes == DIGITS
    assert (report.found, report.kept, report.lines()) == (COUNT, COUNT, ())
    order = sorted(range(COUNT), key=lambda row: (seen.classes[row], row))
    for row, example in read_all(source).items():
        np.testing.assert_array_equal(example.images[0], seen.images[order[row]])
        assert example.classes[0] == seen.classes[order[row]]


def test_a_table_of_paths_and_classes_comes_back_and_groups_stay_together(tmp_path, seen):
    write_images(tmp_path, seen)
    rows = [f"{row:03d}.png,digit {seen.classes[row]},writer {row % 7}" for row in range(COUNT)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,class,writer", *rows]))
    source, _ = prepared(class_table(tmp_path / "labels.csv", group="writer"), tmp_path / "cache", channels=1)
    writers = {split: {int(item) % 7 for item in source.items(split)} for split in SPLITS}
    assert not writers["train"] & writers["test"]
    assert not writers["train"] & writers["validation"]
    assert set().union(*writers.values()) == set(range(7))
    for row, example in read_all(source).items():
        assert example.classes[0] == seen.classes[row]


def test_a_coco_file_gives_boxes_masks_and_points(tmp_path, seen):
    write_coco(tmp_path, seen)
    source, report = prepared(coco(tmp_path / "labels.json", tmp_path / "images"), tmp_path / "cache", channels=1)
    assert report.lines() == ()
    for row, example in read_all(source).items():
        np.testing.assert_array_equal(example.images[0], seen.images[row])
        np.testing.assert_allclose(example.boxes[0], seen.boxes[row])
        np.testing.assert_array_equal(example.masks[0], seen.masks[row])
        np.testing.assert_allclose(example.points[0], seen.points[row])
        assert example.kinds[0].tolist() == seen.kinds[row].tolist()


def test_labels_are_scaled_with_their_images(tmp_path):
    large = scenes("fragments", "train", np.arange(30), 48)
    write_coco(tmp_path, large)
    source, _ = prepared(coco(tmp_path / "labels.json", tmp_path / "images"), tmp_path / "cache", size=24)
    for row, example in read_all(source).items():
        np.testing.assert_allclose(example.boxes[0], large.boxes[row] / 2)
        np.testing.assert_allclose(example.points[0, :, :2], large.points[row, :, :2] / 2)
        assert example.images.shape == (1, 3, 24, 24)
        assert (example.masks[0] > 0).mean() == pytest.approx((large.masks[row] > 0).mean(), abs=0.03)


def test_masks_from_polygons_are_the_polygons(tmp_path):
    corners = [3.0, 2.0, 13.0, 2.0, 13.0, 12.0, 3.0, 12.0]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 16, "height": 16}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 5, "bbox": [3, 2, 10, 10], "segmentation": [corners]},
            {"id": 2, "image_id": 1, "category_id": 5, "bbox": [0, 0, 4, 16], "iscrowd": 1}
            | {"segmentation": {"size": [16, 16], "counts": [0, 64, 192]}},
        ],
        "categories": [{"id": 5, "name": "thing"}],
    }
    Image.new("L", (16, 16)).save(tmp_path / "a.png")
    (tmp_path / "labels.json").write_text(json.dumps(content))
    source, _ = prepared(coco(tmp_path / "labels.json", tmp_path), tmp_path / "cache", size=16)
    (example,) = read_all(source).values()
    wanted = np.zeros((16, 16))
    wanted[:, :4] = 255
    wanted[2:12, 3:13] = 1
    assert (example.masks[0] != wanted).mean() < 0.05
    assert example.kinds.tolist() == [[0]]


def test_mask_folders_come_back_as_they_were_written(tmp_path, seen):
    write_images(tmp_path / "images", seen)
    (tmp_path / "masks").mkdir()
    for row, mask in enumerate(seen.masks):
        Image.fromarray(mask).save(tmp_path / "masks" / f"{row:03d}.png")
    source, _ = prepared(mask_folders(tmp_path / "images", tmp_path / "masks", DIGITS), tmp_path / "cache", channels=1)
    for row, example in read_all(source).items():
        np.testing.assert_array_equal(example.masks[0], seen.masks[row])


def test_every_fault_is_in_one_report_and_the_rest_goes_on(tmp_path, seen):
    content = write_coco(tmp_path, seen)
    (tmp_path / "images" / "000.png").write_bytes(b"not an image")
    (tmp_path / "images" / "001.png").unlink()
    Image.new("L", (10, 10)).save(tmp_path / "images" / "002.png")
    content["annotations"][3]["bbox"] = [40, 40, 5, 5]
    content["annotations"][4]["category_id"] = 77
    content["annotations"][5]["image_id"] = 1234
    content["annotations"][6]["segmentation"] = {"size": [32, 32], "counts": [5]}
    content["annotations"][7]["keypoints"] = [1, 2]
    content["images"][8]["width"] = "wide"
    (tmp_path / "labels.json").write_text(json.dumps(content))
    source, report = prepared(coco(tmp_path / "labels.json", tmp_path / "images"), tmp_path / "cache")
    assert report.found == COUNT
    assert report.kept == sum(len(source.items(split)) for split in SPLITS) == COUNT - 4
    text = str(report)
    for kind in (
        "2 x image or mask that cannot be used: 000.png",
        "it is 10 x 10, its labels say 32 x 32",
        "1 x missing file: 001.png",
        "1 x box outside its image or without area: annotation 3",
        "1 x annotation of a category that is not listed: annotation 4",
        "1 x annotation of an image that is not listed: annotation 5",
        "1 x shape that is neither polygons nor runs of the image's size: annotation 6",
        "1 x keypoints that are not x, y, visibility: annotation 7",
        "1 x image without a size: 008.png",
    ):
        assert kind in text
    again = prepared(coco(tmp_path / "labels.json", tmp_path / "images"), tmp_path / "cache")
    assert str(again[1]) == text
    assert again[0] == source
    with pytest.raises(InvalidInput, match="missing file"):
        prepared(coco(tmp_path / "labels.json", tmp_path / "images"), tmp_path / "cache", strict=True)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"images": [3], "annotations": [], "categories": [{}]}', b"\xff"]
)
def test_a_file_that_is_no_coco_file_is_a_report_and_no_crash(tmp_path, content):
    (tmp_path / "labels.json").write_bytes(content)
    listing = coco(tmp_path / "labels.json", tmp_path)
    assert listing.items == ()
    assert listing.report.lines()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "image_id", "category_id", "bbox", "segmentation", "counts", "file_name"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.fixed_dictionaries({name: st.lists(JSON, max_size=3) for name in ("images", "annotations", "categories")}))
def test_whatever_a_coco_file_says_there_is_a_report_and_no_crash(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("coco")
    (folder / "labels.json").write_text(json.dumps(content))
    coco(folder / "labels.json", folder)


@pytest.mark.parametrize(("head", "fault"), [("path,kind", "missing column: class"), ("class", "missing column: path")])
def test_a_table_without_a_column_says_so(tmp_path, head, fault):
    (tmp_path / "labels.csv").write_text(f"{head}\na,b\n")
    assert fault in str(class_table(tmp_path / "labels.csv").report)


def test_a_table_s_missing_files_and_classes_are_reported_with_their_rows(tmp_path, seen):
    write_images(tmp_path, seen)
    (tmp_path / "labels.csv").write_text("path,class\n000.png,a\nnone.png,a\n001.png,\n,b\n")
    listing = class_table(tmp_path / "labels.csv")
    assert [item.name for item in listing.items] == ["000.png"]
    assert "2 x missing file: row 3: none.png, row 5: " in str(listing.report)
    assert "row without a class: row 4" in str(listing.report)


def test_a_mask_with_a_class_too_many_or_of_colours_is_reported(tmp_path, seen):
    write_images(tmp_path / "images", seen.take(np.arange(3)))
    (tmp_path / "masks").mkdir()
    Image.new("L", (32, 32), 4).save(tmp_path / "masks" / "000.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "masks" / "001.png")
    _, report = prepared(mask_folders(tmp_path / "images", tmp_path / "masks", ("a", "b")), tmp_path / "cache")
    assert "the mask 000.png has class 4, and there are 2" in str(report)
    assert "the mask 001.png has mode RGB" in str(report)
    assert "image without a mask: 002.png" in str(report)


def test_an_image_of_train_that_is_also_in_test_is_left_out_and_reported(tmp_path, seen):
    write_images(tmp_path / "images" / "a", seen)
    write_images(tmp_path / "images" / "b", seen)
    source, report = prepared(class_folders(tmp_path / "images"), tmp_path / "cache", channels=1)
    pixels = {split: {x.tobytes() for x in source.examples(split, source.items(split)).images} for split in SPLITS}
    assert not pixels["train"] & pixels["test"]
    assert not pixels["train"] & pixels["validation"]
    assert not pixels["validation"] & pixels["test"]
    assert "train image with the pixels of a test image" in str(report)


@given(st.lists(st.text(max_size=8), min_size=300, max_size=300, unique=True))
@settings(max_examples=5)
def test_a_split_is_a_matter_of_the_group_s_name_and_takes_its_share(names):
    splits = np.array([_split_of(name) for name in names])
    assert 0.1 < np.mean(splits == SPLITS.index("test")) < 0.3
    assert 0.03 < np.mean(splits == SPLITS.index("validation")) < 0.18


def test_sixteen_bits_a_pixel_keep_their_upper_eight(tmp_path):
    for name in "abcdefghijklmnop":
        (tmp_path / "images" / "only").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), 40000, np.uint16)).save(tmp_path / "images" / "only" / f"{name}.png")
    source, _ = prepared(class_folders(tmp_path / "images"), tmp_path / "cache", channels=1)
    assert source.examples("test", source.items("test")).images.max() == 40000 >> 8


def test_run_lengths_are_those_of_the_published_tool():
    tool = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(0)
    for _ in range(100):
        mask = (random.random(random.integers(1, 50, 2)) < random.random()).astype(np.uint8)
        runs = _runs(tool.encode(np.asfortranarray(mask))["counts"].decode())
        flat = np.repeat(np.arange(len(runs)) % 2, runs)
        np.testing.assert_array_equal(flat.reshape(mask.T.shape).T, mask)


def is_inside(x, y, corners):
    """Ray casting: an odd number of edges to the right of the point."""
    points = list(zip(corners[::2], corners[1::2], strict=True))
    edges = zip(points, [*points[1:], points[0]], strict=True)
    return sum((b > y) != (d > y) and x < a + (y - b) * (c - a) / (d - b) for (a, b), (c, d) in edges) % 2 == 1


@pytest.mark.parametrize("seed", range(10))
def test_a_polygon_covers_the_pixels_whose_centres_are_inside(seed):
    random = np.random.default_rng(seed)
    turns = np.sort(random.uniform(0, 2 * np.pi, 7))
    reach = random.uniform(15, 45, 7)
    corners = np.stack([50 + reach * np.cos(turns), 50 + reach * np.sin(turns)], axis=1).ravel().tolist()
    ours = _drawn((Shape(0, polygons=(tuple(corners),)),), (100, 100), 32)
    centres = (np.arange(32) + 0.5) * 100 / 32
    truth = np.array([[is_inside(x, y, corners) for x in centres] for y in centres])
    np.testing.assert_array_equal(ours, truth)
