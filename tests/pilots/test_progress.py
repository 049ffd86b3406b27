"""What is shown while pilots run: lines in a log, a bar on a terminal, no control characters from outside."""

import io

from pilots.progress import printer
from pilots.run import Progress
from pilots.store import Row
from pilots.trainers import Outcome, Run

ROW = Row(Run("cars", 50, 0), Outcome(0.5, 100, 1.0, "cpu"), "abc", "")
FAILED = Row(Run("cars\x1b[2J", 50, 1), Outcome(None, 0, 0.0, "", "no\nmemory"), "abc", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_than_on_a_terminal_there_is_one_line_a_run_and_nothing_else():
    stream = io.StringIO()
    show = printer(stream)
    show(Progress(2, 0, 0, 0, None))
    show(Progress(2, 1, 0, 1, 5.0, ROW))
    show(Progress(2, 1, 1, 0, 0.0, FAILED))
    assert stream.getvalue() == (
        "[1/2] cars labels=50 seed=0: 0.5000 in 1.0 s\n[2/2] cars?[2J labels=50 seed=1: failed: no?memory\n"
    )


def test_on_a_terminal_a_bar_is_drawn_over_and_over_and_failures_stay_above_it():
    stream = Terminal()
    show = printer(stream)
    show(Progress(2, 0, 0, 2, None))
    show(Progress(2, 1, 0, 1, 61.0, ROW))
    show(Progress(2, 1, 1, 0, 0.0, FAILED))
    assert "2 minutes left" in stream.getvalue()
    shown = stream.getvalue().split("\n")
    assert shown[0].endswith("failed: no?memory")
    assert shown[1].endswith("2 of 2 runs, 1 failed")
    assert shown[2] == ""
