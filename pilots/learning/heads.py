"""What each kind of task puts on the backbone: its outputs, its loss, its predictions and its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pilots.data.examples import IGNORED, Examples
from pilots.learning.backbone import Channels
from pilots.learning.scores import accuracy, keypoint_precision, macro_f1, mean_iou, pck

Features = tuple[Tensor, Tensor, Tensor]
_RAREST = 0.01  # added to a class's share of the pixels, so that no class weighs without limit


class Head(Protocol):
    """A module on top of the backbone's features; training and scoring need no more of a task than this."""

    def __call__(self, features: Features) -> Tensor:
        """Raw outputs, images along the first axis."""

    def targets(self, examples: Examples) -> Sequence[Tensor]:
        """Labels as tensors, images along the first axis."""

    def loss(self, outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
        """Mean loss over a batch."""

    def answers(self, outputs: Tensor) -> Tensor:
        """What raw outputs say, as it is scored, images along the first axis."""

    def score(self, answers: Tensor, examples: Examples) -> float:
        """The task's score over all of `examples`, from answers on the CPU."""


class ClassHead(nn.Module):
    """Class of the image: maximum over places, one linear layer, cross-entropy; scored by accuracy or macro F1."""

    def __init__(self, classes: int, channels: Channels, metric: str = "accuracy") -> None:
        super().__init__()
        self.metric = metric
        self.linear = nn.Linear(channels[2], classes)

    def forward(self, features: Features) -> Tensor:
        logits: Tensor = self.linear(features[2].amax(dim=(2, 3)))
        return logits

    def targets(self, examples: Examples) -> Sequence[Tensor]:
        return (torch.from_numpy(examples.classes),)

    def loss(self, outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
        return functional.cross_entropy(outputs, targets[0])

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(dim=1)

    def score(self, answers: Tensor, examples: Examples) -> float:
        measure = macro_f1 if self.metric == "macro F1" else accuracy
        return measure(answers.numpy(), examples.classes)


def _layer(into: int, out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class Decoder(nn.Module):
    """Coarse features carried back to the middle scale by addition (Lin et al., 2017)."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        self.from_coarse = nn.Conv2d(channels[2], channels[1], 1)
        self.middle = _layer(channels[1], channels[1], 3)

    def forward(self, features: Features) -> Tensor:
        _, middle, coarse = features
        out: Tensor = self.middle(middle + functional.interpolate(self.from_coarse(coarse), scale_factor=2.0))
        return out


class MaskHead(nn.Module):
    """Class of each pixel: what is there from coarse features, where its edge runs from fine ones, added up
    (Long et al., 2015); cross-entropy; scored by mean IoU.

    Outputs are (N, 4 * classes, S / 2, S / 2), the four pixels of a block after one another for each class. Rare
    classes weigh more, by the inverse root of their share of the pixels.
    """

    def __init__(self, classes: int, channels: Channels) -> None:
        super().__init__()
        self.classes = classes
        self.decoder = Decoder(channels)
        self.what = nn.Conv2d(channels[1], 4 * classes, 1)
        self.edge = _layer(channels[0], channels[0], 3)
        self.where = nn.Conv2d(channels[0], 4 * classes, 1)

    def forward(self, features: Features) -> Tensor:
        what = functional.interpolate(self.what(self.decoder(features)), scale_factor=2.0)
        out: Tensor = what + self.where(self.edge(features[0]))
        return out

    def targets(self, examples: Examples) -> Sequence[Tensor]:
        """Class and weight of each pixel, (N, 4, S / 2, S / 2) each; pixels that do not count weigh nothing."""
        pixels = np.bincount(examples.masks.reshape(-1), minlength=IGNORED + 1)
        shares = pixels[: self.classes] / max(int(pixels[:IGNORED].sum()), 1)
        weight = np.zeros(IGNORED + 1, np.float32)
        weight[: self.classes] = (shares + _RAREST) ** -0.5
        truth, weights = np.where(examples.masks == IGNORED, 0, examples.masks), weight[examples.masks]
        return tuple(
            functional.pixel_unshuffle(torch.from_numpy(part), 2) for part in (truth[:, None], weights[:, None])
        )

    def loss(self, outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
        truth, weights = targets
        logits = outputs.reshape(len(outputs), self.classes, 4, *outputs.shape[2:]).contiguous().log_softmax(dim=1)
        loss: Tensor = -(logits.gather(1, truth[:, None].long())[:, 0] * weights).sum() / weights.sum().clamp(min=1e-6)
        return loss

    def answers(self, outputs: Tensor) -> Tensor:
        """The class of each pixel, (N, S, S)."""
        kinds = outputs.reshape(len(outputs), self.classes, 4, *outputs.shape[2:]).argmax(dim=1).to(torch.uint8)
        return functional.pixel_shuffle(kinds, 2)[:, 0]

    def score(self, answers: Tensor, examples: Examples) -> float:
        return mean_iou(answers.numpy(), examples.masks, self.classes)


class PointHead(nn.Module):
    """Landmarks: a heat map each, whose mean place is the answer (soft-argmax: Sun et al., 2018); scored by PCK at a
    tenth of the image's side, or by OKS-AP.

    Outputs (N, K, 3) are places in shares of the image's side, and the peak of the heat: how sure a place is.
    """

    def __init__(self, points: int, size: int, channels: Channels, metric: str = "PCK") -> None:
        super().__init__()
        self.metric = metric
        self.size = size
        self.decoder = Decoder(channels)
        self.last = nn.Conv2d(channels[1], points, 1)

    def forward(self, features: Features) -> Tensor:
        heat = self.last(self.decoder(features))
        height, width = heat.shape[2:]
        share = heat.flatten(2).softmax(dim=2).unflatten(2, (height, width))
        across = (torch.arange(width, device=heat.device) + 0.5) / width
        down = (torch.arange(height, device=heat.device) + 0.5) / height
        places = ((share.sum(dim=2) * across).sum(dim=2), (share.sum(dim=3) * down).sum(dim=2))
        return torch.stack([*places, share.amax(dim=(2, 3))], dim=2)

    def targets(self, examples: Examples) -> Sequence[Tensor]:
        return (torch.from_numpy(examples.points),)

    def loss(self, outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
        places, labelled = targets[0][..., :2] / self.size, targets[0][..., 2:]
        off = functional.smooth_l1_loss(outputs[..., :2].contiguous(), places, reduction="none", beta=0.05)
        return (off * labelled).sum() / labelled.sum().clamp(min=1) * 10

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs

    def score(self, answers: Tensor, examples: Examples) -> float:
        places = answers[..., :2].numpy() * self.size
        if self.metric == "OKS-AP":
            sure = answers[..., 2].mean(dim=1).numpy()
            return keypoint_precision(places, sure, examples.points, examples.areas)
        return pck(places, examples.points, self.size)
