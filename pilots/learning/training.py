"""Training a network on labelled images: one cycle of AdamW, stopped early by the score on a validation split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from pilots.data.examples import Examples
from pilots.learning.backbone import Backbone, as_input
from pilots.learning.heads import Head

Result = TypeVar("Result")
_AT_ONCE = {"cpu": 256, "cuda": 2048}  # images that are looked at

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
    """A backbone with one task's head; in mixed precision where that is faster and `may_mix`, its outputs always
    float32."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.may_mix = True

    def forward(self, images: Tensor) -> Tensor:
        kind = images.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self.may_mix and _has_half(kind)):
            out: Tensor = self.head(self.backbone(images))
        return out.float()


def device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def answers(network: Network, examples: Examples) -> Tensor:
    """What a network says of all examples, as its head scores it, on the CPU; so many at a time as memory holds."""
    network.eval()
    where = next(network.parameters()).device
    batch, done = _AT_ONCE[where.type], 0
    parts: list[Tensor] = []
    while done < len(examples):
        try:
            with torch.inference_mode():
                images = as_input(torch.from_numpy(examples.images[done : done + batch]).to(where))
                parts.append(cast(Head, network.head).answers(network(images)).cpu())
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
    return optimizer, _cycle(optimizer, [rate for _, rate in moving], steps)


@lru_cache
def cycle_of(steps: int) -> tuple[float, ...]:
    """The same cycle as the share of its highest rate at each step.

    >>> [round(share, 2) for share in cycle_of(10)]
    [0.04, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04, 0.0]
    """
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    cycle, shares = _cycle(optimizer, [1.0], steps), []
    for _ in range(steps):
        shares.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        cycle.step()
    return tuple(shares)


def _cycle(optimizer: torch.optim.Optimizer, rates: list[float], steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.2, cycle_momentum=False)


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


@dataclass(frozen=True)
class Learner:
    """A network to be trained in place, what it learns from, and the seed of its batches."""

    network: Network
    train_on: Examples
    seed: int

    @property
    def head(self) -> Head:
        """The network's head."""
        return cast(Head, self.network.head)


class Steps(Protocol):
    """One network or several (R) on their way, a step at a time."""

    def take(self) -> None:
        """The next step of each."""

    def look(self, place: int) -> float:
        """See to it that this network has the weights it has come to. Returns its loss before the last step."""

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these networks only."""


class Single:
    """A network alone: `Steps` of R = 1."""

    def __init__(self, learner: Learner, recipe: Recipe) -> None:
        network, where = learner.network, device()
        network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        network.backbone.requires_grad_(recipe.backbone_rate > 0)
        steps = recipe.steps(len(learner.train_on))
        self._network, self._head, self._frozen = network, learner.head, recipe.backbone_rate == 0
        self._optimizer, self._cycle = optimizer_of(network, recipe, steps)
        self._images = torch.from_numpy(learner.train_on.images).to(where)
        self._targets = [target.to(where) for target in learner.head.targets(learner.train_on)]
        self._batches = batches(len(learner.train_on), recipe.batch, steps, learner.seed)

    def take(self) -> None:
        rows = next(self._batches)
        self._network.train()
        if self._frozen:
            self._network.backbone.eval()
        loss = self._head.loss(self._network(as_input(self._images[rows])), [part[rows] for part in self._targets])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._cycle.step()
        self._loss = loss.detach()

    def look(self, place: int) -> float:
        return self._loss.item()

    def keep(self, places: Sequence[int]) -> None:
        pass


class Course:
    """When a network is looked at, its best weights so far, and when its training is over."""

    def __init__(self, learner: Learner, validate_on: Examples, recipe: Recipe) -> None:
        self._learner, self._validate_on, self._recipe = learner, validate_on, recipe
        self._steps = recipe.steps(len(learner.train_on))
        self._looks = {math.ceil(self._steps * (part + 1) / recipe.checks) for part in range(recipe.checks)}
        self._best_state: dict[str, Tensor] | None = None
        self._worse = 0
        self.best = -math.inf

    def looks_after(self, step: int) -> bool:
        """Whether the network is looked at after this step, counted from 1."""
        return step in self._looks

    def is_over(self, step: int, loss: float) -> bool:
        """Look at the network; over, it has its best weights. Raises Diverged if the loss is no number."""
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {step} of {self._steps}")
        if step < self._steps and not self._recipe.early_stopping:
            return False
        network = self._learner.network
        score = self._learner.head.score(answers(network, self._validate_on), self._validate_on)
        self._worse = 0 if score >= self.best else self._worse + 1
        if self._worse == 0:
            self.best, self._best_state = score, {name: each.clone() for name, each in network.state_dict().items()}
        over = step == self._steps or self._worse > self._recipe.patience
        if over and self._best_state is not None:
            network.load_state_dict(self._best_state)
        return over


def follow(steps: Steps, courses: Sequence[Course]) -> Iterator[tuple[int, float | Diverged]]:
    """Take steps until all courses are over. Each one's place and best score, or why it has none, as it ends."""
    going, step = list(range(len(courses))), 0
    while going:
        steps.take()
        step += 1
        ended: dict[int, float | Diverged] = {}
        for at, place in enumerate(going):
            course = courses[place]
            try:
                if course.looks_after(step) and course.is_over(step, steps.look(at)):
                    ended[at] = course.best
            except Diverged as failure:
                ended[at] = failure
        if ended:
            yield from ((going[at], result) for at, result in ended.items())
            left = [at for at in range(len(going)) if at not in ended]
            going = [going[at] for at in left]
            steps.keep(left)
