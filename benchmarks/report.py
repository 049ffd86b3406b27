"""The page: how large it is and how long it takes to draw and to open, beside the same charts in Plotly.

Plans of 4, 40 and 200 tasks. With Plotly installed (`pip install plotly`), the page's curves are also written as
Plotly figures with the library inlined, and both are opened in Chromium in the same run.

usage: python benchmarks/report.py [--tasks 4 40 200] [--runs 5]
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from budget.plan import Curve, Plan
from reports import render
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.reports.plans import forty_tasks, four_tasks


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", type=int, default=[4, 40, 200])
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    rival = plotly_page if importlib.util.find_spec("plotly") else None
    print("tasks  page KB  draw s  open s" + ("   Plotly KB  draw s  open s   ratio KB  draw  open" if rival else ""))
    for count in given.tasks:
        plan = widened(count)
        render(plan)  # once before: templates are read and compiled
        ours = measured(lambda plan=plan: render(plan), given.runs)
        line = f"{count:5}  {ours[0]:7.0f}  {ours[1]:6.3f}  {ours[2]:6.2f}"
        if rival:
            theirs = measured(lambda plan=plan: rival(plan), 1)
            ratios = [other / own for other, own in zip(theirs, ours, strict=True)]
            line += f"   {theirs[0]:9.0f}  {theirs[1]:6.3f}  {theirs[2]:6.2f}"
            line += f"   {ratios[0]:8.1f}  {ratios[1]:4.1f}  {ratios[2]:4.1f}"
        print(line)
    if not rival:
        print("Plotly is not installed: no ratio (pip install plotly)")


def widened(count: int) -> Plan:
    """A plan of so many tasks: that of forty, its tasks repeated under new names."""
    if count <= 4:
        return four_tasks()
    plan = forty_tasks()
    names = [(f"{name} {again}" if again else name, name) for again in range(-(-count // 40)) for name in plan.tasks]
    names = names[:count]

    def repeated(values: dict) -> dict:
        kept = {name: value for name, value in values.items() if name not in plan.tasks}
        return kept | {new: values[old] for new, old in names if old in values}

    points = tuple(
        replace(p, buy=repeated(p.buy), costs=repeated(p.costs), tasks=repeated(p.tasks)) for p in plan.frontier
    )
    pools = {name: replace(pool, brings=repeated(pool.brings)) for name, pool in plan.pools.items()}
    return replace(
        plan, tasks=repeated(plan.tasks), evidence=repeated(plan.evidence), frontier=points, pools=pools
    )  # fmt: skip


def measured(draw: Callable[[], str], runs: int) -> tuple[float, float, float]:
    """Kilobytes, seconds to draw (median) and seconds until Chromium has laid it out (median of 3)."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        page = draw()
        seconds.append(time.perf_counter() - start)
    return len(page.encode()) / 1000, median(seconds), median(opened(page) for _ in range(3))


def opened(page: str) -> float:
    """Seconds from asking for the page until its first frame after loading."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "page.html")
        path.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        window = browser.new_page()
        start = time.perf_counter()
        window.goto(path.as_uri())
        window.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seconds = time.perf_counter() - start
        browser.close()
    return seconds


def plotly_page(plan: Plan) -> str:
    """The curves of every task and the frontier as Plotly figures in one page, the library inlined once."""
    import plotly.graph_objects as go

    parts = []
    for name, evidence in plan.evidence.items():
        figure = go.Figure(layout={"title": name, "xaxis": {"type": "log"}, "height": 300})
        for curve in evidence.curves:
            figure.add_traces(plotly_curve(curve))
        dots = [dot for dot in evidence.dots if dot.score is not None]
        figure.add_scatter(x=[dot.labels for dot in dots], y=[dot.score for dot in dots], mode="markers")
        parts.append(figure.to_html(full_html=False, include_plotlyjs="inline" if not parts else False))
    budgets = [point.budget for point in plan.frontier]
    figure = go.Figure(go.Scatter(x=budgets, y=[point.score.expected for point in plan.frontier]))
    parts.append(figure.to_html(full_html=False, include_plotlyjs=False))
    return f"<!DOCTYPE html><html><body>{''.join(parts)}</body></html>"


def plotly_curve(curve: Curve) -> list:
    """A line with its band."""
    import plotly.graph_objects as go

    return [
        go.Scatter(x=curve.labels, y=curve.low, line={"width": 0}),
        go.Scatter(x=curve.labels, y=curve.high, line={"width": 0}, fill="tonexty"),
        go.Scatter(x=curve.labels, y=curve.expected),
    ]


if __name__ == "__main__":
    main()
