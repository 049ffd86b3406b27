"""The primitives of every chart: an axis pair drawn in percent of its width, so that text keeps its size at any width.

Curves lie in an inner picture that is stretched; strokes are not (`vector-effect`), and a dot is a stroke of no length
with a round cap. That keeps 40 charts of 100 dots each in a few kilobytes, and needs no script to follow the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from reports.charts.scale import Scale, spread

INNER = 1000  # units of the stretched inner picture, both ways
TICK = 20  # of these units
UNSEEN = 1  # of these units: less than half a pixel
NEAR = 0.05  # of the width: marks whose names could meet
FACING = 0.6  # of the width: marks whose names could meet where they run towards each other
LABEL_GAP = 15.0  # pixels between the baselines of two labels


@dataclass(frozen=True)
class Axis:
    """A scale, its title, and its ticks with their texts."""

    scale: Scale
    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Line:
    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Band:
    points: tuple[tuple[float, float, float], ...]  # x, low, high
    style: str


@dataclass(frozen=True)
class Dots:
    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Region:
    """A part of the x axis that is set apart, with the reason written at its top."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Mark:
    """One point that is named, with an upright interval where `low` and `high` differ."""

    x: float
    y: float
    style: str
    label: str = ""
    low: float | None = None
    high: float | None = None
    above: bool = False  # its name stands over it, not beside


@dataclass(frozen=True)
class Chart:
    """A chart as data: what it says in words, its axes, and its layers from back to front."""

    key: str
    title: str
    description: str
    x: Axis
    y: Axis
    height: int = 280
    regions: tuple[Region, ...] = ()
    bands: tuple[Band, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dots, ...] = ()
    marks: tuple[Mark, ...] = ()
    cursor: Mark | None = None  # a mark that a script may move


def draw(chart: Chart) -> Markup:
    """The chart as one `<svg>` whose text lies partly outside its box: the style sheet gives it the margins."""
    inner = Markup("").join(
        [
            _rules(chart),
            *(_band(chart, band) for band in chart.bands),
            *(_line(chart, line) for line in chart.lines),
            *(_dots(chart, dots) for dots in chart.dots),
        ]
    )
    body = Markup("").join(
        [
            *(_region(chart, region) for region in chart.regions),
            _ticks(chart),
            tag(
                "svg",
                inner,
                viewBox=f"0 0 {INNER} {INNER}",
                preserveAspectRatio="none",
                width="100%",
                height="100%",
                overflow="visible",
            ),
            *(_mark(chart, mark) for mark in chart.marks),
            _labels(chart),
            _cursor(chart),
        ]
    )
    heading = tag("title", chart.title, id=f"{chart.key}-t") + tag("desc", chart.description, id=f"{chart.key}-d")
    names = f"{chart.key}-t {chart.key}-d"
    return tag(
        "svg", heading + body, class_="plot", role="img", aria_labelledby=names, width="100%", height=chart.height
    )


def tag(name: str, content: str | Markup = "", **attributes: object) -> Markup:
    """One element, everything escaped; `class_` and `stroke_width` are written as `class` and `stroke-width`.

    >>> tag("text", "a < b", x="5%", class_="tick")
    Markup('<text x="5%" class="tick">a &lt; b</text>')
    """
    pairs = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{pairs}>{escape(content)}</{name}>" if content else f"<{name}{pairs}/>")


def percent(position: float) -> str:
    """A position of 0..1 as an SVG length."""
    return f"{100 * position:.2f}".rstrip("0").rstrip(".") + "%"


def _down(chart: Chart, value: float) -> float:
    """Pixels from the top for a value of the y axis."""
    return round(chart.height * (1 - chart.y.scale.at(value)), 1)


def _places(chart: Chart, points: Iterable[tuple[float, float]]) -> list[tuple[int, int]]:
    """Whole units of the inner picture."""
    x, y = chart.x.scale, chart.y.scale
    return [(round(INNER * x.at(along)), round(INNER * (1 - y.at(up)))) for along, up in points]


def _path(chart: Chart, points: Iterable[tuple[float, float]]) -> str:
    """A path through the points: the first as it is, the others as steps, which are shorter to write."""
    places = _thinned(_places(chart, points))
    steps = [f"{x - x0} {y - y0}" for (x0, y0), (x, y) in pairwise(places)]
    return f"M{places[0][0]} {places[0][1]}l{' '.join(steps)}".replace(" -", "-")


def _thinned(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without the points that lie on the straight line between those kept, to within UNSEEN units."""
    kept, waiting = places[:1], []
    for (x0, y0), (x, y) in pairwise(places):
        waiting.append((x0, y0))
        start, begin = kept[-1]
        bent = (
            abs((y - begin) * (u - start) - (v - begin) * (x - start)) > UNSEEN * abs(x - start) for u, v in waiting
        )
        if x == x0 or (x - start) * (x0 - start) < 0 or any(bent):
            if (x0, y0) != kept[-1]:
                kept.append((x0, y0))
            waiting = []
    return [*kept, *places[-1:]] if len(places) > 1 else kept


def _line(chart: Chart, line: Line) -> Markup:
    return tag("path", class_=f"line {line.style}", d=_path(chart, line.points))


def _band(chart: Chart, band: Band) -> Markup:
    lower = [(x, low) for x, low, _ in band.points]
    upper = [(x, high) for x, _, high in reversed(band.points)]
    return tag("path", class_=f"band {band.style}", d=_path(chart, lower + upper) + "z")


def _dots(chart: Chart, dots: Dots) -> Markup:
    places = dict.fromkeys(_places(chart, dots.points))  # dots that fall on one another are drawn once
    return tag("path", class_=f"dots {dots.style}", d="".join(f"M{x} {y}h1" for x, y in places))


def _rules(chart: Chart) -> Markup:
    """Horizontal grid lines and the x axis with its ticks, inside the stretched picture: two paths."""
    rows = "".join(f"M0 {INNER * (1 - chart.y.scale.at(value)):.0f}H{INNER}" for value, _ in chart.y.ticks)
    columns = "".join(f"M{INNER * chart.x.scale.at(value):.0f} {INNER}v{TICK}" for value, _ in chart.x.ticks)
    return tag("path", class_="grid", d=rows) + tag("path", class_="axis", d=f"M0 {INNER}H{INNER}{columns}")


def _ticks(chart: Chart) -> Markup:
    """The values of both axes and their titles."""
    up = [tag("text", text, x="-8", y=round(_down(chart, value) + 4)) for value, text in chart.y.ticks]
    parts, along = [tag("g", Markup("").join(up), class_="tick end")], []
    for value, text in chart.x.ticks:
        position = chart.x.scale.at(value)
        last = {"class_": "end"} if position > 0.97 else {}
        along.append(tag("text", text, x=percent(position), y=chart.height + 19, **last))
    parts.append(tag("g", Markup("").join(along), class_="tick middle"))
    if chart.y.title:
        parts.append(tag("text", chart.y.title, class_="tick title", x="-40", y="-12"))
    parts.append(tag("text", chart.x.title, class_="tick title end", x="100%", y=chart.height + 37))
    return Markup("").join(parts)


def _region(chart: Chart, region: Region) -> Markup:
    start, end = chart.x.scale.at(region.start), chart.x.scale.at(region.end)
    shade = tag("rect", class_="beyond", x=percent(start), y="0", width=percent(max(end - start, 0)), height="100%")
    return shade + tag("text", region.label, class_="tick end", x=percent(end), y="-6")


def _mark(chart: Chart, mark: Mark) -> Markup:
    x, parts = percent(chart.x.scale.at(mark.x)), []
    if mark.low is not None and mark.high is not None:
        low, high = _down(chart, mark.low), _down(chart, mark.high)
        parts.append(tag("line", class_=f"whisker {mark.style}", x1=x, x2=x, y1=low, y2=high))
    parts.append(tag("circle", class_=f"mark {mark.style}", cx=x, cy=_down(chart, mark.y), r="5"))
    return Markup("").join(parts)


def _labels(chart: Chart) -> Markup:
    """The names of the marks: over them, or left or right of them, moved apart where they would meet."""
    parts = [_label_above(chart, mark) for mark in chart.marks if mark.label and mark.above]
    beside = [mark for mark in chart.marks if mark.label and not mark.above]
    centres = [chart.x.scale.at(mark.x) for mark in chart.marks if mark.above]
    at = {mark: chart.x.scale.at(mark.x) for mark in beside}
    left = [mark for mark in beside if _leans_left(at[mark], centres)]
    right = [mark for mark in beside if mark not in left]
    facing = any(at[one] < at[other] < at[one] + FACING for one in right for other in left)
    for group in [left + right] if facing else [left, right]:
        places = spread([_down(chart, mark.y) for mark in group], LABEL_GAP, _top(chart, group), chart.height - 10)
        parts += [
            _label_beside(chart, mark, y, -1 if mark in left else 1) for mark, y in zip(group, places, strict=True)
        ]
    return Markup("").join(parts)


def _top(chart: Chart, side: list[Mark]) -> float:
    """How high names beside marks may stand: not up to a name that stands over a mark at the same place."""
    at = chart.x.scale.at
    over = [mark for mark in chart.marks if mark.above and any(abs(at(mark.x) - at(one.x)) < NEAR for one in side)]
    return max([14, *(_down(chart, mark.y) for mark in over)])


def _leans_left(x: float, centres: list[float]) -> bool:
    """Is a mark named at its left: where the picture ends soon, or the mark in the centre stands in the way?"""
    return x > 0.7 or any(0.005 < centre - x < 0.2 < x for centre in centres)


def _label_above(chart: Chart, mark: Mark) -> Markup:
    x = chart.x.scale.at(mark.x)
    anchor = " start" if x < 0.1 else " end" if x > 0.9 else " middle"
    where = {"x": percent(x), "y": str(round(_down(chart, mark.y) - 15, 1))}
    return tag("text", mark.label, class_=f"label {mark.style}{anchor}", **where)


def _label_beside(chart: Chart, mark: Mark, y: float, side: int) -> Markup:
    """A name at height `y`, tied to its mark by a thin line: `side` is 1 for right of it and -1 for left."""
    rise = round(y - _down(chart, mark.y), 1)
    tie = tag("path", class_="tie", d=f"M{side * 6} 0L{side * 20} {rise}")
    anchor = " end" if side < 0 else ""
    text = tag("text", mark.label, class_=f"label {mark.style}{anchor}", x=side * 24, y=rise + 4)
    x = percent(chart.x.scale.at(mark.x))
    return tag("svg", tie + text, x=x, y=_down(chart, mark.y), overflow="visible")


def _cursor(chart: Chart) -> Markup:
    if chart.cursor is None:
        return Markup("")
    x, y = cursor_at(chart, chart.cursor.x, chart.cursor.y)
    return tag("circle", class_="cursor", data_cursor="1", cx=x, cy=y, r="9")


def cursor_at(chart: Chart, x: float, y: float) -> tuple[str, str]:
    """Where the cursor of this chart stands for a point of its axes, as two SVG lengths."""
    return percent(chart.x.scale.at(x)), str(_down(chart, y))


def cell(parts: Sequence[Markup]) -> Markup:
    """A small picture inside a table's row: what it shows stands as numbers in the same row. 24 pixels high."""
    return tag("svg", Markup("").join(parts), class_="cell", aria_hidden="true")


def bar_cell(share: float, style: str) -> Markup:
    """A bar of `share` (0..1) of the cell's width."""
    return cell([tag("rect", class_=f"bar {style}", x="0", y="7", width=percent(share), height="10")])


def interval_cell(
    scale: Scale,
    interval: tuple[float, float, float],
    style: str,
    since: float | None = None,
    target: float | None = None,
) -> Markup:
    """An interval (expected, low, high); an open dot where it comes from (`since`) and a tick at the target.

    One whose middle lies right of the axis ends in an arrow.
    """
    expected, low, high = interval
    parts = [tag("line", class_="track", x1="0", x2="100%", y1="12", y2="12")]
    if scale.low < 0 < scale.high:
        zero = percent(scale.at(0))
        parts.append(tag("line", class_="zero", x1=zero, x2=zero, y1="0", y2="24"))
    if since is not None:
        start, end = percent(scale.at(since)), percent(scale.at(expected))
        parts.append(tag("line", class_=f"rise {style}", x1=start, x2=end, y1="12", y2="12"))
        parts.append(tag("circle", class_=f"since {style}", cx=start, cy="12", r="3.5"))
    first, last = scale.at(low), scale.at(high)
    parts.append(tag("rect", class_=f"range {style}", x=percent(first), y="8", width=percent(last - first), height="8"))
    if target is not None:
        at = percent(scale.at(target))
        parts.append(tag("line", class_="target", x1=at, x2=at, y1="3", y2="21"))
    if expected > scale.high:
        arrow = tag("path", class_=f"mark {style}", d="M-9 -5L0 0L-9 5Z")
        return cell([*parts, tag("svg", arrow, x="100%", y="12", overflow="visible")])
    parts.append(tag("circle", class_=f"mark {style}", cx=percent(scale.at(expected)), cy="12", r="4.5"))
    return cell(parts)


def split_bar(key: str, title: str, description: str, parts: Sequence[tuple[float, str, str]]) -> Markup:
    """One bar cut into parts of (share, style, name): the whole is the money spent."""
    pieces, start = [], 0.0
    for share, style, name in parts:
        where = {"x": percent(start), "width": percent(share)}
        pieces.append(tag("rect", tag("title", name), class_=f"piece {style}", y="0", height="36", **where))
        start += share
    heading = tag("title", title, id=f"{key}-t") + tag("desc", description, id=f"{key}-d")
    body = heading + Markup("").join(pieces)
    return tag("svg", body, class_="split", role="img", aria_labelledby=f"{key}-t {key}-d", width="100%", height="36")


def tornado_cell(scale: Scale, low: float, high: float) -> Markup:
    """Two bars from zero: where the score goes with an assumption's low and with its high value."""
    zero = scale.at(0)
    parts = [tag("line", class_="zero", x1=percent(zero), x2=percent(zero), y1="0", y2="24")]
    for end, style, y in ((low, "low", 4), (high, "high", 13)):
        start, stop = sorted((zero, scale.at(end)))
        parts.append(tag("rect", class_=f"bar {style}", x=percent(start), y=y, width=percent(stop - start), height="7"))
    return cell(parts)
