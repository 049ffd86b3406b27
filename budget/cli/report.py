"""The command `report`: a plan's page, drawn again from its plan.json or from an earlier page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from budget.cli import output

if TYPE_CHECKING:
    from budget.plan import Plan


@click.command()
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where the page goes (default: report.html beside PLAN; - is stdout).")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is no page of ours.")
@output.options
def report(plan_path: Path, target: Path | None, force: bool) -> None:
    """Draw the page of PLAN again: a plan.json, or an earlier page, which holds its plan."""
    from reports import render

    page = render(read_plan(plan_path))
    if target == Path("-"):
        output.answer(page)
        return
    target = target or plan_path.with_name("report.html")
    output.refuse_existing(
        [target], lambda path: 'id="plan"' in path.read_text(encoding="utf-8", errors="replace"), force
    )
    output.write_file(target, page)
    output.answer(str(target))


def read_plan(path: Path) -> Plan:
    """The plan in a plan.json or in a page. Raises InvalidInput."""
    from budget.inputs import read_text
    from budget.plan import Plan
    from reports.embedded import extract

    if path.suffix.lower() in (".html", ".htm", ".xhtml"):
        return extract(read_text(path), str(path))
    return Plan.from_file(path)
