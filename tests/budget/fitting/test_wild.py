"""Whatever was measured, the fit answers with numbers that hang together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import Measurements, fit
from budget.fitting.surface import Surface

GRID = np.concatenate([[0.0], np.geomspace(1, 1e8, 50)])
POOLS = ("pool:web", "pool:old")

# Right or wrong by chance, one pool from 1 to 9,088 labels, task labels over three orders of magnitude: in some laws'
# shapes at the fewest labels, over those at the most, there are no numbers for squares that large.
LABELS = [26] * 5 + [357] * 5 + [1995] * 3 + [22356] * 4 + [32440] * 5
WEB = [1, 79, 79, 9088, 9088, 1, 1, 79, 9088, 9088, 1, 79, 9088, 1, 79, 9088, 9088, 1, 1, 79, 9088, 9088]
SCORES = [0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1]


def hangs_together(surface: Surface, mixes: list[dict[str, int]]) -> None:
    """Numbers everywhere, what is expected within its range, no less of it for more labels."""
    for mix in mixes:
        expected, (low, high), draws = (each(GRID, mix) for each in (surface.expected, surface.interval, surface.draws))
        for part in (expected, low, high, draws):
            assert np.isfinite(part).all()
        assert (low <= expected).all()
        assert (expected <= high).all()
        assert (np.diff(expected) >= -1e-9).all()
    for effect in surface.effects.values():
        assert np.isfinite([effect.few.low, effect.few.high, effect.most.low, effect.most.high]).all()


def test_a_shape_beyond_all_numbers_ends_no_fit() -> None:
    table = pd.DataFrame({"task": "a", "labels": LABELS, "pool:web": WEB, "seed": range(22), "score": SCORES})
    hangs_together(fit(Measurements.from_frame(table))["a"], [{"web": labels} for labels in (1, 79, 9088)])


def test_a_shape_that_overflows_ends_no_fit() -> None:
    table = pd.DataFrame(
        {
            "task": "a",
            "labels": [1000, 10000, 10, 10, 133, 133, 133, 0],
            "pool:web": [0, 0, 1, 0, 1, 1, 10000, 1],
            "seed": [0, 0, 0, 1, 0, 1, 0, 0],
            "score": [1.1057304950031148, 0.0, -1.2921281278525063, -1.0, 2.0, 2.0, 1.4768001731987592, -1.0],
        }
    )
    hangs_together(fit(Measurements.from_frame(table))["a"], [{"web": labels} for labels in (0, 1, 10000)])


def orders(most: float) -> st.SearchStrategy[int]:
    """Whole numbers over all orders of magnitude."""
    return st.floats(0, most).map(lambda power: round(10**power))


@st.composite
def wild(draw: st.DrawFn) -> pd.DataFrame:
    """Up to two pools, none or up to 10^12 labels of each; labels over 6 orders of magnitude; scores at the bounds,
    beyond them, all alike or anywhere."""
    pools = POOLS[: draw(st.integers(0, 2))]
    bought = st.tuples(*(st.one_of(st.just(0), st.just(1), orders(12)) for _ in pools))
    mixes = draw(st.lists(bought, min_size=1, max_size=3, unique=True))
    labels = draw(st.lists(st.one_of(st.just(0), orders(6)), min_size=2, max_size=7, unique=True))
    kinds = [st.sampled_from([0.0, 1.0]), st.floats(0, 1), st.floats(-10, 10), st.just(draw(st.floats(0, 1)))]
    score, seeds = draw(st.sampled_from(kinds)), draw(st.integers(1, 3))
    return pd.DataFrame(
        [
            {"task": "a", "labels": n, "seed": seed, "score": draw(score), **dict(zip(pools, mix, strict=True))}
            for n in labels
            for mix in mixes
            for seed in range(seeds)
        ]
    )


@settings(max_examples=60)
@given(wild())
def test_no_table_breaks_the_fit(table: pd.DataFrame) -> None:
    pools = [name for name in POOLS if name in table]
    mixes = [
        {name.removeprefix("pool:"): int(count) for name, count in zip(pools, mix, strict=True)}
        for mix in table[pools].drop_duplicates().to_numpy()
    ]
    hangs_together(fit(Measurements.from_frame(table))["a"], [*mixes, {}])
