"""What a person has to look at before signing: few, most important first, each with its next action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from budget.plan import PoolLine, TaskLine
from reports.view.parts import Context, Heading, Name, lines_of, name_of, plan_gain
from reports.view.verdict import gain_decimals, reference, rival_name
from reports.wording import decision, grammar

SHOWN = 7
FAR = 4.0  # times the largest pilot beyond which a plan is far from what was measured
COSTLY = 3  # limits that are named
LIMIT = "max_labels"
MUCH_UNSPENT = 0.01  # share of the budget


@dataclass(frozen=True)
class Finding:
    """`weight` orders the findings; `kind` is stop, check or note."""

    weight: float
    kind: str
    label: str
    subject: Name
    text: str
    action: str


@dataclass(frozen=True)
class Findings:
    heading: Heading
    shown: tuple[Finding, ...]
    folded: tuple[Finding, ...]
    more: str


def findings_of(context: Context) -> Findings:
    found = sorted(_merged((*_tasks(context), *_whole(context))), key=lambda one: (-one.weight, one.subject.whole))
    stops = sum(finding.kind == "stop" for finding in found)
    heading = Heading("findings", "Findings", decision.findings_headline(len(found), stops))
    more = grammar.many(len(found) - SHOWN, "further finding")
    return Findings(heading, tuple(found[:SHOWN]), tuple(found[SHOWN:]), grammar.capital(more))


def _merged(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Findings that say the same of several tasks become one."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.label, finding.text, finding.action), []).append(finding)
    for same in groups.values():
        heaviest = max(same, key=lambda finding: finding.weight)
        if len(same) == 1:
            yield heaviest
            continue
        names = [finding.subject for finding in same]
        subject = Name(decision.together([name.said for name in names]), grammar.listing([name.said for name in names]))
        yield replace(heaviest, subject=subject, text=decision.plural_task(heaviest.text))


def _tasks(context: Context) -> Iterator[Finding]:
    for name, line in context.plan.tasks.items():
        subject = context.names[name]
        share = line.cost / context.plan.cost if context.plan.cost else 0.0
        if line.trust == "FAIL":
            text, action = decision.trust_text("FAIL", line.trust_reason), decision.trust_action(line.trust_remedy)
            yield Finding(100 + share, "stop", "Forecast", subject, text, action)
        elif line.trust == "REVIEW":
            text, action = decision.trust_text("REVIEW", line.trust_reason), decision.trust_action(line.trust_remedy)
            yield Finding(50 + 10 * share, "check", "Forecast", subject, text, action)
        elif line.beyond_pilot > FAR and line.buy > 0:
            yield Finding(40 + 10 * share, "check", "Beyond the pilot", subject, *_beyond(context, line))
        yield from _target(context, name, line)
        yield from _harm(context, name)


def _beyond(context: Context, line: TaskLine | PoolLine) -> tuple[str, str]:
    """A line planned far beyond its pilot: how far, and the step in between that would be measured first."""
    n = context.numbers
    pilot = round(line.labels / line.beyond_pilot)
    between = min(max(4 * pilot - line.owned, 0), line.buy)
    text = decision.beyond_text(n.count(line.labels), n.times(line.beyond_pilot), n.count(pilot))
    return text, decision.beyond_action(n.count(between), n.money(between * line.label_cost))


def _target(context: Context, name: str, line: TaskLine) -> Iterator[Finding]:
    if line.target is None:
        return
    unit, n = context.units[name], context.numbers
    reached = unit.place(line.expected) >= unit.place(line.target)
    probability = line.target_probability
    if reached and (probability is None or probability >= decision.AT_RISK):
        return
    chance = "" if probability is None else n.probability(probability)
    text = decision.target_text(unit.show(line.target), unit.show(line.expected), chance, reached)
    yield Finding(
        60 if reached else 80,
        "check" if reached else "stop",
        "Target",
        context.names[name],
        text,
        decision.target_action(LIMIT in line.binding),
    )


def _harm(context: Context, name: str) -> Iterator[Finding]:
    for pool, line in context.plan.pools.items():
        brings = line.brings.get(name)
        unit = context.units[name]
        if brings is None or line.buy == 0:
            continue
        worst = brings.low if unit.minimised else brings.high
        if (worst > 0) if unit.minimised else (worst < 0):
            low, high = sorted((brings.low, brings.high), reverse=unit.minimised)
            interval = f"{unit.better(low)} to {unit.better(high)}"
            text = decision.pool_harm_text(context.names[pool].said, unit.better(brings.expected), interval)
            yield Finding(45, "check", "Shared labels", context.names[name], text, decision.POOL_HARM_ACTION)


def _limits(context: Context) -> Iterator[Finding]:
    """The few label limits beyond which the next money would bring more than where the plan may spend it."""
    plan, scores = context.plan, context.scores
    gains = {name: plan_gain(plan, name) for name, line in lines_of(plan).items() if LIMIT in line.binding}
    costly = sorted((name for name in gains if gains[name] > plan.next_money.gain), key=lambda n: (-gains[n], n))
    for name in costly[:COSTLY]:
        labels = context.numbers.count(lines_of(plan)[name].labels)
        text = decision.limit_text(labels, context.step, scores.step(gains[name]), scores.step(plan.next_money.gain))
        weight = 25 + min(100 * gains[name], 4)
        yield Finding(weight, "note", "Limit", context.names[name], text, decision.LIMIT_ACTION)


def _whole(context: Context) -> Iterator[Finding]:
    """Findings about the plan as a whole."""
    plan, n = context.plan, context.numbers
    whole = name_of("The plan")
    if plan.budget > 0 and plan.unspent / plan.budget > MUCH_UNSPENT and plan.goal != "cheapest":
        text = decision.unspent_text(n.money(plan.unspent), n.percent(plan.unspent / plan.budget), plan.unspent_reason)
        yield Finding(30, "note", "Money left", whole, text, decision.UNSPENT_ACTION)
    if plan.provenance.failed_runs:
        text = decision.failed_text(
            plan.provenance.failed_runs, plan.provenance.failed_runs + plan.provenance.measured_runs
        )
        yield Finding(20, "note", "Pilots", name_of("The pilots"), text, decision.FAILED_ACTION)
    for name, pool in plan.pools.items():
        if pool.beyond_pilot > FAR and pool.buy > 0:
            weight = 40 + 10 * pool.cost / plan.cost if plan.cost else 40
            yield Finding(weight, "check", "Beyond the pilot", context.names[name], *_beyond(context, pool))
    yield from _limits(context)
    name, rival = reference(plan)
    if rival and rival.gain.high < 0 and not rival.breaks:
        ends = replace(rival.gain, low=-rival.gain.high, high=-rival.gain.low)
        text = decision.behind_text(rival_name(context, name, rival), context.scores.changes(ends))
        yield Finding(70, "check", "Goal", whole, text, decision.BEHIND_ACTION)
    elif rival and rival.gain.low <= 0 < rival.gain.high - rival.gain.low and rival.gain.high >= 0:
        text = decision.noise_text(f"the {name}", context.scores.changes(rival.gain, gain_decimals(context, rival)))
        yield Finding(35, "note", "Gain", whole, text, decision.NOISE_ACTION)
