"""A parent that can be killed: carries out a fixed set of trivial runs. usage: parent.py FOLDER WAIT [SPOILED_HOW]"""

import sys
from pathlib import Path

from trivial import Trivial

from pilots.design import grid
from pilots.run import execute
from pilots.store import Store

RUNS = grid({"cars": (1, 2, 4, 8), "lanes": (1, 2, 4, 8)}, {"general": (10, 40)}, seeds=2, small_seeds=2)


def main(folder: Path, wait: float, how: str = "") -> None:
    spoil = (("cars", how), ("lanes", how)) if how else ()
    with Store.open(folder / "pilots.sqlite") as store:
        try:
            execute(RUNS, Trivial(folder / "log", wait, spoil), store, slots=2)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
