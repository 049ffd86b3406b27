"""What an organisation puts on the page: shown, checked, and never a way out of the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from budget.cli import main
from budget.errors import InvalidInput
from reports import brand_of, render
from reports.brand import contrast
from reports.embedded import extract
from tests.reports.plans import PLANS

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#05a"/></svg>'


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.svg"
    path.write_text(LOGO, encoding="utf-8")
    return path


def test_title_logo_accent_and_footer_are_on_the_page_and_the_plan_stays_the_same(logo: Path) -> None:
    plan = PLANS["one"]()
    page = render(plan, brand_of("Ours <b>", logo, "#004488", "Confidential & mine"))
    assert "Ours &lt;b&gt;" in page
    assert "Confidential &amp; mine" in page
    assert "--accent: #004488" in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert "; img-src data:" in page
    assert extract(page) == plan
    ElementTree.fromstring(page.replace("<!DOCTYPE html>", "").strip())
    assert "img-src" not in render(plan)


def test_the_logo_is_drawn_and_the_policy_lets_nothing_else_in(page: Page, logo: Path, tmp_path: Path) -> None:
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    path = tmp_path / "page.html"
    path.write_text(render(PLANS["one"](), brand_of("", logo, "#004488")), encoding="utf-8")
    page.goto(path.as_uri())
    assert page.evaluate("document.querySelector('.logo').naturalWidth") == 40
    assert page.evaluate("getComputedStyle(document.querySelector('.kind')).color") == "rgb(0, 68, 136)"
    assert trouble == []


@pytest.mark.parametrize(
    ("accent", "fine"), [("#767676", False), ("#6f6f6f", True), ("#ffee00", False), ("blue", False)]
)
def test_an_accent_that_cannot_be_read_is_refused(accent: str, fine: bool) -> None:
    if fine:
        assert contrast(accent) >= 4.5
        assert brand_of(accent=accent).accent == accent
    else:
        with pytest.raises(InvalidInput, match="--accent"):
            brand_of(accent=accent)


def test_all_faults_of_a_brand_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        brand_of("", tmp_path / "logo.exe", "blue", "", tmp_path / "none")
    assert [fault.place for fault in caught.value.faults] == ["--accent", "--logo", "--template-dir"]


def test_a_template_of_ones_own_is_taken_before_ours_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "findings.html.j2").write_text('<section id="findings"><p>by us</p></section>', encoding="utf-8")
    page = render(PLANS["one"](), brand_of(templates=tmp_path))
    assert "by us" in page
    assert page.count("<section") == 9
    assert "by us" not in render(PLANS["one"]())


def test_the_command_takes_a_brand(tmp_path: Path, logo: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(PLANS["one"]().to_json(), encoding="utf-8")
    arguments = ["report", str(plan), "--logo", str(logo), "--accent", "#004488", "--footer", "foot", "--title", "Ours"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(
        PLANS["one"](), brand_of("Ours", logo, "#004488", "foot")
    )
    refused = CliRunner().invoke(main, ["report", str(plan), "--accent", "#eeeeee"])
    assert refused.exit_code == 2
    assert "darker" in refused.stderr
