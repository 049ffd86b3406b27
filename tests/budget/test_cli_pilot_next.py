"""`pilot next` ranks, says why in one sentence each, and says so where planning now is best."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from budget import Brief
from budget.cli import main

Call = Callable[..., Result]
BRIEF = """
budget: 2000
tasks:
  cars: {label_cost: 0.5, owned: 800}
  lanes: {label_cost: 0.2, owned: 400, weight: 2}
pools:
  general: {label_cost: 0.02, owned: 4000}
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brief.yaml").write_text(BRIEF)
    rows = ["task,labels,seed,score,pool:general,seconds"]
    for task, exponent, wobble in (("cars", 0.3, 0.03), ("lanes", 0.25, 0.03)):
        for labels in (50, 400):
            for pool in (0, 4000):
                for seed in (0, 1):
                    score = 1 - (labels + 0.2 * pool) ** -exponent + (seed - 0.5) * wobble
                    rows.append(f"{task},{labels},{seed},{score:.4f},{pool},{labels / 20}")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")

    def run(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["pilot", "next", *arguments])
        assert result.exit_code == status, result.output
        return result

    return run


def test_the_pilots_come_with_a_sentence_each_those_worth_most_a_minute_first(call: Call) -> None:
    lines = call("brief.yaml", "m.csv", "--least", "0", "--top", "3").stdout.splitlines()
    assert [line.partition(".")[0] for line in lines] == ["1", "2", "3"]
    pattern = r"\d\. (cars|lanes): \d+ more runs? on [\d,]+ labels.* \([\d.]+ (s|minutes)\): .* ([\d.]+) a minute\."
    found = [re.fullmatch(pattern, line) for line in lines]
    paces = [float(each[3]) for each in found if each]
    assert len(paces) == 3
    assert paces[0] == max(paces)


def test_a_list_for_so_many_minutes_takes_no_longer(call: Call) -> None:
    every = json.loads(call("brief.yaml", "m.csv", "--least", "0", "--top", "20", "--json").stdout)["pilots"]
    some = json.loads(call("brief.yaml", "m.csv", "--least", "0", "--top", "20", "--minutes", "1", "--json").stdout)
    assert sum(each["seconds"] for each in every) > 60
    assert 0 < sum(each["seconds"] for each in some["pilots"]) <= 60


def test_one_json_document_says_the_same(call: Call) -> None:
    document = json.loads(call("brief.yaml", "m.csv", "--least", "0", "--json").stdout)
    assert 1 <= len(document["pilots"]) <= 5
    assert document["looked_at"] > 20
    first = document["pilots"][0]
    assert first["gain_a_minute"] == pytest.approx(60 * first["gain"] / first["seconds"])
    assert {each["cost"] for each in document["pilots"]} == {0.0}
    assert max(each["labels"] for each in document["pilots"]) <= 800
    assert first["sentence"] in call("brief.yaml", "m.csv", "--least", "0").stdout


def test_that_no_pilot_is_worth_more_than_planning_now_is_an_answer(call: Call) -> None:
    said = call("brief.yaml", "m.csv", "--least", "50").stdout
    assert said.startswith("No pilot is worth more than planning now: of ")
    assert json.loads(call("brief.yaml", "m.csv", "--least", "50", "--json").stdout)["pilots"] == []


def test_with_money_labels_may_be_bought_for_pilots(call: Call) -> None:
    few = json.loads(call("brief.yaml", "m.csv", "--least", "0", "--json").stdout)["looked_at"]
    more = json.loads(call("brief.yaml", "m.csv", "--least", "0", "--json", "--money", "500").stdout)["looked_at"]
    assert more > few


def test_from_a_store_the_pretraining_of_further_seeds_counts(call: Call) -> None:
    from pilots.store import Row, Store, now
    from pilots.trainers import Outcome, Run

    with Store.open("pilots.sqlite") as store:
        for task in ("cars", "lanes"):
            for labels in (50, 400):
                for pools in ((), (("general", 4000),)):
                    for seed in (0, 1):
                        score = 1 - (labels + sum(n for _, n in pools)) ** -0.3 + 0.03 * seed
                        run = Run(task, labels, seed, pools)
                        store.record("r", Row(run, Outcome(score, 0, labels / 20, "cpu"), "", now()))
        store.record_pretraining("r", (("general", 4000),), 0, 1000.0)
        store.record_pretraining("r", (("general", 4000),), 1, 1000.0)
    document = json.loads(call("brief.yaml", "pilots.sqlite", "--least", "0", "--top", "99", "--json").stdout)
    pooled = [each for each in document["pilots"] if each["pools"] == {"general": 4000} and each["labels"] == 50]
    assert pooled
    for each in pooled:
        assert each["seconds"] == pytest.approx(each["repeats"] * (2.5 + 1000))


def test_a_dry_run_tells_the_order_and_the_seconds_of_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pilots.config import setup
    from pilots.store import Row, Store, now
    from pilots.trainers import Outcome

    monkeypatch.chdir(tmp_path)
    trainer = "pilots: {trainer: {command: 'python train.py {task} {labels} {seed}'}}\n"
    (tmp_path / "brief.yaml").write_text(BRIEF + trainer)
    made = setup(Brief.from_file("brief.yaml"), tmp_path)
    arguments = ["pilot", "run", "brief.yaml", "--dry-run", "-v", "--runs", "6"]
    before = CliRunner().invoke(main, arguments).stdout
    assert [line.split()[0] for line in before.splitlines() if line.endswith("?")] == list("123456")
    with Store.open("pilots.sqlite") as store:
        for run in made.runs[:2]:
            store.record(made.trainer.recipe, Row(run, Outcome(0.5, 0, 3.0, "cpu"), "", now()))
    after = CliRunner().invoke(main, arguments).stdout.splitlines()
    runs = [line.split() for line in after if line.endswith(" 3.0")]
    assert [words[0] for words in runs] == list("1234")
    assert [words[1] for words in runs] == [run.task for run in made.runs[2:6]]


def test_what_cannot_be_used_is_refused_with_every_fault(call: Call, tmp_path: Path) -> None:
    (tmp_path / "brief.yaml").write_text(BRIEF + "  web: {label_cost: -1}\n")
    (tmp_path / "m.csv").write_text("task,labels,seed,score\ncars,x,0,1\n")
    said = call("brief.yaml", "m.csv", status=2).stderr
    assert "web" in said
    assert "labels" in said
