"""Shows on a stream how pilots are getting on: on a terminal a bar and each task's curve so far, elsewhere one line for
each run that has ended."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable
from typing import TextIO

from pilots.curves import BARS, curve_lines
from pilots.run import Progress
from pilots.store import Row

BAR_WIDTH = 24
MOST_CURVES = 12


def printer(stream: TextIO | None = None, earlier: Iterable[Row] = ()) -> Callable[[Progress], None]:
    """What to hand to `execute` as `on_progress`; writes to `stream` (default: stderr). `earlier`: runs of before that
    belong to the curves."""
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        return lambda progress: _log(out, progress)
    rows, drawn = list(earlier), 0

    def show(progress: Progress) -> None:
        nonlocal drawn
        row = progress.last
        out.write(f"\x1b[{drawn}A\x1b[J" if drawn else "")
        if row is not None:
            rows.append(row)
            if row.outcome.score is None:
                out.write(run_line(row) + "\n")
        block = [bar_line(progress), *(curve_lines(rows) if _has_bars(out) else [])][: 1 + MOST_CURVES]
        width = shutil.get_terminal_size().columns - 1
        drawn = len(block)
        out.write("".join(line[:width] + "\n" for line in block))
        out.flush()

    return show


def _log(out: TextIO, progress: Progress) -> None:
    if progress.last is not None:
        out.write(f"[{progress.done + progress.failed}/{progress.total}] {run_line(progress.last)}\n")
        out.flush()


def _has_bars(out: TextIO) -> bool:
    """Whether a stream can show the curves' bars."""
    try:
        BARS.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
    network = f" backbone={run.backbone}" if run.backbone else ""
    line = f"{run.task} labels={run.labels}{pools}{network} seed={run.seed}: {result}"
    return "".join(character if character.isprintable() else "?" for character in line)
