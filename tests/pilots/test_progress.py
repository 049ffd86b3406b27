"""What is shown while pilots run: lines in a log, a bar on a terminal, no control characters from outside."""

import io
import re

from pilots.curves import curve_lines
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


def screen(text):
    """What a terminal shows after a text: the cursor goes up, what is below it is wiped."""
    lines, at = [""], 0
    for part in re.split(r"(\n|\x1b\[\d+A|\x1b\[J)", text):
        if part == "\n":
            at += 1
            lines += [""] * (at + 1 - len(lines))
        elif part == "\x1b[J":
            del lines[at:]
            lines.append("")
        elif part.startswith("\x1b["):
            at -= int(part[2:-1])
        else:
            lines[at] += part
    return lines


def test_on_a_terminal_bar_and_curves_are_drawn_over_and_over_and_failures_stay_above_them():
    stream = Terminal()
    show = printer(stream, earlier=[Row(Run("cars", 100, 0), Outcome(0.75, 100, 1.0, "cpu"), "", "")])
    show(Progress(2, 0, 0, 2, None))
    show(Progress(2, 1, 0, 1, 61.0, ROW))
    bar, curve, rest = screen(stream.getvalue())
    assert bar.endswith("1 of 2 runs, 1 running, about 2 minutes left")
    assert (curve, rest) == ("cars: ▁█ 0.5000 to 0.7500 (50 to 100 labels)", "")
    show(Progress(2, 1, 1, 0, 0.0, FAILED))
    failure, bar, curve, rest = screen(stream.getvalue())
    assert failure.endswith("failed: no?memory")
    assert bar.endswith("2 of 2 runs, 1 failed")
    assert (curve, rest) == ("cars: ▁█ 0.5000 to 0.7500 (50 to 100 labels)", "")


def test_a_terminal_that_has_no_bars_shows_no_curves_and_lines_never_wrap(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    monkeypatch.setattr("pilots.progress._has_bars", lambda out: False)
    printer(stream)(Progress(2, 1, 0, 1, 61.0, ROW))
    (line, rest) = screen(stream.getvalue())
    assert (len(line), rest) == (19, "")


def test_curves_are_drawn_without_pools_and_with_the_most():
    def row(labels, pool, score, **more):
        return Row(Run("cars", labels, 0, (("web", pool),) if pool else (), **more), Outcome(score, 9, 1.0, ""), "", "")

    rows = [row(50, 0, 0.1), row(100, 0, 0.2), row(50, 10, 0.5), row(50, 900, 0.8), row(100, 900, None)]
    rows.append(row(200, 0, 0.9, strategy="active"))
    assert curve_lines(rows) == ["cars: ▁▂ 0.1000 to 0.2000 (50 to 100 labels); with 900 web █ 0.8000 (50 labels)"]
    assert curve_lines(rows[-2:]) == []
