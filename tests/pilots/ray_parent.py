"""A Ray cluster of a head and two workers on this machine, of which one process and one machine are killed while the
fixed set of runs is carried out. usage: ray_parent.py FOLDER"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from parent import RUNS
from trivial import Trivial

from pilots.engines import Place
from pilots.run import execute
from pilots.store import Store


def workers(folder: Path) -> list[int]:
    """The processes of Ray that wait for a run of this folder."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"pilots.remote\0{folder}".encode() in (path / "cmdline").read_bytes():
                found.add(int((path / "stat").read_text().rpartition(")")[2].split()[1]))
    return sorted(found)


def main(folder: Path) -> None:
    from ray.cluster_utils import Cluster  # an extra: this file is read where there is none, too

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    killed: list[str] = []

    def disturb(progress) -> None:  # type: ignore[no-untyped-def]
        if progress.done >= 1 and not killed:
            for pid in workers(folder)[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append("worker")
        if progress.done >= 3 and len(killed) == 1:
            killed.append("node")
            cluster.remove_node(nodes[0], allow_graceful=False)

    clock = time.monotonic()
    with Store.open(folder / "pilots.sqlite") as store:
        place = Place("ray", cluster.address)
        trainer = Trivial(folder / "log", 0.1)
        summary = execute(RUNS[:8], trainer, store, None, disturb, place=place)
    cluster.shutdown()
    answer = {
        "done": summary.done,
        "failed": summary.failed,
        "killed": len(killed),
        "seconds": time.monotonic() - clock,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
