"""Method in plain words, definitions, and where every number comes from."""

from __future__ import annotations

from dataclasses import dataclass

from reports.view.parts import Context, Heading, clean
from reports.wording import outlook


@dataclass(frozen=True)
class Method:
    heading: Heading
    paragraphs: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def method_of(context: Context) -> Method:
    say = context.say
    notes = tuple(clean(say.translated(note)) for note in context.plan.notes)
    heading = Heading("method", say("method.label"), say("method.headline"))
    meanings = say.part("alternatives.meaning")
    rivals = [meaning for name, meaning in meanings.items() if name in context.plan.baselines]
    definitions = tuple((term, meaning) for term, meaning in (*say.part("method.definitions"), *rivals))
    return Method(heading, tuple(say.part("method.paragraphs")), definitions, _provenance(context), notes)


def _provenance(context: Context) -> tuple[tuple[str, str], ...]:
    plan, n, say = context.plan, context.numbers, context.say
    source, certificate = plan.provenance, plan.certificate
    solving = {"seconds": n.plain(certificate.seconds, 2), "status": say(f"method.status.{plan.status}")}
    value = plan.score.expected if certificate.value is None else certificate.value
    bound = {"bound": n.plain(certificate.bound, 8), "score": n.plain(value, 8), "gap": n.scientific(certificate.gap)}
    pairs = {
        "made_with": f"labelbudget {source.version}",
        "made_on": say.moment(source.created),
        "command": source.command,
        "took": say("method.seconds", seconds=n.plain(source.seconds, 1)) if source.seconds else "",
        "seed": str(source.seed),
        "brief": source.brief_sha256,
        "measurements": source.measurements_sha256,
        "runs": outlook.runs(say, n.count(source.measured_runs), n.count(source.failed_runs), source.failed_runs),
        "goal": outlook.goal(say, plan.goal, plan.risk, n.percent(plan.risk)),
        "solver": say("method.solver", solver=certificate.solver, **solving),
        "program": say.translated(certificate.form),
        "bound": say("method.bound", **bound),
        "packages": ", ".join(f"{name} {version}" for name, version in sorted(source.versions.items())),
    }
    return tuple((say(f"method.key.{key}"), clean(value)) for key, value in pairs.items() if value)
