"""A parent that can be killed: carries out a fixed set of trivial runs. usage: parent.py FOLDER WAIT [HOW]

HOW: what goes wrong, if anything; "command": the same runs are a program's, started anew for each; "together": several
runs a process, and perhaps what goes wrong.
"""

import os
import sys
from pathlib import Path

from trivial import Siblings, Trivial

from pilots.design import grid
from pilots.run import Limits, execute
from pilots.store import Store
from pilots.trainers.command import CommandTrainer

RUNS = grid({"cars": (1, 2, 4, 8), "lanes": (1, 2, 4, 8)}, {"general": (10, 40)}, seeds=2, small_seeds=2)


PROGRAM = """
import os, sys, time
log, line, out = sys.argv[1:]
time.sleep(float(os.environ["WAIT"]))
file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(file, (line + chr(10)).encode())
if not line.startswith("pretraining"):
    print('{"score": 0.5}')
"""


def program(folder: Path, wait: float) -> CommandTrainer:
    os.environ["WAIT"] = str(wait)  # no part of the recipe
    start = (sys.executable, "-I", "-S", "-c", PROGRAM, str(folder / "log"))
    command = (*start, "{task} {labels} {pool:general} {seed}", "{out}")
    pretraining = (*start, "pretraining {pool:general} {seed}", "{out}")
    return CommandTrainer(command, ("cars", "lanes"), ("general",), folder, pretraining)


def main(folder: Path, wait: float, how: str = "") -> None:
    kind = Siblings if how.startswith("together") else Trivial
    how = how.removeprefix("together").strip()
    spoil = (("cars", how), ("lanes", how)) if how else ()
    trainer = program(folder, wait) if how == "command" else kind(folder / "log", wait, spoil)
    with Store.open(folder / "pilots.sqlite") as store:
        try:
            execute(RUNS, trainer, store, slots=2, limits=Limits(retries=20))
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
