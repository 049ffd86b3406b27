"""What a person has to look at before signing: few, most important first, each with its next action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from budget.plan import PoolLine, TaskLine
from reports.language import capital, sentence
from reports.view.parts import Context, Heading, Name, lines_of, name_of, on_others, plan_gain
from reports.view.pilots import best_pilot, pilot_with_price, worth_most
from reports.view.verdict import called, gain_decimals, reference, rival_name
from reports.wording import decision

SHOWN = 7
MEASURING = ("Add ", "Measure ", "Pilot ", "Repeat ", "Run ")  # how a remedy begins that asks for more pilots
FAR = 4.0  # times the largest pilot beyond which a plan is far from what was measured
COSTLY = 3  # limits that are named
LIMIT = "max_labels"
WEAK = {"FAIL": ("stop", 100), "REVIEW": ("check", 50)}  # trust -> kind of the finding, and its weight
MUCH_UNSPENT = 0.01  # share of the budget


@dataclass(frozen=True)
class Finding:
    """`weight` orders the findings; `kind` is stop, check or note; `many`: the text where it is about several tasks."""

    weight: float
    kind: str
    label: str
    subject: Name
    text: str
    action: str
    many: str = ""
    task: str = ""  # whose pilot would tell most about it


@dataclass(frozen=True)
class Findings:
    heading: Heading
    shown: tuple[Finding, ...]
    folded: tuple[Finding, ...]
    more: str


def findings_of(context: Context) -> Findings:
    say = context.say
    found = sorted(
        _merged(context, (*_tasks(context), *_whole(context))), key=lambda one: (-one.weight, one.subject.whole)
    )
    stops = sum(finding.kind == "stop" for finding in found)
    heading = Heading("findings", say("findings.label"), decision.findings_headline(say, len(found), stops))
    more = say("findings.more", len(found) - SHOWN)
    return Findings(heading, tuple(found[:SHOWN]), tuple(found[SHOWN:]), more)


def _merged(context: Context, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Findings that say the same of several tasks become one."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.label, finding.text, finding.action), []).append(finding)
    for same in groups.values():
        heaviest = max(same, key=lambda finding: finding.weight)
        heaviest = replace(heaviest, action=_with_pilots(context, heaviest, alone=len(same) == 1))
        if len(same) == 1:
            yield heaviest
            continue
        names = [finding.subject.said for finding in same]
        subject = Name(decision.together(context.say, names), context.say.listing(names))
        yield replace(heaviest, subject=subject, text=heaviest.many or heaviest.text)


def _with_pilots(context: Context, finding: Finding, alone: bool) -> str:
    """What to do about a finding; about a forecast that asks for pilots, with the pilot worth most to this plan, or
    that none is worth more than planning."""
    line = context.plan.tasks.get(finding.task)
    if line is None:
        return finding.action
    pilot = best_pilot(context, finding.task) if alone else ""
    none = context.plan.pilots_looked_at > 0 and not context.plan.next_pilots
    if none and line.trust == "REVIEW" and line.trust_remedy.startswith(MEASURING):
        pilot = context.say("pilots.none_here")
    return f"{finding.action} {pilot}" if pilot else finding.action


def _tasks(context: Context) -> Iterator[Finding]:
    say = context.say
    for name, line in context.plan.tasks.items():
        subject = context.names[name]
        share = line.cost / context.plan.cost if context.plan.cost else 0.0
        if line.trust in WEAK:
            kind, weight = WEAK[line.trust]
            found = Finding(
                weight + 10 * share, kind, say("findings.topic.forecast"), subject, *_forecast(context, name)
            )
            yield replace(found, task=name)
        elif line.beyond_pilot > FAR and line.buy > 0:
            yield Finding(40 + 10 * share, "check", say("findings.topic.beyond"), subject, *_beyond(context, line))
        yield from _target(context, name, line)
        yield from _harm(context, name)


def _forecast(context: Context, name: str) -> tuple[str, str, str]:
    """A forecast that is not trusted: why, what to do, and the same text about several tasks."""
    say, line = context.say, context.plan.tasks[name]
    reason, remedy = say.translated(line.trust_reason), sentence(say.translated(line.trust_remedy))
    one, many = (decision.trust_text(say, line.trust, reason, tasks) for tasks in (1, 2))
    return one, remedy or say("findings.action.forecast"), many


def _beyond(context: Context, line: TaskLine | PoolLine) -> tuple[str, str]:
    """A line planned far beyond its pilot: how far, and the step in between that would be measured first."""
    n = context.numbers
    pilot = round(line.labels / line.beyond_pilot)
    between = min(max(4 * pilot - line.owned, 0), line.buy)
    text = context.say(
        "findings.text.beyond", labels=n.count(line.labels), factor=n.times(line.beyond_pilot), pilot=n.count(pilot)
    )
    cost = line.cost if between == line.buy else between * line.label_cost
    action = context.say("findings.action.beyond", labels=n.count(between), cost=n.money(cost))
    return text, action


def _target(context: Context, name: str, line: TaskLine) -> Iterator[Finding]:
    if line.target is None:
        return
    unit, n = context.units[name], context.numbers
    reached = unit.place(line.expected) >= unit.place(line.target)
    probability = line.target_probability
    if reached and (probability is None or probability >= decision.AT_RISK):
        return
    chance = "" if probability is None else n.probability(probability)
    say = context.say
    text = decision.target_text(say, unit.show(line.target), unit.show(line.expected), chance, reached)
    yield Finding(
        60 if reached else 80,
        "check" if reached else "stop",
        say("findings.topic.target"),
        context.names[name],
        text,
        decision.target_action(say, LIMIT in line.binding, context.plan.goal, reached),
    )


def _harm(context: Context, name: str) -> Iterator[Finding]:
    say = context.say
    for pool, line in context.plan.pools.items():
        brings = line.brings.get(name)
        unit = context.units[name]
        if brings is None or line.buy == 0:
            continue
        worst = brings.low if unit.minimised else brings.high
        if (worst > 0) if unit.minimised else (worst < 0):
            low, high = sorted((brings.low, brings.high), reverse=unit.minimised)
            text = say(
                "findings.text.harm",
                pool=context.names[pool].said,
                change=unit.better(brings.expected),
                interval=context.numbers.interval(unit.better(low), unit.better(high)),
            )
            action = say("findings.action.harm")
            yield Finding(45, "check", say("findings.topic.shared"), context.names[name], text, action)


def _limits(context: Context) -> Iterator[Finding]:
    """The few label limits beyond which the next money would bring more than where the plan may spend it."""
    plan, scores, say = context.plan, context.scores, context.say
    own = ((name, line) for name, line in lines_of(plan).items() if not on_others(line))
    gains = {name: plan_gain(plan, name) for name, line in own if LIMIT in line.binding}
    costly = sorted((name for name in gains if gains[name] > plan.next_money.gain), key=lambda n: (-gains[n], n))
    for name in costly[:COSTLY]:
        labels = context.numbers.count(lines_of(plan)[name].labels)
        here, elsewhere = scores.step(gains[name]), scores.step(plan.next_money.gain)
        text = say("findings.text.limit", labels=labels, step=context.step, here=here, elsewhere=elsewhere)
        weight, action = 25 + min(100 * gains[name], 4), say("findings.action.limit")
        yield Finding(weight, "note", say("findings.topic.limit"), context.names[name], text, action)


def _whole(context: Context) -> Iterator[Finding]:
    """Findings about the plan as a whole."""
    plan, n, say = context.plan, context.numbers, context.say
    if plan.budget > 0 and plan.unspent / plan.budget > MUCH_UNSPENT and plan.goal != "cheapest":
        share, reason = n.percent(plan.unspent / plan.budget), say.translated(plan.unspent_reason)
        text = decision.unspent_text(say, n.money(plan.unspent), share, reason)
        whole, action = name_of(say("findings.whole")), say("findings.action.left")
        yield Finding(30, "note", say("findings.topic.left"), whole, text, action)
    if plan.provenance.failed_runs:
        failed = plan.provenance.failed_runs
        text = decision.failed_text(say, failed, failed + plan.provenance.measured_runs)
        runs, action = name_of(say("findings.runs")), say("findings.action.failed")
        yield Finding(20, "note", say("findings.topic.pilots"), runs, text, action)
    for name, pool in plan.pools.items():
        if pool.beyond_pilot > FAR and pool.buy > 0:
            weight = 40 + 10 * pool.cost / plan.cost if plan.cost else 40
            topic = say("findings.topic.beyond")
            yield Finding(weight, "check", topic, context.names[name], *_beyond(context, pool))
    yield from _limits(context)
    yield from _gain(context)


def _gain(context: Context) -> Iterator[Finding]:
    """The plan is behind what it is compared with, or not told apart from it."""
    scores, say = context.scores, context.say
    name, rival = reference(context.plan)
    if rival is None:
        return
    whole, gain = name_of(say("findings.whole")), rival.gain
    if gain.high < 0 and not rival.breaks:
        ends = scores.changes(replace(gain, low=-gain.high, high=-gain.low))
        text = say("findings.text.behind", rival=capital(rival_name(context, name, rival)), interval=ends)
        yield Finding(70, "check", say("findings.topic.goal"), whole, text, say("findings.action.behind"))
    elif gain.low <= 0 < gain.high - gain.low and gain.high >= 0:
        interval = scores.changes(gain, gain_decimals(context, rival))
        text = say("findings.text.noise", rival=called(context, name), interval=interval)
        yield Finding(35, "note", say("findings.topic.gain"), whole, text, _noise_action(context))


def _noise_action(context: Context) -> str:
    """What would tell more about a gain within the noise: the pilot worth most, or that none is."""
    say, pilots = context.say, context.plan.next_pilots
    if pilots:
        return say("findings.action.noise_pilot", pilot=pilot_with_price(context, worth_most(pilots)))
    return say("findings.action.noise_enough" if context.plan.pilots_looked_at else "findings.action.noise")
