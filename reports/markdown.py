"""The plan as Markdown, for a pull request or a chat: the same sentences and tables as the page, without pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from budget.plan import Plan
from reports.language import Language, language_of
from reports.view import view_of
from reports.view.findings import Finding
from reports.view.parts import Cell, Heading, Name, Table

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def to_markdown(plan: Plan, language: str = "en") -> str:
    """Verdict, findings, allocation, alternatives and what more money buys, as GitHub-flavoured Markdown."""
    view, say = view_of(plan, language), language_of(language)
    return "\n\n".join(
        [
            f"# {_escaped(view.title.whole)}",
            view.date,
            f"**{_escaped(str(view.verdict.purchase.text))}**",
            _escaped(str(view.verdict.expectation.text)),
            _escaped(str(view.verdict.because.text)),
            *_section(view.findings.heading),
            *([_findings(say, (*view.findings.shown, *view.findings.folded))] if view.findings.shown else []),
            *_section(view.allocation.heading),
            _table(view.allocation.table),
            *([_bullets(view.allocation.none)] if view.allocation.none else []),
            *_section(view.alternatives.heading),
            *([_table(view.alternatives.table)] if view.alternatives.table.rows else []),
            *_section(view.frontier.heading),
            *([_bullets(view.frontier.sentences)] if view.frontier.sentences else []),
            *_section(view.method.heading),
            _bullets(tuple(f"{key}: {value}" for key, value in view.method.provenance)),
        ]
    ).rstrip() + "\n"  # fmt: skip


def _escaped(text: str) -> str:
    """Text that Markdown takes as it is."""
    return SPECIAL.sub(r"\\\1", text.replace("\n", " "))


def _section(heading: Heading) -> Iterator[str]:
    yield f"## {_escaped(heading.headline)}"


def _bullets(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {_escaped(sentence)}" for sentence in sentences)


def _findings(say: Language, findings: tuple[Finding, ...]) -> str:
    lines = (
        f"{number}. **{say(f'findings.kind.{one.kind}')}: {_escaped(one.subject.short)}.** {_escaped(one.text)} "
        f"{say('findings.next')} {_escaped(one.action)}"
        for number, one in enumerate(findings, start=1)
    )
    return "\n".join(lines)


def _table(table: Table) -> str:
    """Every column but the drawn ones; numbers to the right."""
    shown = [index for index, column in enumerate(table.columns) if column.kind != "picture"]
    heads = [f"{table.columns[index].label} {table.columns[index].note}".strip() for index in shown]
    rules = ["---" if table.columns[index].kind == "text" else "---:" for index in shown]
    rows = [[_cell(row.cells[index]) for index in shown] for row in (*table.rows, *table.foot)]
    lines = [[_escaped(head) for head in heads], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    text = cell.text.short if isinstance(cell.text, Name) else cell.text
    return _escaped(f"{text} ({cell.note})" if cell.note and text else text)
