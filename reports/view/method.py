"""Method in plain words, definitions, and where every number comes from."""

from __future__ import annotations

from dataclasses import dataclass

from reports.view.parts import Context, Heading, clean
from reports.wording import grammar, outlook


@dataclass(frozen=True)
class Method:
    heading: Heading
    paragraphs: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def method_of(context: Context) -> Method:
    notes = tuple(clean(note) for note in context.plan.notes)
    heading = Heading("method", "Method", "How these numbers were made")
    rivals = tuple(meaning for name, meaning in outlook.BASELINES.items() if name in context.plan.baselines)
    return Method(heading, outlook.METHOD, outlook.DEFINITIONS + rivals, _provenance(context), notes)


def _provenance(context: Context) -> tuple[tuple[str, str], ...]:
    plan, n = context.plan, context.numbers
    source, certificate = plan.provenance, plan.certificate
    versions = ", ".join(f"{name} {version}" for name, version in sorted(source.versions.items()))
    pairs = (
        ("Made with", f"labelbudget {source.version}"),
        ("Made on", grammar.moment(source.created)),
        ("Command", source.command),
        ("Took", f"{n.plain(source.seconds, 1)} s" if source.seconds else ""),
        ("Seed", str(source.seed)),
        ("Brief (SHA-256)", source.brief_sha256),
        ("Measurements (SHA-256)", source.measurements_sha256),
        ("Pilot runs", outlook.runs(n.count(source.measured_runs), n.count(source.failed_runs), source.failed_runs)),
        ("Goal", outlook.goal(plan.goal, plan.risk, n.percent(plan.risk))),
        ("Solver", f"{certificate.solver}, {n.plain(certificate.seconds, 2)} s, status {plan.status}"),
        ("Program", certificate.form),
        (
            "Bound",
            f"{n.plain(certificate.bound, 8)} against {n.plain(plan.score.expected, 8)} (gap {certificate.gap:.1e})",
        ),
        ("Other packages", versions),
    )
    return tuple((key, clean(value)) for key, value in pairs if value)
