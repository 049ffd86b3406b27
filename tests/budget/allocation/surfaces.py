"""Surfaces whose truth is known, with the face that fitted ones have, for the tests of planning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from budget.fitting.surface import Trust
from budget.plan import Score

Array = NDArray[np.float64]
DRAWS = 50


@dataclass(frozen=True)
class Known:
    """error = floor + scale * effective ** -exponent, effective = shift + n + sum_p gain_p * n ** close * P_p ** power.

    With `take_off` labels (an S-shape) the score rises slowly at first: n is replaced by n ** 2 / (n + take_off).
    """

    task: str = "a"
    floor_error: float = 0.05
    scale: float = 0.9
    exponent_value: float = 0.4
    shift: float = 10.0
    gains: Mapping[str, float] = field(default_factory=dict)
    power: float = 0.5
    close: float = 0.3
    take_off: float = 0.0
    spread: float = 0.1
    seed: int = 0
    best: float = 1.0
    worst: float = 0.0
    most_labels: int = 1000
    direction: str = "maximize"
    laws: Mapping[str, float] = field(default_factory=lambda: {"known": 1.0})
    exponent: Score | None = None
    floor: Score | None = None
    noise: float = 0.01
    trust: Trust = Trust()  # noqa: RUF009
    fades_at: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def pools(self) -> tuple[str, ...]:
        return tuple(self.gains)

    @property
    def most_pools(self) -> Mapping[str, int]:
        return dict.fromkeys(self.gains, 10_000)

    def _relative(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None) -> Array:
        n = np.atleast_1d(np.asarray(labels, float))
        if self.take_off:
            n = n**2 / (n + self.take_off)
        effective = n + self.shift
        for name, gain in self.gains.items():
            effective = (
                effective + gain * (n + 1) ** self.close * np.asarray((pools or {}).get(name, 0.0)) ** self.power
            )
        return (effective / self.shift) ** -self.exponent_value

    def _factors(self) -> Array:
        noise = np.random.default_rng(self.seed).standard_normal(DRAWS)
        return 1 + self.spread * (noise - noise.mean())

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        error = self.floor_error + self.scale * self._relative(labels, pools)
        return self.best + error * (self.worst - self.best)

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        error = self.floor_error + self.scale * self._factors()[:, None] * self._relative(labels, pools)
        return self.best + error * (self.worst - self.best)

    def scatter(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, repeats: ArrayLike = 1) -> Array:
        growth = np.maximum(np.asarray(labels, float), 1.0) / self.most_labels
        return np.asarray(self.noise / np.sqrt(growth * np.asarray(repeats, float)))

    def interval(
        self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, level: float = 0.9
    ) -> tuple[Array, Array]:
        low, high = np.quantile(self.draws(labels, pools), [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def measured(surfaces: Mapping[str, Known]):  # type: ignore[no-untyped-def]
    """A table of pilots that fits the surfaces: only there to be passed on."""
    import pandas as pd

    from budget.measurements import Measurements

    pools = sorted({pool for s in surfaces.values() for pool in s.gains})
    rows = [
        (name, n, 0, float(s.expected([n])[0]), *(0 for _ in pools))
        for name, s in surfaces.items()
        for n in (100, 1000)
    ]
    return Measurements.from_frame(
        pd.DataFrame(rows, columns=["task", "labels", "seed", "score", *(f"pool:{p}" for p in pools)])
    )
