"""Pretraining a backbone without labels: two altered views of an image shall look alike, and unlike any other image.

SimCLR (Chen et al., 2020): a projection of each view must find the other view of its image among all views of the
batch. The projection is thrown away afterwards.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pilots.learning.backbone import Backbone, as_input
from pilots.learning.heads import Features
from pilots.learning.training import Diverged, Network, Recipe, batches, device, optimizer_of

_TEMPERATURE = 0.1
_WIDTH = 128  # of a projection
_SMALLEST_CROP = 0.4  # of the image's area
_STRETCH = 4 / 3  # of a crop, the wider side against the other
_TURN = math.radians(25)
_LIGHT = 0.4  # share by which contrast changes at most, and brightness in units of `as_input`
_GRAIN = 0.3  # noise at most, in the same units


class Projector(nn.Module):
    """Mean of the coarse features over all places and two layers: projections (N, 128) of length one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, _WIDTH, bias=False), nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH)
        )

    def forward(self, features: Features) -> Tensor:
        return functional.normalize(self.layers(features[2].mean(dim=(2, 3))), dim=1)


def views(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random part of each image (N, C, S, S), turned a little, in another light, with noise; same shape.

    >>> images = torch.zeros(2, 1, 32, 32)
    >>> views(images, torch.Generator().manual_seed(0)).shape
    torch.Size([2, 1, 32, 32])
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator, device=images.device) * (high - low) + low

    side, stretch = uniform(_SMALLEST_CROP, 1).sqrt(), _STRETCH ** uniform(-0.5, 0.5)
    wide, high = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    turn = uniform(-_TURN, _TURN)
    across = torch.stack([wide * turn.cos(), -high * turn.sin(), uniform(-1, 1) * (1 - wide)], dim=1)
    down = torch.stack([wide * turn.sin(), high * turn.cos(), uniform(-1, 1) * (1 - high)], dim=1)
    places = functional.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    seen = functional.grid_sample(images, places, padding_mode="reflection", align_corners=False)
    middle = seen.mean(dim=(1, 2, 3), keepdim=True)
    contrast, light, grain = (
        uniform(*ends)[:, None, None, None] for ends in ((1 - _LIGHT, 1 + _LIGHT), (-_LIGHT, _LIGHT), (0, _GRAIN))
    )
    noise = torch.randn(seen.shape, generator=generator, device=images.device)
    changed = (seen - middle) * contrast + middle + light + grain * noise
    return changed.contiguous(memory_format=torch.channels_last)


def contrast_loss(projections: Tensor) -> Tensor:
    """Cross-entropy of finding each view's partner by similarity: rows k and N + k of (2 N, width) are one image.

    >>> apart = torch.eye(4)
    >>> bool(contrast_loss(torch.cat([apart, apart])) < 0.001 < contrast_loss(torch.ones(8, 4) / 2))
    True
    """
    similarity = (projections @ projections.T / _TEMPERATURE).fill_diagonal_(-math.inf)
    partners = torch.arange(len(projections), device=projections.device).roll(len(projections) // 2)
    return functional.cross_entropy(similarity, partners)


def learn_alone(backbone: Backbone, images: NDArray[np.uint8], recipe: Recipe, seed: int) -> None:
    """Train a backbone in place on images (N, C, S, S). Raises Diverged."""
    where = device()
    network = Network(backbone, Projector(backbone.channels[2]))
    network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    network.train()
    steps = recipe.steps(len(images))
    optimizer, cycle = optimizer_of(network, recipe, steps)
    generator = torch.Generator(where).manual_seed(seed)
    pixels, loss = torch.from_numpy(images), torch.zeros(())
    for rows in batches(len(images), min(recipe.batch, len(images)), steps, seed):
        shown = as_input(pixels[rows].to(where))
        loss = contrast_loss(network(torch.cat([views(shown, generator), views(shown, generator)])))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        cycle.step()
    if not math.isfinite(loss.item()):
        raise Diverged(f"the loss is {loss.item()} after {steps} steps")
