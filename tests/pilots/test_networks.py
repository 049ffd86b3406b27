"""The built-in trainer: reproducible, nested, shared pretraining, and clear about what it cannot do."""

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from budget.errors import InvalidInput
from pilots.data import digits
from pilots.learning.replicas import Stack, train_stacked
from pilots.learning.training import Diverged, Recipe
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


def test_a_run_of_another_network_is_what_a_trainer_with_that_network_gives(trainer, tmp_path, stacking):
    """In the same store as the others, its pretraining done once and apart from theirs."""
    runs = [Run("keypoints", 16, seed, (("general", 32),), backbone="small") for seed in (0, 1)]
    small = replace(trainer, backbone="small")
    scores = together(trainer, tmp_path / "own", runs)
    assert stacking == [2]
    assert scores == pytest.approx({r: small.train(replace(r, backbone=""), tmp_path).score for r in runs}, abs=0.02)
    assert trainer.kin(runs[0]) != trainer.kin(replace(runs[0], backbone=""))
    assert len(list((tmp_path / "own").iterdir())) == 2


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


def test_every_pool_is_learned_from_and_its_own_way(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "ALONE", replace(networks.ALONE, pace=0.2))
    scores = {trainer.train(Run("keypoints", 16, 0, ((pool, 40),)), tmp_path).score for pool in trainer.pools}
    assert len(scores) == len(trainer.pools) == 5


def test_pools_of_images_come_before_pools_of_classes_and_both_count(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "ALONE", replace(networks.ALONE, pace=0.2))
    calls = []
    for name in ("learn_alone", "pretrain"):
        original = getattr(networks, name)
        monkeypatch.setattr(
            networks, name, lambda *given, name=name, original=original: (calls.append(name), original(*given))[1]
        )
    both = (("general", 40), ("unlabelled", 40))
    scores = {pools: trainer.train(Run("keypoints", 16, 0, pools), tmp_path).score for pools in (both, both[:1])}
    assert calls == ["learn_alone", "pretrain", "pretrain"]
    assert scores[both] != scores[both[:1]]


def test_images_alone_have_no_labels(trainer):
    source = trainer.shared["unlabelled"]
    seen = source.examples("train", source.items("train")[:9])
    assert source.classes == 0
    assert (seen.classes == -1).all()
    assert [seen.boxes.size, seen.masks.size, seen.points.size] == [0, 0, 0]


def test_a_fifth_of_the_web_pool_s_labels_are_wrong_and_noise_takes_the_place_of_that(trainer):
    def wrong(trainer):
        source = trainer.shared["web"]
        return np.mean(source.examples("train", source.items("train")[:2000]).classes != truth)

    clean = trainer.with_noise({"web": 0.0})
    truth = clean.shared["web"].examples("train", clean.shared["web"].items("train")[:2000]).classes
    assert wrong(trainer) == pytest.approx(0.2, abs=0.03)
    assert wrong(trainer.with_noise({"web": 0.5})) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("task", "metric"), [("classification", "macro F1"), ("detection", "AP"), ("keypoints", "OKS-AP")]
)
def test_another_score_is_another_recipe_and_another_figure(trainer, tmp_path, task, metric):
    other = trainer.with_metrics({task: metric})
    assert other.recipe != trainer.recipe
    run = Run(task, 100, 0)
    scores = [each.train(run, tmp_path).score for each in (trainer, other)]
    assert 0 <= scores[1] < scores[0] <= 1


def out_of_memory_beyond(batch, original):
    """`original`, on a device that has no memory for batches beyond this."""

    def limited(*given):
        recipe = next(each for each in given if isinstance(each, Recipe))
        if recipe.batch > batch:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(*given)

    return limited


def test_out_of_memory_halves_the_batch_and_is_noted(trainer, tmp_path, monkeypatch):
    direct = trainer.train(Run("keypoints", 16, 0, POOL), tmp_path / "enough").score
    monkeypatch.setattr(networks, "train", out_of_memory_beyond(5, networks.train))
    monkeypatch.setattr(networks, "pretrain", out_of_memory_beyond(8, networks.pretrain))
    outcome = trainer.train(Run("keypoints", 16, 0, POOL), tmp_path)
    assert outcome.note == (
        "pretraining: out of memory: trained in batches of 8; out of memory: trained in batches of 4"
    )
    assert 0 <= outcome.score != direct
    monkeypatch.setattr(networks, "train", out_of_memory_beyond(0, networks.train))
    with pytest.raises(torch.OutOfMemoryError):
        trainer.train(Run("keypoints", 16, 0), tmp_path)


def test_rates_are_those_that_score_best_on_validation_and_are_chosen_once(trainer, tmp_path, monkeypatch):
    seen = []
    best = {(): 3.0, POOL: 0.3}

    def score(trainer, task, labels, seed, used, recipe, folder):
        seen.append((task, used))
        whole = networks.FINE_TUNING if used else networks.SCRATCH
        return None, -abs(recipe.backbone_rate / whole.backbone_rate - best[used]), ""

    monkeypatch.setattr(NetworkTrainer, "_trained", score)
    tuning = replace(trainer, tune=True)
    for pools, recipe in (((), networks.SCRATCH), (POOL, networks.FINE_TUNING)):
        for labels in (16, 32):
            chosen = tuning._tuned(Run("keypoints", labels, 0, pools), pools, recipe, tmp_path)
            assert chosen.backbone_rate == pytest.approx(recipe.backbone_rate * best[pools])
            assert chosen.head_rate == pytest.approx(recipe.head_rate * (1 if pools else best[pools]))
    assert len(seen) == 2 * len(networks.RATE_FACTORS) * len(networks.TUNING_SEEDS)


def test_a_rate_at_which_training_diverges_is_not_chosen(trainer, tmp_path, monkeypatch):
    def diverge(trainer, task, labels, seed, used, recipe, folder):
        if recipe.head_rate >= networks.FROZEN.head_rate:
            raise Diverged("the loss is nan")
        return None, 0.1, ""

    monkeypatch.setattr(NetworkTrainer, "_trained", diverge)
    run = Run("keypoints", 16, 0, POOL, mode="frozen")
    chosen = replace(trainer, tune=True)._tuned(run, POOL, networks.FROZEN, tmp_path)
    assert chosen.head_rate == pytest.approx(0.3 * networks.FROZEN.head_rate)
    assert chosen.backbone_rate == 0


def test_a_tuned_run_gives_the_same_result_again(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "TUNING_LABELS", 16)
    monkeypatch.setattr(networks, "TUNING_SEEDS", (0,))
    tuning = replace(trainer, tune=True, early_stopping=False)
    assert len({each.recipe for each in (trainer, tuning, replace(tuning, tune=False))}) == 3
    first, again = (tuning.train(Run("keypoints", 16, 0), tmp_path / place).score for place in ("here", "there"))
    assert first == again


GROUP = [Run("detection", labels, seed, POOL) for labels, seed in ((9, 0), (16, 1), (12, 1))]


def together(trainer, folder, runs=GROUP):
    return {run: outcome.score for run, outcome in trainer.train_together(runs, folder)}


@pytest.fixture
def stacking(monkeypatch):
    """The trial says that stacks are faster; the answer lists how large the stacks were."""
    sizes = []

    def counted(stack, validate_on):
        sizes.append(len(stack.learners))
        return train_stacked(stack, validate_on)

    monkeypatch.setattr(networks, "faster_stack", Stack)
    monkeypatch.setattr(networks, "train_stacked", counted)
    return sizes


@pytest.mark.parametrize(
    ("task", "pools", "mode"),
    [
        ("detection", POOL, "finetune"),
        ("keypoints", POOL, "frozen"),
        ("classification", (), "scratch"),
        ("segmentation", (), "finetune"),
    ],
)
def test_runs_trained_together_score_as_alone_and_the_same_again(trainer, tmp_path, stacking, task, pools, mode):
    """Rounding moves a score by a few of a hundred scenes; without it, `test_replicas` finds no difference."""
    runs = [replace(run, task=task, pools=pools, mode=mode) for run in GROUP]
    scores = together(trainer, tmp_path, runs)
    assert stacking == [3]
    assert scores == together(trainer, tmp_path, runs)
    assert scores == pytest.approx({run: trainer.train(run, tmp_path).score for run in runs}, abs=0.06)


def test_kin_are_runs_of_one_task_that_are_learned_in_the_same_way(trainer):
    run = Run("detection", 16, 0, POOL)
    same = [replace(run, labels=32), replace(run, seed=1), replace(run, pools=(("web", 9),))]
    others = [replace(run, task="keypoints"), replace(run, mode="frozen"), replace(run, pools=(("general", 0),))]
    assert {trainer.kin(each) for each in same} == {trainer.kin(run)}
    assert all(trainer.kin(each) != trainer.kin(run) for each in others)


def test_a_stack_that_memory_does_not_hold_is_halved_and_what_it_finished_is_kept(
    trainer, tmp_path, stacking, monkeypatch
):
    runs = [*GROUP, Run("detection", 20, 2, POOL)]
    expected, counted = together(trainer, tmp_path, runs), networks.train_stacked

    def limited(stack, validate_on):
        results = counted(stack, validate_on)
        if len(stack.learners) > 2:
            yield next(results)
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from results

    monkeypatch.setattr(networks, "train_stacked", limited)
    stacking.clear()
    assert together(trainer, tmp_path, runs) == pytest.approx(expected, abs=0.06)
    assert stacking == [4, 2]  # the third of the three that are left goes alone


def test_a_run_that_diverges_in_a_stack_has_no_score_and_the_others_have(trainer, tmp_path, stacking, monkeypatch):
    real = trainer._prepared

    def spoiled(self, task, learned, *more):
        learner, note = real(task, learned, *more)
        if len(learned) == 16:
            learner.network.head.last.bias.data.fill_(torch.nan)
        return learner, note

    monkeypatch.setattr(NetworkTrainer, "_prepared", spoiled)
    outcomes = dict(trainer.train_together(GROUP, tmp_path))
    failed = outcomes.pop(GROUP[1])
    assert failed.score is None
    assert failed.note.startswith("the loss is nan at step")
    assert all(0 <= outcome.score <= 1 for outcome in outcomes.values())


def test_a_stack_holds_so_many_images_and_no_more(trainer, tmp_path, stacking, monkeypatch):
    monkeypatch.setattr(networks, "MOST_IMAGES", 25)
    assert len(together(trainer, tmp_path)) == 3
    assert stacking == [2]


def test_without_a_gpu_runs_are_trained_one_a_process(trainer, monkeypatch):
    assert trainer.most_together() == (networks.MOST_TOGETHER if torch.cuda.is_available() else 1)
