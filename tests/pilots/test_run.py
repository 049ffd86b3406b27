"""What the runner promises: every run once, whatever is killed; a reason for each failure; nothing left behind."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from parent import RUNS
from trivial import Siblings, Trivial

from pilots.design import grid
from pilots.machine import several_gpus
from pilots.run import Limits, execute
from pilots.store import Store
from pilots.trainers import Run

PARENT = Path(__file__).with_name("parent.py")
PRETRAININGS = len({(run.pools, run.seed) for run in RUNS if run.pools})
ONCE = Limits(timeout=60, retries=0)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "pilots.sqlite") as store:
        yield store


def lines(folder):
    return Counter((folder / "log").read_text().splitlines()) if (folder / "log").exists() else Counter()


def start_parent(folder, wait, *how):
    command = [sys.executable, str(PARENT), str(folder), str(wait), *how]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def until(condition, seconds=30.0):
    """Wait for something that must come to pass."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def alive(pid):
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_of_hanging_runs(folder):
    return [int(path.read_text()) for path in folder.rglob("pid-*") if path.read_text()]


def check_every_run_happened_once(folder):
    with Store.open(folder / "pilots.sqlite") as store:
        assert {row.run for row in store.rows() if row.outcome.score is not None} == set(RUNS)
    assert set(lines(folder).values()) == {1}
    assert len(lines(folder)) == len(RUNS) + PRETRAININGS


def test_every_run_is_carried_out_once_and_each_pretraining_once_before_its_runs(store, tmp_path):
    summary = execute(RUNS, Trivial(tmp_path / "log"), store, slots=3)
    assert (summary.done, summary.failed, summary.skipped) == (len(RUNS), 0, 0)
    check_every_run_happened_once(tmp_path)


def test_a_second_call_runs_only_what_is_missing(store, tmp_path):
    trainer = Trivial(tmp_path / "log")
    execute(RUNS[:5], trainer, store, slots=2)
    summary = execute(RUNS[:8], trainer, store, slots=2)
    assert (summary.done, summary.skipped) == (3, 5)
    assert set(lines(tmp_path).values()) == {1}


def test_another_recipe_is_measured_anew(store, tmp_path):
    execute(RUNS[:1], Trivial(tmp_path / "log"), store, slots=1)
    assert execute(RUNS[:1], Trivial(tmp_path / "log", recipe="another"), store, slots=1).done == 1


def test_what_a_call_shows_is_of_the_recipe_that_it_ran_though_nothing_was_missing(store, tmp_path):
    first = Trivial(tmp_path / "log")
    execute(RUNS[:3], first, store, slots=1)
    execute(RUNS[:1], Trivial(tmp_path / "log", recipe="another"), store, slots=1)
    assert len(store.rows()) == 1
    assert execute(RUNS[:3], first, store, slots=1).skipped == 3
    assert len(store.rows()) == 3


def test_with_one_slot_the_order_of_the_design_is_kept(store, tmp_path):
    runs = grid({"cars": (1, 2, 3)}, {"general": (10,)}, seeds=1, small_seeds=1)
    execute(runs, Trivial(tmp_path / "log"), store, slots=1)
    written = [line for line in (tmp_path / "log").read_text().splitlines() if not line.startswith("pretraining")]
    assert written == [f"cars {run.labels} {dict(run.pools).get('general', 0)} {run.seed}" for run in runs]


@pytest.mark.parametrize(
    ("how", "reason"),
    [("exception", "ValueError: the labels are all one class"), ("killed", "killed by SIGKILL"), ("hang", "timeout")],
)
def test_a_run_that_fails_is_kept_with_its_reason_and_the_others_go_on(store, tmp_path, how, reason):
    trainer = Trivial(tmp_path / "log", spoil=(("cars", how),))
    limits = Limits(timeout=1.0 if how == "hang" else 60.0, retries=1 if how == "killed" else 0)
    summary = execute([Run("cars", 1, 0), Run("lanes", 1, 0)], trainer, store, slots=2, limits=limits)
    assert (summary.done, summary.failed) == (1, 1)
    failed, _ = store.rows()
    assert failed.outcome.score is None
    assert reason in failed.outcome.note
    assert f"{limits.retries + 1} attempt" in failed.outcome.note


def test_the_log_of_a_run_lies_where_its_row_says(store, tmp_path):
    execute([Run("cars", 1, 0)], Trivial(tmp_path / "log", spoil=(("cars", "exception"),)), store, 1, limits=ONCE)
    (log,) = store.folder.rglob(f"{store.rows()[0].name}/log.txt")
    assert "Traceback" in log.read_text()


def test_a_run_that_crashed_once_is_tried_again(store, tmp_path):
    summary = execute([Run("cars", 1, 0)], Trivial(tmp_path / "log", spoil=(("cars", "once"),)), store, slots=1)
    assert (summary.done, summary.failed) == (1, 0)


def test_a_diverged_run_is_a_failure_that_is_not_tried_again(store, tmp_path):
    summary = execute([Run("cars", 1, 0)], Trivial(tmp_path / "log", spoil=(("cars", "nan"),)), store, slots=1)
    assert summary.failed == 1
    assert "nan" in store.rows()[0].outcome.note
    assert lines(tmp_path) == {"cars 1 0 0": 1}


def test_where_pretraining_fails_the_runs_that_need_it_fail_and_the_others_do_not(store, tmp_path):
    trainer = Trivial(tmp_path / "log", spoil=(("pretraining", "exception"),))
    summary = execute(RUNS, trainer, store, slots=2, limits=ONCE)
    assert summary.done == sum(not run.pools for run in RUNS)
    assert summary.done + summary.failed == len(RUNS)
    notes = {row.outcome.note for row in store.rows() if row.run.pools}
    assert all("pretraining failed: ValueError: no such pool" in note for note in notes)


def test_failed_runs_are_left_alone_until_asked_for(store, tmp_path):
    runs = [Run("cars", 1, 0), Run("lanes", 1, 0)]
    execute(runs, Trivial(tmp_path / "log", spoil=(("cars", "nan"),)), store, slots=1)
    mended = Trivial(tmp_path / "log")
    assert execute(runs, mended, store, slots=1).skipped == 2
    summary = execute(runs, mended, store, slots=1, retry_failed=True)
    assert (summary.done, summary.skipped) == (1, 1)
    assert all(row.outcome.score is not None for row in store.rows())


def test_progress_counts_up_to_the_end(store, tmp_path):
    seen = []
    execute(RUNS[:6], Trivial(tmp_path / "log", spoil=(("cars", "nan"),)), store, 2, seen.append)
    assert (seen[0].done, seen[0].total, seen[0].seconds_left) == (0, 6, None)
    assert seen[-1].done + seen[-1].failed == 6
    assert (seen[-1].running, seen[-1].seconds_left) == (0, 0)
    assert {step.last.run for step in seen if step.last} == set(RUNS[:6])


def test_when_the_time_is_up_nothing_new_is_started_and_the_rest_is_counted(store, tmp_path):
    trainer = Trivial(tmp_path / "log", wait=0.2)
    summary = execute(RUNS, trainer, store, slots=2, limits=Limits(seconds=0.5))
    assert summary.done == len(store.rows()) > 0
    assert summary.left == len(RUNS) - summary.done > 0
    assert execute(RUNS, trainer, store, slots=2, limits=Limits(seconds=0.0)).left == summary.left


def test_when_the_slots_have_worked_long_enough_together_nothing_new_is_started(store, tmp_path):
    trainer = Trivial(tmp_path / "log", wait=0.2)
    summary = execute(RUNS, trainer, store, slots=2, limits=Limits(slot_seconds=1.0))
    assert summary.done * 0.2 <= 1.0 + 2 * 0.2
    assert summary.left == len(RUNS) - summary.done > 0


def test_each_slot_has_a_device_of_its_own(store, tmp_path):
    execute(RUNS[:6], Trivial(tmp_path / "log", wait=0.2), store, slots=2, devices=("GPU-a", "GPU-b"))
    assert {row.outcome.device for row in store.rows()} == {"GPU-a", "GPU-b"}


@pytest.mark.parametrize(("given", "dealt"), [("0, 1", ("0", "1")), ("3", ()), ("", ())])
def test_gpus_are_dealt_out_where_there_are_several(monkeypatch, given, dealt):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert several_gpus() == dealt


def group_sizes(folder):
    return [int(line) for line in (folder / "groups").read_text().splitlines()]


def test_runs_that_are_trained_together_share_a_process_and_are_kept_each_for_itself(store, tmp_path):
    trainer = Siblings(tmp_path / "log", wait=0.02)
    summary = execute(RUNS, trainer, store, slots=2)
    check_every_run_happened_once(tmp_path)
    assert group_sizes(tmp_path) == [4] * (len(RUNS) // 4)
    seconds = [row.outcome.seconds for row in store.rows()]
    assert min(seconds) > 0
    assert sum(seconds) < 2 * summary.seconds
    assert all(list(store.folder.rglob(f"{row.name}/log.txt")) for row in store.rows())


def test_one_of_several_that_kills_their_process_fails_alone_and_loses_nothing(store, tmp_path):
    trainer = Siblings(tmp_path / "log", spoil=(("cars 4", "killed"),))
    runs = [Run("cars", labels, 0) for labels in (1, 2, 4, 8)]
    summary = execute(runs, trainer, store, slots=1, limits=ONCE)
    assert (summary.done, summary.failed) == (3, 1)
    assert [row.run.labels for row in store.rows() if row.outcome.score is None] == [4]
    assert set(lines(tmp_path).values()) == {1}
    assert group_sizes(tmp_path) == [4, 1, 1]


def test_how_many_go_together_can_be_said(store, tmp_path):
    execute(RUNS, Siblings(tmp_path / "log"), store, slots=2, together=1)
    assert set(group_sizes(tmp_path)) == {1}


def kill_and_resume(folder, rounds, wait, *how):
    """Start, kill -9 after a random time, start again; in the end let it finish."""
    for _ in range(rounds):
        parent = start_parent(folder, wait, *how)
        time.sleep(random.uniform(0.1, 1.5))
        parent.kill()
        parent.wait()
        Store.open(folder / "pilots.sqlite").close()
    assert start_parent(folder, wait, *how).wait() == 0


@pytest.mark.parametrize("how", [(), ("together",)], ids=["one a process", "several a process"])
def test_kills_of_the_parent_lose_no_finished_run_and_repeat_none(tmp_path, how):
    kill_and_resume(tmp_path, 3, 0.02, *how)
    check_every_run_happened_once(tmp_path)


@pytest.mark.slow
def test_ten_kills_of_the_parent_lose_no_finished_run_and_repeat_none(tmp_path):
    kill_and_resume(tmp_path, 10, 0.1)
    check_every_run_happened_once(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("how", [(), ("command",), ("together",)], ids=["function", "program", "several a process"])
def test_fifty_kills_of_parents_and_children_lose_nothing_and_leave_one_row_a_run(tmp_path, how):
    """A child that is killed after its work and before its result was kept works again: then its log has two lines."""
    kills, finished = 0, Counter()
    while kills < 50:
        parent = start_parent(tmp_path, 0.3, *how)
        time.sleep(random.uniform(0.2, 0.6))
        for child in random.sample(children := children_of(parent.pid), min(5, len(children))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                kills += 1
            time.sleep(random.uniform(0.0, 0.1))
        parent.kill()
        kills += 1
        parent.wait()
        finished |= times_of_finished_runs(tmp_path)
    assert start_parent(tmp_path, 0.0, *how).wait() == 0
    with Store.open(tmp_path / "pilots.sqlite") as store:
        assert sorted(map(repr, (row.run for row in store.rows()))) == sorted(map(repr, RUNS))
        assert all(row.outcome.score is not None for row in store.rows())
    assert len(lines(tmp_path)) == len(RUNS) + PRETRAININGS
    assert times_of_finished_runs(tmp_path) >= finished
    assert all(lines(tmp_path)[line] == times for line, times in finished.items())


def times_of_finished_runs(folder):
    """How often each run that is in the store has come to the end of its work."""
    with Store.open(folder / "pilots.sqlite") as store:
        done = [row.run for row in store.rows()]
    names = [f"{run.task} {run.labels} {dict(run.pools).get('general', 0)} {run.seed}" for run in done]
    return Counter({name: lines(folder)[name] for name in names})


def children_of(pid):
    """The processes below a process: the server that runs are forked from, the runs, and what these have started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    below, found = [pid], []
    while below:
        below = [child for child, parent in parents.items() if parent in below]
        found += below
    return found


def test_when_the_parent_is_killed_its_children_end(tmp_path):
    parent = start_parent(tmp_path, 0.0, "hang")
    children = until(lambda: len(pids := pids_of_hanging_runs(tmp_path)) == 2 and pids)
    parent.kill()
    parent.wait()
    until(lambda: not any(map(alive, children)), seconds=10)


@pytest.mark.parametrize("how", ["hang after two", "together hang after two"])
def test_ctrl_c_ends_the_children_and_keeps_what_was_finished(tmp_path, how):
    parent = start_parent(tmp_path, 0.0, how)
    children = until(lambda: len(pids := pids_of_hanging_runs(tmp_path)) == 2 and pids)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(timeout=20) == 130
    assert not any(map(alive, children))
    with Store.open(tmp_path / "pilots.sqlite") as store:
        finished = {row.run for row in store.rows()}
    assert len(finished) == sum(not line.startswith("pretraining") for line in lines(tmp_path)) > 0


@pytest.mark.parametrize("how", [(), ("together",)], ids=["one a process", "several a process"])
def test_two_parents_on_one_store_do_each_run_once(tmp_path, how):
    parents = [start_parent(tmp_path, 0.05, *how) for _ in range(2)]
    assert [parent.wait() for parent in parents] == [0, 0]
    check_every_run_happened_once(tmp_path)
