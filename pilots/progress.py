"""Shows on a stream how pilots are getting on: a bar on a terminal, elsewhere one line for each run that has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from pilots.run import Progress
from pilots.store import Row

BAR_WIDTH = 24


def printer(stream: TextIO | None = None) -> Callable[[Progress], None]:
    """What to hand to `execute` as `on_progress`; writes to `stream` (default: stderr)."""
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()

    def show(progress: Progress) -> None:
        row = progress.last
        if terminal:
            out.write("\r\x1b[K")
            if row is not None and row.outcome.score is None:
                out.write(run_line(row) + "\n")
            ended = progress.done + progress.failed
            out.write(bar_line(progress) + ("\n" if ended == progress.total else ""))
        elif row is not None:
            out.write(f"[{progress.done + progress.failed}/{progress.total}] {run_line(row)}\n")
        out.flush()

    return show


def bar_line(progress: Progress) -> str:
    """
    >>> bar_line(Progress(total=4, done=2, failed=1, running=1, seconds_left=90))
    '[##################......] 3 of 4 runs, 1 running, 1 failed, about 2 minutes left'
    """
    ended = progress.done + progress.failed
    filled = BAR_WIDTH * ended // max(1, progress.total)
    parts = [f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {ended} of {progress.total} runs"]
    if progress.running:
        parts.append(f"{progress.running} running")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.seconds_left:
        minutes = -(-progress.seconds_left // 60)
        parts.append(f"about {minutes:.0f} minute{'s' if minutes != 1 else ''} left")
    return ", ".join(parts)


def run_line(row: Row) -> str:
    """One run and what came of it; what comes from outside is shown without its control characters.

    >>> from pilots.trainers import Outcome, Run
    >>> run_line(Row(Run("cars", 50, 1, (("general", 1000),)), Outcome(0.5, 100, 1.25, "cpu"), "abc", ""))
    'cars labels=50 general=1000 seed=1: 0.5000 in 1.2 s'
    """
    run, outcome = row.run, row.outcome
    pools = "".join(f" {name}={labels}" for name, labels in run.pools)
    result = f"failed: {outcome.note}" if outcome.score is None else f"{outcome.score:.4f} in {outcome.seconds:.1f} s"
    line = f"{run.task} labels={run.labels}{pools} seed={run.seed}: {result}"
    return "".join(character if character.isprintable() else "?" for character in line)
