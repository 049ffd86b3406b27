"""Learning from images alone: the loss is its formula, the same seed the same weights, and features that are of use."""

import math

import numpy as np
import pytest
import torch

from pilots.data.scenes import scenes
from pilots.learning.backbone import ResidualNet, as_input
from pilots.learning.selfsupervised import _TEMPERATURE, Projector, contrast_loss, learn_alone, views
from pilots.learning.training import Diverged, Network, Recipe

QUICK = Recipe(pace=3, batch=32, backbone_rate=0.005, head_rate=0.005, decay=0.05, checks=1, patience=0)


def images(count=64, split="train"):
    return scenes("fragments", split, np.arange(count)).images


def learned(recipe=QUICK, seed=0, count=64):
    torch.manual_seed(seed)
    backbone = ResidualNet()
    learn_alone(backbone, images(count), recipe, seed)
    return backbone


def test_the_loss_is_the_mean_surprise_at_each_view_s_partner():
    random = np.random.default_rng(0)
    projections = random.normal(size=(8, 5))
    projections /= np.linalg.norm(projections, axis=1, keepdims=True)
    wanted = 0.0
    for row in range(8):
        partner = (row + 4) % 8
        others = [math.exp(projections[row] @ projections[k] / _TEMPERATURE) for k in range(8) if k != row]
        wanted -= math.log(math.exp(projections[row] @ projections[partner] / _TEMPERATURE) / sum(others)) / 8
    assert float(contrast_loss(torch.tensor(projections))) == pytest.approx(wanted)


def test_views_differ_from_each_other_and_depend_on_the_seed_alone():
    shown = as_input(torch.from_numpy(images(4)))
    generator = torch.Generator().manual_seed(3)
    first, second = views(shown, generator), views(shown, generator)
    assert first.shape == shown.shape
    assert not torch.allclose(first, second, atol=0.1)
    assert torch.equal(first, views(shown, torch.Generator().manual_seed(3)))


def test_the_same_seed_gives_the_same_weights_and_another_others():
    torch.set_num_threads(1)
    weights = [learned(seed=seed).coarse.first.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_images_than_a_batch_are_no_error(count):
    assert all(torch.isfinite(weights).all() for weights in learned(count=count).parameters())


def test_a_loss_that_is_no_number_is_an_error():
    with pytest.raises(Diverged, match="after"):
        learned(Recipe(3, 32, math.inf, math.inf, 0.0, 1, 0))


def test_after_learning_views_of_an_image_it_never_saw_find_each_other():
    def surprise(backbone, steps):
        """Loss of a projection of its own, trained on top of the backbone as it is."""
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        network = Network(backbone.cpu().requires_grad_(False), Projector(64))
        optimizer = torch.optim.AdamW(network.head.parameters(), lr=0.01)
        shown, new = (as_input(torch.from_numpy(images(64, split))) for split in ("train", "test"))
        for _ in range(steps):
            optimizer.zero_grad()
            contrast_loss(network(torch.cat([views(shown, generator), views(shown, generator)]))).backward()
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            return float(contrast_loss(network(torch.cat([views(new, generator), views(new, generator)]))))

    torch.manual_seed(0)
    assert surprise(learned(Recipe(8, 64, 0.005, 0.005, 0.05, 1, 0), count=300), 20) < surprise(ResidualNet(), 20) - 0.2
