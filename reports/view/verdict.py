"""The verdict: what to sign, what it brings, how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from budget.plan import Baseline, Plan
from reports.charts.svg import split_bar
from reports.view.parts import Cell, Context, Heading, Name, limit_name, lines_of, money_on, name_of
from reports.wording import decision

REFERENCE = "even split"
NAMED_PARTS = 6  # parts of the split that get a line of their own in its key
TONES = 6  # of pools, and of tasks, in the style sheet


@dataclass(frozen=True)
class Fact:
    """One of the few figures at the top."""

    label: Cell
    figure: Cell
    note: Cell


@dataclass(frozen=True)
class Part:
    """One part of the money in the split's key."""

    name: str
    style: str
    amount: str
    share: str


@dataclass(frozen=True)
class Verdict:
    heading: Heading
    purchase: Cell
    expectation: Cell
    because: Cell
    facts: tuple[Fact, ...]
    split: Markup | None
    parts: tuple[Part, ...]
    approval: str


def verdict_of(context: Context) -> Verdict:
    plan = context.plan
    name, rival = reference(plan)
    sentences = [advantage(context, name, rival)] if rival else []
    sentences += [lowest(context)] if plan.goal == "worst" and len(plan.tasks) > 1 else []
    sentences.append(optimality(context))
    reason = context.say.translated(plan.unspent_reason)
    sentences.append(decision.left_over(context.say, context.numbers.money(plan.unspent), reason, plan.unspent))
    shares, say = split(context), context.say
    title = name_of(plan.title).said or say("page.untitled")
    return Verdict(
        Heading("verdict", say("verdict.label"), plan.title),
        Cell(purchase(context), live="purchase"),
        Cell(expectation(context), live="expectation"),
        Cell(" ".join(sentence for sentence in sentences if sentence), live="because"),
        facts(context, name, rival),
        split_bar("split", say("verdict.split"), split_words(shares), [(p[0], p[1], p[2]) for p in shares])
        if shares
        else None,
        tuple(Part(text, style, amount, share) for _, style, text, amount, share in shares),
        say("verdict.approval", title=title, budget=context.numbers.money(plan.cost)),
    )


def reference(plan: Plan) -> tuple[str, Baseline | None]:
    """What the verdict compares with: the even split, or the best other plan that needs no optimizer and buys.

    One that does not keep to the brief is only taken where none does.
    """
    rivals = {name: baseline for name, baseline in plan.baselines.items() if baseline.cost > 0 or name == REFERENCE}
    rivals = {name: rival for name, rival in rivals.items() if not rival.breaks} or rivals
    if not rivals:
        return "", None
    best = max(rivals, key=lambda name: (name == REFERENCE, rivals[name].score.expected, name))
    return best, rivals[best]


def rival_name(context: Context, name: str, rival: Baseline) -> str:
    """The rival with what it spends: at the same spend, where that is the same to one part in fifty."""
    same = abs(rival.cost - context.plan.cost) <= 0.02 * context.plan.cost
    key = "verdict.same_spend" if same else "verdict.other_spend"
    return context.say(key, name=called(context, name), cost=context.numbers.money(rival.cost))


def called(context: Context, name: str) -> str:
    """A plan that needs no optimizer, inside a sentence."""
    if name == REFERENCE:
        return context.say("verdict.even_split")
    return context.say("verdict.rival", name=baseline_name(context, name).said)


def baseline_name(context: Context, name: str) -> Name:
    """The name of an alternative: ours in the page's language, the user's own as it is."""
    return name_of(context.say.get("alternatives.name", name))


def purchase(context: Context) -> str:
    plan, money = context.plan, context.numbers.money
    costs = {name: line.cost for name, line in lines_of(plan).items()}
    shared, own = money_on(costs, plan.pools), money_on(costs, plan.tasks)
    amounts = (money(plan.cost), money(shared), money(own))
    return decision.purchase(context.say, amounts, (shared, own), len(plan.pools), plan.goal == "cheapest")


def expectation(context: Context) -> str:
    plan, scores = context.plan, context.scores
    change = plan.score.expected - plan.now.expected
    return decision.expectation(
        context.say,
        scores.show(plan.score.expected),
        context.level_range(scores.interval(plan.score)),
        scores.plain(plan.now.expected),
        scores.unit.noun,
        -change if scores.unit.minimised else change,
    )


def advantage(context: Context, name: str, rival: Baseline) -> str:
    gain, scores, n = rival.gain, context.scores, context.numbers
    decimals = gain_decimals(context, rival)
    ends = gain if gain.high >= 0 else replace(gain, low=-gain.high, high=-gain.low)
    said = decision.advantage(
        context.say,
        rival_name(context, name, rival),
        scores.size(gain.expected, decimals),
        context.level_range(scores.changes(ends, decimals), gain.level),
        n.probability(rival.beaten_probability),
        (gain.expected, gain.low, gain.high),
    )
    return f"{said} {context.say('verdict.broken', broken=broken(context, rival))}" if rival.breaks else said


def broken(context: Context, rival: Baseline) -> str:
    """What an alternative does not keep to."""
    if not rival.breaks:
        return ""
    return context.say(
        "alternatives.broken", keys=context.say.listing([limit_name(context, key) for key in rival.breaks])
    )


def repaired(context: Context, rival: Baseline) -> str:
    """What an alternative was changed for."""
    if not rival.repaired:
        return ""
    return context.say(
        "alternatives.repaired", keys=context.say.listing([limit_name(context, key) for key in rival.repaired])
    )


def gain_decimals(context: Context, rival: Baseline) -> int:
    """Decimals for a gain and its range, which show on which side of zero it ends."""
    gain = rival.gain
    nearest = min(abs(gain.low), abs(gain.high)) if gain.low > 0 or gain.high < 0 else 0.0
    return context.scores.fine(gain.expected, gain.high - gain.low, nearest)


def smallest_gap(context: Context) -> tuple[str, bool]:
    """The certificate's gap in what the goal counts, and whether it is too small to be shown."""
    plan, unit = context.plan, context.scores.unit
    certificate, n = plan.certificate, context.numbers
    if certificate.of == "money":
        return n.money(max(certificate.gap, 0.01)), certificate.gap <= 0.01
    if certificate.of == "lowest score" and any(line.target is not None for line in plan.tasks.values()):
        return context.say(
            "verdict.bound.of_target", share=n.percent(max(certificate.gap, 1e-4), 2)
        ), certificate.gap <= 1e-4
    visible = 10.0 ** -(unit.decimals + 1)
    gap = certificate.gap * abs(unit.best - unit.worst)
    text = n.plain(max(gap, visible), unit.decimals + 1)
    return context.scores.with_unit(text), gap <= visible


def optimality(context: Context) -> str:
    text, is_zero = smallest_gap(context)
    return decision.optimality(context.say, text, context.plan.status, is_zero, context.plan.certificate.of)


def lowest(context: Context) -> str:
    """The task that scores lowest, for the goal that looks at it."""
    plan, units = context.plan, context.units
    name = min(plan.tasks, key=lambda task: (units[task].place(plan.tasks[task].expected), task))
    score = units[name].show(plan.tasks[name].expected)
    return context.say("verdict.lowest", task=context.names[name].said, score=score, metric=units[name].noun)


def facts(context: Context, name: str, rival: Baseline | None) -> tuple[Fact, ...]:
    plan, scores, n, say = context.plan, context.scores, context.numbers, context.say
    budget = say("verdict.of_budget", budget=n.money(plan.budget))
    expected = say("verdict.fact.score" if scores.points else "verdict.fact.metric", metric=scores.unit.per)
    interval = context.level_range(scores.interval(plan.score))
    found = [
        Fact(Cell(say("verdict.fact.spend")), Cell(n.money(plan.cost), live="cost"), Cell(budget, live="of")),
        Fact(Cell(expected), Cell(scores.show(plan.score.expected), live="score"), Cell(interval, live="interval")),
    ]
    if rival:
        decimals = gain_decimals(context, rival)
        size = scores.with_unit(scores.change(rival.gain.expected, decimals))
        chance = n.probability(rival.beaten_probability)
        note = say("verdict.fact.gain", interval=scores.changes(rival.gain, decimals), probability=chance)
        key = "verdict.fact.even_split" if name == REFERENCE else "verdict.fact.rival"
        label = Cell(say(key, name=baseline_name(context, name).said), live="gain-label")
        found.append(Fact(label, Cell(size, live="gain"), Cell(note, live="gain-note")))
    text, _ = smallest_gap(context)
    label = Cell(say("verdict.fact.optimum"), live="bound-label")
    found.append(Fact(label, Cell(f"≤ {text}", live="bound"), Cell(say("verdict.fact.bound"), live="bound-note")))
    return tuple(found)


def split(context: Context) -> list[tuple[float, str, str, str, str]]:
    """(share, style, name, amount, share in words), pools first; beyond a few, the smallest tasks are one part."""
    plan, n = context.plan, context.numbers
    if plan.cost <= 0:
        return []
    pools = [(name, line.cost, "pool") for name, line in plan.pools.items() if line.cost > 0]
    tasks = sorted(
        ((name, line.cost, "task") for name, line in plan.tasks.items() if line.cost > 0), key=lambda t: -t[1]
    )
    room = max(NAMED_PARTS - len(pools), 2)
    shown = {name for name, _, _ in tasks[: room if len(tasks) <= room else room - 1]}
    own = [(name, line.cost, "task") for name, line in plan.tasks.items() if name in shown]
    parts = [
        (cost / plan.cost, f"{kind} tone-{tone % TONES}", context.names[name].said, n.money(cost, context.cents), cost)
        for lines in (pools, own)
        for tone, (name, cost, kind) in enumerate(lines)
    ]
    rest = money_on({name: cost for name, cost, _ in tasks}, [name for name, _, _ in tasks if name not in shown])
    if rest:
        text = context.say("verdict.other_tasks", len(tasks) - len(shown))
        parts.append((rest / plan.cost, "task tone-rest", text, n.money(rest, context.cents), rest))
    return [(share, style, name, amount, n.percent(share, 1)) for share, style, name, amount, _ in parts]


def split_words(shares: list[tuple[float, str, str, str, str]]) -> str:
    return "; ".join(f"{name}: {amount}, {share}" for _, _, name, amount, share in shares)
