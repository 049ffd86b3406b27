"""The command `report`: a plan's page, drawn again from its plan.json or from an earlier page, or in another format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budget.cli import output

if TYPE_CHECKING:
    from budget.plan import Plan
    from reports import Brand

FORMATS = ("html", "md", "xlsx", "pdf")
ENDINGS = {each: each for each in FORMATS} | dict.fromkeys(("", "htm", "xhtml"), "html")


@click.command()
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where the page goes (default: beside PLAN, report.html or as --format; - is stdout).")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(FORMATS),
              help="A page, Markdown, a workbook, or PDF through a Chromium here (default: as FILE).")  # fmt: skip
@click.option("--title", default="", help="Another title for the page.")
@click.option("--logo", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A logo: SVG, PNG, JPEG.")
@click.option("--accent", default="", metavar="#RRGGBB", help="The colour of the page's small heads.")
@click.option("--footer", default="", help="A line at the foot of the page.")
@click.option("--template-dir", "templates", type=click.Path(path_type=Path), metavar="DIR",
              help="Templates, style.css or script.js of your own, taken before ours of the same name.")  # fmt: skip
@output.language_option
@click.option("--charts", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write every chart as an SVG file into DIR too.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is no page or chart of ours.")
@output.options
def report(
    plan_path: Path, target: Path | None, kind: str | None, folder: Path | None, language: str, force: bool, **look: Any
) -> None:
    """Draw the page of PLAN again: a plan.json, or an earlier page, which holds its plan."""
    from reports import brand_of

    brand = brand_of(**look)
    ending = target.suffix.removeprefix(".").lower() if target else ""
    kind = kind or ENDINGS.get(ending)
    if kind is None:
        raise click.UsageError(
            f"--output: no format ends in .{ending}; there are: .html, .md, .xlsx, .pdf, or say --format"
        )
    target = target or plan_path.with_name(f"report.{kind}")
    plan = read_plan(plan_path)
    if folder is not None:
        from reports import to_svg

        write_charts(to_svg(plan, language), folder, force)
    if target != Path("-"):
        output.refuse_existing([target], is_page, force)
    content = drawn(plan, kind, brand, language)
    if target == Path("-"):
        click.echo(content, nl=isinstance(content, str))
        return
    output.write_file(target, content)
    output.answer(str(target))


def drawn(plan: Plan, kind: str, brand: Brand, language: str) -> str | bytes:
    """The plan in one of FORMATS and one of the languages."""
    from reports import render, to_markdown, to_pdf, to_xlsx

    if kind == "md":
        return to_markdown(plan, language)
    if kind == "xlsx":
        return to_xlsx(plan, language)
    page = render(plan, brand, language)
    return to_pdf(page) if kind == "pdf" else page


def write_charts(charts: Mapping[str, str], folder: Path, force: bool) -> None:
    """Charts by file name into a folder, over earlier charts only. Raises InvalidInput before any is written."""
    paths = {folder / name: chart for name, chart in charts.items()}
    output.refuse_existing(paths, lambda path: 'class="paper"' in path.read_text(errors="replace"), force)
    for path, chart in paths.items():
        output.write_file(path, chart)


def is_page(path: Path) -> bool:
    """Whether a file is a page of ours."""
    return 'id="plan"' in path.read_text(encoding="utf-8", errors="replace")


def read_plan(path: Path) -> Plan:
    """The plan in a plan.json or in a page. Raises InvalidInput."""
    from budget.inputs import read_text
    from budget.plan import Plan
    from reports.embedded import extract

    if path.suffix.lower() in (".html", ".htm", ".xhtml"):
        return extract(read_text(path), str(path))
    return Plan.from_file(path)
