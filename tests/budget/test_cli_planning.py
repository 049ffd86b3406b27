"""plan, fit, frontier, report and demo: what they print, what they write, and what they never touch."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from budget import Brief, Measurements, plan
from budget.cli import main, pilot, planning, tables
from budget.cli.others import read_others
from budget.errors import InvalidInput
from budget.plan import Plan, PoolLine, TaskLine

COMMAND = str(Path(sys.executable).with_name("labelbudget"))
INPUTS = ("brief.yaml", "measurements.csv")
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command line, in this process, beside the brief (without its lots) and the measurements of `init`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, prog_name="labelbudget")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == status, result.stderr
        return result

    run("init")
    brief = tmp_path / INPUTS[0]
    brief.write_text("".join(line for line in brief.read_text().splitlines(True) if "lot:" not in line))
    return run


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plan.json, allocation.csv and report.html, to be copied."""
    folder = tmp_path_factory.mktemp("planned")
    for arguments in (["init", str(folder)], ["plan", *(str(folder / name) for name in INPUTS), "-o", str(folder)]):
        assert CliRunner().invoke(main, arguments).exit_code == 0
    return folder


@pytest.fixture
def earlier(planned: Path, tmp_path: Path) -> Path:
    """A folder of an earlier plan."""
    for name in planning.FILES:
        shutil.copy(planned / name, tmp_path)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_plan_is_a_table_and_three_files(call: Call, tmp_path: Path) -> None:
    result = call("plan", *INPUTS, "-o", "out")
    assert files(tmp_path / "out") == {"plan.json", "allocation.csv", "report.html"}
    plan = Plan.from_file(tmp_path / "out/plan.json")
    lines: dict[str, PoolLine | TaskLine] = {**plan.pools, **plan.tasks}
    for name, line in lines.items():
        (row,) = [row.split() for row in result.stdout.splitlines() if row.startswith(f"{name} ")]
        assert row[:4] == [name, f"{line.owned:,}", f"{line.buy:,}", f"{line.cost:,.2f}"]
    rows = csv.DictReader(io.StringIO((tmp_path / "out/allocation.csv").read_text()))
    assert {row["name"]: int(row["buy"]) for row in rows} == {name: line.buy for name, line in lines.items()}
    assert plan.cost <= plan.budget == 500
    assert str(Path("out/report.html")) in result.stderr


@pytest.mark.parametrize(
    ("brief", "says"),
    [
        ({}, "can be expected to score above {bound:.4f}:"),
        ({"risk": 0.25}, "scores, in its worst 25% of draws on average, above {bound:.4f}:"),
        ({"goal": "worst"}, "lifts the lowest score above {bound:.4f}:"),
        ({"goal": "cheapest"}, "reaches every target for less than {bound:,.2f} USD:"),
    ],
)
def test_the_bound_is_said_of_what_the_goal_counts(brief: dict[str, object], says: str) -> None:
    rows = [{"task": "a", "labels": n, "seed": s, "score": 1 - 2 * n**-0.4} for n in (50, 200, 800) for s in (0, 1)]
    target = {"target": 0.88} if brief.get("goal") == "cheapest" else {}
    asked = Brief.from_dict({"budget": 900, "tasks": {"a": {"label_cost": 0.5, "owned": 800, **target}}, **brief})
    answer = plan(asked, Measurements.from_frame(pd.DataFrame(rows)))
    bound = answer.certificate.bound
    assert any(says.format(bound=bound) in remark for remark in tables.plan_remarks(answer))


def test_a_plan_holds_the_command_that_makes_it_again(call: Call, tmp_path: Path) -> None:
    call("plan", *INPUTS, "--budget", "250", "--seed", "3", "-o", "out", "--force", "-q", "--language", "de")
    made = Plan.from_file(tmp_path / "out" / "plan.json")
    assert made.provenance.command == "labelbudget plan brief.yaml measurements.csv --budget 250.0 --seed 3"
    call(*made.provenance.command.split()[1:], "-o", "again")
    again = Plan.from_file(tmp_path / "again" / "plan.json")
    assert {name: line.buy for name, line in again.tasks.items()} == {n: line.buy for n, line in made.tasks.items()}


def test_json_is_the_plan_and_nothing_else_and_writes_nothing_unasked(call: Call, tmp_path: Path) -> None:
    before = files(tmp_path)
    printed = Plan.from_json(call("plan", *INPUTS, "--json").stdout)
    assert files(tmp_path) == before
    again = Plan.from_json(call("plan", *INPUTS, "--json", "-o", "out").stdout)
    assert {**printed.to_dict(), "provenance": None, "certificate": None} == {
        **Plan.from_file(tmp_path / "out/plan.json").to_dict(), "provenance": None, "certificate": None,
    }  # fmt: skip
    assert again == Plan.from_file(tmp_path / "out/plan.json")


def test_a_plan_replaces_an_earlier_plan(call: Call, earlier: Path) -> None:
    call("plan", *INPUTS, "--budget", "300")
    assert Plan.from_file(earlier / "plan.json").budget == 300


def test_a_plan_replaces_no_file_of_anyone_else_unless_forced(call: Call, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    result = call("plan", *INPUTS, status=2)
    assert "report.html" in result.stderr
    assert (tmp_path / "report.html").read_text() == "mine"
    call("plan", *INPUTS, "--force")
    assert (tmp_path / "report.html").read_text() != "mine"


def test_a_brief_that_cannot_be_met_ends_with_3_and_its_smallest_repair(call: Call, tmp_path: Path) -> None:
    result = call("plan", *INPUTS, "--budget", "10", "-o", "out", status=3)
    assert (
        "smallest repair: move one: raise the budget to 52, or set min_labels of segmentation to 838" in result.stderr
    )
    assert result.stdout == ""
    assert files(tmp_path / "out") == {"report.html"}  # the page that says why
    document = json.loads(call("plan", *INPUTS, "--budget", "10", "--json", status=3).stdout)
    assert document["status"] == "cannot be met"
    (reason,) = document["reasons"]
    assert set(reason) == {"reason", "repair", "path", "value"}
    assert (reason["path"], reason["value"]) == ("budget", 52)


@pytest.mark.parametrize("money", ["-5", "nan", "inf", "1e13"])
def test_a_budget_that_is_no_money_is_invalid(money: str, call: Call) -> None:
    assert "budget: found" in call("plan", *INPUTS, "--budget", money, status=2).stderr


def test_the_same_measurements_from_a_store_or_parquet_give_the_same_answer(call: Call) -> None:
    call("pilot", "import", INPUTS[1])
    call("pilot", "export", "-o", "m.parquet")
    names = (INPUTS[1], "pilots.sqlite", "m.parquet")
    answers = [call("fit", INPUTS[0], name, "--json").stdout for name in names]
    assert answers[0] == answers[1] == answers[2]
    assert len({planning.read_measurements(Path(name)).sha256 for name in names}) == 1


def test_a_task_without_measurements_is_named_with_its_neighbour(call: Call, tmp_path: Path) -> None:
    path = tmp_path / INPUTS[0]
    path.write_text(path.read_text().replace("  detection:", "  detections:"))
    result = call("plan", *INPUTS, status=2)
    assert "tasks.detections" in result.stderr
    assert "did you mean detection?" in result.stderr


def test_fit_shows_every_task_with_its_trust(call: Call) -> None:
    table = call("fit", *INPUTS).stdout
    documents = json.loads(call("fit", *INPUTS, "--json").stdout)
    assert set(documents) == {"detection", "segmentation", "keypoints"}
    for task, document in documents.items():
        assert sum(document["laws"].values()) == pytest.approx(1, abs=1e-3)
        assert document["trust"]["status"] in ("PASS", "REVIEW", "FAIL")
        assert f"{task} " in table


def test_fit_says_what_another_choice_of_labels_brings(call: Call, tmp_path: Path) -> None:
    path = tmp_path / INPUTS[1]
    table = pd.read_csv(path)
    clever = table[(table["task"] == "detection") & (table["labels"] > table["labels"].median())]
    clever = clever.assign(strategy="margin sampling", score=clever["score"] + 0.05)
    pd.concat([table.assign(strategy="random"), clever]).to_csv(path, index=False)
    found = json.loads(call("fit", *INPUTS, "--json").stdout)["detection"]["strategies"]["margin sampling"]
    assert found["runs"] == len(clever)
    assert found["gain"]["low"] < 0.05 < found["gain"]["high"]
    assert found["gain"]["low"] > 0
    assert "labels chosen by margin sampling: +0.0" in call("fit", *INPUTS).stdout


def test_fit_plots_a_chart_for_each_task_and_the_same_again(call: Call, tmp_path: Path) -> None:
    result = call("fit", *INPUTS, "--plot", "plots", "--json")
    assert set(json.loads(result.stdout)) == {"detection", "segmentation", "keypoints"}
    charts = {path.name: path.read_text() for path in (tmp_path / "plots").iterdir()}
    assert sorted(charts) == ["curve-01-detection.svg", "curve-02-segmentation.svg", "curve-03-keypoints.svg"]
    call("fit", *INPUTS, "--plot", "plots")
    assert charts == {path.name: path.read_text() for path in (tmp_path / "plots").iterdir()}


def test_fit_plots_nothing_where_one_file_is_not_its_own(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    mine = tmp_path / "plots" / "curve-02-segmentation.svg"
    mine.write_text("mine")
    result = call("fit", *INPUTS, "--plot", "plots", status=2)
    assert "curve-02-segmentation.svg" in result.stderr
    assert [path.name for path in (tmp_path / "plots").iterdir()] == [mine.name]
    call("fit", *INPUTS, "--plot", "plots", "--force")
    assert mine.read_text() != "mine"


def test_fit_plots_nothing_of_a_brief_that_is_wrong(call: Call, tmp_path: Path) -> None:
    path = tmp_path / INPUTS[0]
    path.write_text(path.read_text().replace("  detection:", "  detections:"))
    call("fit", *INPUTS, "--plot", "plots", status=2)
    assert not (tmp_path / "plots").exists()


def test_the_frontier_is_a_plan_for_each_budget(call: Call) -> None:
    points = json.loads(call("frontier", *INPUTS, "--json").stdout)
    budgets = [point["budget"] for point in points]
    assert budgets == sorted(budgets)
    assert 500 in budgets
    assert all(point["cost"] <= point["budget"] for point in points)


def test_the_frontier_table_has_a_row_for_each_budget(planned: Path) -> None:
    plan = Plan.from_file(planned / "plan.json")
    assert len(tables.frontier_table(plan).splitlines()) == 2 + len(plan.frontier)


def test_the_frontier_says_which_budgets_have_no_plan_and_why(call: Call, tmp_path: Path) -> None:
    brief = (tmp_path / INPUTS[0]).read_text()
    (tmp_path / INPUTS[0]).write_text(brief.replace("min_labels: 1000", "min_labels: 2000"))
    result = call("frontier", *INPUTS, "--json")
    assert json.loads(result.stdout)[0]["budget"] > 312
    assert "No plan for 0.00, 41.67," in result.stderr
    assert "USD: the least that must be bought costs 312." in result.stderr


@pytest.mark.parametrize(
    ("goal", "says"),
    [
        ("mean", "Against an even split: "),
        ("worst", "even split in the mean score: "),
        ("cheapest", "even split for 9.00 in"),
    ],
)
def test_an_even_split_is_compared_by_the_mean_score_and_its_cost_is_named_where_it_is_another(
    goal: str, says: str, planned: Path
) -> None:
    answer = Plan.from_file(planned / "plan.json")
    even = replace(answer.baselines["even split"], cost=9.0)
    changed = replace(answer, goal=goal, baselines={"even split": even})
    assert says in tables.plan_table(changed)


def test_report_draws_the_same_page_from_the_plan_or_the_page(call: Call, earlier: Path) -> None:
    page = (earlier / "report.html").read_text(encoding="utf-8")
    assert call("report", "plan.json", "-o", "-").stdout.rstrip("\n") == page.rstrip("\n")
    call("report", "plan.json", "-o", "again.html")
    assert (earlier / "again.html").read_text(encoding="utf-8") == page
    assert call("report", "again.html", "-o", "-").stdout.rstrip("\n") == page.rstrip("\n")
    assert call("report", "plan.json").stdout.strip() == "report.html"


def test_report_refuses_what_is_no_plan_and_replaces_nothing_of_others(call: Call, earlier: Path) -> None:
    call("report", INPUTS[0], status=2)
    (earlier / "page.html").write_text("<p>mine</p>")
    call("report", "page.html", status=2)
    call("report", "plan.json", "-o", "page.html", status=2)
    assert (earlier / "page.html").read_text() == "<p>mine</p>"


def test_progress_is_said_with_v_and_nothing_with_q(call: Call) -> None:
    assert "fitted 3 tasks" in call("fit", *INPUTS, "-v").stderr
    assert call("fit", *INPUTS).stderr == ""
    assert call("plan", *INPUTS, "-o", "out", "-q").stderr == ""


def test_ctrl_c_ends_with_130_and_promises_no_more_than_is_kept(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "read_inputs", interrupt)
    assert call("plan", *INPUTS, status=130).stderr == "\nStopped.\n"
    monkeypatch.setattr(pilot, "opened", interrupt)
    assert "goes on from there" in call("pilot", "status", status=130).stderr


def test_a_folder_that_cannot_be_written_is_a_message(call: Call, earlier: Path) -> None:
    result = call("report", "plan.json", "-o", "brief.yaml/page.html", status=1)
    assert "brief.yaml" in result.stderr


SMALL = """\
budget: 5
tasks:
  classification: {metric: {worst: 0.1}, label_cost: 0.02, owned: 32, max_labels: 400}
"""


@pytest.mark.slow
def test_the_demo_goes_from_its_brief_to_the_page_and_trains_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/brief.yaml").write_text(SMALL)
    command = [COMMAND, "demo", "demo"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert first.returncode == 0, first.stderr
    assert files(tmp_path / "demo") >= {
        "measurements.csv",
        "pilots.sqlite",
        "plan.json",
        "allocation.csv",
        "report.html",
    }
    assert "demo/report.html" in first.stdout
    assert (tmp_path / "demo/brief.yaml").read_text() == SMALL
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert "0 runs done" in second.stderr
    assert second.stdout == first.stdout


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_pilots_keeps_what_is_finished_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(SMALL)
    process = subprocess.Popen(
        [COMMAND, "pilot", "run", "b.yaml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first run has ended
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert not alive_in_group(process.pid)
    done = subprocess.run(
        [COMMAND, "pilot", "status", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert sum(task["done"] for task in json.loads(done.stdout)) >= 1


def alive_in_group(group: int) -> bool:
    """Whether a process of this group still runs, after a moment to end."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def test_another_solver_proves_the_same_plan(call: Call) -> None:
    one, other = (Plan.from_json(call("plan", *INPUTS, "--json", "--solver", name).stdout) for name in ("highs", "cbc"))
    assert one.certificate.solver.startswith("HiGHS")
    assert other.certificate.solver.startswith("CBC")
    assert abs(one.score.expected - other.score.expected) <= one.certificate.gap + other.certificate.gap
    assert json.loads(call("frontier", *INPUTS, "--solver", "cbc", "--json").stdout)
    assert "--solver" in call("plan", *INPUTS, "--solver", "simplex", status=2).stderr


def test_a_time_limit_leaves_a_plan_with_its_gap(call: Call) -> None:
    plan = Plan.from_json(call("plan", *INPUTS, "--json", "--seconds", "0.001").stdout)
    assert plan.cost <= plan.budget
    assert 0 <= plan.certificate.gap < 1
    for seconds in ("0", "-1", "soon"):
        assert "--seconds" in call("plan", *INPUTS, "--seconds", seconds, status=2).stderr


def test_other_peoples_plans_are_compared_under_their_files_names(call: Call, tmp_path: Path) -> None:
    (tmp_path / "last year.csv").write_text("name,buy\ndetection,500\nsegmentation,200\n")
    call("plan", *INPUTS, "-o", "ours")
    others = ["--compare", "last year.csv", "--compare", "ours/allocation.csv"]
    plan = Plan.from_json(call("plan", *INPUTS, "--json", *others).stdout)
    last = plan.baselines["last year"]
    assert {name: buy for name, buy in last.buy.items() if buy} == {"detection": 500, "segmentation": 200}
    assert last.gain.expected > 0
    assert plan.baselines["allocation"].gain.expected == 0


def test_an_allocation_of_ours_is_read_again_whatever_its_names_and_with_scores_of_subgroups(tmp_path: Path) -> None:
    tasks = {"=SUM(A1)": {"label_cost": 1}, "-b": {"label_cost": 1}, "night": {"measured_on": "-b"}}
    brief = Brief.from_dict({"budget": 9, "tasks": tasks})
    (tmp_path / "o.csv").write_text("kind,name,buy\ntask,'=SUM(A1),5\ntask,'-b,4\ntask,night,0\n")
    assert read_others([tmp_path / "o.csv"], brief) == {"o": {"=SUM(A1)": 5, "-b": 4}}
    (tmp_path / "o.csv").write_text("name,buy\nnight,1\n")
    with pytest.raises(InvalidInput, match="name: found 'night'"):
        read_others([tmp_path / "o.csv"], brief)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name,buy\ndetecton,5\n", "o.csv:2: name: found 'detecton'"),
        ("name,buy\ndetection,-5\n", "o.csv:2: detection: buy: found '-5'"),
        ("name,buy\ndetection,1.5\n", "o.csv:2: detection: buy: found '1.5'"),
        ("name,buy\ndetection,1\ndetection,2\n", "o.csv:3: name: found detection a second time"),
        ("task,labels\ndetection,1\n", "o.csv:1: columns: found task, labels"),
        ("", "o.csv:1: columns: found nothing"),
        ("name,buy\n" + "x" * 200_000 + ",1\n", "o.csv:2: found no readable CSV"),
    ],
)
def test_a_compared_plan_that_cannot_be_read_is_refused(text: str, fault: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(text)
    assert fault in call("plan", *INPUTS, "--compare", "o.csv", "-o", "out", status=2).stderr
    assert not (tmp_path / "out").exists()
