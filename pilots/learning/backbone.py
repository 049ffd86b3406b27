"""The shared body of every network: a residual net, or anyone's, that turns images into features at three scales."""

from __future__ import annotations

import importlib
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Channels = tuple[int, int, int]
SIZES: dict[str, Channels] = {"small": (8, 16, 32), "medium": (16, 32, 64), "large": (32, 64, 128)}
"""Channels of the built-in nets at strides 2, 4 and 8; about 19,000, 77,000 and 306,000 weights."""


class Backbone(nn.Module):
    """Images (N, C, S, S) in; features at strides 2, 4 and 8 out, with `channels` channels."""

    channels: Channels


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (He et al., 2016), halving the resolution where `stride` is 2."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        same = stride == 1 and into == out
        self.shortcut = nn.Identity() if same else nn.Conv2d(into, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ResidualNet(Backbone):
    """A built-in backbone: a stem and one residual block a scale."""

    def __init__(self, image_channels: int = 1, channels: Channels = SIZES["medium"]) -> None:
        super().__init__()
        self.channels = channels
        fine, middle, coarse = channels
        self.stem = nn.Conv2d(image_channels, fine, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(fine)
        self.fine = Residual(fine, fine, 1)
        self.middle = Residual(fine, middle, 2)
        self.coarse = Residual(middle, coarse, 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.fine(functional.relu(self.stem_norm(self.stem(images))))
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)


def as_input(images: Tensor) -> Tensor:
    """Images of bytes as what the backbone takes: numbers around 0, channels last in memory."""
    return images.to(torch.float32).sub_(127.5).div_(64.0).contiguous(memory_format=torch.channels_last)


def backbone_named(name: str, image_channels: int) -> Backbone:
    """A built-in backbone by its size, or what `module:function` gives for the number of image channels.

    Raises ValueError if that is no backbone.

    >>> [sum(weights.numel() for weights in backbone_named(size, 1).parameters()) for size in SIZES]
    [19384, 76912, 306400]
    """
    if name in SIZES:
        return ResidualNet(image_channels, SIZES[name])
    module, _, function = name.partition(":")
    backbone: nn.Module = getattr(importlib.import_module(module), function)(image_channels)
    _check(name, backbone, image_channels)
    return cast(Backbone, backbone)


def _check(name: str, backbone: nn.Module, image_channels: int) -> None:
    """Try a backbone on one image: three features at strides 2, 4 and 8 with the channels that it says it has."""
    backbone.eval()
    with torch.inference_mode():
        features = backbone(torch.zeros(1, image_channels, 32, 32))
    found = [tuple(feature.shape[1:]) for feature in features]
    channels = getattr(backbone, "channels", None)
    if channels is None or found != [(many, side, side) for many, side in zip(channels, (16, 8, 4), strict=True)]:
        raise ValueError(f"{name}: from a 32 x 32 image it gives {found}, and its `channels` are {channels}")
