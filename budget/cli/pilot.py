"""The commands `pilot run`, `next`, `status`, `import` and `export`: measuring, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budget.cli import output
from budget.cli.pilot_next import next_

if TYPE_CHECKING:
    from budget.brief import Brief
    from pilots.agenda import Pretraining
    from pilots.config import Setup
    from pilots.curves import Point
    from pilots.run import Limits, Summary
    from pilots.store import Pools, Row, Status, Store
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


pilot.add_command(next_)


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
@click.option("--minutes", type=output.Number(0), metavar="M", help="Start nothing new after so many minutes.")
@click.option("--gpu-hours", type=output.Number(0), metavar="H", help="The same, hours of all slots at work added up.")
@click.option("--money", type=output.Number(0), metavar="M", help="Only runs whose labels cost no more than M to buy.")
@click.option("--timeout", type=output.Number(1), help="Seconds for one run (default: as in BRIEF, or 3600).")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Where runs are carried out; ray and slurm need the extras of these names.",
)
@click.option("--address", default="", help="Of the Ray cluster; auto: the one of this machine.")
@click.option(
    "--together",
    type=click.IntRange(1),
    metavar="N",
    help="Runs that a process trains side by side at most (default: 32 where there is a GPU, otherwise 1).",
)
@click.option("--strict", is_flag=True, help="Any fault in the files that the brief names is an error.")
@click.option("--retry-failed", is_flag=True, help="Try failed runs again.")
@click.option("--dry-run", is_flag=True, help="Only say what would be run; with -v every run, in their order.")
@output.options
def run(
    brief_path: Path,
    store_path: Path,
    slots: int | None,
    most: int | None,
    minutes: float | None,
    gpu_hours: float | None,
    money: float | None,
    timeout: float | None,
    engine: str,
    address: str,
    together: int | None,
    strict: bool,
    retry_failed: bool,
    dry_run: bool,
) -> None:
    """Train the pilots of BRIEF on the labels it says are owned.

    The part `pilots` of BRIEF names the trainer; without it, they are trained on the built-in digit scenes.

    What was run before is not run again; after an interruption the same command goes on.
    """
    from budget.brief import Brief
    from pilots.config import setup
    from pilots.estimate import within

    brief = Brief.from_file(brief_path)
    made = setup(brief, brief_path.parent, strict)
    for note in made.notes:
        output.say(note)
    affordable = made.runs if money is None else within(brief, made.runs, money)
    made = replace(made, runs=affordable[:most], limits=limits(made.limits, minutes, gpu_hours, timeout))
    if dry_run:
        output.answer(design_table(made.runs))
        if output.is_set("verbose"):
            output.answer(order_table(made, store_path))
        output.answer(forecast(brief, made, store_path, slots))
        return
    with opened(store_path, create=True) as store:
        summary = carry_out(made, store, slots, retry_failed, engine, address, together)
        output.answer(status_table(store.status(made.trainer.recipe)))
    if summary.failed and not summary.done:
        raise click.ClickException("every run failed; `labelbudget pilot status` says why")


def limits(given: Limits, minutes: float | None, gpu_hours: float | None, timeout: float | None) -> Limits:
    """The brief's limits, with those of the command line in their place."""
    given = given if gpu_hours is None else replace(given, slot_seconds=3600 * gpu_hours)
    given = given if minutes is None else replace(given, seconds=60 * minutes)
    return given if timeout is None else replace(given, timeout=timeout)


def forecast(brief: Brief, pilots: Setup, store_path: Path, slots: int | None) -> str:
    """What the runs that are missing will take: minutes, judged by those that the store holds, and money."""
    from pilots import estimate
    from pilots.machine import default_slots

    rows, pretrained, done = earlier(pilots, store_path)
    missing = [each for each in pilots.runs if each not in done]
    minutes = estimate.minutes(missing, rows, pretrained, slots or default_slots())
    lines = [f"{len(missing)} of {len(pilots.runs)} runs are missing."]
    lines.append(
        "Minutes: unknown until the first runs are done." if minutes is None else f"About {minutes:g} minutes."
    )
    if money := estimate.money(brief, pilots.runs):
        lines.append(f"Labels to buy for the pilots alone: {money:,.2f} {brief.currency}.")
    return "\n".join(lines)


def order_table(pilots: Setup, store_path: Path) -> str:
    """The runs that are missing, in their order, each with the seconds it will take (?: not known yet)."""
    from pilots import estimate

    rows, pretrained, done = earlier(pilots, store_path)
    lines: list[list[str]] = []
    for each in (run for run in pilots.runs if run not in done):
        pools = _mix(each)
        seconds = estimate.seconds([each], rows, pretrained)
        taken = "?" if seconds is None else f"{seconds:.1f}"
        lines.append([str(len(lines) + 1), each.task, pools, f"{each.labels:,}", str(each.seed), taken])
    return output.table(["", "task", "pool labels", "labels", "seed", "seconds"], lines, left=3)


def earlier(pilots: Setup, store_path: Path) -> tuple[Sequence[Row], dict[Pretraining, float], frozenset[Run]]:
    """What a store, if there is one, holds of these pilots: rows, seconds of pretrainings, finished runs."""
    if not store_path.exists():
        return (), {}, frozenset()
    recipe = pilots.trainer.recipe
    with opened(store_path) as store:
        return store.rows(recipe), store.pretrainings(recipe), store.finished(recipe)


def carry_out(
    pilots: Setup,
    store: Store,
    slots: int | None,
    retry_failed: bool = False,
    engine: str = "local",
    address: str = "",
    together: int | None = None,
) -> Summary:
    """Carry out the runs of a design, with their progress on stderr."""
    from pilots.engines import Place
    from pilots.progress import printer
    from pilots.run import execute

    progress = None if output.is_set("quiet") else printer(earlier=store.rows(pilots.trainer.recipe))
    place = Place(engine, address)
    summary = execute(
        pilots.runs, pilots.trainer, store, slots, progress, pilots.limits, retry_failed, place=place, together=together
    )
    left = f", {summary.left} not started in time" if summary.left else ""
    counts = f"{summary.done} runs done, {summary.failed} failed, {summary.skipped} were there{left}"
    output.say(f"{counts}; {summary.seconds:.0f} s")
    return summary


def design_table(runs: tuple[Run, ...]) -> str:
    """Runs by task and pool labels: their sizes and their number."""
    cells: dict[tuple[str, str], list[int]] = {}
    for each in runs:
        cells.setdefault((each.task, _mix(each)), []).append(each.labels)
    rows = [
        [task, pools, ", ".join(f"{size:,}" for size in sorted(set(sizes))), str(len(sizes))]
        for (task, pools), sizes in sorted(cells.items())
    ]
    return output.table(["task", "pool labels", "labels", "runs"], [*rows, ["all", "", "", str(len(runs))]], left=3)


def _mix(run: Run) -> str:
    """A run's pools, and its network where it is compared with the others'."""
    pools = ", ".join(f"{name} {labels:,}" for name, labels in run.pools) or "-"
    return f"{pools} ({run.backbone})" if run.backbone else pools


def status_table(tasks: tuple[Status, ...]) -> str:
    """How far each task is."""
    rows = [
        [each.task, f"{each.smallest:,} to {each.largest:,}", str(each.done), str(each.failed), each.last_failure]
        for each in tasks
    ]
    lines = [output.table(["task", "labels", "done", "failed"], [row[:4] for row in rows], left=2)]
    return "\n".join([*lines, *(f"{row[0]}: the last failure: {row[4]}" for row in rows if row[4])])


def curve_document(mixes: Mapping[Pools, tuple[Point, ...]]) -> list[dict[str, Any]]:
    """One task's curves as JSON sees them."""
    return [{"pools": dict(pools), **asdict(point)} for pools, points in mixes.items() for point in points]


@pilot.command("status")
@STORE
@output.json_option
@output.options
def status(store_path: Path, as_json: bool) -> None:
    """How far the pilots are: of each task the runs done and failed, and its curve so far."""
    from pilots.curves import curve_lines, curves

    with opened(store_path) as store:
        tasks, left_out, rows = store.status(), store.left_out(), store.rows()
    if as_json:
        known = curves(rows)
        output.answer_json([asdict(each) | {"curves": curve_document(known.get(each.task, {}))} for each in tasks])
        return
    output.answer("\n".join([status_table(tasks), *curve_lines(rows)]))
    if left_out:
        output.say(f"{left_out} runs of an earlier recipe lie in {store_path} and are left out.")


@pilot.command("import", short_help="Bring in measurements, or labels and prices, from elsewhere.")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--map", "fields", multiple=True, metavar="COLUMN=FIELD", help="Which field of a run is which column.")
@click.option("--set", "constants", multiple=True, metavar="COLUMN=VALUE", help="A column the same for all runs.")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only runs with this value.")
@STORE
@output.json_option
@output.options
def import_(
    paths: tuple[Path, ...],
    fields: tuple[str, ...],
    constants: tuple[str, ...],
    where: tuple[str, ...],
    store_path: Path,
    as_json: bool,
) -> None:
    """Bring in measurements from elsewhere, or what annotation files and price lists say about labels.

    FILE is a CSV or Parquet table with the columns of measurements; or, with --map, any table, an SQLite file of MLflow
    or Optuna, scikit-learn's learning curves (.npz), or a folder of Hugging Face or Lightning runs. For example
    --map labels=params.n --map score=metrics.accuracy.max --set task=cars

    Annotations of COCO, Label Studio or CVAT and price lists (.csv, .xlsx) are answered with the part of a brief that
    they make: labels owned, seconds a label, prices. Name it by --set name=detection, and --set kind=pool a pool.
    """
    from budget.errors import Fault, InvalidInput
    from pilots.imports import read
    from pilots.imports.fragment import Fragment, read_fragment
    from pilots.imports.tables import keep

    maps, sets, wheres = (pairs(each) for each in (fields, constants, where))
    tables, part, faults = {}, Fragment(), list[Fault]()
    for path in paths:
        try:
            found = None if "score" in maps else read_fragment(path, maps, sets)
            if found is None:
                tables[path] = read(path, maps, sets, wheres)
            else:
                part = part.joined(found)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(tuple(faults))
    imported = []
    if tables:
        with opened(store_path, create=True) as store:
            imported = [(str(path), len(table.runs), keep(store, table)) for path, table in tables.items()]
    if as_json:
        runs = [dict(zip(("file", "runs", "new"), each, strict=True)) for each in imported]
        output.answer_json({"imported": runs, "brief": part.document(), "notes": part.notes})
        return
    for name, count, new in imported:
        output.answer(f"{name}: {count} runs, {new} of them new")
    if part.entries:
        output.answer(part.text())


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` arguments as a mapping."""
    for each in given:
        if "=" not in each:
            raise click.UsageError(f"{each!r} is no NAME=VALUE")
    return {name: value for name, _, value in (each.partition("=") for each in given)}


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
