"""Plan -> what the page says: plain frozen data, every number already text. Nothing here decides anything."""

from __future__ import annotations

from dataclasses import dataclass

from budget.errors import Fault, InvalidInput
from budget.messages import nearest, shown
from budget.plan import Plan
from reports.view.allocation import Allocation, allocation_of
from reports.view.alternatives import Alternatives, alternatives_of
from reports.view.changes import Changes, changes_of
from reports.view.evidence import EvidenceView, evidence_of
from reports.view.findings import Findings, findings_of
from reports.view.frontier import Frontier, frontier_of
from reports.view.method import Method, method_of
from reports.view.parts import Context, Heading, Name, clean, context_of, name_of
from reports.view.shared import Shared, shared_of
from reports.view.verdict import Verdict, verdict_of
from reports.wording import decision

__all__ = ["View", "view_of"]


@dataclass(frozen=True)
class View:
    """The whole page as data, in the order in which it is read."""

    title: Name
    date: str
    verdict: Verdict
    findings: Findings
    allocation: Allocation
    alternatives: Alternatives
    frontier: Frontier
    shared: Shared
    evidence: EvidenceView
    changes: Changes
    method: Method

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The sections in their order."""
        rest = (self.alternatives, self.frontier, self.shared, self.evidence, self.changes, self.method)
        return tuple(section.heading for section in (self.verdict, self.findings, self.allocation, *rest))


STATUS, GOALS, TRUST = ("optimal", "feasible"), ("mean", "worst", "cheapest"), ("PASS", "REVIEW", "FAIL")
VARIED = ("label_cost", "weight", "surface", "budget")
COUNTED = (*decision.COUNTED, "money")


def check(plan: Plan) -> None:
    """Raises InvalidInput for a plan without tasks, with evidence for others, with a best score that is worst, or with
    a word that the page has no sentence for."""
    allowed = "a plan that labelbudget wrote"
    faults = [
        Fault("", f"tasks.{name}", f"best and worst both {line.best:g}", allowed)
        for name, line in plan.tasks.items()
        if line.best == line.worst
    ]
    unknown = sorted(set(plan.evidence) - set(plan.tasks))
    faults += [Fault("", f"evidence.{name}", "evidence for no task of the plan", allowed) for name in unknown]
    strangers = sorted({pilot.task for pilot in plan.next_pilots} - set(plan.tasks))
    faults += [Fault("", "next_pilots", f"a pilot of {name}, no task of the plan", allowed) for name in strangers]
    said = [
        ("status", plan.status, STATUS),
        ("goal", plan.goal, GOALS),
        ("certificate.of", plan.certificate.of, COUNTED),
    ]
    said += [(f"tasks.{name}.trust", line.trust, TRUST) for name, line in plan.tasks.items()]
    said += [(f"sensitivity[{i}].what", line.what, VARIED) for i, line in enumerate(plan.sensitivity)]
    faults += [
        Fault("", key, shown(word), f"one of {', '.join(known)}", nearest(word, known))
        for key, word, known in said
        if word not in known
    ]
    if not plan.tasks:
        faults.append(Fault("", "tasks", "a plan without tasks", allowed))
    if faults:
        raise InvalidInput(tuple(faults))


def view_of(plan: Plan, language: str = "en") -> View:
    """Everything that the page of this plan says, in this language.

    Raises InvalidInput for a plan that no brief could have led to.
    """
    check(plan)
    context: Context = context_of(plan, language)
    return View(
        name_of(clean(plan.title) or context.say("page.untitled")),
        context.say.moment(plan.provenance.created),
        verdict_of(context),
        findings_of(context),
        allocation_of(context),
        alternatives_of(context),
        frontier_of(context),
        shared_of(context),
        evidence_of(context),
        changes_of(context),
        method_of(context),
    )
