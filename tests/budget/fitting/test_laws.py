"""Every law: falls with labels and pool labels, legal at none, and what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.fitting.laws import LAWS, Law

GRID = np.concatenate([[0.0], np.geomspace(1e-4, 100, 80)])


def typical(law: Law, latent: float = 0.0, pools: int = 2) -> np.ndarray:
    """Shape parameters (p,) so many prior deviations off their prior means."""
    count = pools if law.joint else 0
    return np.array([p.natural(np.array(p.mean + latent * p.deviation)) for p in law.parameters(count)], float)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@given(latent=st.floats(-2, 2), labels=st.sampled_from([0.0, 0.01, 1.0, 30.0]))
def test_a_law_is_finite_and_never_rises_with_labels_or_pools(law: Law, latent: float, labels: float) -> None:
    theta = typical(law, latent)
    some = np.full((len(GRID), 2), 0.5)
    along_labels = law.shape(theta, GRID, some)
    assert np.isfinite(along_labels).all()
    assert (np.diff(along_labels) <= 1e-12 * np.abs(along_labels[:-1])).all()
    if law.joint:
        pools = np.stack([GRID, np.zeros(len(GRID))], 1)
        along_pool = law.shape(theta, np.full(len(GRID), labels), pools)
        assert np.isfinite(along_pool).all()
        assert (np.diff(along_pool) <= 1e-12 * np.abs(along_pool[:-1])).all()


@pytest.mark.parametrize("law", [law for law in LAWS.values() if law.joint], ids=lambda law: law.name)
def test_pools_are_exchangeable(law: Law) -> None:
    theta = typical(law)
    one, other = np.array([[0.3, 0.7]]), np.array([[0.7, 0.3]])
    assert law.shape(theta, np.ones(1), one) == pytest.approx(law.shape(theta, np.ones(1), other))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_law_names_its_formula_source_and_curvature(law: Law) -> None:
    assert "E" in law.formula
    assert "convex" in law.curvature
    assert law.weight >= 0


@pytest.mark.parametrize("name", ["pow4", "no further gain", "multiplicative", "additive"])
def test_a_law_that_says_so_is_convex_in_labels(name: str) -> None:
    law = LAWS[name]
    even = np.linspace(0.001, 20, 500)
    for latent in (-1.0, 0.0, 1.0):
        shape = law.shape(typical(law, latent), even, np.full((500, 2), 0.5))
        assert (np.diff(shape, 2) >= -1e-9 * shape[0]).all()
