"""Elsewhere than on this machine the same is promised: every run once, a reason for each failure, nothing lost when a
worker or a whole machine is killed."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parent import RUNS
from trivial import Trivial

from budget.errors import LabelBudgetError
from pilots import engines
from pilots.engines import Place
from pilots.remote import pack
from pilots.run import Limits, execute
from pilots.store import Store
from pilots.trainers import Run

HERE = Path(__file__).parent
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
needs_submitit = pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is not installed")


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "pilots.sqlite") as store:
        yield store


def log_lines(folder):
    return (folder / "log").read_text().splitlines()


@needs_ray
@pytest.mark.slow
def test_a_killed_worker_and_a_killed_machine_of_a_ray_cluster_lose_nothing(tmp_path):
    command = [sys.executable, str(HERE / "ray_parent.py"), str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout
    told = json.loads(answer.splitlines()[-1])
    assert (told["done"], told["failed"], told["killed"]) == (8, 0, 2)
    with Store.open(tmp_path / "pilots.sqlite") as store:
        assert {row.run for row in store.rows() if row.outcome.score is not None} == set(RUNS[:8])
    summary = None
    with Store.open(tmp_path / "pilots.sqlite") as store:  # and goes on here with what was done there
        summary = execute(RUNS[:10], Trivial(tmp_path / "log"), store, slots=2)
    assert (summary.done, summary.skipped) == (2, 8)


@needs_submitit
@pytest.mark.slow
def test_jobs_of_submitit_do_every_run_once_and_say_why_one_failed(store, tmp_path):
    trainer = Trivial(tmp_path / "log", spoil=(("lanes", "exception"),))
    runs = [Run("cars", 1, 0), Run("cars", 2, 0, (("general", 10),)), Run("lanes", 1, 0)]
    limits = Limits(timeout=60, retries=1)
    summary = execute(runs, trainer, store, 3, limits=limits, place=Place("slurm", "local"))
    assert (summary.done, summary.failed) == (2, 1)
    assert sorted(log_lines(tmp_path)) == ["cars 1 0 0", "cars 2 10 0", "pretraining 10 0"]
    (failed,) = [row.outcome.note for row in store.rows() if row.outcome.score is None]
    assert failed == "ValueError: the labels are all one class (2 attempts)"


@pytest.mark.parametrize(("engine", "missing"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_engine_that_is_not_installed_names_its_extra(store, tmp_path, monkeypatch, engine, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(LabelBudgetError, match=rf"pip install 'labelbudget\[{engine}\]'"):
        execute([Run("cars", 1, 0)], Trivial(tmp_path / "log"), store, place=Place(engine))


class Threaded:
    """A cluster of one machine, each job a process of `pilots.remote`."""

    def __init__(self, arguments, environment):
        command = [sys.executable, "-m", "pilots.remote", *arguments]
        self.process = subprocess.Popen(command, env=os.environ | environment)

    def done(self):
        return self.process.poll() is not None

    def result(self):
        if self.process.returncode < 0:
            raise ChildProcessError(f"the machine\n is gone ({self.process.returncode})")
        return self.process.returncode if self.process.returncode < 256 else 1

    def cancel(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def cluster(monkeypatch):
    started = []

    def begin(place, trainer, slots, timeout, files):
        def submit(arguments, environment):
            started.append(Threaded(arguments, environment))
            return started[-1]

        return engines.Remote(trainer, slots, timeout, submit, (ChildProcessError,))

    monkeypatch.setattr("pilots.run.begin", begin)
    return started


def test_a_cluster_carries_out_every_run_once(store, tmp_path, cluster):
    runs = RUNS[:6]
    summary = execute(runs, Trivial(tmp_path / "log"), store, slots=3, place=Place("ray"))
    assert (summary.done, summary.failed) == (6, 0)
    assert len(set(log_lines(tmp_path))) == len(log_lines(tmp_path)) == 6 + len({r.pools for r in runs if r.pools})


@pytest.mark.parametrize(("how", "reason"), [("killed", "killed by SIGKILL"), ("hang", "ended after 1 s, the timeout")])
def test_a_run_that_is_killed_or_takes_too_long_there_is_a_failure_with_its_reason(
    store, tmp_path, cluster, how, reason
):
    trainer = Trivial(tmp_path / "log", spoil=(("cars", how),))
    limits = Limits(timeout=1.0 if how == "hang" else 60.0, retries=0)
    execute([Run("cars", 1, 0)], trainer, store, slots=1, limits=limits, place=Place("ray"))
    assert store.rows()[0].outcome.note.startswith(reason)


def test_what_was_lost_with_its_machine_is_done_again(store, tmp_path, cluster):
    def lose(progress):
        if len(cluster) == 2:
            cluster[1].process.kill()

    summary = execute([Run("cars", n, 0) for n in (1, 2, 3)], Trivial(tmp_path / "log", 0.1), store, 1, lose,
                      place=Place("ray"))  # fmt: skip
    assert (summary.done, summary.failed) == (3, 0)


def test_a_result_that_was_left_by_an_earlier_job_is_taken_as_it_is(store, tmp_path, cluster):
    run, trainer = Run("cars", 1, 0), Trivial(tmp_path / "log")
    execute([run], trainer, store, slots=1, place=Place("ray"))
    with Store.open(tmp_path / "another.sqlite") as another:
        another.folder = store.folder
        assert execute([run], trainer, another, slots=1, place=Place("ray")).done == 1
    assert len(cluster) == 1


def hang(_: object) -> None:
    (Path(os.environ["FOLDER"]) / "pid").write_text(str(os.getpid()))
    time.sleep(600)


def test_a_job_ends_when_nobody_waits_for_it_any_more(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER", str(tmp_path))
    pack(tmp_path / "parcel", hang, None)
    code = f"import os, subprocess, sys; subprocess.Popen({[sys.executable, '-m', 'pilots.remote']!r} + sys.argv[1:])"
    wait = "; import time; time.sleep(600)"
    arguments = [str(tmp_path / "parcel"), "600", str(tmp_path / "log")]
    waiting = subprocess.Popen([sys.executable, "-c", code + wait, *arguments])
    end = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    waiting.kill()
    waiting.wait()
    while not (tmp_path / "log").exists() or "nobody waited for it" not in (tmp_path / "log").read_text():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]


def test_a_parcel_that_cannot_be_opened_fails_with_its_reason(tmp_path):
    (tmp_path / "parcel").write_bytes(b"nothing")
    command = [sys.executable, "-m", "pilots.remote", str(tmp_path / "parcel"), "60", str(tmp_path / "log")]
    assert subprocess.run(command, check=False).returncode == 1
    assert "Error" in (tmp_path / "log").read_text()
