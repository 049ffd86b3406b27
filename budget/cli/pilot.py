"""The commands `pilot run`, `status`, `import` and `export`: measuring, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from budget.cli import output

if TYPE_CHECKING:
    from budget.brief import Brief
    from pilots.run import Summary
    from pilots.store import Status, Store
    from pilots.trainers import Run

STORE = click.option(
    "--store",
    "store_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="pilots.sqlite",
    show_default=True,
    metavar="FILE",
    help="Where runs are kept.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def pilot() -> None:
    """Measure: run pilots, see how far they are, bring measurements in and out."""


@contextmanager
def opened(path: Path, create: bool = False) -> Iterator[Store]:
    """The store of a command line. Raises InvalidInput if there is none."""
    from pilots.store import Store

    with Store.open(path, create=create) as store:
        yield store


@pilot.command("run")
@click.argument("brief_path", metavar="BRIEF", type=click.Path(path_type=Path))
@STORE
@click.option("--slots", type=click.IntRange(1), help="Runs at a time (default: one a processor).")
@click.option("--runs", "most", type=click.IntRange(1), metavar="N", help="Only the N runs that tell the most.")
@click.option("--timeout", type=click.FloatRange(1), default=3600.0, show_default=True, help="Seconds for one run.")
@click.option("--retry-failed", is_flag=True, help="Try failed runs again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run.")
@output.options
def run(
    brief_path: Path,
    store_path: Path,
    slots: int | None,
    most: int | None,
    timeout: float,
    retry_failed: bool,
    dry_run: bool,
) -> None:
    """Train the pilots of BRIEF on the built-in digit scenes, on the labels it says are owned.

    What was run before is not run again; after an interruption the same command goes on.
    """
    from budget.brief import Brief

    brief = Brief.from_file(brief_path)
    runs = designed(brief)[:most]
    if dry_run:
        output.answer(design_table(runs))
        return
    with opened(store_path, create=True) as store:
        summary = carry_out(runs, store, slots, timeout, retry_failed)
        output.answer(status_table(store.status()))
    if summary.failed and not summary.done:
        raise click.ClickException("every run failed; `labelbudget pilot status` says why")


def designed(brief: Brief) -> tuple[Run, ...]:
    """The pilots of a brief on the built-in data, the most telling first."""
    from pilots.design import for_brief
    from pilots.trainers.networks import digit_scenes

    return for_brief(brief, digit_scenes())


def carry_out(
    runs: tuple[Run, ...], store: Store, slots: int | None, timeout: float = 3600.0, retry_failed: bool = False
) -> Summary:
    """Carry out runs on the built-in data, with their progress on stderr."""
    from pilots.progress import printer
    from pilots.run import Limits, execute
    from pilots.trainers.networks import digit_scenes

    progress = None if output.is_set("quiet") else printer()
    summary = execute(runs, digit_scenes(), store, slots, progress, Limits(timeout), retry_failed)
    output.say(
        f"{summary.done} runs done, {summary.failed} failed, {summary.skipped} were there; {summary.seconds:.0f} s"
    )
    return summary


def design_table(runs: tuple[Run, ...]) -> str:
    """Runs by task and pool labels: their sizes and their number."""
    cells: dict[tuple[str, str], list[int]] = {}
    for each in runs:
        pools = ", ".join(f"{name} {labels:,}" for name, labels in each.pools) or "-"
        cells.setdefault((each.task, pools), []).append(each.labels)
    rows = [
        [task, pools, ", ".join(f"{size:,}" for size in sorted(set(sizes))), str(len(sizes))]
        for (task, pools), sizes in sorted(cells.items())
    ]
    return output.table(["task", "pool labels", "labels", "runs"], [*rows, ["all", "", "", str(len(runs))]], left=3)


def status_table(tasks: tuple[Status, ...]) -> str:
    """How far each task is."""
    rows = [
        [each.task, f"{each.smallest:,} to {each.largest:,}", str(each.done), str(each.failed), each.last_failure]
        for each in tasks
    ]
    lines = [output.table(["task", "labels", "done", "failed"], [row[:4] for row in rows], left=2)]
    return "\n".join([*lines, *(f"{row[0]}: the last failure: {row[4]}" for row in rows if row[4])])


@pilot.command("status")
@STORE
@output.json_option
@output.options
def status(store_path: Path, as_json: bool) -> None:
    """How far the pilots are: runs done and failed, a task."""
    with opened(store_path) as store:
        tasks, left_out = store.status(), store.left_out()
    if as_json:
        output.answer_json([asdict(each) for each in tasks])
        return
    output.answer(status_table(tasks))
    if left_out:
        output.say(f"{left_out} runs of an earlier recipe lie in {store_path} and are left out.")


@pilot.command("import")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@STORE
@output.options
def import_(paths: tuple[Path, ...], store_path: Path) -> None:
    """Bring in measurements from elsewhere: CSV or Parquet files with the columns of measurements."""
    from budget.errors import Fault, InvalidInput
    from pilots.imports import read
    from pilots.imports.tables import keep

    tables, faults = [], list[Fault]()
    for path in paths:
        try:
            tables.append(read(path))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(tuple(faults))
    with opened(store_path, create=True) as store:
        new = [keep(store, table) for table in tables]
    for path, table, count in zip(paths, tables, new, strict=True):
        output.answer(f"{path}: {len(table.frame)} runs, {count} of them new")


@pilot.command("export")
@STORE
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A .csv or .parquet file (default: CSV on stdout).",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@output.options
def export(store_path: Path, target: Path | None, force: bool) -> None:
    """Write the measurements out as a table."""
    from pilots.imports.tables import write_table

    with opened(store_path) as store:
        frame = store.frame()
    if target is None:
        output.answer(frame.to_csv(index=False).rstrip("\n"))
        return
    output.refuse_existing([target], lambda _: False, force)
    write_table(frame, target)
    output.say(f"{len(frame)} runs written to {target}")
