"""The backtest predicts what it did not see, and says how well."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget import Brief, plan
from budget.cli import main
from budget.errors import InvalidInput
from budget.fitting.backtest import backtest, power_law, summary
from tests.budget.fitting.curves import measured, pooled, power, rows

SIZES = (50, 100, 200, 400, 800, 1600)


def test_what_is_hidden_is_larger_than_a_quarter_of_the_largest_pilot() -> None:
    lines = backtest(measured(rows("a", power(), SIZES, noise=0.003)))["a"]
    assert [line.labels for line in lines] == [800, 1600]
    for line in lines:
        assert line.low <= line.predicted <= line.high
        assert line.predicted == pytest.approx(line.measured, abs=0.03)
        assert line.last_value < line.measured


def test_hidden_scores_do_not_reach_the_prediction() -> None:
    frame = rows("a", power(), SIZES)
    moved = frame.assign(score=np.where(frame.labels > 400, 0.123, frame.score))
    one, other = (backtest(measured(f))["a"] for f in (frame, moved))
    assert [line.predicted for line in one] == [line.predicted for line in other]


def test_too_few_pilots_hide_nothing() -> None:
    assert backtest(measured(rows("a", power(), (100, 200, 400)))) == {}


def test_a_plan_carries_the_backtest_of_its_measurements() -> None:
    measurements = measured(rows("a", pooled, SIZES, [{"general": p} for p in (0, 1000, 10000)]))
    tasks, pools = {"a": {"label_cost": 1}}, {"general": {"label_cost": 0.01}}
    brief = Brief.from_dict({"budget": 100, "tasks": tasks, "pools": pools})
    (line, *_), tested = plan(brief, measurements).evidence["a"].backtest, backtest(measurements, brief)["a"]
    assert line.measured == pytest.approx(tested[0].measured, rel=1e-5)
    assert {each.pools["general"] for each in tested} <= {0, 1000, 10000}


def test_a_score_above_one_needs_a_brief_that_says_what_is_best() -> None:
    losses = measured(rows("loss", lambda n, _: 20 + 300 * n**-0.3, SIZES))
    with pytest.raises(InvalidInput, match=r"loss: found a score of .*; try: --brief"):
        backtest(losses)
    metric = {"best": 1.0, "worst": 150.0, "direction": "minimize"}
    brief = Brief.from_dict({"budget": 1, "tasks": {"loss": {"label_cost": 1, "metric": metric}}})
    assert backtest(losses, brief)["loss"]


def test_a_plain_power_law_is_found_again() -> None:
    labels = np.array(SIZES, float)
    assert power_law(labels, 0.1 + 2 * labels**-0.5, 25600.0) == pytest.approx(0.1 + 2 * 25600**-0.5, abs=2e-3)


def test_the_summary_averages_over_its_lines() -> None:
    lines = backtest(measured(rows("a", power(), SIZES), rows("b", power(0.3), SIZES, seed=1)))
    total = summary(line for each in lines.values() for line in each)
    assert total.count == 4
    assert total.error == pytest.approx(np.mean([abs(x.predicted - x.measured) for v in lines.values() for x in v]))
    assert 0 <= total.covered <= 1


@pytest.mark.parametrize(("hide", "labels"), [("4x", {800, 1600}), ("4", {800, 1600}), ("2X", {1600})])
def test_the_command_hides_as_much_as_it_is_told(tmp_path: Path, hide: str, labels: set[int]) -> None:
    path = tmp_path / "m.csv"
    pd.concat([rows("a", power(), SIZES), rows("b", power(0.3), SIZES)]).to_csv(path, index=False)
    answer = CliRunner().invoke(main, ["backtest", str(path), "--hide", hide, "--json"])
    document = json.loads(answer.stdout)
    assert {line["labels"] for line in document["tasks"]["a"]["hidden"]} == labels
    assert document["all"]["count"] == 2 * len(labels)
    printed = CliRunner().invoke(main, ["backtest", str(path), "--hide", hide]).stdout
    assert f"{document['all']['error']:.4f}" in printed
    assert f"{document['tasks']['b']['power_law']:.4f}" in printed


def test_over_all_tasks_errors_are_shares_of_each_metrics_range(tmp_path: Path) -> None:
    """One task in points of 100 beside the same in shares: together as one alone, in shares."""
    frame = rows("a", power(), SIZES)
    table, brief = tmp_path / "m.csv", tmp_path / "b.yaml"
    pd.concat([frame, frame.assign(task="b", score=100 * frame.score)]).to_csv(table, index=False)
    metric = {"name": "points", "best": 100, "worst": 0}
    tasks = {"a": {"label_cost": 1}, "b": {"label_cost": 1, "metric": metric}}
    brief.write_text(json.dumps({"budget": 1, "tasks": tasks}))
    command = ["backtest", str(table), "--brief", str(brief)]
    answer = CliRunner().invoke(main, [*command, "--json"])
    document = json.loads(answer.stdout)
    each, every = document["tasks"], document["all"]
    assert each["b"]["last_value"] == pytest.approx(100 * each["a"]["last_value"])
    assert every["last_value"] == pytest.approx(each["a"]["last_value"])
    assert every["error"] == pytest.approx((each["a"]["error"] + each["b"]["error"] / 100) / 2)
    assert "share of range" in CliRunner().invoke(main, command).stdout


@pytest.mark.parametrize("hide", ["0.5", "1x", "four", "nan", "infx"])
def test_a_factor_that_hides_nothing_is_refused(tmp_path: Path, hide: str) -> None:
    answer = CliRunner().invoke(main, ["backtest", str(tmp_path / "m.csv"), "--hide", hide])
    assert answer.exit_code == 2
    assert "no factor above 1" in answer.stderr
