"""What more or less money buys: the frontier, and the plans that a reader may step through, each really solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from budget.plan import FrontierPoint, Plan, Score
from reports.charts.scale import Scale, even_scale
from reports.charts.svg import Axis, Band, Chart, Line, Mark, cursor_at, draw, percent
from reports.numbers import visible
from reports.view.allocation import headline_of, score_scale, share_text, widest_cost
from reports.view.parts import Column, Context, Figure, Heading, Row, Table, cells, lines_of, money_on, ticks
from reports.view.verdict import baseline_name
from reports.wording import decision, outlook

KNEE = 0.8  # share of the plan's gain whose price is named
SAME = 1e-9
STEPS = 11  # plans that the slider steps through; the chart and its table show every one
MOST_CHANGES = 6  # lines that one sentence can name
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
    plan, n, say = context.plan, context.numbers, context.say
    size = context.scores.step(plan.next_money.gain).lstrip("+")
    headline = outlook.more_headline(say, context.step, size, plan.next_money.gain > NOTHING, plan.next_money.amount)
    points = solved(plan)
    chosen = [point.budget for point in points].index(here(plan))
    if len(points) == 1:
        return Frontier(Heading("frontier", say("frontier.label"), headline), None, _next(context), (), 0)
    chart = frontier_chart(context, points)
    columns = (
        Column(say("frontier.budget"), note=n.currency),
        Column(say("allocation.column.cost"), note=n.currency),
        Column(say("alternatives.column.score"), note=context.per),
        Column(say("allocation.column.range"), note=context.level),
        Column(say("frontier.on_shared")),
        *_counted_columns(context),
    )
    rows = tuple(_row(context, point) for point in points)
    table = Table(say("frontier.caption"), columns, rows)
    scales = (widest_cost(plan), score_scale(context))
    steps = stepped(points, chosen)
    states = tuple(_state(context, chart, point, scales) for point in steps)
    sentences = (*_half(context, points), *_knee(context, points), *_more(context, points), *_next(context))
    sentences += (*_failed(context, points), *_second_line(context))
    heading = Heading("frontier", say("frontier.label"), headline)
    return Frontier(heading, Figure(chart.title, draw(chart), table), sentences, states, steps.index(points[chosen]))


def here(plan: Plan) -> float:
    """The money at which the plan stands among those of other budgets: the budget, or for the goal `cheapest` what it
    costs, for more than that would buy a better mean score."""
    return plan.cost if plan.goal == "cheapest" else plan.budget


def solved(plan: Plan) -> list[FrontierPoint]:
    """The frontier by rising budget, with the plan itself in it."""
    lines = lines_of(plan)
    this = FrontierPoint(
        here(plan),
        plan.cost,
        plan.score,
        {name: line.buy for name, line in lines.items()},
        {name: line.cost for name, line in lines.items()},
        {name: _score(plan, name) for name in plan.tasks},
        plan.certificate.gap,
        plan.certificate.value if counted(plan) else None,
    )
    others = [point for point in plan.frontier if abs(point.budget - here(plan)) > SAME * max(here(plan), 1.0)]
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


def counted(plan: Plan) -> str:
    """What the goal counts where that is not the mean score and a frontier knows it: `lowest`, `worst_draws`."""
    known = any(point.value is not None for point in plan.frontier)
    return {"worst": "lowest", "mean": "worst_draws" if plan.risk > 0 else ""}.get(plan.goal, "") if known else ""


def of_targets(plan: Plan) -> bool:
    """Is the lowest score a share of its target, and no score?"""
    return counted(plan) == "lowest" and any(line.target is not None for line in plan.tasks.values())


def _counted_columns(context: Context) -> list[Column]:
    kind, say = counted(context.plan), context.say
    note = say("frontier.of_target") if of_targets(context.plan) else context.per
    return [Column(say(f"frontier.counted.{kind}"), note=note)] if kind else []


def _counted_text(context: Context, point: FrontierPoint) -> list[str]:
    if not counted(context.plan):
        return []
    if point.value is None:
        return [""]
    if of_targets(context.plan):
        return [context.numbers.percent(point.value, 1)]
    return [context.scores.plain(point.value)]


def _second_line(context: Context) -> tuple[str, ...]:
    kind = counted(context.plan)
    drawn = kind and not of_targets(context.plan)
    return (context.say(f"frontier.line.{kind}"),) if drawn else ()


def frontier_chart(context: Context, points: list[FrontierPoint]) -> Chart:
    plan, n, scores, say = context.plan, context.numbers, context.scores, context.say
    value = scores.value
    x = Scale(0.0, points[-1].budget * 1.02)
    places = [value(end) for point in points for end in (point.score.low, point.score.high)]
    raised = [] if of_targets(plan) else [(p.budget, value(p.value)) for p in points if p.value is not None]
    places += [place for _, place in raised]
    y = even_scale([*places, value(plan.now.expected)])
    marks = [
        Mark(baseline.cost, value(baseline.score.expected), "rival", baseline_name(context, name).said)
        for name, baseline in plan.baselines.items()
        if baseline.cost > 0
    ]
    bend = knee(plan, points)
    if bend is not None:
        label = say("frontier.knee_mark", reached=n.percent(bend[1]))
        marks.append(Mark(bend[0].budget, value(bend[0].score.expected), "knee", label))
    marks.append(Mark(here(plan), value(plan.score.expected), "chosen", say("page.this_plan"), above=True))
    return Chart(
        "frontier-chart",
        say("frontier.title"),
        say(
            "frontier.description",
            first=n.money(points[0].budget),
            first_score=scores.show(points[0].score.expected),
            last=n.money(points[-1].budget),
            last_score=scores.show(points[-1].score.expected),
        ),
        Axis(x, say("frontier.x", currency=n.currency), ticks(x.ticks(5), n.compact)),
        Axis(y, outlook.y_title(say, scores.unit.noun, scores.unit.minimised), ticks(y.ticks(5), n.compact)),
        height=340,
        bands=(Band(tuple((p.budget, value(p.score.low), value(p.score.high)) for p in points), "plan"),),
        lines=(
            Line(tuple((p.budget, value(p.score.expected)) for p in points), "plan"),
            *([Line(tuple(raised), "without dashed")] if len(raised) > 1 else []),
        ),
        marks=tuple(
            [Mark(p.budget, value(p.score.expected), "solved") for p in points if p.budget != here(plan)] + marks
        ),
        cursor=Mark(here(plan), value(plan.score.expected), "cursor"),
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
        *_counted_text(context, point),
    )
    return Row(cells(*texts), style="chosen" if point.budget == here(context.plan) else "")


def _half(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    """What half the money would bring, from the solved budget nearest to half."""
    plan, n, scores = context.plan, context.numbers, context.scores
    below = [point for point in points if 0 < point.budget < here(plan)]
    if not below:
        return ()
    half = min(below, key=lambda point: abs(point.budget - here(plan) / 2))
    exact = abs(half.budget - here(plan) / 2) <= 0.01 * here(plan)
    if not exact and abs(half.budget - here(plan) / 2) > 0.2 * here(plan):
        return ()
    facts = {"budget": n.money(half.budget), "score": scores.show(half.score.expected)}
    return (context.say("frontier.half" if exact else "frontier.nearest", **facts, change=_against(context, half)),)


def _against(context: Context, point: FrontierPoint) -> str:
    scores = context.scores
    change = point.score.expected - context.plan.score.expected
    sign = (1 if change > 0 else -1) if visible(scores.change(change)) else 0
    return outlook.against_plan(context.say, scores.size(change), sign)


def knee(plan: Plan, points: list[FrontierPoint]) -> tuple[FrontierPoint, float] | None:
    """The least solved budget that brings most of what the plan adds, and how much of it."""
    whole = plan.score.expected - plan.now.expected
    if whole <= 0:
        return None
    parts = ((point, (point.score.expected - plan.now.expected) / whole) for point in points)
    return next(((point, part) for point, part in parts if 0 < point.budget < here(plan) and part >= KNEE), None)


def _knee(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    found, n = knee(context.plan, points), context.numbers
    if found is None:
        return ()
    point, part = found
    facts = {"share": n.percent(point.budget / here(context.plan)), "reached": n.percent(part)}
    return (context.say("frontier.knee", budget=n.money(point.budget), **facts),)


def _more(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    last, n = points[-1], context.numbers
    if last.budget <= here(context.plan):
        return ()
    facts = {"budget": n.money(last.budget), "score": context.scores.show(last.score.expected)}
    return (context.say("frontier.most", **facts, change=_against(context, last)),)


def _failed(context: Context, points: list[FrontierPoint]) -> tuple[str, ...]:
    """Budgets for which there is no plan: those that are too small, with the reason, and others."""
    failed, say = context.plan.failed_budgets, context.say
    small = [each for each in failed if each.budget < points[0].budget]
    found = []
    if small:
        most = max(small, key=lambda each: each.budget)
        facts = {"budget": context.numbers.money(most.budget), "reason": say.translated(most.reason)}
        found.append(say("frontier.too_little" if most.budget > 0 else "frontier.without", **facts))
    if len(failed) > len(small):
        found.append(say("frontier.not_found", len(failed) - len(small)))
    return tuple(found)


def _next(context: Context) -> tuple[str, ...]:
    plan, n = context.plan, context.numbers
    changes = plan.next_money.buys
    buys = [f"{n.signed(changes[name], 0)} {context.names[name].said}" for name in context.names if changes.get(name)]
    if not 0 < len(buys) <= MOST_CHANGES:
        return ()
    return (context.say("frontier.next", amount=context.step, changes=context.say.listing(buys)),)


def _state(context: Context, chart: Chart, point: FrontierPoint, scales: tuple[float, Scale]) -> dict[str, Any]:
    """Every text and place that the script sets for one solved budget; `scales`: of the bars and of the scores."""
    plan, n, scores, say = context.plan, context.numbers, context.scores, context.say
    is_plan = point.budget == here(plan)
    money = n.money
    shared, own = money_on(point.costs, plan.pools), money_on(point.costs, plan.tasks)
    amounts = (money(point.cost), money(shared), money(own))
    interval = context.level_range(scores.interval(point.score))
    score, change = scores.show(point.score.expected), _against(context, point)
    expectation = outlook.state_expectation(say, scores.unit.noun, score, interval, change)
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
        "title": outlook.state_title(say, money(point.budget), is_plan),
        "purchase": decision.purchase(say, amounts, (shared, own), len(plan.pools), False),
        "expectation": expectation,
        "of": say("verdict.of_budget", budget=money(point.budget)),
        "cost": money(point.cost),
        "score": score,
        "interval": interval,
        **_beside(context, point),
        "cursor": [x, y],
        "rows": [*rows, total],
    }


def _beside(context: Context, point: FrontierPoint) -> dict[str, str]:
    """What stands beside the verdict of another budget, in place of the proposed plan's gain and proof."""
    plan, scores, say = context.plan, context.scores, context.say
    gain, rise = (point.score.expected - other.expected for other in (plan.score, plan.now))
    return {
        "because": say("frontier.because", budget=context.numbers.money(point.budget)),
        "headline": headline_of(context, point.buy),
        "gain-label": say("frontier.against_plan"),
        "gain": scores.with_unit(scores.change(gain)),
        "gain-note": say("frontier.same_forecast"),
        "bound-label": say("frontier.against_now"),
        "bound": scores.with_unit(scores.change(rise)),
        "bound-note": say("frontier.now", score=scores.show(plan.now.expected)),
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
