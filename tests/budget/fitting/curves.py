"""Synthetic pilots with known truths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from budget import Measurements

Truth = Callable[[float, Mapping[str, float]], float]


def power(exponent: float = 0.5, floor: float = 0.1, scale: float = 2.0) -> Truth:
    """1 - (E + B n^-b)."""
    return lambda n, _: 1 - floor - scale * max(n, 1.0) ** -exponent


def pooled(n: float, pools: Mapping[str, float]) -> float:
    """Effective data: pool labels are worth task labels, the less the more of these there are."""
    worth = n + 20 * n**0.3 * pools.get("general", 0.0) ** 0.3 + 1
    return 1 - 0.1 - 1.5 * worth**-0.35


def rows(
    task: str,
    truth: Truth,
    labels: Sequence[int],
    pools: Sequence[Mapping[str, int]] = ({},),
    seeds: int = 3,
    noise: float = 0.02,
    seed: int = 0,
) -> pd.DataFrame:
    """Runs whose scatter falls with the root of the labels; `noise` at the largest pilot."""
    random = np.random.default_rng(seed)
    found = []
    for n in labels:
        for mix in pools:
            for repeat in range(seeds):
                scatter = noise * np.sqrt(
                    max(labels) / max(n, min(x for x in labels if x > 0 or len(labels) == 1) or 1)
                )
                score = truth(n, mix) + scatter * random.standard_normal()
                found.append({"task": task, "labels": n, "seed": repeat, "score": score}
                             | {f"pool:{name}": count for name, count in mix.items()})  # fmt: skip
    return pd.DataFrame(found)


def measured(*frames: pd.DataFrame) -> Measurements:
    """All these runs as one table; a pool that a frame does not name has no labels there."""
    every = pd.concat(frames, ignore_index=True)
    pools = [c for c in every.columns if c.startswith("pool:")]
    every[pools] = every[pools].fillna(0).astype(int)
    return Measurements.from_frame(every)
