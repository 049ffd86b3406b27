"""The commands `demo` and `init`: something to look at, and something to start from."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

import click

from budget.cli import output
from budget.cli.pilot import carry_out, opened
from budget.cli.planning import planned, write_plan
from budget.cli.tables import plan_table


def example(name: str) -> str:
    """The text of a file that comes with the command."""
    return files("budget.cli").joinpath("examples", name).read_text(encoding="utf-8")


@click.command()
@click.argument("folder", metavar="[DIR]", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--slots", type=click.IntRange(1), help="Runs at a time (default: one a processor).")
@output.options
def demo(folder: Path, slots: int | None) -> None:
    """Train small networks on built-in digit scenes, fit their learning curves, plan, and draw the page.

    Everything goes into DIR (default: demo). Interrupted, the same command goes on where it stopped. A brief.yaml that
    is there is used as it is.
    """
    from budget.brief import Brief
    from budget.measurements import Measurements
    from pilots.config import setup
    from pilots.imports.tables import write_table

    folder.mkdir(parents=True, exist_ok=True)
    brief_path = folder / "brief.yaml"
    if not brief_path.exists():
        output.write_file(brief_path, example("demo.yaml"))
    brief = Brief.from_file(brief_path)
    output.say(f"Training the pilots of {brief_path} (seconds on a GPU, some minutes without)")
    with opened(folder / "pilots.sqlite", create=True) as store:
        carry_out(setup(brief, folder), store, slots)
        frame = store.frame()
    write_table(frame, folder / "measurements.csv")
    answer = planned(brief, Measurements.from_frame(frame, str(folder / "measurements.csv")), seed=0)
    write_plan(answer, folder)
    output.answer(plan_table(answer))
    output.answer(f"\nThe page: {folder / 'report.html'}")


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that are there.")
@output.options
def init(folder: Path, force: bool) -> None:
    """Write a commented brief.yaml, and measurements.csv as an example of what it is planned from, into DIR."""
    names = ("brief.yaml", "measurements.csv")
    output.refuse_existing((folder / name for name in names), lambda _: False, force)
    for name in names:
        output.write_file(folder / name, example(name))
        output.answer(str(folder / name))
    output.say(f"\nNext: {shlex.join(['labelbudget', 'plan', *(str(folder / name) for name in names)])}")
