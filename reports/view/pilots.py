"""The further pilots that would tell most, as the plan holds them: a table, and one pilot in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from budget.plan import NextPilot
from reports.view.parts import Cell, Column, Context, Row, Table, cells

SHOWN = 8
WORDS = ("task", "shared", "time")  # columns that hold words
HOURS = 120  # minutes from which a duration is written in hours


@dataclass(frozen=True)
class Pilots:
    """`lead` says how to read the table, or that there is nothing to list."""

    title: str
    lead: str
    table: Table | None


def pilots_of(context: Context) -> Pilots | None:
    """The pilots worth most, in the plan's order; nothing where none was looked at."""
    plan, say = context.plan, context.say
    if not plan.next_pilots:
        return Pilots(say("pilots.title"), say("pilots.none"), None) if plan.pilots_looked_at else None
    keys = ("task", "labels", "shared", "runs", "gain", "time", "cost")
    notes = {"gain": context.per, "cost": context.numbers.currency}
    columns = tuple(
        Column(say(f"pilots.column.{key}"), "text" if key in WORDS else "number", notes.get(key, "")) for key in keys
    )
    rows = tuple(_row(context, pilot) for pilot in plan.next_pilots[:SHOWN])
    timed = all(pilot.seconds is not None for pilot in plan.next_pilots)
    lead = f"{say('pilots.lead')} {say('pilots.by_time' if timed else 'pilots.by_run')}"
    return Pilots(say("pilots.title"), lead, Table(say("pilots.caption"), columns, rows).without_empty())


def _row(context: Context, pilot: NextPilot) -> Row:
    n = context.numbers
    texts = (
        n.count(pilot.labels),
        pool_labels(context, pilot.pools) if context.plan.pools else "",
        n.count(pilot.repeats),
        context.scores.rise(pilot.gain),
        duration(context, pilot.seconds),
        n.plain(pilot.cost, n.cents(*(each.cost for each in context.plan.next_pilots))),
    )
    return Row((Cell(context.names[pilot.task]), *cells(*texts)))


def pool_labels(context: Context, pools: dict[str, int]) -> str:
    """Pool labels of a run in one cell; the pool is named where there are several."""
    n, several = context.numbers, len(context.plan.pools) > 1
    used = [(name, pools[name]) for name in context.plan.pools if pools.get(name)]
    if not several:
        return n.count(used[0][1] if used else 0)
    return ", ".join(f"{context.names[name].said} {n.count(labels)}" for name, labels in used) or "0"


def duration(context: Context, seconds: float | None) -> str:
    """Training time in words, rounded up."""
    if seconds is None:
        return ""
    minutes = math.ceil(seconds / 60)
    if seconds < 60:
        return context.say("pilots.short")
    return (
        context.say("pilots.minutes", minutes)
        if minutes < HOURS
        else context.say("pilots.hours", math.ceil(minutes / 60))
    )


def best_pilot(context: Context, task: str) -> str:
    """The pilot worth most for one task, as the next action; nothing where there is none."""
    pilots = [pilot for pilot in context.plan.next_pilots if pilot.task == task]
    return context.say("pilots.best_here", pilot=pilot_with_price(context, worth_most(pilots))) if pilots else ""


def worth_most(pilots: Sequence[NextPilot]) -> NextPilot:
    """The one that may bring most, whatever time it takes; the first of equals."""
    return max(pilots, key=lambda pilot: pilot.gain)


def pilot_with_price(context: Context, pilot: NextPilot) -> str:
    """One pilot in a sentence: its runs, what they take, what they may bring."""
    say, n = context.say, context.numbers
    run = say("pilots.run", pilot.repeats, task=context.names[pilot.task].said, labels=n.count(pilot.labels))
    if any(pilot.pools.values()):
        run = say("pilots.with_pools", run=run, pools=pool_labels(context, pilot.pools))
    cost = say("pilots.price", cost=n.money(pilot.cost)) if pilot.cost > 0 else say("pilots.free")
    time = "" if pilot.seconds is None else say("pilots.training", time=duration(context, pilot.seconds))
    price = ", ".join(part for part in (cost, time) if part)
    return say("pilots.worth", run=run, price=price, gain=context.scores.step(pilot.gain))
