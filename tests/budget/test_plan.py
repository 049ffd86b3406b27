"""A plan survives its JSON whole, and whatever else is read is refused with one clear error."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget.errors import InvalidInput
from budget.plan import (
    Baseline,
    Certificate,
    Evidence,
    NextMoney,
    Plan,
    PoolLine,
    Provenance,
    Score,
    TaskLine,
)


def small_plan(**changes: Any) -> Plan:
    score = Score(0.61, 0.58, 0.64)
    task = TaskLine(400, 12100, 12500, 4235.0, 0.57, 0.53, 0.6, 0.41, "REVIEW", "few repeats", group="driving")
    pool = PoolLine(0, 200000, 200000, 10000.0, brings={"detection": Score(0.05, 0.01, 0.09)})
    values: dict[str, Any] = {
        "status": "optimal",
        "title": "Perception",
        "currency": "USD",
        "goal": "mean",
        "risk": 0.0,
        "budget": 60000.0,
        "cost": 14235.0,
        "unspent": 45765.0,
        "unspent_reason": "limits",
        "score": score,
        "now": Score(0.41, 0.4, 0.42),
        "certificate": Certificate(0.61000001, 1e-8, "HiGHS", 0.04),
        "next_money": NextMoney(600.0, 0.0011, {"detection": 1700}),
        "tasks": {"detection": task},
        "pools": {"general": pool},
        "baselines": {"even split": Baseline(14000.0, score, {"detection": 9000}, 0.97, score)},
        "provenance": Provenance("0.1.0", "a" * 64, "b" * 64, 0, "2026-01-01T00:00:00Z"),
        "evidence": {"detection": Evidence(exponent=score)},
    }
    return Plan(**(values | changes))


def finite(value: Any) -> Any:
    """The same plan with 0 for every number that no plan has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: finite(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(finite(each) for each in value)
    return 0.0 if isinstance(value, float) and not math.isfinite(value) else value


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.from_type(Plan).map(finite))
def test_any_plan_comes_back_from_its_json_unchanged(plan: Plan) -> None:
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_dict(plan.to_dict()) == plan


def test_json_names_its_format_first_and_keeps_all_digits() -> None:
    text = small_plan(cost=0.1 + 0.2).to_json()
    assert next(iter(json.loads(text).items())) == ("format", "labelbudget-plan/1")
    assert json.loads(text)["cost"] == 0.1 + 0.2


def test_a_number_that_is_none_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        small_plan(cost=float("nan")).to_json()


def test_keys_of_a_later_version_are_skipped() -> None:
    values = small_plan().to_dict()
    values["carbon"] = 3
    values["tasks"]["detection"]["carbon"] = 2
    assert Plan.from_dict(values) == small_plan()


def test_every_fault_of_a_plan_is_named_with_its_key() -> None:
    values = small_plan().to_dict()
    del values["budget"]
    values["tasks"]["detection"]["buy"] = "many"
    with pytest.raises(InvalidInput) as refused:
        Plan.from_dict(values, "plan.json")
    assert {fault.path for fault in refused.value.faults} == {"budget", "tasks.detection.buy"}
    assert all(fault.place == "plan.json" for fault in refused.value.faults)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": "labelbudget-plan/2"}', "[" * 100_000, "NaN"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Plan.from_json(text)


def test_a_plan_with_nan_is_refused() -> None:
    text = small_plan().to_json().replace("14235.0", "NaN")
    with pytest.raises(InvalidInput):
        Plan.from_json(text)


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_plan_or_an_error_of_ours(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_bytes(raw)
    with pytest.raises(InvalidInput):
        Plan.from_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        Plan.from_file(tmp_path / "nowhere.json")


def test_the_csv_has_a_row_for_every_pool_and_task_and_no_formula() -> None:
    task = small_plan().tasks["detection"]
    plan = small_plan(tasks={"detection": task, "=HYPERLINK(1)": task})
    rows = list(csv.DictReader(io.StringIO(plan.to_csv())))
    assert [(row["kind"], row["name"], row["buy"]) for row in rows] == [
        ("pool", "general", "200000"),
        ("task", "detection", "12100"),
        ("task", "'=HYPERLINK(1)", "12100"),
    ]
    assert all(None not in row and None not in row.values() for row in rows)
