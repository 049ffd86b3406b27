"""What more or less money buys: the frontier, and the plans that a reader may step through, each really solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from budget.plan import FrontierPoint, Plan, Score
from reports.charts.scale import Scale, even_scale
from reports.charts.svg import Axis, Band, Chart, Line, Mark, cursor_at, draw, percent
from reports.view.allocation import score_scale, share_text, widest_cost
from reports.view.parts import Column, Context, Figure, Heading, Row, Table, cells, lines_of, money_on, name_of, ticks
from reports.wording import decision, labels, outlook

KNEE = 0.8  # share of the plan's gain whose price is named
SAME = 1e-9
STEPS = 13  # plans that the slider steps through; the chart and its table show every one
NOTHING = 1e-7  # a gain that no reader would call one


@dataclass(frozen=True)
class Frontier:
    """`states`: what a script shows for each solved budget; `chosen`: which of them is this plan."""

    heading: Heading
    figure: Figure | None
    sentences: tuple[str, ...]
    states: tuple[dict[str, Any], ...]
    chosen: int


def frontier_of(context: Context) -> Frontier:
    plan, n = context.plan, context.numbers
    size = context.scores.step(plan.next_money.gain).lstrip("+")
    headline = outlook.more_headline(context.step, size, plan.next_money.gain > NOTHING)
    points = solved(plan)
    chosen = [point.budget for point in points].index(plan.budget)
    if len(points) == 1:
        return Frontier(Heading("frontier", "More or less money", headline), None, _next(context), (), 0)
    chart = frontier_chart(context, points)
    columns = (
        Column("Budget", note=n.currency),
        Column("Cost", note=n.currency),
        Column("Score", note=context.scores.unit.per),
        Column("Range", note=context.level),
        Column("On shared labels"),
    )
    rows = tuple(_row(context, point) for point in points)
    table = Table("The best score for each budget that was solved", columns, rows)
    scales = (widest_cost(plan), score_scale(context))
    steps = stepped(points, chosen)
    states = tuple(_state(context, chart, point, scales) for point in steps)
    sentences = (*_half(context, points), *_knee(context, points), *_more(context, points), *_next(context))
    heading = Heading("frontier", "More or less money", headline)
    return Frontier(heading, Figure(chart.title, draw(chart), table), sentences, states, steps.index(points[chosen]))


def solved(plan: Plan) -> list[FrontierPoint]:
    """The frontier by rising budget, with the plan itself in it."""
    lines = lines_of(plan)
    this = FrontierPoint(
        plan.budget,
        plan.cost,
        plan.score,
        {name: line.buy for name, line in lines.items()},
        {name: line.cost for name, line in lines.items()},
        {name: _score(plan, name) for name in plan.tasks},
    )
    others = [point for point in plan.frontier if abs(point.budget - plan.budget) > SAME * max(plan.budget, 1.0)]
    return sorted([*others, this], key=lambda point: point.budget)


def stepped(points: list[FrontierPoint], chosen: int) -> list[FrontierPoint]:
    """At most STEPS of the solved plans, evenly over their order: both ends and the chosen one among them."""
    if len(points) <= STEPS:
        return points
    last = len(points) - 1
    even = {round(last * step / (STEPS - 1)) for step in range(STEPS)}
    nearest = min(even - {0, last}, key=lambda index: abs(index - chosen))
    kept = even if chosen in even else even - {nearest} | {chosen}
    return [points[index] for index in sorted(kept)]


def _score(plan: Plan, name: str) -> Score:
    line = plan.tasks[name]
    return Score(line.expected, line.low, line.high, plan.score.level)


def frontier_chart(context: Context, points: list[FrontierPoint]) -> Chart:
    plan, n, scores = context.plan, context.numbers, context.scores
    value = scores.value
    x = Scale(0.0, points[-1].budget * 1.02)
    places = [value(end) for point in points for end in (point.score.low, point.score.high)]
    y = even_scale([*places, value(plan.now.expected)])
    marks = [
        Mark(baseline.cost, value(baseline.score.expected), "rival", name_of(name).said)
        for name, baseline in plan.baselines.items()
        if baseline.cost > 0
    ]
    marks.append(Mark(plan.budget, value(plan.score.expected), "chosen", labels.THIS_PLAN, above=True))
    return Chart(
        "frontier-chart",
        "The best score for each budget",
        outlook.frontier_description(
            n.money(points[0].budget),
            scores.show(points[0].score.expected),
            n.money(points[-1].budget),
            scores.show(points[-1].score.expected),
        ),
        Axis(x, f"budget, {n.currency}", ticks(x.ticks(5), n.compact)),
        Axis(
            y,
            outlook.y_title(context.scores.unit.per, context.scores.unit.noun, context.scores.unit.minimised),
            ticks(y.ticks(5), lambda tick: n.compact(tick)),
        ),
        height=340,
        bands=(Band(tuple((p.budget, value(p.score.low), value(p.score.high)) for p in points), "plan"),),
        lines=(Line(tuple((p.budget, value(p.score.expected)) for p in points), "plan"),),
        marks=tuple(
            [Mark(p.budget, value(p.score.expected), "solved") for p in points if p.budget != plan.budget] + marks
        ),
        cursor=Mark(plan.budget, value(plan.score.expected), "cursor"),
    )


def _row(context: Context, point: FrontierPoint) -> Row:
    n, scores = context.numbers, context.scores
    shared = money_on(point.costs, context.plan.pools)
    texts = (
        n.plain(point.budget, n.cents(point.budget)),
        context.cost(point.cost),
        scores.plain(point.score.expected),
        scores.interval(point.score),
        share_text(context, shared, point.cost),
    )
    return Row(cells(*texts), style="chosen" if point.budget == context.plan.budget else "")


def _half(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    """What half the money would bring, from the solved budget nearest to half."""
    plan, n, scores = context.plan, context.numbers, context.scores
    below = [point for point in points if 0 < point.budget < plan.budget]
    if not below:
        return ()
    half = min(below, key=lambda point: abs(point.budget - plan.budget / 2))
    exact = abs(half.budget - plan.budget / 2) <= 0.01 * plan.budget
    if not exact and abs(half.budget - plan.budget / 2) > 0.2 * plan.budget:
        return ()
    return (
        outlook.half_sentence(
            n.money(half.budget), scores.show(half.score.expected), _against(context, half), not exact
        ),
    )


def _against(context: Context, point: FrontierPoint) -> str:
    scores = context.scores
    change = point.score.expected - context.plan.score.expected
    text = scores.size(change)
    visible = any(digit in "123456789" for digit in text.partition("\u00a0")[0].split(" ")[0])
    return outlook.against_plan(text, (1 if change > 0 else -1) if visible else 0)


def _knee(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    """The least solved budget that brings most of what the plan adds."""
    plan, n = context.plan, context.numbers
    whole = plan.score.expected - plan.now.expected
    if whole <= 0:
        return ()
    share = {point.budget: (point.score.expected - plan.now.expected) / whole for point in points}
    knee = next((budget for budget, part in share.items() if budget < plan.budget and part >= KNEE), None)
    if not knee:
        return ()
    return (outlook.knee_sentence(n.money(knee), n.percent(knee / plan.budget), n.percent(share[knee])),)


def _more(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    last, n = points[-1], context.numbers
    if last.budget <= context.plan.budget:
        return ()
    return (
        outlook.double_sentence(
            n.money(last.budget), context.scores.show(last.score.expected), _against(context, last)
        ),
    )


def _next(context: Context) -> tuple[str, ...]:
    plan, n = context.plan, context.numbers
    changes = plan.next_money.buys
    buys = [f"{n.signed(changes[name], 0)} {context.names[name].said}" for name in context.names if changes.get(name)]
    sentence = outlook.next_buys(context.step, buys)
    return (sentence,) if sentence and len(buys) <= 6 else ()


def _state(context: Context, chart: Chart, point: FrontierPoint, scales: tuple[float, Scale]) -> dict[str, Any]:
    """Every text and place that the script sets for one solved budget; `scales`: of the bars and of the scores."""
    plan, n, scores = context.plan, context.numbers, context.scores
    is_plan = point.budget == plan.budget
    money = n.money
    shared, own = money_on(point.costs, plan.pools), money_on(point.costs, plan.tasks)
    sums = (shared, own)
    expectation = outlook.state_expectation(
        scores.unit.noun,
        scores.show(point.score.expected),
        scores.interval(point.score),
        context.level,
        "" if is_plan else _against(context, point),
    )
    rows = [_state_row(context, point, name, *scales) for name in lines_of(plan)]
    total = [
        n.count(sum(point.buy.values())),
        context.cost(point.cost),
        n.percent(1.0 if point.cost else 0.0, 1),
        scores.plain(point.score.expected),
        scores.interval(point.score),
    ]
    x, y = cursor_at(chart, point.budget, scores.value(point.score.expected))
    return {
        "plan": is_plan,
        "title": outlook.state_title(money(point.budget), is_plan),
        "purchase": decision.purchase(money(point.cost), money(shared), money(own), sums, len(plan.pools), "mean"),
        "expectation": expectation,
        "of": decision.of_budget(money(point.budget)),
        "cost": money(point.cost),
        "score": scores.show(point.score.expected),
        "interval": f"{context.level} range {scores.interval(point.score)}",
        "cursor": [x, y],
        "rows": [*rows, total],
    }


def _state_row(context: Context, point: FrontierPoint, name: str, widest: float, scale: Scale) -> list[str]:
    """Texts and places of one line, in the script's order: buy, cost, share, expected, range, then the pictures."""
    cost = point.costs.get(name, 0.0)
    row = [context.numbers.count(point.buy.get(name, 0)), context.cost(cost), share_text(context, cost, point.cost)]
    bar = percent(min(cost / widest, 1.0))
    if name not in point.tasks:
        return [*row, "", "", bar]
    unit, score = context.units[name], point.tasks[name]
    low, high = sorted((scale.at(unit.place(score.low)), scale.at(unit.place(score.high))))
    at = scale.at(unit.place(score.expected))
    places = [bar, percent(at), percent(low), percent(high - low)]
    return [*row, unit.show(score.expected), unit.interval(score), *places]
