"""Detection without anchors: each cell near an object's centre says its class and the distances to the box's sides.

One scale of FCOS (Tian et al., 2019): focal loss for the classes, generalized IoU loss for the boxes; overlapping boxes
of one class are thinned out greedily before they are scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pilots.data.examples import Examples
from pilots.learning.backbone import Channels
from pilots.learning.heads import Decoder, Features
from pilots.learning.scores import COCO_THRESHOLDS, Boxes, average_precision

STRIDE = 4
_KEPT = 12  # candidates an image
_LEAST_CONFIDENCE = 0.02
_SAME_OBJECT = 0.5  # IoU from which on the less confident of two boxes of one class is dropped
_PRIOR = 0.05  # share of cells with an object that an untrained head believes in


class BoxHead(nn.Module):
    """Class logits and four distances, in cells, for each cell: outputs (N, kinds + 4, S / 4, S / 4); scored by AP50,
    or by AP, the mean over IoU 0.5, 0.55, .., 0.95.
    """

    def __init__(self, kinds: int, channels: Channels, metric: str = "AP50") -> None:
        super().__init__()
        self.kinds = kinds
        self.thresholds = COCO_THRESHOLDS if metric == "AP" else COCO_THRESHOLDS[:1]
        self.decoder = Decoder(channels)
        self.last = nn.Conv2d(channels[1], kinds + 4, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias[:kinds], float(np.log(_PRIOR / (1 - _PRIOR))))
        nn.init.constant_(self.last.bias[kinds:], 2.0)

    def forward(self, features: Features) -> Tensor:
        out: Tensor = self.last(self.decoder(features))
        return out

    def targets(self, examples: Examples) -> Sequence[Tensor]:
        """For each cell the class of its object, -1 for none, (N, cells), and its box in cells, (N, cells, 4)."""
        side = examples.images.shape[2] // STRIDE
        kinds, boxes = _assigned(torch.from_numpy(examples.boxes) / STRIDE, torch.from_numpy(examples.kinds), side)
        return kinds, boxes

    def loss(self, outputs: Tensor, targets: Sequence[Tensor]) -> Tensor:
        kinds, boxes = targets
        logits = outputs[:, : self.kinds].flatten(2).transpose(1, 2)
        taken = kinds >= 0
        wanted = functional.one_hot(kinds + 1, self.kinds + 1)[..., 1:].to(logits.dtype)
        objects = taken.sum().clamp(min=1)
        off = 1 - _generalized_iou(_corners(outputs[:, self.kinds :]), boxes)
        return (_focal(logits, wanted) + torch.where(taken, off, 0.0).sum()) / objects

    def answers(self, outputs: Tensor) -> Tensor:
        """The most confident boxes of each image, (N, `_KEPT` at most, 6): class, or -1 for none, left, top, right and
        bottom in pixels, confidence."""
        confidence = outputs[:, : self.kinds].sigmoid().flatten(1)
        best, index = confidence.topk(min(_KEPT, confidence.shape[1]), dim=1)
        cells = outputs.shape[2] * outputs.shape[3]
        kinds = index // cells
        corners = _corners(outputs[:, self.kinds :])
        boxes = corners.gather(1, (index % cells)[..., None].expand(-1, -1, 4)) * STRIDE
        kept = _thinned(boxes, kinds) & (best > _LEAST_CONFIDENCE)
        said = torch.where(kept, kinds, -1).to(boxes.dtype)
        return torch.cat([said[..., None], boxes, best[..., None]], dim=2)

    def score(self, answers: Tensor, examples: Examples) -> float:
        images, places = np.nonzero(examples.kinds >= 0)
        truth = Boxes(
            images, examples.kinds[images, places], examples.boxes[images, places], np.ones(len(images), np.float32)
        )
        return average_precision(predictions(answers), truth, self.thresholds)


def predictions(answers: Tensor) -> Boxes:
    """The boxes that `BoxHead.answers` holds."""
    images, places = np.nonzero(answers[..., 0].numpy() >= 0)
    found = answers.numpy()[images, places]
    return Boxes(images, found[:, 0].astype(np.int64), found[:, 1:5], found[:, 5])


def _centres(side: int, device: torch.device) -> Tensor:
    """Cell centres (cells, 2) as x, y in cells."""
    line = torch.arange(side, device=device) + 0.5
    down, across = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([across.flatten(), down.flatten()], dim=1)


def _assigned(boxes: Tensor, kinds: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Each object takes the cells of its own within a cell of its centre; where two want the same, the smaller one."""
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(dim=2).masked_fill(kinds < 0, torch.inf)
    boxes = torch.nan_to_num(boxes, nan=-9.0)
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2
    away = (_centres(side, boxes.device)[None, :, None] - middles[:, None]).abs()
    reach = ((boxes[..., 2:] - boxes[..., :2]) / 2).clamp(max=1.0)
    distance = away.amax(dim=3)
    nearest = distance == distance.amin(dim=1, keepdim=True)  # an object between all cells still has one
    own = (away < reach[:, None]).all(dim=3) | nearest
    price = areas[:, None].masked_fill(~own, torch.inf)
    cheapest, owner = price.min(dim=2)
    chosen = kinds.gather(1, owner).masked_fill(cheapest == torch.inf, -1)
    return chosen, boxes.gather(1, owner[..., None].expand(-1, -1, 4))


def _corners(distances: Tensor) -> Tensor:
    """Boxes (N, cells, 4) in cells from raw distances (N, 4, side, side)."""
    centres = _centres(distances.shape[2], distances.device)
    away = functional.softplus(distances.flatten(2).transpose(1, 2))
    return torch.cat([centres - away[..., :2], centres + away[..., 2:]], dim=2)


def _focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sum of the focal loss (Lin et al., 2017), gamma 2."""
    plain = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = (wanted - logits.sigmoid()).abs()
    return (missed.square() * plain * (0.25 + 0.5 * wanted)).sum()


def _generalized_iou(first: Tensor, second: Tensor) -> Tensor:
    """Generalized IoU (Rezatofighi et al., 2019) of boxes in pairs: (.., 4) and (.., 4) in, (..) out."""
    common = _area(torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:]))
    union = _area(first[..., :2], first[..., 2:]) + _area(second[..., :2], second[..., 2:]) - common
    around = _area(torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:]))
    around = around.clamp(min=1e-6)
    return common / union.clamp(min=1e-6) - (around - union) / around


def _area(near: Tensor, far: Tensor) -> Tensor:
    """Area between two corners; none where they have changed sides. A product, for `prod` looks for zeros first and
    makes a GPU wait."""
    sides = (far - near).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def _thinned(boxes: Tensor, kinds: Tensor) -> Tensor:
    """Which candidates (N, k), by confidence, stay: those that no kept one of their class overlaps too much."""
    near = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    far = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    common = (far - near).clamp(min=0).prod(dim=3)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(dim=2)
    overlap = common / (areas[:, :, None] + areas[:, None] - common).clamp(min=1e-6)
    rivals = (overlap > _SAME_OBJECT) & (kinds[:, :, None] == kinds[:, None])
    kept = torch.ones_like(kinds, dtype=torch.bool)
    for rank in range(1, kinds.shape[1]):
        kept[:, rank] = ~(rivals[:, rank, :rank] & kept[:, :rank]).any(dim=1)
    return kept
