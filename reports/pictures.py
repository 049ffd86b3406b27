"""The charts of a plan as files of their own: SVG that needs no style sheet, for slides and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from budget.plan import Evidence, Plan
from reports.charts.svg import Chart, draw, tag
from reports.language import language_of
from reports.numbers import Numbers
from reports.page import source
from reports.view.evidence import curve_chart
from reports.view.fitted import Key, fitted_chart, legend_of
from reports.view.frontier import frontier_chart, solved
from reports.view.parts import Context, context_of
from reports.view.shared import best_by_share, shares_chart

WIDTH, LEFT, TOP, RIGHT, BOTTOM = 760, 64, 72, 24, 56  # pixels
ENTRY, SAMPLE, COLUMNS = 20, 26, 2  # a legend: pixels down for each row and along for each sample; entries in a row


def to_svg(plan: Plan, language: str = "en") -> dict[str, str]:
    """File name -> SVG: the frontier, the split, and every task's curve, numbered in the plan's order."""
    style = plain_style()
    return {f"{name}.svg": standalone(chart, style) for name, chart in _charts(context_of(plan, language))}


def fits_to_svg(evidence: Mapping[str, Evidence], language: str = "en") -> dict[str, str]:
    """File name -> SVG: what was measured and fitted of every task, numbered in this order; needs no plan."""
    style, numbers, answer = plain_style(), Numbers("", language_of(language)), {}
    for index, (name, one) in enumerate(evidence.items()):
        chart = fitted_chart(index, name, one, numbers)
        answer[f"{_file(index, name)}.svg"] = standalone(chart, style, legend_of(one, chart, numbers))
    return answer


def _file(index: int, name: str) -> str:
    """A safe file name for a task's curve, its own by its number."""
    plain = re.sub(r"\W+", "-", name).strip("-")[:40]
    return f"curve-{index + 1:02d}-{plain}".rstrip("-")


def _charts(context: Context) -> Iterator[tuple[str, Chart]]:
    plan = context.plan
    points, splits = solved(plan), best_by_share(plan)
    if len(points) > 1:
        yield "frontier", frontier_chart(context, points)
    if plan.pools and len(splits) > 1:
        yield "split", shares_chart(context, splits)
    for index, name in enumerate(plan.tasks):
        evidence = plan.evidence.get(name)
        if evidence and (evidence.curves or evidence.dots):
            yield _file(index, name), curve_chart(context, index, name, evidence)


def standalone(chart: Chart, style: str, legend: Sequence[Key] = ()) -> str:
    """One chart with its title, margins and legend, on paper."""
    rows = -(-len(legend) // COLUMNS)
    height = TOP + chart.height + BOTTOM + ENTRY * rows
    inner = tag("svg", draw(chart), x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=chart.height, overflow="visible")
    parts = [
        tag("style", Markup(style)),
        tag("rect", class_="paper", width="100%", height="100%"),
        tag("text", chart.title, class_="heading", x=LEFT - 40, y=30),
        inner,
        *(_entry(index, key, TOP + chart.height + BOTTOM) for index, key in enumerate(legend)),
    ]
    body = Markup("").join(parts)
    return str(tag("svg", body, xmlns="http://www.w3.org/2000/svg", width=WIDTH, height=height)) + "\n"


def _entry(index: int, key: Key, top: int) -> Markup:
    """One entry of a legend: a sample as the chart draws it, and its text."""
    kind, style, text = key
    across = (WIDTH - LEFT - RIGHT) / COLUMNS
    if kind == "band":
        sample = tag("rect", class_=f"band {style}", x=0, y=-10, width=SAMPLE, height=12)
    else:
        path = f"M{SAMPLE // 2} -4h0" if kind == "dots" else f"M0 -4h{SAMPLE}"
        sample = tag("path", class_=f"{kind} {style}", d=path)
    words = tag("text", text, class_="key", x=SAMPLE + 8, y=0)
    place = f"translate({LEFT + across * (index % COLUMNS):g} {top + ENTRY * (index // COLUMNS) + 8})"
    return tag("g", sample + words, transform=place)


def plain_style() -> str:
    """The page's rules for pictures in its light colours, written out: programs for slides know no variables."""
    sheet = source("style.css")
    values = dict(re.findall(r"--([\w-]+):\s*([^;]+);", sheet[: sheet.index("@media")]))
    rules = sheet[sheet.index("/* pictures */") : sheet.index("#stepper")]
    own = (
        "text { font-family: var(--sans); font-size: 12px; } .paper { fill: var(--paper); } .cursor { display: none; }"
    )
    own += " .key { fill: var(--ink); }"
    heading = ".heading { font-family: var(--serif); font-size: 19px; font-weight: 600; fill: var(--ink); }"
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values[found[1]], f"{rules}\n{own}\n{heading}")
