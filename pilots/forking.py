"""Starts processes from one that has loaded everything already: a few milliseconds each, whatever had to be loaded.

The standard library's fork server runs the caller's main module again in each process before Python 3.12.8; this one
does not, ends what a process leaves behind, and ends all of them when its parent is gone. Not for Windows.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from budget.errors import LabelBudgetError

GRACE_SECONDS = 1.0  # how long processes may outlive the parent: what ends in this time need not be done again


class Server:
    """A process in which `target` has been unpickled, and from which processes that call it are forked.

    environment: variables set before anything is loaded; `slots`, `pause`, `keeps_time`: see `pilots.engines.Engine`.
    Raises LabelBudgetError if `target` cannot be loaded.
    """

    pause = 0.2
    keeps_time = False

    def __init__(self, target: Callable[..., None], environment: Mapping[str, str], slots: int = 1) -> None:
        self.slots = slots
        self._target = pickle.dumps(target)
        self._main = main_path() if b"__main__" in self._target else ""
        self._environment = dict(os.environ) | dict(environment)
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}
        self._launch()

    def start(self, argument: object, log: Path, environment: Mapping[str, str]) -> int:
        """Fork a process that calls `target(argument)`, all its output appended to `log`; the answer is its pid."""
        message = pickle.dumps((argument, str(log), dict(environment)))
        try:
            self._connection.send_bytes(message)
            pid = self._receive()
        except (EOFError, OSError):
            self._relaunch()
            self._connection.send_bytes(message)
            pid = self._receive()
        self._running.add(pid)
        return pid

    def wait(self, seconds: float) -> dict[int, int]:
        """Wait until a process has ended, at most so long: {pid: exit status, or minus the signal that ended it}."""
        if not self._ended and wait([self._connection], seconds):
            try:
                while self._connection.poll():
                    self._note(self._connection.recv())
            except (EOFError, OSError):
                self._relaunch()
        ended, self._ended = self._ended, {}
        self._running -= set(ended)
        return ended

    def end(self, pid: int) -> None:
        """End a process and everything it started; `wait` tells when it has ended."""
        _end_group(pid)

    def close(self) -> None:
        """End everything."""
        for pid in self._running:
            _end_group(pid)
        self._connection.close()
        self._process.wait()

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[:] = {sys.path!r}; from pilots.forking import serve; serve({theirs.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what is printed while loading is no result
            env=self._environment,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        try:
            self._connection.send((self._main, self._target))
            self._connection.recv()
        except (EOFError, OSError):
            self._connection.close()
            self._process.wait()
            raise LabelBudgetError("the process that trains pilots could not load the trainer: see above") from None

    def _relaunch(self) -> None:
        """Somebody ended the server: end what it started, as it would have done, and start another."""
        for pid in self._running:
            _end_group(pid)
            self._ended.setdefault(pid, -signal.SIGKILL)
        self._connection.close()
        self._process.wait()
        self._launch()

    def _receive(self) -> int:
        """The pid of the process just asked for; ends of others that are told before are kept."""
        while isinstance(message := self._connection.recv(), tuple):
            self._note(message)
        return int(message)

    def _note(self, message: tuple[int, int]) -> None:
        self._ended[message[0]] = message[1]


def serve(descriptor: int) -> None:
    """The server's main function: load the target, then fork a process for each message until the parent is gone."""
    connection = Connection(descriptor)
    main, target = connection.recv()
    if main:
        multiprocessing.spawn.import_main_path(main)
    function = pickle.loads(target)
    connection.send("ready")
    work = _fork_on_demand(connection)
    if work is not None:  # this is a process of its own now
        argument, log, environment = work
        os.setpgid(0, 0)
        os.environ.update(environment)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        function(argument)
        sys.stdout.flush()
        os._exit(0)  # nothing is left to tidy up, and tidying up what was loaded takes longer than a short run


def _fork_on_demand(connection: Connection) -> tuple[Any, str, dict[str, str]] | None:
    """In the server: until the parent is gone, then None. In each forked process: at once, with its work."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    children: set[int] = set()
    while True:
        ready = wait([connection, woken.fileno()])
        if woken.fileno() in ready:
            woken.recv(4096)
            for pid, status in _reap(children):
                with suppress(OSError):
                    connection.send((pid, status))
        if connection in ready:
            try:
                message = connection.recv_bytes()
            except (EOFError, OSError):
                signal.set_wakeup_fd(-1)  # its socket is closed on return, and children may end after that
                _after_parent(children)
                return None
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                connection.close()
                work: tuple[Any, str, dict[str, str]] = pickle.loads(message)
                return work
            children.add(pid)
            with suppress(OSError):
                os.setpgid(pid, pid)  # here too, so that the group is there before anyone hears of it
            with suppress(OSError):
                connection.send(pid)


def _reap(children: set[int]) -> list[tuple[int, int]]:
    """The children that have ended, with their statuses; what they left running is ended."""
    ended = []
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            break
        _end_group(pid)
        children.discard(pid)
        ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def _after_parent(children: set[int]) -> None:
    """Give the children a moment to come to an end, then end them."""
    deadline = time.monotonic() + GRACE_SECONDS
    while children and time.monotonic() < deadline:
        time.sleep(0.01)
        _reap(children)
    for pid in children:
        _end_group(pid)


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main_path() -> str:
    """Where the caller's main module lies: needed only if what is pickled was defined there."""
    return str(getattr(sys.modules["__main__"], "__file__", "") or "")
