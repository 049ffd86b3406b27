"""The order of the pilots: whenever it stops, the corners are there first and nothing is asked twice."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget import Brief
from budget.errors import InvalidInput
from pilots.design import comparison, for_brief, grid, sizes

LABELS = {"cars": (50, 100, 200, 400, 800), "lanes": (10, 40, 160)}
POOLS = {"general": (0, 1000, 4000)}


def test_the_first_runs_of_every_task_are_its_four_corners():
    first = grid(LABELS, POOLS)[: 4 * len(LABELS)]
    for task, labels in LABELS.items():
        corners = {(run.labels, run.pools) for run in first if run.task == task}
        assert corners == {(n, p) for n in (min(labels), max(labels)) for p in ((), (("general", 4000),))}


def test_the_first_half_of_the_runs_takes_less_than_half_of_the_labels():
    runs = [run.labels for run in grid({"cars": LABELS["cars"]}, {}, seeds=2, small_seeds=2)]
    assert sum(runs[: len(runs) // 2]) < 0.4 * sum(runs)


def test_every_cell_is_repeated_and_small_ones_more_often():
    runs = [run for run in grid(LABELS, POOLS, seeds=2, small_seeds=3) if run.task == "cars" and not run.pools]
    repeats = {n: sum(run.labels == n for run in runs) for n in LABELS["cars"]}
    assert repeats == {50: 3, 100: 3, 200: 2, 400: 2, 800: 2}


def test_several_pools_are_varied_alone_and_once_together():
    levels = {run.pools for run in grid({"cars": (10, 20)}, {"web": (0, 5), "aligned": (7,), "nothing": (0,)})}
    assert levels == {(), (("web", 5),), (("aligned", 7),), (("aligned", 7), ("web", 5))}


def test_without_pools_only_labels_vary():
    assert {run.pools for run in grid(LABELS, {})} == {()}


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 1000), min_size=1, max_size=6), min_size=1),
    st.dictionaries(st.sampled_from("xyz"), st.lists(st.integers(0, 1000), max_size=4)),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_no_run_is_asked_twice_and_the_order_of_the_input_does_not_matter(labels, pools, seeds, small_seeds):
    runs = grid(labels, pools, seeds, small_seeds)
    assert len(set(runs)) == len(runs)
    turned = {task: tuple(reversed(labels[task])) for task in reversed(labels)}
    assert grid(turned, dict(reversed(pools.items())), seeds, small_seeds) == runs
    asked = {(run.task, run.labels) for run in runs if not run.pools}
    assert asked == {(task, size) for task in labels for size in labels[task]}


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 12))
def test_sizes_rise_from_the_smallest_to_the_largest(one, other, count):
    smallest, largest = sorted((one, other))
    found = sizes(smallest, largest, count)
    assert found[-1] == largest
    assert found[0] == (largest if count == 1 else smallest)
    assert len(found) <= count
    assert list(found) == sorted(set(found))


@pytest.mark.parametrize("arguments", [(0, 5, 2), (5, 4, 2), (1, 5, 0)])
def test_sizes_that_cannot_be_are_refused(arguments):
    with pytest.raises(ValueError, match="smallest"):
        sizes(*arguments)


class Knows:
    tasks = ("cars", "lanes")
    pools = ("general",)


def brief(tasks, pools=None):
    lines = {name: {"label_cost": 0.1, "owned": owned} for name, owned in tasks.items()}
    shared = {name: {"label_cost": 0.1, "owned": owned} for name, owned in (pools or {}).items()}
    return Brief.from_dict({"budget": 100, "tasks": lines, "pools": shared})


def test_a_brief_is_measured_up_to_what_it_owns_and_no_further():
    runs = for_brief(brief({"cars": 800, "lanes": 20}, {"general": 4001}), Knows())
    largest = {task: max(run.labels for run in runs if run.task == task) for task in Knows.tasks}
    assert largest == {"cars": 800, "lanes": 20}
    assert {run.pools for run in runs} == {(), (("general", 1000),), (("general", 4001),)}


@pytest.mark.parametrize(("owned", "smallest", "count"), [(1, 1, 1), (16, 1, 5), (800, 50, 5), (10**6, 50, 7)])
def test_a_brief_is_measured_over_a_wide_range_in_few_sizes(owned, smallest, count):
    found = sorted({run.labels for run in for_brief(brief({"cars": owned}), Knows())})
    assert (found[0], found[-1], len(found)) == (smallest, owned, count)


def test_everything_that_cannot_be_measured_is_said_at_once():
    with pytest.raises(InvalidInput) as error:
        for_brief(brief({"cars": 0, "boats": 50}, {"web": 10}), Knows())
    assert [fault.path for fault in error.value.faults] == ["tasks.cars", "tasks.boats", "pools.web"]


def test_another_network_is_compared_at_the_corners_on_each_pool_s_two_largest_sizes():
    labels = {"cars": (50, 100, 800), "lanes": (9, 20)}
    runs = grid(labels, {"general": (1000, 4000), "web": (300,)}, seeds=2, small_seeds=3)
    found = comparison(runs, "large")
    assert {run.backbone for run in found} == {"large"}
    assert {(run.task, run.labels) for run in found} == {("cars", 50), ("cars", 800), ("lanes", 9), ("lanes", 20)}
    assert {run.pools for run in found} == {(), (("web", 300),), (("general", 1000),), (("general", 4000),)}
    assert {replace(run, backbone="") for run in found} <= set(runs)
    assert comparison(grid(labels, {}), "large") == ()
