"""The command `pilot next`: which further pilots are worth their time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from budget.cli import output
from budget.plan import WORTHWHILE

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.measurements import Measurements
    from budget.plan import NextPilot


@click.command("next", short_help="The further pilots that are worth most.")
@click.argument("brief_path", metavar="BRIEF", type=click.Path(path_type=Path))
@click.argument("measurements_path", metavar="MEASUREMENTS", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="So many pilots.")
@click.option(
    "--least",
    type=output.Number(0),
    default=100 * WORTHWHILE,
    show_default=True,
    metavar="POINTS",
    help="Points (hundredths of the range from worst to best) that a pilot must be worth.",
)
@click.option(
    "--money", type=output.Number(0), default=0, metavar="M", help="Also pilots whose labels cost no more than M."
)
@click.option(
    "--minutes",
    type=output.Number(0, min_open=True),
    default=math.inf,
    metavar="M",
    help="No more than so many minutes of training in all.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same answer."
)
@output.json_option
@output.options
def next_(
    brief_path: Path,
    measurements_path: Path,
    top: int,
    least: float,
    money: float,
    minutes: float,
    seed: int,
    as_json: bool,
) -> None:
    """The further pilots that are worth most, to be run in this order: by how much the expected score of the best plan
    for BRIEF rises, a minute of training, when the score of each is added to MEASUREMENTS (.csv, .parquet or a store of
    pilots) and to those of the pilots before it."""
    from budget.allocation.information import DRAWS, in_turn, worth
    from budget.allocation.optimum import optimum
    from budget.allocation.problem import problem
    from budget.allocation.table import tabulate
    from budget.cli.planning import read_inputs
    from budget.fitting.assemble import fit

    brief, measurements = read_inputs(brief_path, measurements_path)
    asked = problem(brief, fit(measurements, brief, seed, draws=DRAWS))
    looked_at = candidates(brief, measurements, measurements_path, money)
    now = optimum(tabulate(asked), asked, "highs")
    ranked = in_turn(asked, looked_at, top, least / 100, 60 * minutes, now) if now else ()
    if as_json:
        pilots = [
            asdict(each) | {"gain_a_minute": a_minute(each), "sentence": sentence(brief, each)} for each in ranked
        ]
        output.answer_json({"pilots": pilots, "looked_at": len(looked_at), "least": least / 100})
    elif ranked:
        output.answer("\n".join(f"{place}. {sentence(brief, each)}" for place, each in enumerate(ranked, start=1)))
    else:
        output.answer(nothing_left(worth(asked, looked_at, now) if now else (), len(looked_at)))


def candidates(brief: Brief, measurements: Measurements, path: Path, money: float) -> list[NextPilot]:
    """The pilots to be looked at; from a store, pretrainings count in their seconds."""
    from pilots import design, estimate
    from pilots.config import keys_of
    from pilots.store import Store

    keys = keys_of(brief)
    found = design.candidates(brief, measurements.asked_by(brief), keys.labels, keys.pools, money)
    if path.suffix.lower() not in (".sqlite", ".sqlite3", ".db"):
        return found
    with Store.open(path, create=False) as store:
        return estimate.with_pretraining(found, store.rows(), store.pretrainings())


def sentence(brief: Brief, pilot: NextPilot) -> str:
    """What to run and what it brings.

    >>> from budget import Brief
    >>> from budget.plan import NextPilot
    >>> brief = Brief.from_dict({"budget": 9, "tasks": {"cars": {"label_cost": 1}}})
    >>> sentence(brief, NextPilot("cars", 800, {"web": 4000}, 2, 0.0012, 90.0, 0.0))
    'cars: 2 more runs on 800 labels after 4,000 of web (1.5 minutes): the best plan gains 0.12 points, 0.08 a minute.'
    """
    runs = "1 more run" if pilot.repeats == 1 else f"{pilot.repeats} more runs"
    pools = ", ".join(f"{labels:,} of {name}" for name, labels in pilot.pools.items())
    after = f" after {pools}" if pools else ""
    price = f", labels for {pilot.cost:,.2f} {brief.currency}" if pilot.cost else ""
    length = f" ({duration(pilot.seconds)}{price})" if pilot.seconds else f" ({price[2:]})" if price else ""
    gain = f"the best plan gains {shown(100 * pilot.gain)} points"
    pace = a_minute(pilot)
    rate = f", {shown(100 * pace)} a minute" if pace is not None else ""
    return f"{pilot.task}: {runs} on {pilot.labels:,} labels{after}{length}: {gain}{rate}."


def nothing_left(found: Sequence[NextPilot], looked_at: int) -> str:
    most = max((100 * each.gain for each in found), default=0.0)
    return (
        "No pilot is worth more than planning now: "
        f"of {looked_at} looked at, the best would raise the expected score of the plan by {shown(most)} points."
    )


def a_minute(pilot: NextPilot) -> float | None:
    """Rise of the score for a minute of training; None: how long it takes is not known."""
    return 60 * pilot.gain / pilot.seconds if pilot.seconds else None


def shown(points: float) -> str:
    """Two digits that count.

    >>> shown(0.1234), shown(3.21), shown(0.0)
    ('0.12', '3.2', '0')
    """
    return f"{float(f'{points:.2g}'):.10f}".rstrip("0").rstrip(".") if points < 1e6 else f"{points:.2g}"


def duration(seconds: float) -> str:
    """
    >>> duration(40), duration(90), duration(7200)
    ('40 s', '1.5 minutes', '2 hours')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} minutes" if seconds < 5400 else f"{seconds / 3600:.2g} hours"
