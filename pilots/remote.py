"""What a machine of a cluster does with one job: carries it out in a process of its own, and ends it when its time is
up or nobody waits for it any more. Started as `python -m pilots.remote PARCEL SECONDS LOG`.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pilots.forking import main_path

LOOK_SECONDS = 0.05


def pack(path: Path, function: Callable[[Any], None], argument: object) -> None:
    """Write what is to be called, and where its modules are found."""
    content = pickle.dumps((function, argument))
    path.write_bytes(pickle.dumps((sys.path, main_path() if b"__main__" in content else "", content)))


def main(parcel: Path, seconds: float, log: Path) -> int:
    """Carry out a parcel, its output appended to `log`: the exit status, 128 and more for a signal."""
    waiting = os.getppid()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _carry_out(parcel)
    with suppress(OSError):
        os.setpgid(child, child)  # here too, so that the group is there before it may have to be ended
    end = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() >= end or os.getppid() != waiting:
            _end_group(child)
            os.waitpid(child, 0)
            _say(log, f"ended after {seconds:g} s, the timeout" if time.monotonic() >= end else "nobody waited for it")
            return 1
        time.sleep(LOOK_SECONDS)
    _end_group(child)  # what it left running
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _carry_out(parcel: Path) -> None:
    """In the child: call the function as a main program would."""
    paths, main, content = pickle.loads(parcel.read_bytes())
    sys.path[:] = paths
    if main:
        multiprocessing.spawn.import_main_path(main)
    function, argument = pickle.loads(content)
    function(argument)
    sys.stdout.flush()
    os._exit(0)


def _end_group(child: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _say(log: Path, text: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
