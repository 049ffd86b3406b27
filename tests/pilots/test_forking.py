"""The process that others are forked from: it loads once, reports every end, and leaves nothing running."""

import os
import signal
import sys
import time
import types
from functools import partial
from pathlib import Path

import pytest
from trivial import fork_example

from budget.errors import LabelBudgetError
from pilots.forking import Server


@pytest.fixture
def server(tmp_path):
    server = Server(partial(fork_example, tmp_path), {"OMP_NUM_THREADS": "3"})
    yield server
    server.close()


def ends(server, pids, seconds=20.0):
    found, end = {}, time.monotonic() + seconds
    while set(found) < set(pids):
        assert time.monotonic() < end
        found |= server.wait(0.1)
    return found


def number_in(path):
    """What a process writes there, as soon as it has."""
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    return int(path.read_text())


def gone(pid):
    """Whether a process that was killed a moment ago has ended, at the latest after ten seconds."""
    end = time.monotonic() + 10
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_each_process_reports_how_it_ended_and_its_output_is_in_its_log(server, tmp_path):
    cases = {"print": 0, "exit 7": 7, "raise": 1, "kill": -signal.SIGKILL}
    pids = {server.start(case, tmp_path / case, {"SLOT": case}): case for case in cases}
    assert {pids[pid]: status for pid, status in ends(server, pids).items()} == cases
    assert (tmp_path / "print").read_text() == "said print in slot print with 3 threads\n"
    assert "ValueError: no good" in (tmp_path / "raise").read_text()


def test_what_a_process_leaves_running_is_ended_with_it(server, tmp_path):
    ends(server, [server.start("leave", tmp_path / "log", {})])
    assert gone(number_in(tmp_path / "left"))


def test_a_process_is_ended_on_demand_with_all_that_it_started(server, tmp_path):
    pid = server.start("wait", tmp_path / "log", {})
    child = number_in(tmp_path / "started")
    server.end(pid)
    assert ends(server, [pid]) == {pid: -signal.SIGKILL}
    assert gone(child)


def test_when_the_server_itself_is_killed_its_processes_count_as_killed_and_the_next_one_starts(server, tmp_path):
    pid = server.start("wait", tmp_path / "log", {})
    os.kill(number_in(tmp_path / "server"), signal.SIGKILL)
    assert ends(server, [pid]) == {pid: -signal.SIGKILL}
    other = server.start("print", tmp_path / "log", {"SLOT": "2"})
    assert ends(server, [other]) == {other: 0}
    assert gone(pid)


def test_a_target_that_cannot_be_loaded_is_said_at_once(monkeypatch):
    def nowhere(argument):
        """A function of a module that only this process knows."""

    monkeypatch.setattr(nowhere, "__module__", "known_only_here")
    monkeypatch.setattr(nowhere, "__qualname__", "nowhere")
    module = types.ModuleType("known_only_here")
    module.nowhere = nowhere
    monkeypatch.setitem(sys.modules, "known_only_here", module)
    with pytest.raises(LabelBudgetError, match="could not load"):
        Server(nowhere, {})
