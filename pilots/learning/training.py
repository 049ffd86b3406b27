"""Training a network on labelled images: one cycle of AdamW, stopped early by the score on a validation split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from pilots.data.examples import Examples
from pilots.learning.backbone import Backbone, as_input
from pilots.learning.heads import Head

Result = TypeVar("Result")

# The first optimizer of a process loads more of torch, which takes about as long as a short run. Made here, it is there
# before workers are forked.
torch.optim.AdamW([torch.zeros(1)])


@dataclass(frozen=True)
class Recipe:
    """How long and how fast to learn: `pace` times the root of the number of examples is the number of steps.

    The score on validation is looked at `checks` times; the best weights are kept, and more than `patience` looks
    without a rise are the end. Without `early_stopping` the weights after the last step are kept, whatever they score.
    """

    pace: float
    batch: int
    backbone_rate: float
    head_rate: float
    decay: float
    checks: int
    patience: int
    early_stopping: bool = True

    def steps(self, examples: int) -> int:
        """Steps for so many examples: a small set is seen more often, a large one in more steps.

        >>> Recipe(8, 32, 0.01, 0.01, 0.05, 4, 1).steps(400)
        160
        """
        return max(math.ceil(self.pace * math.sqrt(examples)), 1)


class Diverged(ArithmeticError):
    """The loss was no longer a number."""


@lru_cache
def _has_half(device_type: str) -> bool:
    """Whether a device computes in bfloat16 at full speed; elsewhere mixed precision gains nothing."""
    return device_type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


class Network(nn.Module):
    """A backbone with one task's head; in mixed precision where that is faster, its outputs always float32."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=_has_half(images.device.type)):
            out: Tensor = self.head(self.backbone(images))
        return out.float()


def device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def outputs(network: Network, examples: Examples, where: torch.device, batch: int = 256) -> Tensor:
    """Raw outputs for all examples, on the CPU; `batch` of them at a time, or as many as memory holds."""
    network.eval()
    parts: list[Tensor] = []
    done = 0
    while done < len(examples):
        try:
            with torch.inference_mode():
                images = as_input(torch.from_numpy(examples.images[done : done + batch]).to(where))
                parts.append(network(images).cpu())
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
            batch //= 2
        else:
            done += batch
    return torch.cat(parts)


def batches(examples: int, batch: int, steps: int, seed: int) -> Iterator[Tensor]:
    """`steps` batches of rows: each row once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(0, dtype=torch.int64)
    for _ in range(steps):
        while len(rows) < batch:
            rows = torch.cat([rows, torch.randperm(examples, generator=generator)])
        yield rows[:batch]
        rows = rows[batch:]


def optimizer_of(
    network: Network, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with one cycle of the learning rate (Smith and Topin, 2019); a backbone of rate 0 is left alone."""
    groups = [(network.head, recipe.head_rate), (network.backbone, recipe.backbone_rate)]
    moving = [(part, rate) for part, rate in groups if rate > 0]
    optimizer = torch.optim.AdamW(
        [{"params": list(part.parameters()), "lr": rate} for part, rate in moving],
        weight_decay=recipe.decay,
        fused=True,
    )
    rates = [rate for _, rate in moving]
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=steps, pct_start=0.2, cycle_momentum=False
    )
    return optimizer, cycle


def within_memory(recipe: Recipe, attempt: Callable[[Recipe], Result]) -> tuple[Result, str]:
    """What `attempt` gives with a recipe of half the batch each time that memory runs out, and a note that says so."""
    note = ""
    while True:
        try:
            return attempt(recipe), note
        except torch.OutOfMemoryError:
            if recipe.batch == 1:
                raise
        recipe = replace(recipe, batch=recipe.batch // 2)
        note = f"out of memory: trained in batches of {recipe.batch}"
        torch.cuda.empty_cache()


def train(network: Network, head: Head, train_on: Examples, validate_on: Examples, recipe: Recipe, seed: int) -> float:
    """Train in place; the network ends with the weights that scored best on `validate_on`. Returns that score.

    Raises Diverged, and torch.OutOfMemoryError where a batch is too much for the device.
    """
    where = device()
    network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    steps = recipe.steps(len(train_on))
    network.backbone.requires_grad_(recipe.backbone_rate > 0)
    optimizer, cycle = optimizer_of(network, recipe, steps)
    images = torch.from_numpy(train_on.images).to(where)
    targets = [target.to(where) for target in head.targets(train_on)]
    check_at = {math.ceil(steps * (part + 1) / recipe.checks) for part in range(recipe.checks)}
    best, best_state, worse = -math.inf, None, 0
    for step, rows in enumerate(batches(len(train_on), recipe.batch, steps, seed), start=1):
        network.train()
        if recipe.backbone_rate == 0:
            network.backbone.eval()
        loss = head.loss(network(as_input(images[rows])), [target[rows] for target in targets])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        cycle.step()
        if step not in check_at:
            continue
        if not math.isfinite(loss.item()):
            raise Diverged(f"the loss is {loss.item()} at step {step} of {steps}")
        if step < steps and not recipe.early_stopping:
            continue
        score = head.score(outputs(network, validate_on, where), validate_on)
        worse = 0 if score >= best else worse + 1
        if worse == 0:
            best, best_state = score, deepcopy(network.state_dict())
        elif worse > recipe.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    return best
