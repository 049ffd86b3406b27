"""The plan in other formats, and the command that writes them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from budget.cli import main
from budget.errors import CannotBeMet, Shortfall
from budget.plan import Plan
from reports import render, render_refusal, to_markdown, to_pdf, to_svg, to_xlsx
from reports.pdf import NoBrowser
from tests.conftest import CHROMIUM
from tests.reports.plans import PLANS


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


@pytest.fixture
def plan_json(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(PLANS["four"]().to_json(), encoding="utf-8")
    return path


def test_a_page_reproduces_itself_byte_for_byte(plan_json: Path) -> None:
    assert command(plan_json).exit_code == 0
    page = plan_json.with_name("report.html")
    again = plan_json.with_name("again.html")
    assert command(page, "-o", again).exit_code == 0
    assert again.read_bytes() == page.read_bytes()


def test_format_follows_the_ending_of_the_file_or_the_option(plan_json: Path) -> None:
    written = plan_json.with_name("plan.md")
    assert command(plan_json, "-o", written).exit_code == 0
    assert written.read_text(encoding="utf-8").startswith("# Perception roadmap\n")
    assert command(plan_json, "--format", "md").exit_code == 0
    assert plan_json.with_name("report.md").read_bytes() == written.read_bytes()
    assert command(plan_json, "-o", plan_json.with_name("plan.xlsx")).exit_code == 0
    assert plan_json.with_name("plan.xlsx").read_bytes().startswith(b"PK")
    assert command(plan_json, "--format", "md", "-o", "-").output == written.read_text(encoding="utf-8") + "\n"


def test_a_file_that_is_no_page_is_not_replaced_without_force(plan_json: Path) -> None:
    mine = plan_json.with_name("notes.md")
    mine.write_text("mine", encoding="utf-8")
    refused = command(plan_json, "-o", mine)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert mine.read_text(encoding="utf-8") == "mine"
    assert command(plan_json, "-o", mine, "--force").exit_code == 0


def test_a_page_without_a_plan_is_refused_with_its_name(tmp_path: Path) -> None:
    page = tmp_path / "other.html"
    page.write_text("<p>hello</p>", encoding="utf-8")
    refused = command(page)
    assert refused.exit_code == 2
    assert "other.html" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("name", PLANS)
def test_markdown_tables_have_as_many_cells_in_every_row_and_add_up(name: str) -> None:
    plan: Plan = PLANS[name]()
    text = to_markdown(plan)
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.M):
        cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.strip().splitlines()]
        assert len({len(row) for row in cells}) == 1
    total = next(line for line in text.splitlines() if line.startswith("| Total"))
    assert float(re.split(r"(?<!\\)\|", total)[4].replace(",", "")) == pytest.approx(plan.cost, abs=0.005)


def test_markdown_shows_names_from_outside_as_they_are_written() -> None:
    text = to_markdown(PLANS["hostile"]())
    assert "\\<img src=x onerror=alert(1)\\>" in text
    assert not re.search(r"(?<!\\)<", text)


def sheet_of(plan: Plan, name: str) -> Any:
    return load_workbook(io.BytesIO(to_xlsx(plan)))[name]


def summed(sheet: Any, cell: str) -> float:
    """What a spreadsheet would make of `=SUM(F3:F7)`."""
    found = re.fullmatch(r"=SUM\((\w+):(\w+)\)", sheet[cell].value)
    assert found
    return sum(row[0].value for row in sheet[f"{found[1]}:{found[2]}"])


@pytest.mark.parametrize("name", PLANS)
def test_the_workbook_adds_up_by_its_own_formulas(name: str) -> None:
    plan: Plan = PLANS[name]()
    sheet = sheet_of(plan, "Allocation")
    last = 2 + len(plan.pools) + len(plan.tasks)
    assert sheet[f"A{last + 1}"].value == "Total"
    assert summed(sheet, f"F{last + 1}") == pytest.approx(plan.cost, abs=1e-6)
    assert summed(sheet, f"D{last + 1}") == sum(line.buy for line in (*plan.pools.values(), *plan.tasks.values()))
    assert sheet[f"E{last}"].value == f"=C{last}+D{last}"
    assert sheet[f"G{last}"].value == f"=IF(F${last + 1}=0,0,F{last}/F${last + 1})"
    assert sheet[f"F{last + 2}"].value == plan.budget
    assert sheet[f"F{last + 3}"].value == f"=F{last + 2}-F{last + 1}"


def test_no_text_from_outside_becomes_a_formula_of_the_workbook() -> None:
    plan = PLANS["one"]()
    line = plan.tasks["defects"]
    bad = replace(
        plan, title="=1+1", evidence={}, next_pilots=(), tasks={"=cmd|' /C calc'!A0": line, "+2": line, "@x\x07": line}
    )
    sheet = sheet_of(bad, "Allocation")
    assert [sheet[cell].data_type for cell in ("A1", "A3", "A4", "A5")] == ["s"] * 4
    assert sheet["A3"].value == "=cmd|' /C calc'!A0"
    assert sheet["E3"].data_type == "f"


def test_the_workbook_holds_every_alternative_and_every_solved_budget() -> None:
    plan = PLANS["four"]()
    names = [row[0].value for row in sheet_of(plan, "Alternatives").iter_rows(min_row=3)]
    assert names == ["this plan", *plan.baselines]
    budgets = [row[0].value for row in sheet_of(plan, "Frontier").iter_rows(min_row=3)]
    assert budgets == [point.budget for point in plan.frontier]


@pytest.mark.parametrize("name", ["four", "hostile", "one"])
def test_charts_are_files_that_stand_alone(name: str) -> None:
    plan: Plan = PLANS[name]()
    charts = to_svg(plan)
    curves = [file for file in charts if file.startswith("curve-")]
    assert len(curves) == len(plan.tasks)
    assert ("split.svg" in charts) == bool(plan.pools)
    for file, chart in charts.items():
        assert "/" not in file
        tree = ElementTree.fromstring(chart)
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"
        assert not [key for element in tree.iter() for key in element.attrib if key.endswith(("href", "src"))]
        assert "var(" not in chart
        assert "<script" not in chart


def test_charts_are_written_beside_the_page_and_over_earlier_ones_only(plan_json: Path) -> None:
    folder = plan_json.with_name("charts")
    assert command(plan_json, "--charts", folder).exit_code == 0
    assert len(list(folder.iterdir())) == 6
    assert command(plan_json, "--charts", folder).exit_code == 0
    (folder / "frontier.svg").write_text("mine", encoding="utf-8")
    assert command(plan_json, "--charts", folder).exit_code == 2
    assert (folder / "frontier.svg").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium")
def test_pdf_is_printed_by_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELBUDGET_CHROMIUM", str(CHROMIUM))
    paper = to_pdf(render(PLANS["one"]()))
    assert paper.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 3


def test_without_a_browser_pdf_says_how_to_print(plan_json: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELBUDGET_CHROMIUM", "no-such-browser")
    with pytest.raises(NoBrowser, match="open it in any browser and print it"):
        to_pdf("<p>page</p>")
    refused = command(plan_json, "--format", "pdf")
    assert refused.exit_code == 1
    assert "no-such-browser" in refused.stderr
    assert not plan_json.with_name("report.pdf").exists()


def impossible(folder: Path) -> list[str]:
    """A brief whose minimum costs more than its budget, with pilots for it."""
    brief = "title: Too little\nbudget: 10\ntasks:\n  cars: {label_cost: 1, min_labels: 500}\n"
    (folder / "brief.yaml").write_text(brief, encoding="utf-8")
    runs = "".join(
        f"cars,{labels},{seed},{1 - labels**-0.3:.4f}\n" for labels in (50, 100, 200, 400) for seed in (0, 1)
    )
    (folder / "m.csv").write_text(f"task,labels,seed,score\n{runs}", encoding="utf-8")
    return ["plan", str(folder / "brief.yaml"), str(folder / "m.csv"), "-o", str(folder / "out")]


def test_a_brief_that_cannot_be_met_writes_the_page_that_says_so_and_nothing_else(tmp_path: Path) -> None:
    arguments, page = impossible(tmp_path), tmp_path / "out" / "report.html"
    for _ in range(2):  # the second time in place of the first
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 3
        assert str(page) in done.stderr
        assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    text = page.read_text(encoding="utf-8")
    assert "Too little" in text
    assert "raise the budget to 500, or set min_labels of cars to 10." in text
    assert "Money is in USD." in text
    (page.parent / "plan.json").write_text(PLANS["one"]().to_json(), encoding="utf-8")
    german = CliRunner().invoke(main, [*arguments, "--language", "de"])
    assert german.exit_code == 3
    assert "plan.json" in german.stderr.partition("earlier plan")[2]
    assert "das Budget auf 500 erhöhen, oder min_labels von cars auf 10 setzen." in page.read_text(encoding="utf-8")


def test_a_refused_brief_gets_a_page_with_every_reason_and_repair() -> None:
    error = CannotBeMet((Shortfall("a < b", "raise a"), Shortfall("too few", "lower it")))
    page = render_refusal(error, "<b>Roadmap</b>")
    assert "This brief cannot be met, for two reasons." in page
    assert all(
        text in page for text in ("A &lt; b.", "Raise a.", "Too few.", "Lower it.", "&lt;b&gt;Roadmap&lt;/b&gt;")
    )
    assert "one reason." in render_refusal(CannotBeMet((Shortfall("x", "y"),)))


def test_a_subgroups_labels_are_counted_once_in_the_workbook() -> None:
    old = PLANS["one"]()
    line = old.tasks["defects"]
    night = replace(line, buy=0, cost=0.0, owned=line.labels, measured_on="defects")
    sheet = sheet_of(replace(old, tasks={"defects": line, "at night": night}), "Allocation")
    assert [sheet[f"{column}4"].value for column in "ACDE"] == ["at night", None, None, None]
    assert sheet["D3"].value == line.buy


def test_an_ending_that_no_format_has_is_wrong_use(plan_json: Path, tmp_path: Path) -> None:
    refused = command(plan_json, "-o", tmp_path / "plan.docx")
    assert refused.exit_code == 2
    assert ".docx" in refused.stderr
    assert not (tmp_path / "plan.docx").exists()


def test_a_word_that_the_page_has_no_sentence_for_is_named(plan_json: Path) -> None:
    words = {"status": "optimum", "goal": "max"}
    plan_json.write_text(json.dumps(json.loads(plan_json.read_text(encoding="utf-8")) | words), encoding="utf-8")
    refused = command(plan_json)
    assert refused.exit_code == 2
    assert "status: found 'optimum'; allowed: one of optimal, feasible; did you mean optimal?" in refused.stderr
    assert "goal: found 'max'" in refused.stderr


@pytest.mark.parametrize("text", ["{% for %}", "{{ nothing.of_ours }}"])
def test_a_template_at_fault_is_named_with_what_is_wrong(text: str, plan_json: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "findings.html.j2").write_text(text, encoding="utf-8")
    refused = command(plan_json, "--template-dir", folder)
    assert refused.exit_code == 2
    assert f"{folder}: --template-dir: found a template that cannot be used" in refused.stderr
