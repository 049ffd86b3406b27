"""Networks of one shape trained side by side: on a GPU a step of many small ones takes little longer than of one.

A small network's step is hundreds of small kernels, and starting them takes longer than what they do. Here weights and
batches of all networks (R) lie in tensors with one axis more, so that every kernel serves all of them
(`torch.func.vmap`; convolutions become grouped ones), and a step is recorded for the GPU to replay. Each network keeps
its own data, order of batches, rates, course and end, and comes to what it would have come to alone, up to rounding.
One network alone is a stack of one there.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from pilots.data.examples import Examples
from pilots.learning.backbone import as_input
from pilots.learning.training import (
    Course,
    Diverged,
    Learner,
    Network,
    Recipe,
    Single,
    Steps,
    batches,
    cycle_of,
    device,
    follow,
)

_DECAYS = (0.9, 0.999)  # AdamW's, of the two moments; torch's own
_EPSILON = 1e-8
_TRIAL_STEPS = 3
_WORTH = 0.8  # share of the time that a stack may take at most: it gets smaller as its networks end, their times do not


class Stack:
    """Several networks with the same layers as one: `Steps` of R.

    AdamW (Loshchilov and Hutter, 2019) as torch has it, on all weights (R, W) at once, each network at its own rates:

        m <- b1 m + (1 - b1) g      v <- b2 v + (1 - b2) g^2
        w <- w - rate (decay w + m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon))

    On a GPU a step is recorded once and replayed from then on (a CUDA graph), so that none of its kernels waits to be
    told of. So whatever changes from step to step lies on the device, and is changed in place.

    Raises RuntimeError where a network's layers cannot be stacked, or draw random numbers as they learn.
    """

    def __init__(self, learners: Sequence[Learner], recipe: Recipe) -> None:
        self.learners, self.recipe = learners, recipe
        where, head = device(), learners[0].head
        networks, self._head, self._decay = [learner.network for learner in learners], head, recipe.decay
        for network in networks:
            network.to(where)
            network.train()
        self._states = [network.state_dict() for network in networks]  # theirs, not copies
        stacked, self._buffers = stack_module_state(networks)
        rates = {"head": recipe.head_rate, "backbone": recipe.backbone_rate}
        moving = [name for name in stacked if rates[name.partition(".")[0]] > 0]
        self._shapes = {name: stacked[name].shape[1:] for name in moving}
        self._fixed = {name: weights.detach() for name, weights in stacked.items() if name not in moving}
        self._weights = torch.cat([stacked[name].detach().flatten(1) for name in moving], dim=1).requires_grad_()
        self._rates = torch.cat(
            [torch.full_like(stacked[name][0].flatten(), rates[name.partition(".")[0]]) for name in moving]
        )
        self._moments = [torch.zeros_like(self._weights) for _ in _DECAYS]
        self._base = deepcopy(networks[0])
        self._base.may_mix = False  # torch.func has no batch normalization of one precision with sums of another
        if recipe.backbone_rate == 0:
            self._base.backbone.eval()
        self._load(learners, recipe, where)
        self._stacked_at = list(range(len(learners)))  # where in the stack each of those that go on is
        self._replay: Callable[[], None] | None = None

    def _load(self, learners: Sequence[Learner], recipe: Recipe, where: torch.device) -> None:
        """Everything that is learned from, in one tensor; for each network and step its rows there and its rate."""
        sets = [learner.train_on for learner in learners]
        self._images = torch.cat([torch.from_numpy(each.images).to(where) for each in sets])
        targets = [learner.head.targets(learner.train_on) for learner in learners]
        self._targets = [torch.cat([part.to(where) for part in parts]) for parts in zip(*targets, strict=True)]
        first, rows, cycles = 0, [], []
        for learner in learners:
            count = len(learner.train_on)
            steps = recipe.steps(count)
            rows.append(first + torch.stack(list(batches(count, recipe.batch, steps, learner.seed))))
            cycles.append(torch.tensor(cycle_of(steps), dtype=self._weights.dtype))
            first += count
        self._rows = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(where)
        self._cycles = torch.nn.utils.rnn.pad_sequence(cycles, batch_first=True).to(where)
        counted = torch.arange(1, self._rows.shape[1] + 1, dtype=torch.float64)
        self._unbiased = torch.stack([1 - decay**counted for decay in _DECAYS]).to(self._cycles)
        self._step = torch.zeros(1, dtype=torch.int64, device=where)
        self._losses = torch.zeros(len(learners), device=where)

    def take(self) -> None:
        if self._weights.device.type == "cuda" and self._replay is None:
            self._replay = self._recorded()
        (self._replay or self._advance)()

    def _advance(self) -> None:
        """The next step of all, everything in place."""
        rows = self._rows.index_select(1, self._step)[:, 0]
        images = as_input(self._images[rows.flatten()])
        images = images.reshape(*rows.shape, *images.shape[1:])
        losses: Tensor = vmap(self._loss)(
            self._named(), self._fixed, self._buffers, images, [part[rows] for part in self._targets]
        )
        (slope,) = torch.autograd.grad(losses.sum(), self._weights)
        self._descend(slope)
        self._step += 1
        self._losses.copy_(losses.detach())

    def _recorded(self) -> Callable[[], None]:
        """A step as one thing for the device to do."""
        here, beside = torch.cuda.current_stream(), _beside()
        with self.undone():
            beside.wait_stream(here)
            with torch.cuda.stream(beside):  # what is made only once, such as room for products, is made before
                self._advance()
            here.wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=beside):
            self._advance()
        return graph.replay

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Steps taken in here have not happened afterwards."""
        changing = [self._weights.detach(), *self._moments, *self._buffers.values(), self._step, self._losses]
        before = [each.clone() for each in changing]
        yield
        for each, was in zip(changing, before, strict=True):
            each.copy_(was)

    def _named(self) -> dict[str, Tensor]:
        """The weights that move by their names, (R, ..)."""
        parts = torch.split(self._weights, [shape.numel() for shape in self._shapes.values()], dim=1)
        shapes = self._shapes.items()
        return {name: part.reshape(len(part), *shape) for (name, shape), part in zip(shapes, parts, strict=True)}

    def _loss(
        self,
        moving: dict[str, Tensor],
        fixed: dict[str, Tensor],
        buffers: dict[str, Tensor],
        images: Tensor,
        targets: Sequence[Tensor],
    ) -> Tensor:
        """The loss of one network; its buffers change as in training."""
        return self._head.loss(functional_call(self._base, {**moving, **fixed, **buffers}, (images,)), targets)

    @torch.no_grad()
    def _descend(self, slope: Tensor) -> None:
        first, second = self._moments
        first.lerp_(slope, 1 - _DECAYS[0])
        second.mul_(_DECAYS[1]).addcmul_(slope, slope, value=1 - _DECAYS[1])
        unbiased = self._unbiased.index_select(1, self._step)
        change = first / unbiased[0] / ((second / unbiased[1]).sqrt_().add_(_EPSILON))
        change.add_(self._weights, alpha=self._decay)
        self._weights.sub_(change.mul_(self._cycles.index_select(1, self._step) * self._rates))

    def look(self, place: int) -> float:
        at = self._stacked_at[place]
        with torch.no_grad():  # what does not move is there already
            for name, weights in (self._named() | self._buffers).items():
                self._states[at][name].copy_(weights[at])
        return self._losses[at].item()

    def keep(self, places: Sequence[int]) -> None:
        """The others are taken out when they are half of the stack: to record its step anew takes time, too."""
        self._stacked_at = [self._stacked_at[place] for place in places]
        if 2 * len(self._stacked_at) > len(self._states):
            return
        chosen = torch.tensor(self._stacked_at, dtype=torch.int64, device=self._weights.device)
        self._states = [self._states[at] for at in self._stacked_at]
        self._weights = self._weights.detach()[chosen].requires_grad_()
        self._moments = [moment[chosen] for moment in self._moments]
        self._fixed, self._buffers = (
            {name: values[chosen] for name, values in part.items()} for part in (self._fixed, self._buffers)
        )
        self._rows, self._cycles, self._losses = self._rows[chosen], self._cycles[chosen], self._losses[chosen]
        self._stacked_at, self._replay = list(range(len(chosen))), None


@lru_cache
def _beside() -> torch.cuda.Stream:
    """The stream on which steps are recorded: one, for each has room of its own for products, which it keeps."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def train_stacked(stack: Stack, validate_on: Examples) -> Iterator[tuple[int, float | Diverged]]:
    """Train all in place, side by side. Each one's place and best score on `validate_on`, or why it has none, as it
    ends.

    Raises torch.OutOfMemoryError where all together are too much for the device.
    """
    return follow(stack, [Course(learner, validate_on, stack.recipe) for learner in stack.learners])


def train(network: Network, train_on: Examples, validate_on: Examples, recipe: Recipe, seed: int) -> float:
    """Train in place; the network ends with the weights that scored best on `validate_on`. Returns that score.

    Raises Diverged, and torch.OutOfMemoryError where a batch is too much for the device.
    """
    learner = Learner(network, train_on, seed)
    steps = _stack_of_one(learner, recipe) or Single(learner, recipe)
    ((_, result),) = follow(steps, [Course(learner, validate_on, recipe)])
    if isinstance(result, Diverged):
        raise result
    return result


def _stack_of_one(learner: Learner, recipe: Recipe) -> Stack | None:
    """Where there is a GPU to record its steps, and that is faster; else None."""
    if device().type == "cpu":
        return None
    try:
        return faster_stack((learner,), recipe)
    except torch.OutOfMemoryError:
        return None


def faster_stack(learners: Sequence[Learner], recipe: Recipe) -> Stack | None:
    """All side by side, if so a step of theirs takes clearly less time on this device than one after another: both are
    timed. None where it does not; also, with a warning, where they cannot be stacked. Raises torch.OutOfMemoryError."""
    most = min(_TRIAL_STEPS, *(recipe.steps(len(learner.train_on)) for learner in learners))
    first = replace(learners[0], network=deepcopy(learners[0].network))
    try:
        stack = Stack(learners, recipe)
        with stack.undone():
            together = _seconds(stack, most)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as reason:
        warnings.warn(f"networks are trained one after another: {reason}", RuntimeWarning, stacklevel=2)
        return None
    return stack if together < _WORTH * len(learners) * _seconds(Single(first, recipe), most) else None


def _seconds(steps: Steps, most: int) -> float:
    """The least time of a step; the first ones take longer."""
    times = []
    for _ in range(most):
        started = time.perf_counter()
        steps.take()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times)
