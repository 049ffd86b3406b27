"""The evidence: per task what was measured, what was fitted, and how far the plan goes beyond it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from budget.plan import Curve, Evidence, Hidden, TaskLine
from reports.charts.scale import Scale, even_scale, log_scale
from reports.charts.svg import Axis, Band, Chart, Dots, Line, Mark, Region, draw
from reports.numbers import two_digits
from reports.view.parts import Cell, Column, Context, Heading, Name, Row, Table, Unit, cells, clean, ticks
from reports.view.pilots import pool_labels
from reports.wording import outlook

MIXES = 5  # of pool labels that a table has room for side by side
MANY = 12  # tasks beyond which each shows only its furthest hidden pilots


@dataclass(frozen=True)
class TaskEvidence:
    name: Name
    metric: str
    picture: Markup | None
    sentences: tuple[str, ...]
    table: Table
    backtest: Table | None


@dataclass(frozen=True)
class EvidenceView:
    heading: Heading
    tasks: tuple[TaskEvidence, ...]


def evidence_of(context: Context) -> EvidenceView:
    plan = context.plan
    beyond = sum(line.beyond_pilot > 1 for line in plan.tasks.values())
    hidden = [(plan.tasks[name], line) for name, evidence in plan.evidence.items() for line in evidence.backtest]
    inside = sum(line.low <= line.measured <= line.high for _, line in hidden)
    say, level = context.say, context.percentage(plan.score.level)
    lead = (
        outlook.evidence_lead(say, _kinds(context)),
        outlook.backtest_sentence(say, inside, len(hidden), level),
    )
    heading = Heading("evidence", say("evidence.label"), outlook.evidence_headline(say, beyond, len(plan.tasks)), lead)
    tasks = tuple(
        _task(context, index, name, plan.evidence[name])
        for index, name in enumerate(plan.tasks)
        if name in plan.evidence
    )
    return EvidenceView(heading, tasks)


def _kinds(context: Context) -> tuple[bool, bool, bool]:
    """Are there runs with shared labels, curves without any, and curves at other levels than the plan's?"""
    evidence = context.plan.evidence.values()
    styles = {curve_style(curve, planned_curve(context, one)) for one in evidence for curve in one.curves}
    runs = any(any(dot.pools.values()) for one in evidence for dot in one.dots)
    return runs, "without" in styles, "some" in styles


def _task(context: Context, index: int, name: str, evidence: Evidence) -> TaskEvidence:
    line, unit = context.plan.tasks[name], context.units[name]
    metric = clean(line.metric)
    metric = context.say("numbers.lower", metric=metric) if unit.minimised else metric
    picture = draw(curve_chart(context, index, name, evidence)) if evidence.curves or evidence.dots else None
    table = _curve_table(context, name, evidence)
    return TaskEvidence(
        context.names[name],
        metric,
        picture,
        _sentences(context, name, evidence),
        table,
        _backtest(context, unit, evidence),
    )


def curve_chart(context: Context, index: int, name: str, evidence: Evidence) -> Chart:
    line, unit, n, say = context.plan.tasks[name], context.units[name], context.numbers, context.say
    measured = [dot for dot in evidence.dots if dot.score is not None]
    x = _label_scale(line, evidence)
    heights = [dot.score for dot in measured if dot.score is not None] + [line.low, line.high]
    heights += [value for curve in evidence.curves for value in curve.expected]
    y = even_scale(heights, share=0.08)
    planned = planned_curve(context, evidence)
    bands, lines = [], []
    for curve in sorted(evidence.curves, key=lambda curve: curve is planned):
        style = curve_style(curve, planned)
        lines += list(split_line(curve, evidence, style, x))
        if curve is planned:
            around = zip(curve.labels, curve.low, curve.high, strict=True)
            bands.append(Band(tuple(point for point in around if x.low <= point[0] <= x.high), style))
    region = Region(evidence.most_labels, x.high, say("evidence.beyond_region"))
    return Chart(
        f"curve-{index}",
        say("evidence.title", task=context.names[name].whole),
        say(
            "evidence.description",
            len(measured),
            most=n.count(evidence.most_labels),
            expected=unit.show(line.expected),
            labels=n.count(line.labels),
            metric=clean(line.metric),
        ),
        Axis(x, say("evidence.x"), ticks(x.ticks(5), n.compact)),
        Axis(y, "", ticks(y.ticks(4), lambda tick: n.compact(tick))),
        height=190,
        regions=(region,) if x.high > evidence.most_labels > 0 else (),
        bands=tuple(bands),
        lines=tuple(lines),
        dots=tuple(dots_of(evidence)),
        marks=(Mark(line.labels, line.expected, "chosen", low=line.low, high=line.high),),
    )


def _label_scale(line: TaskLine, evidence: Evidence) -> Scale:
    labels = [float(dot.labels) for dot in evidence.dots] + [float(line.labels), float(line.owned)]
    return log_scale(labels if any(labels) else [1.0])


def planned_curve(context: Context, evidence: Evidence) -> Curve | None:
    """The curve at the pool labels that the plan buys, or else the one nearest to them."""
    planned = {name: line.labels for name, line in context.plan.pools.items()}
    return min(
        evidence.curves, key=lambda curve: sum(abs(planned[p] - curve.pools.get(p, 0)) for p in planned), default=None
    )


def curve_style(curve: Curve, planned: Curve | None) -> str:
    return "plan" if curve is planned else "without" if not any(curve.pools.values()) else "some"


def split_line(curve: Curve, evidence: Evidence, style: str, scale: Scale) -> Iterable[Line]:
    """Solid within the pilots, dashed beyond; the two meet in one point. What lies off the axis is left out."""
    first, last = scale.low, scale.high
    most = evidence.most_labels
    if any(labels > evidence.most_pools.get(pool, 0) for pool, labels in curve.pools.items()):
        most = 0  # with so many shared labels nothing was measured at all
    points = [point for point in zip(curve.labels, curve.expected, strict=True) if first <= point[0] <= last]
    within, beyond = [p for p in points if p[0] <= most], [p for p in points if p[0] > most]
    if within and beyond:
        (x0, y0), (x1, y1) = within[-1], beyond[0]
        along = (scale.at(most) - scale.at(x0)) / (scale.at(x1) - scale.at(x0))
        middle = (float(most), y0 + along * (y1 - y0))  # drawn where the pilots end
        within, beyond = [*within, middle], [middle, *beyond]
    yield from [Line(tuple(within), style)] if within else []
    yield from [Line(tuple(beyond), f"{style} dashed")] if len(beyond) > 1 else []


def dots_of(evidence: Evidence) -> Iterable[Dots]:
    """The runs that have a score: where some have shared labels, those without them apart."""
    with_pools = any(any(dot.pools.values()) for dot in evidence.dots)
    for style, shared in (("without", False), ("plan", True)) if with_pools else (("plan", False),):
        points = tuple(
            (float(dot.labels), dot.score)
            for dot in evidence.dots
            if dot.score is not None and any(dot.pools.values()) is shared
        )
        if points:
            yield Dots(points, style)


def _sentences(context: Context, name: str, evidence: Evidence) -> tuple[str, ...]:
    """The laws and what they say, in words."""
    line, unit, n, say = context.plan.tasks[name], context.units[name], context.numbers, context.say
    laws = sorted(evidence.laws.items(), key=lambda law: -law[1])
    shown = [f"{clean(say.get('evidence.law', law))} {n.percent(weight)}" for law, weight in laws if weight >= 0.005]
    found = [say("evidence.laws", laws=", ".join(shown))] if shown else []
    if evidence.floor is not None:
        floor = context.level_range(unit.interval(evidence.floor), evidence.floor.level)
        found.append(say("evidence.ceiling", score=unit.show(evidence.floor.expected), range=floor))
    if evidence.exponent is not None:
        e = evidence.exponent
        interval = n.interval(n.plain(e.low, 2), n.plain(e.high, 2))
        found.append(say("evidence.exponent", value=n.plain(e.expected, 2), interval=interval))
    if evidence.noise > 0:
        found.append(say("evidence.noise", deviation=n.plain(evidence.noise, two_digits(evidence.noise))))
    failed = sum(dot.score is None for dot in evidence.dots)
    if failed:
        found.append(say("evidence.failed", failed))
    if line.beyond_pilot > 1:
        most = n.count(evidence.most_labels)
        found.append(say("evidence.beyond_task", factor=n.times(line.beyond_pilot), most=most))
    return tuple(found)


def _curve_table(context: Context, name: str, evidence: Evidence) -> Table:
    """The measured means: a row for each number of labels and a column for each mix of pools, where these are few."""
    means: dict[tuple[int, ...], dict[int, list[float]]] = {}
    for dot in evidence.dots:
        if dot.score is not None:
            mix = tuple(dot.pools.get(pool, 0) for pool in context.plan.pools)
            means.setdefault(mix, {}).setdefault(dot.labels, []).append(dot.score)
    mixes = {key: pool_labels(context, dict(zip(context.plan.pools, key, strict=True))) for key in sorted(means)}
    if len(mixes) > MIXES:
        return _long_table(context, name, {mixes[key]: means[key] for key in mixes})
    return _wide_table(context, name, {mixes[key]: means[key] for key in mixes})


def _wide_table(context: Context, name: str, means: dict[str, dict[int, list[float]]]) -> Table:
    """How many runs a mean is of stands in the caption if it is the same everywhere, else small beside each."""
    n, unit, say = context.numbers, context.units[name], context.say
    counts = {len(scores) for by_labels in means.values() for scores in by_labels.values()}
    same = len(counts) == 1
    rows = []
    for labels in sorted({labels for by_labels in means.values() for labels in by_labels}):
        found = [by_labels.get(labels, []) for by_labels in means.values()]
        shown = (
            Cell(unit.show(sum(each) / len(each)), note="" if same else n.count(len(each))) if each else Cell()
            for each in found
        )
        rows.append(Row((Cell(n.count(labels)), *shown)))
    shared = say("evidence.column.of_shared")
    heads = [Column(mix, note=shared) for mix in means] if context.plan.pools else [Column(say("evidence.column.mean"))]
    caption = say("evidence.measured_each", counts.pop()) if same else say("evidence.measured_counts")
    return Table(caption, (Column(say("evidence.column.labels")), *heads[: len(means)]), tuple(rows))


def _long_table(context: Context, name: str, means: dict[str, dict[int, list[float]]]) -> Table:
    """One row for each number of labels and mix of pools."""
    n, unit = context.numbers, context.units[name]
    rows = tuple(
        Row(cells(n.count(labels), mix, unit.show(sum(scores) / len(scores)), n.count(len(scores))))
        for labels, mix, scores in sorted((labels, mix, means[mix][labels]) for mix in means for labels in means[mix])
    )
    heads = tuple(Column(context.say(f"evidence.column.{key}")) for key in ("labels", "shared", "mean", "runs"))
    return Table(context.say("evidence.measured"), heads, rows)


def _backtest(context: Context, unit: Unit, evidence: Evidence) -> Table | None:
    """Every hidden pilot; in a plan of many tasks those with the most labels."""
    if not evidence.backtest:
        return None
    most = max(line.labels for line in evidence.backtest)
    many = len(context.plan.tasks) > MANY
    shown = [line for line in evidence.backtest if line.labels == most or not many]
    rows = tuple(_hidden(context, unit, line) for line in shown)
    note = context.say("evidence.column.range", level=context.percentage(context.plan.score.level))
    notes = {"labels": "", "shared": "", "predicted": note, "came": "", "last": "", "power_law": ""}
    columns = tuple(Column(context.say(f"evidence.column.{key}"), note=note) for key, note in notes.items())
    caption = outlook.backtest_caption(context.say, len(evidence.backtest) - len(shown))
    return Table(caption, columns, rows).without_empty()


def _hidden(context: Context, unit: Unit, line: Hidden) -> Row:
    inside = "inside" if line.low <= line.measured <= line.high else "outside"
    interval = context.numbers.interval(unit.show(line.low), unit.show(line.high))
    return Row(
        (
            Cell(context.numbers.count(line.labels)),
            Cell(pool_labels(context, line.pools) if context.plan.pools else ""),
            Cell(unit.show(line.predicted), note=interval),
            Cell(unit.show(line.measured), note=context.say(f"evidence.{inside}")),
            Cell("" if line.last_value is None else unit.show(line.last_value)),
            Cell("" if line.power_law is None else unit.show(line.power_law)),
        )
    )
