"""Networks trained side by side come to what each comes to alone, whatever happens to the others."""

from dataclasses import replace

import pytest
import torch
from test_learning import HEADS, QUICK, some

from pilots.learning.backbone import ResidualNet
from pilots.learning.replicas import train_stacked
from pilots.learning.training import Learner, Network, train

RECIPE = replace(QUICK, pace=1.5, checks=3, patience=9)
RECIPES = {
    "all of it": RECIPE,
    "frozen": replace(RECIPE, backbone_rate=0.0),
    "slower": replace(RECIPE, backbone_rate=0.001),
}
VALIDATION = some("validation", 24)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class Exact(Network):
    """In double precision, so that what differs is no rounding."""

    def forward(self, images):
        return self.head(self.backbone(images.double()))


def learners(kind, labels=(12, 30, 64), of=Exact):
    made = []
    for seed, count in enumerate(labels):
        torch.manual_seed(seed)
        network = of(ResidualNet(), HEADS[kind]())
        made.append(Learner(network.double() if of is Exact else network, some(count=count), seed))
    return made


def alone(learner, recipe):
    return train(learner.network, learner.train_on, VALIDATION, recipe, learner.seed)


def weights(learner):
    return {name: each for name, each in learner.network.state_dict().items() if each.is_floating_point()}


def assert_same_weights(first, second, off=1e-6):
    for name, each in weights(first).items():
        torch.testing.assert_close(each, weights(second)[name], atol=off, rtol=off, msg=name)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", HEADS)
def test_side_by_side_each_network_learns_what_it_learns_alone(kind, recipe):
    """With sizes, seeds, orders, rates and ends of their own."""
    together, one_by_one = learners(kind), learners(kind)
    scores = dict(train_stacked(together, VALIDATION, RECIPES[recipe]))
    for place, learner in enumerate(one_by_one):
        assert scores[place] == pytest.approx(alone(learner, RECIPES[recipe]), abs=1e-6)
        assert_same_weights(together[place], learner)
