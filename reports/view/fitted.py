"""A fitted task as a picture, with or without a plan: its runs, the expected score with its range, and where the pilots
end."""

from __future__ import annotations

from collections.abc import Iterator

from budget.plan import Curve, Evidence
from reports.charts.scale import Scale, even_scale, log_scale
from reports.charts.svg import Axis, Band, Chart, Line, Region
from reports.numbers import Numbers
from reports.view.evidence import curve_style, dots_of, split_line
from reports.view.parts import name_of, ticks

Key = tuple[str, str, str]  # what a legend shows: "line", "band" or "dots"; its style; its text


def fitted_chart(index: int, name: str, evidence: Evidence, numbers: Numbers) -> Chart:
    """The first curve is the thick one, with its range; the others are at other levels of shared labels."""
    say, main = numbers.say, next(iter(evidence.curves), None)
    x = _labels(evidence, main)
    measured = [dot.score for dot in evidence.dots if dot.score is not None]
    band = [point for point in _band(main) if x.low <= point[0] <= x.high]
    heights = [*measured, *(value for curve in evidence.curves for value in curve.expected)]
    y = even_scale([*heights, *(end for point in band for end in point[1:])] or [0.0])
    region = Region(evidence.most_labels, x.high, say("evidence.beyond_region"))
    return Chart(
        f"fit-{index}",
        say("evidence.title", task=name_of(name).whole),
        say("fitted.description", len(measured), most=numbers.count(evidence.most_labels)),
        Axis(x, say("evidence.x"), ticks(x.ticks(5), numbers.compact)),
        Axis(y, "", ticks(y.ticks(5), lambda tick: numbers.compact(tick))),
        regions=(region,) if x.high > evidence.most_labels > 0 else (),
        bands=(Band(tuple(band), "plan"),) if band else (),
        lines=tuple(_lines(evidence, main, x)),
        dots=tuple(dots_of(evidence)),
    )


def legend_of(evidence: Evidence, chart: Chart, numbers: Numbers) -> tuple[Key, ...]:
    """What the dots, lines and the band of a chart are, each once, in words."""
    say, shared = numbers.say, any(any(curve.pools.values()) for curve in evidence.curves)
    both = len(chart.dots) > 1
    keys = [("dots", dots.style, say(f"fitted.run_{dots.style}" if both else "fitted.run")) for dots in chart.dots]
    styles = dict.fromkeys(line.style for line in chart.lines if "dashed" not in line.style)
    keys += [("line", style, say(f"fitted.line_{style}" if shared else "fitted.line")) for style in styles]
    if any(line.style == "plan dashed" for line in chart.lines):
        keys.append(("line", "plan dashed", say("fitted.dashed")))
    level = evidence.exponent.level if evidence.exponent else 0.9
    return (
        *keys,
        *(("band", band.style, say("fitted.band", level=numbers.whole(100 * level))) for band in chart.bands),
    )


def _labels(evidence: Evidence, main: Curve | None) -> Scale:
    """Labels from the smallest pilot to the end of the curve."""
    return log_scale([*(float(dot.labels) for dot in evidence.dots), *(main.labels if main else ())] or [1.0])


def _band(main: Curve | None) -> Iterator[tuple[float, float, float]]:
    yield from zip(main.labels, main.low, main.high, strict=True) if main else ()


def _lines(evidence: Evidence, main: Curve | None, x: Scale) -> Iterator[Line]:
    for curve in sorted(evidence.curves, key=lambda curve: curve is main):
        yield from split_line(curve, evidence, curve_style(curve, main), x)
