"""Forecasts against published facts and against truths from laws that are not in the ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from budget import Brief, Measurements, fit
from budget.fitting.surface import Surface
from tests.budget.fitting.curves import measured, rows

FIXTURES = Path(__file__).parents[2] / "fixtures"
IMAGENET = 1_281_167


def boxes() -> tuple[Surface, pd.DataFrame]:
    """He, Girshick, Dollar 2019."""
    table = pd.read_csv(FIXTURES / "he2019_coco.csv", comment="#")
    long = pd.concat(
        [
            pd.DataFrame(
                {"task": "boxes", "labels": table.images, "seed": 0, "score": table[name], "pool:imagenet": pool}
            )
            for name, pool in (("pretrained", IMAGENET), ("scratch", 0))
        ]
    )
    metric = {"name": "AP", "best": 100, "worst": 0}
    tasks = {"boxes": {"label_cost": 1, "metric": metric}}
    brief = Brief.from_dict({"budget": 1, "pools": {"imagenet": {"label_cost": 1}}, "tasks": tasks})
    return fit(Measurements.from_frame(long), brief)["boxes"], table


def test_pretraining_helps_detection_at_1000_images_and_no_longer_at_35000() -> None:
    surface, _ = boxes()
    sizes = np.array([1000.0, 3500.0, 10000.0, 35000.0, 140000.0])
    gain = surface.expected(sizes, {"imagenet": IMAGENET}) - surface.expected(sizes, {"imagenet": 0})
    assert (gain[:2] > 3).all()
    assert (gain[2:] < 1).all()
    assert (np.diff(gain[1:]) <= 0).all()
    draws = surface.draws(sizes, {"imagenet": IMAGENET}) - surface.draws(sizes, {"imagenet": 0})
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert low[0] > 0
    assert low[3] < 0 < high[3] < 3
    effect = surface.effects["imagenet"]
    assert effect.few.low > 0
    assert effect.most.low < 0 < effect.most.high
    fades = surface.fades_at["imagenet"]
    assert fades is not None
    assert 3500 < fades < 12000


def test_what_is_expected_goes_near_the_measured_cells() -> None:
    """He, Girshick, Dollar 2019: within 3 points of AP of every cell, though no law describes them."""
    surface, table = boxes()
    for name, pool in (("pretrained", IMAGENET), ("scratch", 0)):
        off = surface.expected(table.images, {"imagenet": pool}) - table[name]
        assert np.abs(off).max() < 3


def test_intervals_cover_truths_from_laws_outside_the_ensemble() -> None:
    """Sums of two power laws, logarithmic growth, exponentials with a power tail: 90 % intervals at 4 times the
    pilot."""
    random = np.random.default_rng(0)
    sizes, frames, truths = (60, 120, 240, 480, 960, 1920), [], {}
    for i in range(90):
        a, b = random.uniform(0.1, 0.9, 2)
        floor, scale = random.uniform(0, 0.3), random.uniform(0.2, 0.5)
        kind = i % 3

        def truth(n: float, _: object, a=a, b=b, floor=floor, scale=scale, kind=kind) -> float:
            x = n / 60
            if kind == 0:
                return float(1 - floor - scale * (x**-a + x**-b) / 2)
            if kind == 1:
                return float(1 - floor - scale * (1 - 0.12 * a * np.log(x)))
            return float(1 - floor - scale * (np.exp(-x / 20) + x**-b) / 2)

        frames.append(rows(f"t{i}", truth, sizes, noise=random.uniform(0.001, 0.01), seed=i))
        truths[f"t{i}"] = truth(7680, {})
    fitted = fit(measured(*frames))
    inside = []
    for task, value in truths.items():
        low, high = fitted[task].interval([7680])
        inside.append(low[0] <= value <= high[0])
    assert np.mean(inside) >= 0.85
