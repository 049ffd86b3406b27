"""The charts of a plan as files of their own: SVG that needs no style sheet, for slides and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup

from budget.plan import Plan
from reports.charts.svg import Chart, draw, tag
from reports.page import source
from reports.view.evidence import curve_chart
from reports.view.frontier import frontier_chart, solved
from reports.view.parts import Context, context_of
from reports.view.shared import best_by_share, shares_chart

WIDTH, LEFT, TOP, RIGHT, BOTTOM = 760, 64, 72, 24, 56  # pixels


def to_svg(plan: Plan, language: str = "en") -> dict[str, str]:
    """File name -> SVG: the frontier, the split, and every task's curve, numbered in the plan's order."""
    style = plain_style()
    return {f"{name}.svg": standalone(chart, style) for name, chart in _charts(context_of(plan, language))}


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
            plain = re.sub(r"\W+", "-", name).strip("-")[:40]
            yield f"curve-{index + 1:02d}-{plain}".rstrip("-"), curve_chart(context, index, name, evidence)


def standalone(chart: Chart, style: str) -> str:
    """One chart with its title and margins, on paper."""
    height = TOP + chart.height + BOTTOM
    inner = tag("svg", draw(chart), x=LEFT, y=TOP, width=WIDTH - LEFT - RIGHT, height=chart.height, overflow="visible")
    parts = [
        tag("style", Markup(style)),
        tag("rect", class_="paper", width="100%", height="100%"),
        tag("text", chart.title, class_="heading", x=LEFT - 40, y=30),
        inner,
    ]
    body = Markup("").join(parts)
    return str(tag("svg", body, xmlns="http://www.w3.org/2000/svg", width=WIDTH, height=height)) + "\n"


def plain_style() -> str:
    """The page's rules for pictures in its light colours, written out: programs for slides know no variables."""
    sheet = source("style.css")
    values = dict(re.findall(r"--([\w-]+):\s*([^;]+);", sheet[: sheet.index("@media")]))
    rules = sheet[sheet.index("/* pictures */") : sheet.index("#stepper")]
    own = (
        "text { font-family: var(--sans); font-size: 12px; } .paper { fill: var(--paper); } .cursor { display: none; }"
    )
    heading = ".heading { font-family: var(--serif); font-size: 19px; font-weight: 600; fill: var(--ink); }"
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values[found[1]], f"{rules}\n{own}\n{heading}")
