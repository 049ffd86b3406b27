"""The command `report`: a plan's page, drawn again from its plan.json."""

from __future__ import annotations

from pathlib import Path

import click

from budget.cli import output


@click.command()
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where the page goes (default: report.html beside PLAN; - is stdout).")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is no page of ours.")
@output.options
def report(plan_path: Path, target: Path | None, force: bool) -> None:
    """Draw the page of PLAN (a plan.json) again."""
    from budget.plan import Plan
    from reports import render

    page = render(Plan.from_file(plan_path))
    if target == Path("-"):
        output.answer(page)
        return
    target = target or plan_path.with_name("report.html")
    output.refuse_existing(
        [target], lambda path: 'id="plan"' in path.read_text(encoding="utf-8", errors="replace"), force
    )
    output.write_file(target, page)
    output.answer(str(target))
