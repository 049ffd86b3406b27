"""What a design will take: minutes from the runs so far, money from the brief."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget import Brief
from pilots.config import setup
from pilots.estimate import minutes, money, within
from pilots.store import Row, Store
from pilots.trainers import Outcome, Run

POOL = (("general", 1000),)


def row(task, labels, seconds, score=0.5):
    return Row(Run(task, labels, 0), Outcome(score, 100, seconds, "cpu"), "", "")


def test_without_runs_so_far_nothing_is_claimed():
    assert minutes([Run("cars", 50, 0)], [], {}, 2) is None
    assert minutes([Run("cars", 50, 0)], [row("cars", 50, 0.0, None)], {}, 2) is None


@given(st.floats(0, 100), st.floats(0, 1), st.lists(st.integers(1, 1000), min_size=2, unique=True))
def test_costs_that_rise_in_a_line_with_the_labels_are_predicted(constant, slope, sizes):
    rows = [row("cars", labels, constant + slope * labels + 0.001) for labels in sizes]
    expected = sum(constant + slope * labels + 0.001 for labels in (10, 5000)) / 60
    assert minutes([Run("cars", 10, 0), Run("cars", 5000, 0)], rows, {}, 1) == pytest.approx(expected, abs=0.06)


def test_a_pretraining_counts_once_in_proportion_to_its_labels_and_not_if_it_is_there():
    runs = [Run("cars", 50, seed, POOL) for seed in (0, 1)] + [Run("cars", 100, 1, POOL)]
    rows = [row("cars", 50, 60.0)]
    assert minutes(runs, rows, {(POOL, 0): 120.0}, 1) == 3 + 2


def test_another_task_is_judged_by_all_that_ran():
    assert minutes([Run("lanes", 50, 0)], [row("cars", 50, 60.0), row("boats", 50, 180.0)], {}, 1) == 2


def test_only_labels_beyond_those_owned_cost_money():
    line = {"label_cost": 0.5, "owned": 100}
    brief = Brief.from_dict({"budget": 9, "tasks": {"cars": line, "lanes": line}, "pools": {"general": line}})
    runs = [Run("cars", 300, 0), Run("cars", 300, 1), Run("lanes", 100, 0, (("general", 110),))]
    assert money(brief, runs) == 0.5 * 200 + 0.5 * 10


@given(st.lists(st.tuples(st.sampled_from(["cars", "lanes"]), st.integers(1, 300)), unique=True), st.floats(0, 200))
def test_a_limit_of_money_keeps_what_it_pays_for_and_all_that_costs_nothing(sizes, most):
    line = {"label_cost": 0.5, "owned": 100}
    brief = Brief.from_dict({"budget": 9, "tasks": {"cars": line, "lanes": line}})
    runs = [Run(task, labels, 0) for task, labels in sizes]
    kept = within(brief, runs, most)
    assert money(brief, kept) <= most
    assert {run for run in runs if run.labels <= 100} <= set(kept)
    assert all(money(brief, [*kept, run]) > most for run in runs if run not in kept)


def test_the_store_keeps_how_long_pretraining_took(tmp_path):
    with Store.open(tmp_path / "pilots.sqlite") as store:
        store.record_pretraining("recipe", POOL, 1, 9.5)
        store.record_pretraining("recipe", POOL, 1, 0.1)
        assert store.pretrainings("recipe") == {(POOL, 1): 9.5}
        assert store.pretrainings("another") == {}


def test_a_subgroup_is_run_on_its_tasks_sizes_and_its_labels_are_paid_once():
    tasks = {"cars": {"label_cost": 0.5, "owned": 100}, "at night": {"measured_on": "cars"}}
    trainer = {"command": "python train.py --task {task} --labels {labels} --seed {seed}"}
    pilots = {"trainer": trainer, "labels": {"cars": [50, 120]}, "seeds": 1, "small_seeds": 1}
    brief = Brief.from_dict({"budget": 9, "tasks": tasks, "pilots": pilots})
    runs = setup(brief, Path()).runs
    assert {(run.task, run.labels) for run in runs} == {(name, n) for name in tasks for n in (50, 120)}
    assert money(brief, runs) == 10
