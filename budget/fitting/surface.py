"""Surface: what a fitted task answers. The one face that allocation and the page see of everything in fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from budget.errors import Fault, InvalidInput
from budget.fitting.cells import Scale
from budget.fitting.draws import Draws
from budget.fitting.noise import magnitude
from budget.fitting.pool_effect import PoolEffect
from budget.fitting.strategies import Strategy
from budget.fitting.together import Together
from budget.fitting.trust import Trust
from budget.messages import nearest, shown
from budget.plan import Score

Array = NDArray[np.float64]
ROUNDING = 1e-6  # labels


@dataclass(frozen=True)
class Surface:
    """The answer for one task. labels: (k,); pools: {name: one number or (k,)}, a pool that is not named has 0 labels;
    InvalidInput names one that neither measurements nor brief know.

    `draws` are S equally likely truths and `interval` their quantiles. `expected` is the mean over the central half of
    the laws that fit (an interquartile mean): what comes short of a surprise, led towards the measured cells. It never
    falls with labels or pools, and beyond the largest pilot it is concave in labels wherever the laws are.
    """

    task: str
    scale: Scale
    pools: tuple[str, ...]
    most_labels: int
    most_pools: Mapping[str, int]
    truths: Draws
    varied: tuple[str, ...]
    unit_labels: float
    unit_pools: tuple[float, ...]
    laws: Mapping[str, float] = field(default_factory=dict)
    exponent: Score | None = None
    floor: Score | None = None
    noise: float = 0.0
    noise_fall: float = 1.0  # power of labels by which the variance of a run falls
    trust: Trust = field(default_factory=Trust)
    effects: Mapping[str, PoolEffect] = field(default_factory=dict)
    strategies: Mapping[str, Strategy] = field(default_factory=dict)

    @property
    def fades_at(self) -> dict[str, float | None]:
        """Per varied pool the labels beyond which it is not told from nothing, or brings less than a point (None:
        nowhere near the pilots)."""
        return {name: effect.fades_at for name, effect in self.effects.items()}

    @property
    def best(self) -> float:
        return self.scale.best

    @property
    def worst(self) -> float:
        return self.scale.worst

    @property
    def direction(self) -> str:
        return self.scale.direction

    def expected(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(k,) expected score, in the task's own unit."""
        return self.scale.score(self.truths.expected(*self._points(labels, pools)))

    @staticmethod
    def together(surfaces: Sequence[Surface]) -> Together:
        """Several of them, to be asked at once."""
        return Together(surfaces)

    def draws(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(S, k): draw s is one possible truth, the same one at every point."""
        return self.scale.score(self.truths.errors(*self._points(labels, pools)))

    def interval(
        self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, level: float = 0.9
    ) -> tuple[Array, Array]:
        """(low, high), each (k,): where the score, averaged over seeds, lies with probability `level`, what is expected
        included."""
        if not 0 < level < 1:
            raise ValueError(f"level {level:g}: a probability between 0 and 1 is wanted, such as 0.9")
        expected, draws = (self.scale.score(part) for part in self.truths.forecast(*self._points(labels, pools)))
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return np.minimum(low, expected), np.maximum(high, expected)

    def slope(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None) -> Array:
        """(k,) rise of the expected score for one more label."""
        n = np.atleast_1d(np.asarray(labels, float))
        step = 1e-4 * np.maximum(n, 1.0)
        below = np.maximum(n - step, 0.0)
        rise = self.expected(n + step, pools) - self.expected(below, pools)
        return np.asarray(rise / (n + step - below))

    def scatter(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None = None, repeats: ArrayLike = 1) -> Array:
        """(k,) standard deviation of the mean score of `repeats` more runs around the truth, in the task's own unit:
        the seeds, which repeats average out, and the test items, which they do not."""
        n = np.atleast_1d(np.asarray(labels, float))
        growth = np.maximum(n / self.most_labels, 1e-3) ** self.noise_fall if self.most_labels else np.ones_like(n)
        error = self.scale.error(self.expected(n, pools))
        items = self.truths.sampling * magnitude(error) * (self.best - self.worst) ** 2
        return np.asarray(np.sqrt(self.noise**2 / growth / np.asarray(repeats, float) + items))

    def _points(self, labels: ArrayLike, pools: Mapping[str, ArrayLike] | None) -> tuple[Array, Array]:
        """Labels (k,) and the varied pools' labels (k, J) in units of the largest pilot. Raises ValueError where
        one is no number of labels."""
        n = np.atleast_1d(np.asarray(labels, float))
        given = pools or {}
        for name in given.keys() - set(self.pools):
            if np.any(given[name]):
                allowed = f"of {', '.join(self.pools) or 'none'}: pools of the measurements or of the brief of this fit"
                raise InvalidInput((Fault(self.task, "pools", shown(name), allowed, nearest(name, self.pools)),))
        columns = [np.broadcast_to(np.asarray(given.get(name, 0.0), float), n.shape) for name in self.varied]
        pool = np.stack(columns, -1) if columns else np.zeros((len(n), 0))
        if not ((n > -ROUNDING).all() and (pool > -ROUNDING).all()):
            raise ValueError("labels and pool labels are numbers from 0")
        return n / self.unit_labels, pool / np.asarray(self.unit_pools)
