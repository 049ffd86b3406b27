"""Networks trained side by side come to what each comes to alone, whatever happens to the others."""

import math
from dataclasses import replace

import pytest
import torch
from test_learning import HEADS, QUICK, some

from pilots.learning import replicas, training
from pilots.learning.backbone import ResidualNet
from pilots.learning.replicas import Single, Stack, faster_stack, train_stacked
from pilots.learning.training import Course, Diverged, Learner, Network, follow

RECIPE = replace(QUICK, pace=1.0, batch=8, checks=3, patience=9)
VALIDATION = some("validation", 12)


class Exact(Network):
    """In double precision, so that what differs is no rounding."""

    def forward(self, images):
        return self.head(self.backbone(images.double()))


class Forgetful(Network):
    """Draws random numbers as it learns."""

    def forward(self, images):
        return super().forward(torch.nn.functional.dropout(images, 0.5, self.training))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def learners(kind="keypoints", labels=(5, 12, 26), of=Exact):
    made = []
    for seed, count in enumerate(labels):
        torch.manual_seed(seed)
        network = of(ResidualNet(), HEADS[kind]())
        made.append(Learner(network.double() if of is Exact else network, some(count=count), seed))
    return made


def assert_it_learned_what_it_learns_alone(learner, score, own, recipe):
    ((_, expected_score),) = follow(Single(own, recipe), [Course(own, VALIDATION, recipe)])
    assert score == pytest.approx(expected_score, abs=1e-6)
    expected = own.network.state_dict()
    for name, weights in learner.network.state_dict().items():
        torch.testing.assert_close(weights, expected[name], atol=1e-6, rtol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("kind", "rate"),
    [*((kind, 0.01) for kind in HEADS), ("detection", 0.0), ("keypoints", 0.0), ("segmentation", 0.001)],
)
def test_side_by_side_each_network_learns_what_it_learns_alone(kind, rate):
    """With labels, seed, order of batches, rates and end of its own; its backbone moving or frozen."""
    recipe = replace(RECIPE, backbone_rate=rate)
    together = learners(kind)
    scores = dict(train_stacked(Stack(together, recipe), VALIDATION))
    assert list(scores) == [0, 1, 2]  # those of fewer labels end sooner
    for place, own in enumerate(learners(kind)):
        assert_it_learned_what_it_learns_alone(together[place], scores[place], own, recipe)


def test_each_network_stops_early_for_itself():
    recipe = replace(RECIPE, pace=3.0, checks=9, patience=0)
    together = learners("classification")
    scores = dict(train_stacked(Stack(together, recipe), VALIDATION))
    for place, own in enumerate(learners("classification")):
        assert_it_learned_what_it_learns_alone(together[place], scores[place], own, recipe)


def test_a_network_that_diverges_ends_and_the_others_learn_what_they_learn_alone():
    together = learners()
    with torch.no_grad():
        next(together[1].network.backbone.parameters())[0] = math.nan
    results = dict(train_stacked(Stack(together, RECIPE), VALIDATION))
    assert isinstance(results[1], Diverged)
    assert str(results[1]) == "the loss is nan at step 2 of 4"
    for place, own in enumerate(learners()):
        if place != 1:
            assert_it_learned_what_it_learns_alone(together[place], results[place], own, RECIPE)


def test_where_networks_alone_compute_in_mixed_precision_a_stack_learns_too(monkeypatch):
    monkeypatch.setattr(training, "_has_half", lambda device_type: True)
    stack = Stack(learners(of=Network), replace(RECIPE, pace=4.0))
    losses = []
    for _ in range(8):
        stack.take()
        losses.append([stack.look(place) for place in range(3)])
    assert all(last < first for first, last in zip(losses[0], losses[-1], strict=True))


@pytest.mark.parametrize(("alone", "faster"), [(0.5, True), (0.4, False)])
def test_a_trial_of_both_ways_decides(monkeypatch, alone, faster):
    monkeypatch.setattr(replicas, "_seconds", lambda steps, most: alone if isinstance(steps, Single) else 1.0)
    assert (faster_stack(learners(), RECIPE) is not None) == faster


def test_the_trial_leaves_the_networks_as_they_were():
    seen = learners(of=Network)
    before = [{name: each.clone() for name, each in one.network.state_dict().items()} for one in seen]
    faster_stack(seen, RECIPE)
    for one, was in zip(seen, before, strict=True):
        assert all(torch.equal(each.cpu(), was[name]) for name, each in one.network.state_dict().items())


def test_networks_that_draw_random_numbers_as_they_learn_are_trained_alone_and_it_is_said_why():
    with pytest.warns(RuntimeWarning, match="one after another: vmap: called random operation"):
        assert faster_stack(learners(of=Forgetful), RECIPE) is None


def test_memory_that_does_not_hold_all_of_them_is_told(monkeypatch):
    def exhausted(steps, most):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(replicas, "_seconds", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        faster_stack(learners(), RECIPE)
