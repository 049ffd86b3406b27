"""The verdict: what to sign, what it brings, how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from markupsafe import Markup

from budget.plan import Baseline, Plan
from reports.charts.svg import split_bar
from reports.view.parts import Cell, Context, Heading, clean, lines_of, money_on, name_of
from reports.wording import decision, grammar, labels

REFERENCE = "even split"
NAMED_PARTS = 6  # parts of the split that get a line of their own in its key


@dataclass(frozen=True)
class Fact:
    """One of the few figures at the top."""

    label: str
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
    sentences: tuple[str, ...]
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
    sentences.append(decision.left_over(context.numbers.money(plan.unspent), plan.unspent_reason, plan.unspent))
    shares = split(context)
    return Verdict(
        Heading("verdict", "Verdict", plan.title),
        Cell(purchase(context), live="purchase"),
        Cell(expectation(context), live="expectation"),
        tuple(sentence for sentence in sentences if sentence),
        facts(context, name, rival),
        split_bar("split", "How the money is split", split_words(shares), [(p[0], p[1], p[2]) for p in shares])
        if shares
        else None,
        tuple(Part(text, style, amount, share) for _, style, text, amount, share in shares),
        decision.approval(name_of(plan.title).said or labels.UNTITLED, context.numbers.money(plan.cost)),
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
    called = f"the {name}" if name == REFERENCE else f"“{name_of(name).said}”"
    return decision.spending(called, same, context.numbers.money(rival.cost))


def purchase(context: Context) -> str:
    plan, money = context.plan, context.numbers.money
    costs = {name: line.cost for name, line in lines_of(plan).items()}
    shared, own = money_on(costs, plan.pools), money_on(costs, plan.tasks)
    return decision.purchase(money(plan.cost), money(shared), money(own), (shared, own), len(plan.pools), plan.goal)


def expectation(context: Context) -> str:
    plan, scores = context.plan, context.scores
    change = plan.score.expected - plan.now.expected
    return decision.expectation(
        scores.show(plan.score.expected),
        scores.interval(plan.score),
        context.level,
        scores.plain(plan.now.expected),
        scores.unit.noun,
        -change if scores.unit.minimised else change,
    )


def advantage(context: Context, name: str, rival: Baseline) -> str:
    gain, scores, n = rival.gain, context.scores, context.numbers
    decimals = gain_decimals(context, rival)
    ends = gain if gain.high >= 0 else replace(gain, low=-gain.high, high=-gain.low)
    said = decision.advantage(
        rival_name(context, name, rival),
        scores.size(gain.expected, decimals),
        f"{n.percent(gain.level)} range {scores.changes(ends, decimals)}",
        n.probability(rival.beaten_probability),
        (gain.expected, gain.low, gain.high),
    )
    return f"{said} It {decision.broken([clean(key) for key in rival.breaks])}." if rival.breaks else said


def gain_decimals(context: Context, rival: Baseline) -> int:
    """Decimals for a gain and its range."""
    return context.scores.fine(rival.gain.expected, rival.gain.high - rival.gain.low)


def smallest_gap(context: Context) -> tuple[str, bool]:
    """The certificate's gap in what the goal counts, and whether it is too small to be shown."""
    plan, unit = context.plan, context.scores.unit
    certificate, n = plan.certificate, context.numbers
    if certificate.of == "money":
        return n.money(max(certificate.gap, 0.01)), certificate.gap <= 0.01
    if certificate.of == "lowest score" and any(line.target is not None for line in plan.tasks.values()):
        return f"{n.percent(max(certificate.gap, 1e-4), 2)} of its target", certificate.gap <= 1e-4
    visible = 10.0 ** -(unit.decimals + 1)
    gap = certificate.gap * abs(unit.best - unit.worst)
    text = n.plain(max(gap, visible), unit.decimals + 1)
    return context.scores.with_unit(text), gap <= visible


def optimality(context: Context) -> str:
    text, is_zero = smallest_gap(context)
    return decision.optimality(text, context.plan.status, is_zero, context.plan.certificate.of)


def lowest(context: Context) -> str:
    """The task that scores lowest, for the goal that looks at it."""
    plan, units = context.plan, context.units
    name = min(plan.tasks, key=lambda task: (units[task].place(plan.tasks[task].expected), task))
    return decision.lowest(context.names[name].said, units[name].show(plan.tasks[name].expected), units[name].noun)


def facts(context: Context, name: str, rival: Baseline | None) -> tuple[Fact, ...]:
    plan, scores, n = context.plan, context.scores, context.numbers
    interval = f"{context.level} range {scores.interval(plan.score)}"
    found = [
        Fact(
            "To spend", Cell(n.money(plan.cost), live="cost"), Cell(decision.of_budget(n.money(plan.budget)), live="of")
        ),
        Fact(
            decision.fact_score(scores.unit.per),
            Cell(scores.show(plan.score.expected), live="score"),
            Cell(interval, live="interval"),
        ),
    ]
    if rival:
        decimals = gain_decimals(context, rival)
        size = scores.with_unit(scores.change(rival.gain.expected, decimals))
        note = decision.fact_gain(scores.changes(rival.gain, decimals), n.probability(rival.beaten_probability))
        found.append(Fact(decision.fact_rival(name), Cell(size), Cell(note)))
    text, _ = smallest_gap(context)
    found.append(Fact("From the optimum", Cell(f"≤ {text}"), Cell("proven bound, by the same forecast")))
    return tuple(found)


def split(context: Context) -> list[tuple[float, str, str, str, str]]:
    """(share, style, name, amount, share in words), pools first; beyond a few, the smallest tasks are one part."""
    plan, n = context.plan, context.numbers
    if plan.cost <= 0:
        return []
    lines = [(name, line.cost, "pool") for name, line in plan.pools.items() if line.cost > 0]
    tasks = sorted(
        ((name, line.cost, "task") for name, line in plan.tasks.items() if line.cost > 0), key=lambda t: -t[1]
    )
    room = max(NAMED_PARTS - len(lines), 2)
    shown = {name for name, _, _ in tasks[: room if len(tasks) <= room else room - 1]}
    lines += [(name, line.cost, "task") for name, line in plan.tasks.items() if name in shown]
    parts = [
        (cost / plan.cost, f"{kind} {kind}-{index % 6}", context.names[name].said, n.money(cost, context.cents), cost)
        for index, (name, cost, kind) in enumerate(lines)
    ]
    rest = money_on({name: cost for name, cost, _ in tasks}, [name for name, _, _ in tasks if name not in shown])
    if rest:
        text = grammar.many(len(tasks) - len(shown), "other task")
        parts.append((rest / plan.cost, "task task-rest", text, n.money(rest, context.cents), rest))
    return [(share, style, name, amount, n.percent(share, 1)) for share, style, name, amount, _ in parts]


def split_words(shares: list[tuple[float, str, str, str, str]]) -> str:
    return "; ".join(f"{name}: {amount}, {share}" for _, _, name, amount, share in shares)
