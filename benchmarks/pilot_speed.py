"""Runs a minute of the built-in trainer, and what training replicas together would make of its steps, on this device.

python benchmarks/pilot_speed.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from pilots.learning.backbone import as_input, backbone_named
from pilots.learning.training import Network, device
from pilots.trainers import Run
from pilots.trainers.networks import digit_scenes, head_for

BATCH = 16
POOL = (("general", 1000),)


def finished(where: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)


def seconds(step: Callable[[], object], where: torch.device, times: int) -> float:
    """Seconds a step, after two to warm up."""
    for _ in range(2):
        step()
    finished(where)
    started = time.perf_counter()
    for _ in range(times):
        step()
    finished(where)
    return (time.perf_counter() - started) / times


def runs_a_minute(labels: int) -> None:
    """Whole runs one after another, scored and all, with their pretraining done."""
    trainer = digit_scenes()
    print(f"| task | runs a minute, {labels} labels, one after another |\n|---|---:|")
    with tempfile.TemporaryDirectory() as place:
        trainer.pretrain(POOL, 0, Path(place))
        for task in trainer.tasks:
            run = Run(task, labels, 0, POOL)
            trainer.train(run, Path(place))  # reads test and validation
            each = seconds(lambda run=run: trainer.train(run, Path(place)), device(), 2)  # type: ignore[misc]
            print(f"| {task} | {60 / each:.0f} |", flush=True)


def gradients(replicas: int, where: torch.device, times: int) -> tuple[float, float, float]:
    """Seconds for the gradients of so many classifiers, one after another and as one (torch.func.vmap), and the largest
    difference between the two.
    """
    trainer = digit_scenes()
    problem = trainer.problems["classification"]
    seen = problem.source.examples("train", problem.source.items("train")[: BATCH * replicas])
    images = as_input(torch.from_numpy(seen.images).to(where)).reshape(replicas, BATCH, 1, 32, 32)
    classes = torch.from_numpy(seen.classes).to(where).reshape(replicas, BATCH)
    torch.manual_seed(0)
    networks = []
    for _ in range(replicas):
        backbone = backbone_named("medium", 1)
        head = head_for(problem, 0, 32, backbone.channels)
        networks.append(Network(backbone, head).to(where))
    weights, buffers = stack_module_state(networks)
    base = deepcopy(networks[0])

    def loss(weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, classes: Tensor) -> Tensor:
        found = functional_call(base, (weights, buffers), (images,))
        return torch.nn.functional.cross_entropy(found, classes)

    together = vmap(grad_and_value(loss))

    def one_by_one() -> list[dict[str, Tensor]]:
        for network, shown, truth in zip(networks, images, classes, strict=True):
            network.zero_grad()
            torch.nn.functional.cross_entropy(network(shown), truth).backward()  # type: ignore[no-untyped-call]
        return [{name: each.grad for name, each in network.named_parameters()} for network in networks]  # type: ignore[misc]

    alone, at_once = one_by_one(), together(weights, buffers, images, classes)[0]
    apart = max((at_once[name][k] - alone[k][name]).abs().max().item() for k in range(replicas) for name in at_once)
    return (
        seconds(one_by_one, where, times),
        seconds(lambda: together(weights, buffers, images, classes), where, times),
        apart,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--labels", type=int, default=100)
    options.add_argument("--replicas", nargs="+", type=int, default=[4, 16])
    options.add_argument("--times", type=int, default=10)
    given = options.parse_args()
    torch.set_num_threads(1)
    where = device()
    print(f"device: {torch.cuda.get_device_name(where) if where.type == 'cuda' else 'cpu, one thread'}\n")
    runs_a_minute(given.labels)
    print("\n| replicas | ms one after another | ms together | times as fast | largest difference of a gradient |")
    print("|---:|---:|---:|---:|---:|")
    for replicas in given.replicas:
        apart, together, difference = gradients(replicas, where, given.times)
        print(
            f"| {replicas} | {1000 * apart:.1f} | {1000 * together:.1f} | {apart / together:.2f} | {difference:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
