"""The built-in trainer: reproducible, nested, shared pretraining, and clear about what it cannot do."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from budget.errors import InvalidInput
from pilots.data import digits
from pilots.learning.training import Diverged
from pilots.trainers import Run, networks
from pilots.trainers.networks import NetworkTrainer, digit_scenes

POOL = (("general", 64),)


@pytest.fixture
def trainer(monkeypatch):
    """The built-in trainer, tested on fewer scenes, to be quick."""
    monkeypatch.setattr(digits, "_SIZES", {"train": 1 << 18, "validation": 60, "test": 100})
    networks._whole.cache_clear()
    yield digit_scenes()
    networks._whole.cache_clear()


def test_what_a_trainer_is_can_be_said_without_torch():
    script = "import sys, pilots.trainers; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("task", digit_scenes().tasks)
def test_a_run_gives_a_score_and_the_same_one_again(trainer, tmp_path, task):
    run = Run(task, 16, 3, POOL)
    first, second = trainer.train(run, tmp_path), pickle.loads(pickle.dumps(trainer)).train(run, tmp_path / "elsewhere")
    assert first.score == second.score
    assert 0 <= first.score <= 1
    assert first.test_size == 100
    assert first.seconds > 0


def test_pretraining_happens_once_for_each_pool_size_and_seed(trainer, tmp_path, monkeypatch):
    trainer.pretrain(POOL, 0, tmp_path)
    trainer.pretrain(POOL, 1, tmp_path)
    trainer.pretrain((("general", 0),), 0, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(written) == 2
    monkeypatch.setattr(networks, "pretrain", lambda *_: pytest.fail("pretrained again"))
    trainer.pretrain(POOL, 0, tmp_path)
    trainer.train(Run("keypoints", 16, 0, POOL), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_no_pool_labels_and_scratch_are_the_same_run(trainer, tmp_path):
    runs = [
        Run("keypoints", 16, 0),
        Run("keypoints", 16, 0, (("general", 0),)),
        Run("keypoints", 16, 0, POOL, mode="scratch"),
    ]
    assert len({trainer.train(run, tmp_path).score for run in runs}) == 1
    assert not list(tmp_path.iterdir())


def test_modes_differ(trainer, tmp_path):
    scores = {
        mode: trainer.train(Run("keypoints", 32, 0, POOL, mode=mode), tmp_path).score for mode in ("finetune", "frozen")
    }
    assert scores["finetune"] != scores["frozen"]


def test_fewer_labels_are_a_part_of_more_labels_and_seeds_choose_others():
    source = digit_scenes().problems["detection"].source
    fifty = {image.tobytes() for image in networks._chosen(source, "detection", 50, 0).images}
    hundred = {image.tobytes() for image in networks._chosen(source, "detection", 100, 0).images}
    other = {image.tobytes() for image in networks._chosen(source, "detection", 100, 1).images}
    assert fifty < hundred
    assert not fifty & other


def test_no_task_is_trained_on_a_scene_of_the_pool(trainer):
    pool = trainer.shared["general"].items("train")
    for problem in trainer.problems.values():
        assert not np.intersect1d(pool, problem.source.items("train")).size


def test_the_order_of_tasks_changes_nothing(trainer, tmp_path):
    turned = NetworkTrainer(dict(reversed(trainer.problems.items())), trainer.shared)
    assert turned.recipe == trainer.recipe
    run = Run("segmentation", 16, 0)
    assert turned.train(run, tmp_path).score == trainer.train(run, tmp_path).score


def test_the_recipe_changes_with_what_is_learned_from(trainer):
    problems = dict(trainer.problems)
    source = replace(problems["detection"].source, size=40)
    problems["detection"] = replace(problems["detection"], source=source)
    assert NetworkTrainer(problems, trainer.shared).recipe != trainer.recipe


def test_a_run_that_diverges_has_no_score_and_says_why(trainer, tmp_path, monkeypatch):
    def diverge(*_):
        raise Diverged("the loss is nan at step 3 of 9")

    monkeypatch.setattr(networks, "train", diverge)
    outcome = trainer.train(Run("keypoints", 16, 0), tmp_path)
    assert outcome.score is None
    assert outcome.note == "the loss is nan at step 3 of 9"


@pytest.mark.parametrize(
    ("run", "names"),
    [
        (Run("nothing", 16, 0), ["task", "'nothing'", "keypoints"]),
        (Run("keypoints", 0, 0), ["labels", "found 0", "1 to 262144"]),
        (Run("keypoints", 16, 0, (("other", 5),)), ["pools", "'other'", "general"]),
        (Run("keypoints", 16, 0, (("general", 10**9),)), ["pools.general", "0 to 262144"]),
        (Run("keypoints", 16, 0, strategy="entropy", annotators=3), ["strategy", "random", "annotators", "found 3"]),
        (Run("keypoints", 16, 0, mode="wild"), ["mode", "finetune or frozen or scratch"]),
    ],
)
def test_a_run_that_cannot_be_carried_out_is_refused_with_every_reason(trainer, tmp_path, run, names):
    with pytest.raises(InvalidInput) as refusal:
        trainer.train(run, tmp_path)
    assert all(name in str(refusal.value) for name in names)
    assert not list(tmp_path.iterdir())


def test_another_backbone_is_another_recipe_and_another_result(trainer, tmp_path):
    small = replace(trainer, backbone="small")
    assert small.recipe != trainer.recipe
    run = Run("keypoints", 32, 0, POOL)
    assert small.train(run, tmp_path).score != trainer.train(run, tmp_path).score
    assert len(list(tmp_path.iterdir())) == 2


def test_noise_replaces_its_share_of_the_labels_to_learn_from_and_no_others(trainer):
    noisy = trainer.with_noise({"general": 0.3, "classification": 1.0})
    for split in ("train", "test"):
        clean, wrong = (each.shared["general"].examples(split, np.arange(1000)) for each in (trainer, noisy))
        np.testing.assert_array_equal(clean.images, wrong.images)
        assert np.mean(clean.classes != wrong.classes) == pytest.approx(0.3 if split == "train" else 0.0, abs=0.05)
    sources = [each.problems["classification"].source for each in (trainer, noisy)]
    clean, wrong = (source.examples("train", np.arange(1000)).classes for source in sources)
    assert (clean != wrong).all()
    assert len(np.unique((wrong - clean) % 10)) == 9
    assert noisy.problems["detection"] == trainer.problems["detection"]
    assert noisy.recipe != trainer.recipe


@pytest.mark.slow
def test_scores_rise_with_labels_and_pretraining_helps_where_labels_are_few(trainer, tmp_path):
    def score(labels, pool):
        return trainer.train(Run("detection", labels, 0, (("general", pool),)), tmp_path).score

    few, more, helped = score(50, 0), score(400, 0), score(50, 2000)
    assert more > few + 0.1
    assert helped > few + 0.2
