"""Every law: falls with labels and pool labels, legal at none, and what it says of itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.fitting.laws import LAWS, Law
from budget.fitting.laws.base import RANGE

GRID = np.concatenate([[0.0], np.geomspace(1e-4, 100, 80)])
EACH = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
JOINT = pytest.mark.parametrize("law", [law for law in LAWS.values() if law.joint], ids=lambda law: law.name)
LATENT = st.floats(-RANGE, RANGE)


def natural(law: Law, latent: np.ndarray, pools: int = 2) -> np.ndarray:
    """Shape parameters (p,) so many prior deviations (p,) off their prior means."""
    parameters = law.parameters(pools if law.joint else 0)
    return np.array([p.natural(np.array(p.mean + z * p.deviation)) for p, z in zip(parameters, latent, strict=True)])


def typical(law: Law, latent: float = 0.0, pools: int = 2) -> np.ndarray:
    return natural(law, np.full(len(law.parameters(pools if law.joint else 0)), latent), pools)


@st.composite
def parameters(draw: st.DrawFn, law: Law) -> np.ndarray:
    """Shape parameters within the bounds of least squares, for two pools."""
    count = len(law.parameters(2 if law.joint else 0))
    return natural(law, np.array(draw(st.lists(LATENT, min_size=count, max_size=count))))


@EACH
@given(data=st.data(), labels=st.sampled_from([0.0, 0.01, 1.0, 30.0]))
def test_a_law_is_finite_and_never_rises_with_labels_or_pools(law: Law, data: st.DataObject, labels: float) -> None:
    theta = data.draw(parameters(law))
    some = np.full((len(GRID), 2), 0.5)
    along_labels = law.shape(theta, GRID, some)
    assert np.isfinite(along_labels).all()
    assert (np.diff(along_labels) <= 1e-12 * np.abs(along_labels[:-1])).all()
    if law.joint:
        pools = np.stack([GRID, np.zeros(len(GRID))], 1)
        along_pool = law.shape(theta, np.full(len(GRID), labels), pools)
        assert np.isfinite(along_pool).all()
        assert (np.diff(along_pool) <= 1e-12 * np.abs(along_pool[:-1])).all()


@EACH
@given(data=st.data())
def test_a_law_is_the_one_inside_it_up_to_the_largest_pilot(law: Law, data: st.DataObject) -> None:
    if law.inside is not None:
        theta, labels = data.draw(parameters(law)), np.repeat(GRID[GRID <= 1], 3)
        pools = np.tile([[0.0, 0.0], [0.3, 1.0], [1.0, 0.001]], (len(labels) // 3, 1))
        assert law.parameters(2) == law.inside.parameters(2)
        assert law.floor == law.inside.floor
        np.testing.assert_array_equal(law.shape(theta, labels, pools), law.inside.shape(theta, labels, pools))


@JOINT
def test_pools_are_exchangeable(law: Law) -> None:
    theta = typical(law)
    one, other = np.array([[0.3, 0.7]]), np.array([[0.7, 0.3]])
    assert law.shape(theta, np.ones(1), one) == pytest.approx(law.shape(theta, np.ones(1), other))


@EACH
def test_a_law_names_its_formula_source_curvature_and_the_source_and_unit_of_every_parameter(law: Law) -> None:
    assert "E" in law.formula
    assert "convex" in law.curvature
    assert law.source
    assert law.weight >= 0
    for parameter in law.parameters(1):
        assert parameter.meaning
        assert parameter.source
        assert parameter.unit in ("largest pilot", "none")


@EACH
@given(data=st.data())
def test_derivatives_are_those_that_differences_show(law: Law, data: st.DataObject) -> None:
    count = len(law.parameters(2 if law.joint else 0))
    latent = np.array(data.draw(st.lists(st.floats(-1.5, 1.5), min_size=count, max_size=count)))
    labels = np.array([0.0, 0.001, 0.03, 0.4, 1.0, 7.0])
    pools = np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 1.0], [0.5, 0.1], [1.0, 1.0], [3.0, 9.0]])
    value, slopes = law.derivatives(natural(law, latent), labels, pools)
    np.testing.assert_allclose(value, law.shape(natural(law, latent), labels, pools), rtol=1e-13)
    for i, parameter in enumerate(law.parameters(2 if law.joint else 0)):
        step = np.zeros(count)
        step[i] = 1e-4 / parameter.deviation
        above, below = (law.shape(natural(law, latent + side * step), labels, pools) for side in (1, -1))
        size = np.abs(value) + np.abs(above - value) / 1e-4
        assert (np.abs((above - below) / 2e-4 - slopes[i]) <= 1e-4 * size + 1e-12).all(), parameter.name


@EACH
@given(data=st.data())
def test_a_law_is_convex_in_labels_from_where_it_says(law: Law, data: st.DataObject) -> None:
    theta = data.draw(parameters(law))
    start = law.convex(theta).labels_from
    if start < 1e6:
        along = np.linspace(start * (1 + 1e-6), max(10.0, 10 * start), 400)
        for pools in (np.zeros(2), np.array([0.2, 1.0])):
            shape = law.shape(theta, along, np.tile(pools, (400, 1)))
            assert (np.diff(shape, 2) >= -1e-9 * shape[0] - 1e-15).all()


@pytest.mark.parametrize("name", ["mmf4", "take-off", "wbl4", "m4"])
def test_a_take_off_is_where_the_law_turns(name: str) -> None:
    law = LAWS[name]
    theta = typical(law)
    theta[0] = 3.0
    start = law.convex(theta).labels_from
    bend = np.diff(law.shape(theta, np.linspace(0.5 * start, 1.5 * start, 201), np.zeros((201, 0))), 2)
    assert (bend[:98] < 0).all()
    assert (bend[101:] > 0).all()


@JOINT
@given(data=st.data(), labels=st.sampled_from([0.01, 1.0, 30.0]))
def test_a_law_is_convex_in_pools_and_jointly_where_it_says(law: Law, data: st.DataObject, labels: float) -> None:
    theta = data.draw(parameters(law))
    said, along = law.convex(theta), np.linspace(1e-3, 5.0, 300)
    if said.pools:
        shape = law.shape(theta, np.full(300, labels), np.stack([along, np.full(300, 0.4)], 1))
        assert (np.diff(shape, 2) >= -1e-9 * shape[0] - 1e-15).all()
    if said.jointly:
        ends = np.array(data.draw(st.lists(st.floats(0.001, 8.0), min_size=6, max_size=6))).reshape(2, 3)
        points = ends[0] + np.linspace(0, 1, 101)[:, None] * (ends[1] - ends[0])
        shape = law.shape(theta, points[:, 0], points[:, 1:])
        assert (np.diff(shape, 2) >= -1e-9 * shape.max() - 1e-15).all()


@JOINT
def test_what_is_convex_jointly_is_convex_along_every_axis(law: Law) -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        said = law.convex(natural(law, random.uniform(-RANGE, RANGE, len(law.parameters(2)))))
        assert not said.jointly or (said.pools and said.labels_from == 0)


def test_m4_is_mmf4_where_chance_is_held_as_long_as_the_floor_is_neared() -> None:
    for b, d in pairwise([0.3, 2.0, 0.05, 9.0, 0.8]):
        m4 = LAWS["m4"].shape(np.array([b, d, 1.0]), GRID, np.zeros((81, 0)))
        np.testing.assert_allclose(m4, LAWS["mmf4"].shape(np.array([b, d]), GRID, np.zeros((81, 0))), rtol=1e-12)


@given(b=LATENT, d=LATENT, a=LATENT)
def test_m4_solves_its_equation(b: float, d: float, a: float) -> None:
    theta = natural(LAWS["m4"], np.array([b, d, a]))
    share = LAWS["m4"].shape(theta, GRID, np.zeros((81, 0)))
    some = (share > 1e-200) & (share < 1 - 1e-6)
    found = np.log(share[some]) - theta[2] * np.log1p(-share[some])
    np.testing.assert_allclose(found, -theta[0] * np.log((GRID[some] + 1e-9) / theta[1]), rtol=1e-7, atol=1e-7)
