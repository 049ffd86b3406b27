"""Measurements from elsewhere: what goes into the store comes out of it again."""

import pandas as pd
import pytest

from budget import Measurements
from budget.errors import InvalidInput
from pilots.imports import read
from pilots.imports.tables import keep, write_table
from pilots.store import Row, Store
from pilots.trainers import Outcome, Run

FRAME = pd.DataFrame(
    {
        "task": ["cars", "cars", "lanes"],
        "labels": [50, 100, 50],
        "seed": [0, 0, 3],
        "score": [0.5, None, 0.25],
        "pool:general": [0, 1000, 0],
        "annotators": [1, 3, 1],
        "test_size": [None, 200, 200],
        "device": ["cpu", None, "cuda"],
    }
)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "pilots.sqlite") as store:
        yield store


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_comes_out_of_the_store_as_it_went_in(store, tmp_path, ending):
    write_table(FRAME, tmp_path / f"theirs.{ending}")
    assert keep(store, read(tmp_path / f"theirs.{ending}")) == 3
    write_table(store.frame(), tmp_path / f"ours.{ending}")
    ours = read(tmp_path / f"ours.{ending}").frame
    theirs = Measurements.from_frame(FRAME).frame
    columns = [column for column in theirs.columns if column != "device"]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns])


def test_a_second_import_of_the_same_table_adds_nothing(store, tmp_path):
    write_table(FRAME, tmp_path / "theirs.csv")
    assert [keep(store, read(tmp_path / "theirs.csv")) for _ in range(2)] == [3, 0]
    assert len(store.frame()) == 3


def test_an_import_does_not_touch_what_was_carried_out_here(store, tmp_path):
    store.record("recipe", Row(Run("cars", 50, 0), Outcome(0.9, 10, 1.0, "cpu"), "abc", ""))
    keep(store, Measurements.from_frame(FRAME))
    assert store.frame()["score"].tolist()[0] == 0.9


def test_a_table_with_faults_leaves_the_store_as_it_was(store, tmp_path):
    (tmp_path / "theirs.csv").write_text("task,labels,seed,score\ncars,50,0,0.5\ncars,-1,0,0.5\n")
    with pytest.raises(InvalidInput, match="row 3"):
        keep(store, read(tmp_path / "theirs.csv"))
    assert len(store.frame()) == 0


def test_a_table_is_written_only_as_csv_or_parquet_and_leaves_nothing_else_behind(tmp_path):
    with pytest.raises(InvalidInput, match=r"\.xls"):
        write_table(FRAME, tmp_path / "table.xls")
    write_table(FRAME, tmp_path / "table.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
