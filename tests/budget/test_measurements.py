"""Measurements come out the same whatever order or format they came in, or every fault is named with row and column."""

from __future__ import annotations

import io
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budget.brief import Brief
from budget.errors import InvalidInput
from budget.measurement_checks import OPTIONAL
from budget.measurements import REQUIRED, Measurements

WHOLE = """\
task,labels,seed,score,pool:general,pool:web,strategy,annotators,mode,test_size,seconds,device,run,started
cars,100,0,0.5,4000,0,random,1,finetune,500,3.5,cpu,r1,2026-01-01T00:00:00
cars,50,1,0.4,0,10,margin,3,frozen,,,,,
cars,50,0,,,,,,,,,,,
boxes,1e2,-3,-1.25,0,0,random,1,scratch,500,3.5,cpu,r2,
"""


def csv_of(text: str, tmp_path: Path) -> Measurements:
    path = tmp_path / "m.csv"
    path.write_text(dedent(text), encoding="utf-8")
    return Measurements.from_csv(path)


def faults_of(text: str, tmp_path: Path) -> dict[tuple[str, str], str]:
    """(place, column) -> what was found, of every fault."""
    with pytest.raises(InvalidInput) as refused:
        csv_of(text, tmp_path)
    source = str(tmp_path / "m.csv")
    return {(fault.place.removeprefix(source).lstrip(": "), fault.path): fault.found for fault in refused.value.faults}


def runs(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"task": "a", "labels": [10, 20], "seed": 0, "score": [0.1, 0.2]} | columns)


def test_every_column_of_the_format_is_read_in_its_type(tmp_path: Path) -> None:
    frame = csv_of(WHOLE, tmp_path).frame
    assert [str(dtype) for dtype in frame.dtypes] == [
        *("str", "int64", "int64", "float64", "int64", "int64", "str", "int64", "str", "str", "float64", "float64"),
        *("str", "str", "str"),
    ]
    assert frame[["task", "labels", "seed"]].to_numpy().tolist() == [
        ["boxes", 100, -3], ["cars", 50, 0], ["cars", 50, 1], ["cars", 100, 0],
    ]  # fmt: skip
    failed = frame.iloc[1]
    assert np.isnan(failed["score"])
    assert np.isnan(failed["test_size"])
    assert (failed["strategy"], failed["annotators"], failed["mode"], failed["pool:web"]) == (
        "random",
        1,
        "finetune",
        0,
    )


def test_only_four_columns_are_required_and_the_rest_has_its_default(tmp_path: Path) -> None:
    measurements = csv_of("task,labels,seed,score\na,10,0,0.5\n", tmp_path)
    row = measurements.frame.iloc[0]
    assert (row["strategy"], row["annotators"], row["mode"]) == ("random", 1, "finetune")
    assert (measurements.tasks, measurements.pools) == (("a",), ())


def test_all_faults_come_at_once_with_row_and_column(tmp_path: Path) -> None:
    found = faults_of(
        """\
        task,labels,seed,score,pool:x,mode,test_size
        a,-1,0,.5,3,frozn,0

        ,1.5,x,inf,"1,000",,5
        a,,0,high,3,,
        """,
        tmp_path,
    )
    assert found == {
        ("row 2", "labels"): "'-1'",
        ("row 2", "mode"): "'frozn'",
        ("row 2", "test_size"): "'0'",
        ("row 4", "task"): "nothing",
        ("row 4", "labels"): "'1.5'",
        ("row 4", "seed"): "'x'",
        ("row 4", "score"): "'inf'",
        ("row 4", "pool:x"): "'1,000'",
        ("row 5", "labels"): "nothing",
        ("row 5", "score"): "'high'",
    }


def test_columns_that_are_missing_misspelt_or_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        csv_of("task,lables,seed,score,score,pool_general,pool: x\na,1,0,.5,.5,3,4\n", tmp_path)
    assert {(fault.path, fault.hint) for fault in refused.value.faults} == {
        ("'lables'", "did you mean labels?"),
        ("'score'", ""),
        ("'pool_general'", "did you mean pool:general?"),
        ("'pool: x'", ""),
        ("labels", ""),
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("\n\n", "an empty first row"),
        ("task;labels;seed;score\na;1;0;0.5\n", "'task;labels;seed;score'"),
        ("task,labels,seed,score\n", "no rows"),
        ("task,labels,seed,score\na,1,0\n", "3 cells"),
        ("task,labels,seed,score\na,1,0,0.5,9\n", "5 cells"),
    ],
)
def test_what_is_no_table_of_runs_is_refused(text: str, found: str, tmp_path: Path) -> None:
    assert found in faults_of(text, tmp_path).values()


@pytest.mark.parametrize(
    ("cell", "hint"), [("0,85", "write 0.85"), ("1,600", "write 1600"), ("12,34,5", ""), ("5k", "")]
)
def test_a_comma_is_read_as_people_write_it_or_no_number_is_proposed(cell: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Measurements.from_frame(runs(score=[0.5, cell]))
    assert [fault.hint for fault in raised.value.faults] == [hint]


def test_many_faults_of_one_kind_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    rows = "\n".join(f"a,x,{seed},0.5" for seed in range(1000))
    found = faults_of(f"task,labels,seed,score\n{rows}\n", tmp_path)
    assert len(found) == 21
    assert found["rows 22 to 1001", "labels"] == "980 more like these"


def test_the_same_run_twice_is_refused_but_a_failed_one_may_be_tried_again(tmp_path: Path) -> None:
    text = "task,labels,seed,score\na,10,0,0.5\na,10,0,\na,10,1,0.5\n"
    assert len(csv_of(text, tmp_path).frame) == 3
    assert faults_of(text + "a,10,0,0.6\n", tmp_path) == {("row 5", "seed"): "a run that is there already"}


def test_rows_and_columns_in_any_order_and_either_format_are_the_same_measurements(tmp_path: Path) -> None:
    one = csv_of(WHOLE, tmp_path)
    frame = pd.read_csv(io.StringIO(WHOLE))
    mixed = Measurements.from_frame(frame.sample(frac=1, random_state=3)[sorted(frame.columns)])
    pd.testing.assert_frame_equal(one.frame[sorted(frame.columns)], mixed.frame[sorted(frame.columns)])
    frame.to_parquet(tmp_path / "m.parquet")
    again = Measurements.from_parquet(tmp_path / "m.parquet")
    assert one.sha256 == mixed.sha256 == again.sha256
    assert one.sha256 != Measurements.from_frame(frame.assign(score=frame["score"] + 1e-12)).sha256


def test_a_curve_has_runs_of_one_kind_and_runs_from_scratch_without_pools_belong_to_each() -> None:
    """One mode, number of annotators and network a task: that of most runs with a score."""
    rows = [
        ("a", 100, 0, "scratch", 1, ""),
        ("a", 100, 9, "frozen", 1, ""),
        ("a", 200, 9, "frozen", 1, ""),
        ("a", 100, 9, "finetune", 1, ""),
        ("a", 400, 9, "frozen", 3, ""),
        ("a", 400, 9, "scratch", 1, ""),
        ("b", 100, 0, "scratch", 1, ""),
        ("b", 200, 0, "scratch", 1, "large"),
        ("b", 400, 0, "scratch", 1, "large"),
        ("c", 100, 9, "frozen", 1, ""),
        ("c", 100, 9, "finetune", 1, ""),
        ("d", 100, 9, "frozen", 1, ""),
    ]
    frame = pd.DataFrame(rows, columns=["task", "labels", "pool:web", "mode", "annotators", "backbone"])
    frame = frame.assign(seed=range(len(frame)), score=0.5, strategy="random")
    frame.loc[frame["task"] == "d", "score"] = None  # it is still there to be named
    clever = frame.iloc[[1, 3]].assign(strategy="margin")
    measurements = Measurements.from_frame(pd.concat([frame, clever]))
    assert measurements.of_strategies["mode"].tolist() == ["frozen"]
    found = measurements.of_curves.frame()
    kept = [tuple(row) for row in found[["task", "labels", "mode", "annotators", "backbone"]].to_numpy()]
    assert kept == [
        ("a", 100, "scratch", 1, ""),
        ("a", 100, "frozen", 1, ""),
        ("a", 200, "frozen", 1, ""),
        ("b", 200, "scratch", 1, "large"),
        ("b", 400, "scratch", 1, "large"),
        ("c", 100, "finetune", 1, ""),
        ("d", 100, "frozen", 1, ""),
    ]


def test_a_brief_is_answered_by_runs_of_its_tasks_with_as_many_annotators_as_it_pays_for() -> None:
    columns = ["task", "labels", "annotators", "pool:web", "pool:own"]
    rows = [("a", 10, 1, 9, 0), ("a", 20, 1, 9, 5), ("a", 40, 3, 9, 0), ("b", 10, 1, 5, 0), ("night", 10, 3, 0, 0)]
    frame = pd.DataFrame([*rows, ("night", 20, 1, 0, 0), ("c", 10, 2, 0, 0)], columns=columns)
    tasks = {"a": {"label_cost": 1, "annotators": 3}, "night": {"measured_on": "a"}, "c": {"label_cost": 1}}
    brief = Brief.from_dict({"budget": 1, "tasks": tasks, "pools": {"new": {"label_cost": 1, "max_labels": 9}}})
    asked = Measurements.from_frame(frame.assign(seed=0, score=0.5)).asked_by(brief)
    assert asked.pools == ("own", "new")  # `web` was not varied in any task
    assert not asked.frame["pool:new"].any()
    kept = asked.of_curves.frame()[["task", "labels", "annotators"]]
    assert [tuple(row) for row in kept.to_numpy()] == [("a", 40, 3), ("c", 10, 2), ("night", 10, 3)]


def test_bookkeeping_does_not_change_the_hash() -> None:
    assert Measurements.from_frame(runs()).sha256 == Measurements.from_frame(runs(seconds=3.0, device="cuda")).sha256


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series([10.0, 20.0]),
        pd.Series(["10", " 20 "]),
        pd.Series([10, 20], dtype="Int64"),
        pd.Series([10, 20], dtype="int8"),
        pd.Series([10, 20], dtype="category"),
        pd.Series([10, "20"], dtype=object),
        pd.Series([10, 20], dtype=pd.ArrowDtype(pa.int64())),
    ],
)
def test_whole_numbers_of_any_type_are_whole_numbers(labels: pd.Series) -> None:
    assert Measurements.from_frame(runs(labels=labels)).frame["labels"].tolist() == [10, 20]


@pytest.mark.parametrize(
    "labels",
    [[True, False], [1 + 2j, 2], [None, 1], [[1], [2]], pd.to_datetime(["2026-01-01"] * 2), [1, np.inf], [1e13, 1]],
)
def test_what_is_no_whole_number_is_refused(labels: object) -> None:
    with pytest.raises(InvalidInput, match="labels"):
        Measurements.from_frame(runs(labels=labels))


def test_what_pandas_has_for_a_missing_number_is_a_failed_run_or_the_default() -> None:
    missing = {"score": pd.array([0.5, None], dtype="Float64"), "pool:web": pd.array([5, None], dtype="Int64")}
    frame = Measurements.from_frame(runs(**missing)).frame
    assert frame["pool:web"].tolist() == [5, 0]
    assert frame["score"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["", " a", "a\n", "a" * 201, None, 5])
def test_a_task_needs_a_name_that_a_brief_could_have(name: object) -> None:
    with pytest.raises(InvalidInput, match="row 1: task"):
        Measurements.from_frame(runs(task=[name, "b"]))


def test_an_odd_index_and_the_given_frame_stay_out_of_it() -> None:
    frame = runs().set_index(pd.Index(["x", "x"]))
    before = frame.copy()
    assert list(Measurements.from_frame(frame).frame.index) == [0, 1]
    pd.testing.assert_frame_equal(frame, before)


def test_a_task_that_nobody_measured_is_named_with_its_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text("budget: 1\ntasks:\n  detections: {label_cost: 1}\n  cars: {label_cost: 1}\n", encoding="utf-8")
    frame = runs(task=["detection", "cars"], score=[0.5, None])
    faults = Measurements.from_frame(frame).faults_against(Brief.from_file(path))
    assert [(fault.place.removeprefix(str(path)), fault.path, fault.hint) for fault in faults] == [
        (":3:15", "tasks.detections", "did you mean detection?"),
        (":4:9", "tasks.cars", ""),
    ]


def test_a_task_measured_by_a_strategy_only_or_only_failed_says_so() -> None:
    brief = Brief.from_dict({"budget": 1, "tasks": {"clever": {"label_cost": 1}, "failed": {"label_cost": 1}}})
    frame = runs(task=["clever", "failed"], score=[0.5, None], strategy=["margin", "random"])
    faults = Measurements.from_frame(frame).faults_against(brief)
    assert [fault.path for fault in faults] == ["tasks.clever", "tasks.failed"]
    assert all("no run on labels chosen at random has a score" in fault.found for fault in faults)


@pytest.mark.parametrize("reader", [Measurements.from_csv, Measurements.from_parquet])
def test_a_file_that_is_not_there_is_named(reader: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        reader(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="directory"):
        reader(tmp_path)


cells = st.sampled_from(
    ["a", "b", "0", "1", "-1", "1e3", "0.5", "", "nan", "inf", "x y", '"', '"q,', "\u202e", "\x00", "é", "1_0", "١٢"]
)
columns = st.sampled_from([*REQUIRED, *OPTIONAL, "pool:x", "pool:", "other", ""])
tables = st.lists(st.lists(cells, min_size=4, max_size=6), max_size=5)
headers = st.just([*REQUIRED]) | st.just([*REQUIRED, "pool:x", "mode"]) | st.lists(columns, max_size=6)


@settings(max_examples=200)
@given(raw=st.binary(max_size=100) | st.builds(
    lambda header, rows: "\n".join(",".join(row) for row in [header, *rows]).encode(), headers, tables))  # fmt: skip
@example(raw=b"task,labels,seed,score\na,1,0,1e400\n")
@example(raw=b'task,labels,seed,score\n"a,1,0,1\n')
def test_any_bytes_are_measurements_or_an_error_of_ours(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(raw)
    try:
        measurements = Measurements.from_csv(path)
    except InvalidInput as error:
        refused = error.faults
    else:
        refused = ()
        assert len(measurements.sha256) == 64
    assert all(fault.found and fault.allowed for fault in refused)


def parquet() -> bytes:
    buffer = io.BytesIO()
    runs().to_parquet(buffer)
    return buffer.getvalue()


PARQUET = parquet()


@given(position=st.integers(0, len(PARQUET) - 1), byte=st.integers(0, 255), cut=st.integers(0, 50))
def test_a_damaged_parquet_file_is_measurements_or_an_error_of_ours(
    position: int, byte: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.parquet"
    damaged = bytearray(PARQUET)
    damaged[position] = byte
    path.write_bytes(bytes(damaged[: len(damaged) - cut]))
    try:
        assert Measurements.from_parquet(path).tasks
    except InvalidInput as error:
        refused = error.faults
    else:
        refused = ()
    assert all(fault.found and fault.allowed for fault in refused)


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(max_size=2) | st.dates()
)


@settings(max_examples=200)
@given(st.dictionaries(columns | st.integers(), st.lists(values, min_size=2, max_size=2), max_size=6))
@example({column: [2**70, 2] for column in REQUIRED})
def test_any_frame_is_measurements_or_an_error_of_ours(changes: dict[Any, list[object]]) -> None:
    frame = pd.DataFrame(
        {"task": ["a", "b"], "labels": [1, 2], "seed": [0, 0], "score": [0.5, None]} | changes, dtype=object
    )
    try:
        measurements = Measurements.from_frame(frame)
    except InvalidInput as error:
        refused = error.faults
    else:
        refused = ()
        assert len(measurements.sha256) == 64
    assert all(fault.found and fault.allowed for fault in refused)
