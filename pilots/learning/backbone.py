"""The shared body of every network: a small residual net that turns images into features at three scales."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (16, 32, 64)


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


class Backbone(nn.Module):
    """Images (N, C, S, S) in, features at strides 2, 4 and 8 out, with 16, 32 and 64 channels."""

    def __init__(self, image_channels: int = 1) -> None:
        super().__init__()
        fine, middle, coarse = CHANNELS
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
