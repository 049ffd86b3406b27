"""What do runs with one seed have in common, and what is it worth to know it?

Real runs: few-shot transfer from nine pretrained networks with five seeds (medical_natural_transfer_grid.csv), where a
seed chooses the same labels whatever the network. Synthetic runs: five label counts, three pool sizes, three seeds
whose labels are nested; a fit that knows what runs share beside one that takes them for independent. Printed are the
mean width of 90 % intervals of what the pool brings and of the score, and the share that holds the truth.

usage: python benchmarks/shared_noise.py [--data DIR] [--tasks 80]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from budget import Measurements
from budget.fitting.assemble import surfaces
from budget.fitting.cells import Cells, cells
from budget.fitting.noise import NoisePrior, learn

SIZES, POOLS, SEEDS, NOISE = np.array([50, 100, 200, 400, 800]), (0, 2000, 20000), 3, 0.01
Truth = Callable[[float, float], float]


def real(path: Path) -> NoisePrior:
    """What the tasks of the grid have in common; every network is a pool of its own."""
    frame = pd.read_csv(path)
    frame["labels"] = pd.to_numeric(frame["shots_per_class"], errors="coerce")
    frame = frame[(frame["metric"] == "acc") & frame["labels"].notna()].drop_duplicates(
        ["task", "model", "pretrain_data", "labels", "seed"]
    )
    frame["task"] = frame["task"] + " " + frame["model"]
    networks = pd.get_dummies(frame["pretrain_data"].str.strip(), prefix="pool", prefix_sep=":", dtype=int)
    table = pd.concat([frame[["task", "labels", "seed", "score"]].astype({"labels": int}), networks], axis=1)
    return learn(list(cells(Measurements.from_frame(table), None).values()), NoisePrior())


def world(tasks: int, subset: float, network: float) -> tuple[list[Cells], dict[str, Truth]]:
    """Tasks that follow effective data, and their true scores."""
    random, rows, truths = np.random.default_rng(1), [], {}
    for t in range(tasks):
        exponent, floor, scale, worth = random.uniform([0.25, 0.02, 0.4, 4e-4], [0.6, 0.15, 0.8, 2e-3])

        def truth(n: float, p: float, e=exponent, f=floor, s=scale, w=worth) -> float:  # type: ignore[no-untyped-def]
            return float(1 - f - s * ((n + w * p * n**0.3) / 30) ** -e)

        truths[f"t{t}"] = truth
        nested = np.cumsum(random.standard_normal((SEEDS, len(SIZES))) * np.sqrt(np.diff([0, *SIZES])), 1)
        starts = random.standard_normal((SEEDS, len(POOLS)))
        for s, i, j in np.ndindex(SEEDS, len(SIZES), len(POOLS)):
            part = network if POOLS[j] else 0.0
            own = np.sqrt(1 - subset - part) * random.standard_normal()
            off = np.sqrt(subset / SIZES[i]) * nested[s, i] + np.sqrt(part) * starts[s, j] + own
            score = truth(SIZES[i], POOLS[j]) + NOISE * np.sqrt(SIZES[-1] / SIZES[i]) * off
            rows.append((f"t{t}", SIZES[i], POOLS[j], s, score))
    frame = pd.DataFrame(rows, columns=["task", "labels", "pool:general", "seed", "score"])
    return list(cells(Measurements.from_frame(frame), None).values()), truths


def figures(tasks: list[Cells], truths: dict[str, Truth]) -> dict[str, tuple[float, float]]:
    """{what is said: (mean width of the interval, share that holds the truth)}."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for name, surface in surfaces(tasks, 0).items():
        truth, effect = truths[name], surface.effects["general"]
        for said, n in ((effect.few, SIZES[0]), (effect.most, SIZES[-1])):
            true = truth(n, POOLS[-1]) - truth(n, 0)
            found.setdefault(f"pool at {n} labels", []).append((said.high - said.low, said.low <= true <= said.high))
        for n, p in ((SIZES[0], POOLS[-1]), (SIZES[-1], POOLS[-1]), (4 * SIZES[-1], POOLS[-1])):
            low, high = (float(end[0]) for end in surface.interval([n], {"general": p}))
            found.setdefault(f"score at {n}", []).append((high - low, low <= truth(n, p) <= high))
    return {what: (float(np.mean(each, 0)[0]), float(np.mean(each, 0)[1])) for what, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--tasks", type=int, default=80)
    arguments = parser.parse_args()
    path = arguments.data / "medical_natural_transfer_grid.csv"
    if path.is_file():
        prior = real(path)
        print(f"real runs: of a run's variance {prior.subset:.2f} by its labels, {prior.network:.2f} by its network")
    else:
        print(f"skipped: no {path.name} in {arguments.data} (--data DIR)")
    for subset, network in ((0.6, 0.0), (0.3, 0.4), (0.0, 0.0)):
        tasks, truths = world(arguments.tasks, subset, network)
        prior = learn(tasks, NoisePrior())
        print(f"true shares {subset}, {network}: found {prior.subset:.2f}, {prior.network:.2f}")
        alone = [replace(task, by_seed=np.zeros((0, 0))) for task in tasks]
        for name, known in (("told apart", tasks), ("taken as independent", alone)):
            said = ", ".join(f"{what} {w:.4f} / {c:.2f}" for what, (w, c) in figures(known, truths).items())
            print(f"  {name:22s} {said}")


if __name__ == "__main__":
    main()
