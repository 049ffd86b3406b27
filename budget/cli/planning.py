"""The commands that think: fit, plan, frontier, backtest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from budget.cli import output
from budget.cli.report import write_charts
from budget.cli.tables import (
    backtest_document,
    backtest_table,
    failed_budgets,
    fit_table,
    frontier_table,
    plan_table,
    surface_document,
)
from budget.errors import CannotBeMet

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements
    from budget.plan import Plan

# The matrices here are small: threads of numpy's own cost more than they bring, as long as nobody asks for them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BRIEF = click.argument("brief_path", metavar="BRIEF", type=click.Path(path_type=Path))
MEASUREMENTS = click.argument("measurements_path", metavar="MEASUREMENTS", type=click.Path(path_type=Path))
SEED = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same answer."
)
SOLVER = click.option(
    "--solver",
    type=click.Choice(["highs", "cbc"]),
    default="highs",
    show_default=True,
    help="What solves the programs.",
)
MONEY = click.option("--budget", "money", type=float, metavar="MONEY", help="Instead of the brief's budget.")
PLOTTED = 10.0  # curves are drawn to so many times the largest pilot
FILES = ("plan.json", "allocation.csv", "report.html")


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says on stderr, with -v, how long a step took."""
    start = time.perf_counter()
    yield
    output.say(f"{name}: {time.perf_counter() - start:.2f} s", detail=True)


def read_measurements(path: Path) -> Measurements:
    """Measurements from a CSV or Parquet file or a store of pilots, as the name ends. Raises InvalidInput."""
    from budget.measurements import Measurements

    if path.suffix.lower() in (".parquet", ".pq"):
        return Measurements.from_parquet(path)
    if path.suffix.lower() in (".sqlite", ".sqlite3", ".db"):
        from pilots.store import Store

        with Store.open(path, create=False) as store:
            return Measurements.from_frame(store.frame(), str(path))
    return Measurements.from_csv(path)


def read_inputs(brief_path: Path, measurements_path: Path, money: float | None = None) -> tuple[Brief, Measurements]:
    """The brief, with another budget if one is given, and the measurements.

    Raises InvalidInput with the faults of both, and those between them.
    """
    from budget.brief import Brief
    from budget.errors import Fault, InvalidInput

    faults: tuple[Fault, ...] = ()
    try:
        brief = Brief.from_file(brief_path)
        brief = brief if money is None else brief.with_budget(money)
    except InvalidInput as error:
        faults = error.faults
    try:
        measurements = read_measurements(measurements_path)
    except InvalidInput as error:
        faults += error.faults
    faults = faults or measurements.faults_against(brief)
    if faults:
        raise InvalidInput(faults)
    return brief, measurements


def fitted(brief: Brief, measurements: Measurements, seed: int) -> Mapping[str, Surface]:
    """The surfaces of a brief's tasks; with -v, how long that took."""
    import budget

    runs = len(measurements.asked_by(brief).runs)
    with step(f"fitted {len(brief.tasks)} tasks on {runs} runs"):
        return budget.fit(measurements, brief, seed=seed)


def planned(
    brief: Brief,
    measurements: Measurements,
    seed: int,
    solver: str = "highs",
    seconds: float | None = None,
    compare: tuple[Path, ...] = (),
) -> Plan:
    """The plan; with -v, how long its steps took. Raises InvalidInput, CannotBeMet."""
    import budget
    from budget.cli.others import read_others

    others = read_others(compare, brief)
    surfaces = fitted(brief, measurements, seed)
    with step("planned"):
        answer = budget.plan(brief, measurements, surfaces, seed, solver, seconds, others)
    return replace(answer, provenance=replace(answer.provenance, command=output.command_line()))


@click.command()
@BRIEF
@MEASUREMENTS
@click.option(
    "--plot",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each task's curve as an SVG file into DIR too.",
)
@SEED
@output.language_option
@click.option("--force", is_flag=True, help="Replace files of these names that are no charts of ours.")
@output.json_option
@output.options
def fit(
    brief_path: Path,
    measurements_path: Path,
    folder: Path | None,
    seed: int,
    language: str,
    force: bool,
    as_json: bool,
) -> None:
    """What the pilots in MEASUREMENTS (.csv, .parquet or a store of pilots) say about the tasks of BRIEF."""
    brief, measurements = read_inputs(brief_path, measurements_path)
    surfaces = fitted(brief, measurements, seed)
    if folder is not None:
        with step("drawn and written"):
            in_order = {name: surfaces[name] for name in brief.tasks}
            write_charts(pictures(in_order, measurements.asked_by(brief), language), folder, force)
    if as_json:
        output.answer_json({name: surface_document(surface) for name, surface in sorted(surfaces.items())})
    else:
        output.answer(fit_table(surfaces))
    if folder is not None:
        output.say(f"{len(surfaces)} charts in {folder}")


def pictures(surfaces: Mapping[str, Surface], measurements: Measurements, language: str) -> dict[str, str]:
    """{file name: SVG} of every task, in this order: its curve to ten times the largest pilot, with the most pool
    labels measured and with those of the pilots."""
    from budget.allocation.evidence import REACH, dots, evidence
    from reports import fits_to_svg

    runs, found = dots(measurements), {}
    for name, surface in surfaces.items():
        pools = {pool: (most, most) for pool, most in surface.most_pools.items()}
        found[name] = evidence(surface, runs[name], round(PLOTTED / REACH * surface.most_labels), pools)
    return fits_to_svg(found, language)


@click.command()
@BRIEF
@MEASUREMENTS
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where plan.json, allocation.csv and report.html go (default: here; with --json: nowhere).",
)
@MONEY
@SOLVER
@click.option(
    "--seconds",
    type=output.Number(min=0, min_open=True),
    metavar="SECONDS",
    help="For each program with whole choices, and for the boxes of pools: then the best plan so far, with its gap.",
)
@click.option(
    "--compare",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Another plan (CSV: name,buy), shown beside ours; again for each further one.",
)
@SEED
@output.language_option
@click.option("--force", is_flag=True, help="Replace files of these names that hold no plan of ours.")
@output.json_option
@output.options
def plan(
    brief_path: Path,
    measurements_path: Path,
    folder: Path | None,
    money: float | None,
    solver: str,
    seconds: float | None,
    compare: tuple[Path, ...],
    seed: int,
    language: str,
    force: bool,
    as_json: bool,
) -> None:
    """What to buy for the money of BRIEF, by what the pilots in MEASUREMENTS (.csv, .parquet or a store) say."""
    target = folder or (None if as_json else Path())
    if target is not None:
        check_target(target, force)
    brief, measurements = read_inputs(brief_path, measurements_path, money)
    try:
        answer = planned(brief, measurements, seed, solver, seconds, compare)
    except CannotBeMet as error:
        if target is not None:
            write_refusal(error, brief, target, language)
        raise
    if target is not None:
        with step("drawn and written"):
            write_plan(answer, target, language)
    output.answer(answer.to_json().rstrip() if as_json else plan_table(answer))
    if target is not None:
        output.say(f"\nThe page: {target / 'report.html'}")


def check_target(folder: Path, force: bool) -> None:
    """Refuse before any work if a plan's files would replace something that is not an earlier plan."""
    earlier = is_plan(folder / "plan.json")
    output.refuse_existing([folder / name for name in FILES], lambda path: earlier or is_refusal(path), force)


def is_refusal(path: Path) -> bool:
    """Whether a file is a page of ours that says why there is no plan."""
    return 'id="refused"' in path.read_text(encoding="utf-8", errors="replace")


def is_plan(path: Path) -> bool:
    """Whether a file is a plan.json of ours."""
    from budget.errors import InvalidInput
    from budget.plan import Plan

    try:
        Plan.from_file(path)
    except InvalidInput:
        return False
    return True


def write_plan(answer: Plan, folder: Path, language: str = "en") -> None:
    """The three files of a plan; each whole or not at all."""
    from reports import render

    files = {
        "report.html": render(answer, language=language),
        "allocation.csv": answer.to_csv(),
        "plan.json": answer.to_json(),
    }
    for name, text in files.items():
        output.write_file(folder / name, text)


def write_refusal(error: CannotBeMet, brief: Brief, folder: Path, language: str) -> None:
    """The page of a brief that cannot be met, in place of a plan's. What an earlier plan left beside it stays."""
    from reports import render_refusal

    page = folder / "report.html"
    output.write_file(page, render_refusal(error, brief.title, language, brief.currency))
    output.say(f"The page: {page}")
    earlier = [name for name in FILES if name != page.name and (folder / name).exists()]
    if earlier:
        output.warn(f"Of an earlier plan, not of this brief: {', '.join(str(folder / name) for name in earlier)}")


@click.command()
@BRIEF
@MEASUREMENTS
@MONEY
@SOLVER
@SEED
@output.json_option
@output.options
def frontier(
    brief_path: Path, measurements_path: Path, money: float | None, solver: str, seed: int, as_json: bool
) -> None:
    """The best score for a range of budgets around that of BRIEF, each a plan of its own."""
    from dataclasses import asdict

    answer = planned(*read_inputs(brief_path, measurements_path, money), seed, solver)
    if as_json:
        output.answer_json([asdict(point) for point in answer.frontier])
    else:
        output.answer(frontier_table(answer))
    if failed := failed_budgets(answer):
        output.warn(failed)


def times(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """A factor above 1, with or without an x: 4x or 4."""
    try:
        factor = float(value.lower().removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 1 < factor < float("inf"):
        raise click.BadParameter(f"{value!r} is no factor above 1, such as 4x or 4")
    return factor


@click.command()
@MEASUREMENTS
@click.option("--brief", "brief_path", metavar="BRIEF", type=click.Path(path_type=Path), help="For each task's metric.")
@click.option(
    "--hide",
    callback=times,
    default="4x",
    show_default=True,
    metavar="TIMES",
    help="Hide pilots with more than 1/TIMES of the labels (or pool labels, where labels do not vary) of the largest.",
)
@SEED
@output.json_option
@output.options
def backtest(measurements_path: Path, brief_path: Path | None, hide: float, seed: int, as_json: bool) -> None:
    """Hide the largest pilots in MEASUREMENTS, predict them from the others, and say how well that went."""
    from budget.brief import Brief
    from budget.fitting.backtest import backtest as predict_hidden

    measurements = read_measurements(measurements_path)
    brief = Brief.from_file(brief_path) if brief_path else None
    with step("predicted"):
        hidden = predict_hidden(measurements, brief, seed, hide)
    metrics = {name: task.metric for name, task in brief.tasks.items()} if brief else {}
    spans = {name: abs(metric.best - metric.worst) for name, metric in metrics.items()}
    if as_json:
        output.answer_json(backtest_document(hidden, spans))
    else:
        output.answer(backtest_table(hidden, spans))
