"""Pilots on a team's own files, named in the brief: run from the command line, and every fault at its place."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from test_files import DIGITS, write_coco, write_images

from budget import Brief, Measurements
from budget.cli import main
from budget.errors import InvalidInput
from pilots.config import setup
from pilots.data.examples import SPLITS
from pilots.data.scenes import scenes

COUNT = 120


@pytest.fixture
def folder(tmp_path):
    seen = scenes("fragments", "train", np.arange(COUNT))
    write_coco(tmp_path, seen)
    write_images(tmp_path / "pool", scenes("fragments", "train", np.arange(500, 500 + COUNT)), "{kind}/{row:03d}.png")
    (tmp_path / "masks").mkdir()
    for row, mask in enumerate(seen.masks):
        Image.fromarray(mask).save(tmp_path / "masks" / f"{row:03d}.png")
    rows = [f"images/{row:03d}.png,{seen.classes[row]},{row % 20}" for row in range(COUNT)]
    (tmp_path / "classes.csv").write_text("\n".join(["path,class,writer", *rows]))
    return tmp_path


def a_brief(**changes):
    tasks = ("classes", "boxes", "points", "masks")
    data = {
        "general": {"images": "pool"},
        "classes": {"table": "classes.csv", "group": "writer"},
        "boxes": {"coco": "labels.json", "images": "images", "labels": "detection"},
        "points": {"coco": "labels.json", "images": "images", "labels": "keypoints"},
        "masks": {"images": "images", "masks": "masks", "classes": list(DIGITS)},
    }
    sizes = {"labels": {name: [16] for name in tasks}, "pools": {"general": [32]}, "seeds": 1, "small_seeds": 1}
    return {
        "budget": 100,
        "pools": {"general": {"label_cost": 0.01, "owned": 32}},
        "tasks": {name: {"label_cost": 0.1, "owned": 16} for name in tasks},
        "pilots": {"data": data, "channels": 1, **sizes, **changes},
    }


def refusal(values, folder):
    with pytest.raises(InvalidInput) as refused:
        setup(Brief.from_dict(values), folder)
    return str(refused.value)


def test_the_command_measures_every_kind_of_files(folder, monkeypatch):
    import yaml

    monkeypatch.chdir(folder)
    (folder / "brief.yaml").write_text(yaml.safe_dump(a_brief()))
    (folder / "images" / "007.png").write_bytes(b"broken")
    ran = CliRunner().invoke(main, ["pilot", "run", "brief.yaml", "--slots", "2"])
    assert ran.exit_code == 0, ran.output
    assert "1 x image or mask that cannot be used: 007.png" in ran.stderr
    refused = CliRunner().invoke(main, ["pilot", "run", "brief.yaml", "--strict"])
    assert (refused.exit_code, "image or mask that cannot be used" in refused.stderr) == (2, True)
    CliRunner().invoke(main, ["pilot", "export", "-o", "measurements.csv"])
    frame = Measurements.from_csv("measurements.csv").frame
    assert sorted(frame["task"]) == sorted([*a_brief()["tasks"]] * 2)
    assert frame["score"].between(0, 1).all()


def test_images_are_decoded_once(folder, monkeypatch):
    brief = Brief.from_dict(a_brief())
    first = setup(brief, folder)
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("decoded again"))
    assert setup(brief, folder).trainer.recipe == first.trainer.recipe


def test_a_changed_label_is_another_recipe(folder):
    before = setup(Brief.from_dict(a_brief()), folder).trainer.recipe
    table = (folder / "classes.csv").read_text().splitlines()
    (folder / "classes.csv").write_text(
        "\n".join([*table[:-1], table[-1].replace(",", ",1", 2).replace("1images", "images")])
    )
    assert setup(Brief.from_dict(a_brief()), folder).trainer.recipe != before


def test_every_fault_of_the_keys_is_named_at_once(folder):
    values = a_brief()
    data = values["pilots"]["data"]
    del data["points"]
    data["bxoes"] = data.pop("boxes")
    data["masks"] = {"images": "images"} | {"masks": "nowhere"}
    data["general"] = {"coco": "labels.json", "images": "images", "labels": "keypoints"}
    text = refusal(values, folder)
    assert "pilots.data: found nothing for" in text
    assert "boxes" in text.split("pilots.data.bxoes")[1]
    assert "pilots.data.masks.masks: found" in text
    assert "images, masks and classes" in text
    assert "class labels" in text


def test_a_pool_of_images_alone_needs_no_labels_and_a_task_does(folder):
    values = a_brief()
    values["pilots"]["data"]["general"] = {"images": "pool", "labels": "none"}
    source = setup(Brief.from_dict(values), folder).trainer.shared["general"]
    assert source.classes == 0
    assert sum(len(source.items(split)) for split in SPLITS) == COUNT
    assert "found 'general'" in refusal(values | {"pilots": values["pilots"] | {"noise": {"general": 0.1}}}, folder)
    values["pilots"]["data"]["classes"] = {"images": "pool", "labels": "none"}
    assert "pilots.data.classes.labels: found none" in refusal(values, folder)


@pytest.mark.parametrize("form", ["folders", "table"])
def test_a_pool_may_keep_to_some_classes(folder, form):
    values = a_brief(pools={"general": [8]})
    rows = [f"images/{row:03d}.png,{row % 3}" for row in range(COUNT)]
    (folder / "pool.csv").write_text("\n".join(["path,class", *rows]))
    files = {"images": "pool"} if form == "folders" else {"table": "pool.csv"}
    values["pilots"]["data"]["general"] = files | {"classes": ["1", "2", "nine"]}
    made = setup(Brief.from_dict(values), folder)
    source = made.trainer.shared["general"]
    assert source.classes == 2
    for split in SPLITS:
        assert set(source.examples(split, source.items(split)).classes) <= {0, 1}
    assert any("1 x class without a" in note and "nine" in note for note in made.notes)


@pytest.mark.parametrize(
    ("task", "name", "metric"),
    [
        ("classes", "Macro-F1", "macro F1"),
        ("boxes", "mAP", "AP"),
        ("boxes", "score", "AP50"),
        ("masks", "mIoU", "mean IoU"),
        ("points", "OKS AP", "OKS-AP"),
    ],
)
def test_the_score_is_the_one_that_the_brief_names(folder, task, name, metric):
    values = a_brief()
    values["tasks"][task]["metric"] = {"name": name}
    assert setup(Brief.from_dict(values), folder).trainer.problems[task].metric == metric


def test_a_score_that_cannot_be_measured_is_refused_with_those_that_can(folder):
    values = a_brief()
    values["tasks"]["boxes"]["metric"] = {"name": "accuracy"}
    values["tasks"]["points"]["metric"] = {"name": "OKS"}
    text = refusal(values, folder)
    assert "tasks.boxes.metric.name: found 'accuracy'" in text
    assert "AP50 or AP" in text
    assert "PCK or OKS-AP" in text


@pytest.mark.parametrize("key", ["tune", "early_stopping"])
def test_switches_of_training_reach_the_trainer(folder, key):
    plain = setup(Brief.from_dict(a_brief()), folder).trainer
    turned = setup(Brief.from_dict(a_brief(**{key: not getattr(plain, key)})), folder).trainer
    assert getattr(turned, key) != getattr(plain, key)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("image_size", 20, "a multiple of 8"),
        ("channels", 4, "1 (grey) or 3 (colour)"),
        ("strict", "yes", "true or false"),
        ("tune", 1, "true or false"),
        ("early_stopping", "no", "true or false"),
        ("data", {"boxes": {"coco": 3}}, "a COCO file, as text"),
        ("data", {"boxes": {"imges": "x"}}, "images"),
    ],
)
def test_a_wrong_value_says_what_is_allowed(folder, key, value, allowed):
    assert allowed in refusal(a_brief(**{key: value}), folder)


def test_more_labels_than_there_are_images_are_refused(folder):
    text = refusal(a_brief(labels={name: [COUNT] for name in a_brief()["tasks"]}), folder)
    assert f"found {COUNT} labels of boxes" in text
    assert "what is left beside validation and test" in text


def test_strict_refuses_any_fault(folder):
    (folder / "images" / "007.png").write_bytes(b"broken")
    assert "cannot be used" in refusal(a_brief(strict=True), folder)


def test_no_key_is_ignored(folder):
    own = {"command": "python train.py {labels} {seed} {task}"}
    text = refusal(a_brief(trainer=own, backbone="small"), folder)
    for key in ("data", "backbone", "channels"):
        assert f"pilots.{key}: found a value that nothing would use" in text
    values = a_brief()
    del values["pilots"]["data"]
    assert "left out without data" in refusal(values, folder)


def test_files_without_images_for_every_split_are_refused(folder):
    for path in sorted((folder / "pool").rglob("*.png"))[1:]:
        path.unlink()
    assert "split without images" in refusal(a_brief(), folder)


def pixels(source, *splits):
    return {image.tobytes() for split in splits for image in source.examples(split, source.items(split)).images}


def test_a_pool_learns_from_no_image_that_a_task_is_judged_by_and_the_report_counts_them(folder):
    before = setup(Brief.from_dict(a_brief()), folder)
    assert not any("test image of" in note for note in before.notes)
    for path in sorted((folder / "images").glob("*.png")):
        shutil.copy(path, folder / "pool" / "0" / f"copy-{path.name}")
    made = setup(Brief.from_dict(a_brief()), folder)
    tasks = [problem.source for problem in made.trainer.problems.values()]
    judged = set.union(*(pixels(source, "test", "validation") for source in tasks))
    tested = set.union(*(pixels(source, "test") for source in tasks))
    pool = made.trainer.shared["general"]
    assert not pixels(pool, "train") & judged
    assert not pixels(pool, "validation") & tested
    copies = set.union(*(pixels(source, "train") for source in tasks)) - judged
    assert pixels(pool, "train") & copies
    (note,) = made.notes
    assert "x train image with the pixels of a test image of boxes, which is left out: 0/copy-" in note
    assert made.trainer.recipe != before.trainer.recipe
    assert setup(Brief.from_dict(a_brief()), folder).trainer.recipe == made.trainer.recipe
    assert "train image with the pixels of a test image of" in refusal(a_brief(strict=True), folder)


def test_a_pool_of_the_very_files_of_a_task_has_the_same_splits_and_loses_nothing(folder):
    values = a_brief()
    for part in (values["tasks"], values["pilots"]["data"], values["pilots"]["labels"]):
        part.pop("classes")  # whose splits go by writers
    values["pilots"]["data"]["general"] = {"images": "images", "labels": "none"}
    made = setup(Brief.from_dict(values), folder)
    pool, task = made.trainer.shared["general"], made.trainer.problems["boxes"].source
    assert made.notes == ()
    for split in SPLITS:
        assert pixels(pool, split) == pixels(task, split) != set()


def test_a_pool_of_nothing_but_what_the_tasks_are_judged_by_is_refused(folder):
    judged = setup(Brief.from_dict(a_brief()), folder).trainer.problems["boxes"].source
    shutil.rmtree(folder / "pool")
    (folder / "pool" / "0").mkdir(parents=True)
    for row in judged.items("test"):
        for copy in range(9):
            shutil.copy(folder / "images" / f"{row:03d}.png", folder / "pool" / "0" / f"{row}-{copy}.png")
    assert "split without images" in refusal(a_brief(), folder)


def test_a_backbone_of_one_s_own_is_used_and_a_wrong_one_is_refused(folder):
    made = setup(Brief.from_dict(a_brief(backbone="backbones:plain")), folder)
    assert made.trainer.train(made.runs[0], folder / "shared").score is not None
    assert setup(Brief.from_dict(a_brief(backbone="small")), folder).trainer.recipe != made.trainer.recipe
    assert "its `channels` are (4, 8, 16)" in refusal(a_brief(backbone="backbones:wrong"), folder)
    for name in ("huge", "backbones:none", "nowhere:plain"):
        text = refusal(a_brief(backbone=name), folder)
        assert "pilots.backbone: found" in text
        assert "small, medium, large" in text


def test_a_network_to_compare_runs_in_the_same_design_and_another_than_the_own_is_asked_for(folder):
    plain, made = (setup(Brief.from_dict(a_brief(**more)), folder) for more in ({}, {"compare_backbone": "large"}))
    assert made.trainer.recipe == plain.trainer.recipe
    assert made.runs[: len(plain.runs)] == plain.runs
    assert {run.backbone for run in made.runs[len(plain.runs) :]} == {"large"}
    assert "pilots.compare_backbone: found 'small'" in refusal(
        a_brief(backbone="small", compare_backbone="small"), folder
    )
    assert "pilots.compare_backbone: found 'huge'" in refusal(a_brief(compare_backbone="huge"), folder)


def test_noise_is_for_what_has_class_labels(folder):
    clean = setup(Brief.from_dict(a_brief()), folder).trainer
    assert (
        setup(Brief.from_dict(a_brief(noise={"general": 0.5, "classes": 0.2})), folder).trainer.recipe != clean.recipe
    )
    assert "pilots.noise.boxes: found" in refusal(a_brief(noise={"boxes": 0.5}), folder)
    assert "0 to 1" in refusal(a_brief(noise={"general": 1.5}), folder)
