"""What the store promises: nothing lost, nothing twice, nothing of anyone else's touched."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import Measurements
from budget.errors import InvalidInput, LabelBudgetError
from pilots import store as store_module
from pilots.store import IMPORTED, MIGRATIONS, Row, Store, canonical, now, on_network
from pilots.trainers import Outcome, Run

RUN = Run("cars", 50, 0, (("general", 1000),))


def row(run=RUN, score=0.5, note=""):
    return Row(run, Outcome(score, 100, 1.5, "cpu", note), "abc", now())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pilots.sqlite"


def test_a_row_is_read_back_as_it_was_written(path):
    written = row()
    with Store.open(path) as store:
        store.record("recipe", written)
    with Store.open(path) as store:
        assert store.rows() == (written,)


def test_the_table_has_the_columns_of_measurements_and_is_accepted_as_such(path):
    with Store.open(path) as store:
        store.record("recipe", row())
        store.record("recipe", row(Run("lanes", 10, 1), None, "no memory"))
        frame = store.frame()
    expected = "task labels seed score pool:general strategy annotators mode backbone test_size seconds device run"
    assert list(frame.columns) == [*expected.split(), "started"]
    assert frame["pool:general"].tolist() == [1000, 0]
    assert pd.isna(frame["score"][1])
    assert Measurements.from_frame(frame).tasks == ("cars", "lanes")


def test_an_empty_store_gives_an_empty_table_with_typed_columns(path):
    with Store.open(path) as store:
        frame = store.frame()
    assert len(frame) == 0
    assert frame["labels"].dtype == "int64"
    assert frame["score"].dtype == "float64"


def test_order_of_pools_and_pools_of_no_labels_make_no_other_run(path):
    with Store.open(path) as store:
        store.record("recipe", row(Run("cars", 50, 0, (("web", 0), ("general", 10), ("aligned", 5)))))
        store.record("recipe", row(Run("cars", 50, 0, (("aligned", 5), ("general", 10))), 0.9))
        assert [kept.outcome.score for kept in store.rows()] == [0.5]


def test_a_success_replaces_a_failure_and_nothing_replaces_a_success(path):
    with Store.open(path) as store:
        for score in (None, 0.7, None, 0.8):
            store.record("recipe", row(score=score))
        assert [kept.outcome.score for kept in store.rows()] == [0.7]


def test_a_score_that_is_no_number_is_kept_as_a_failure(path):
    with Store.open(path) as store:
        store.record("recipe", row(score=float("nan")))
        store.record("recipe", row(Run("lanes", 1, 0), float("inf")))
        assert [kept.outcome.score for kept in store.rows()] == [None, None]
        assert store.finished("recipe", failed=False) == frozenset()
        assert len(store.finished("recipe")) == 2


def test_runs_of_another_recipe_are_kept_apart(path):
    with Store.open(path) as store:
        store.record("old", row(score=0.1))
        store.record("new", row(score=0.9))
        assert [kept.outcome.score for kept in store.rows()] == [0.9]
        assert [kept.outcome.score for kept in store.rows("old")] == [0.1]
        assert store.left_out() == 1
        assert store.finished("old") == frozenset({RUN})


def test_the_recipe_used_last_is_the_one_shown_though_its_runs_were_there_and_the_clock_went_back(path, monkeypatch):
    later, earlier = "2031-01-01T00:00:00.000+00:00", "2026-01-01T00:00:00.000+00:00"
    with Store.open(path) as store:
        monkeypatch.setattr(store_module, "now", lambda: later)
        store.record("first", row(score=0.1))
        monkeypatch.setattr(store_module, "now", lambda: earlier)
        store.record("second", row(score=0.2))
        assert store.frame()["score"].tolist() == [0.2]
        store.use("first")
        assert store.frame()["score"].tolist() == [0.1]


def test_an_imported_run_gives_way_to_one_that_was_carried_out(path):
    with Store.open(path) as store:
        assert store.record_all(IMPORTED, [row(score=0.1), row(Run("lanes", 5, 0), 0.2)]) == 2
        store.record("recipe", row(score=0.9))
        assert [kept.outcome.score for kept in store.rows()] == [0.9, 0.2]


def test_a_batch_with_a_bad_row_leaves_nothing(path):
    with Store.open(path) as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.record_all(IMPORTED, [row(), row(Run("cars", -1, 0))])
        assert store.rows() == ()


def test_a_full_disk_is_said_and_what_was_there_stays(path):
    with Store.open(path) as store:
        store.record("recipe", row())
        store._connection.execute("PRAGMA max_page_count = 1")  # as good as full: no page more than there are
        with pytest.raises(LabelBudgetError, match="full"):
            store.record_all("recipe", [row(Run("cars", labels, 0)) for labels in range(2000)])
        assert [kept.run for kept in store.rows()] == [RUN]


def test_status_counts_runs_of_each_task_and_says_why_the_last_one_failed(path):
    with Store.open(path) as store:
        store.record_all("recipe", [row(), row(Run("cars", 800, 0)), row(Run("cars", 10, 0), None, "no memory")])
        (status,) = store.status()
    assert (status.done, status.failed, status.smallest, status.largest) == (2, 1, 10, 800)
    assert status.last_failure == "no memory"


def test_a_file_of_another_program_is_refused_and_left_as_it_is(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="another program"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path):
    path.write_text("task,labels,seed,score\n" * 100)
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="not a database"):
        Store.open(path)
    assert path.read_bytes() == before


def test_a_store_of_an_older_format_keeps_its_runs_and_takes_those_of_other_networks(path, monkeypatch):
    monkeypatch.setattr(store_module, "MIGRATIONS", MIGRATIONS[:2])
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO recipe VALUES ('r', 'text', '2024')")
    values = "1, 'r', 'cars', 50, '{}', 'random', 1, 'finetune', 0, 0.5, 100, 1.5, 'cpu', '', 'abc', '2024'"
    connection.execute(f"INSERT INTO run VALUES ({values})")
    connection.commit()
    connection.close()
    monkeypatch.undo()
    other = Run("cars", 50, 0, backbone="large")
    with Store.open(path) as store:
        (kept,) = store.rows()
        assert (kept.run, kept.outcome.score, kept.name) == (Run("cars", 50, 0), 0.5, "abc")
        store.record("text", Row(other, Outcome(0.6, 100, 1.5, "cpu"), "def", now()))
        assert store.holds("text", other)
        assert not store.holds("text", Run("cars", 50, 0))
        assert store.frame("text")["backbone"].tolist() == ["large"]


def test_a_store_of_a_newer_format_is_refused(path):
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InvalidInput, match="format 99"):
        Store.open(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_store_is_refused_with_one_error(path, share):
    with Store.open(path) as store:
        store.record_all("recipe", [row(Run("cars", labels, 0)) for labels in range(500)])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidInput) as error:
        Store.open(path)
    assert str(path) in str(error.value)


def test_no_store_where_one_is_needed_is_said_and_none_is_made(path):
    with pytest.raises(InvalidInput, match="no such file"):
        Store.open(path, create=False)
    assert not path.exists()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(InvalidInput):
        Store.open(tmp_path / "nowhere" / "pilots.sqlite")


def test_an_empty_file_is_no_store_to_read_from_and_stays_empty(path):
    path.touch()
    with pytest.raises(InvalidInput, match="an empty file"):
        Store.open(path, create=False)
    assert path.stat().st_size == 0


def test_many_may_begin_and_write_one_store_at_once(path):
    def write(seed):
        with Store.open(path) as store:
            for labels in range(10):
                store.record("recipe", row(Run("cars", labels, seed)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with Store.open(path) as store:
        assert len(store.rows()) == 80


def test_none_of_eight_that_begin_a_store_together_is_turned_away(tmp_path):
    def rows_in(path):
        with Store.open(path) as store:
            return store.rows()

    for attempt in range(40):  # the lock is held for moments only: once in twenty was enough to be turned away
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(rows_in, [tmp_path / str(attempt)] * 8)) == [()] * 8


names = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=20)
runs = st.builds(
    Run,
    names,
    st.integers(0, 2**62),
    st.integers(-(2**62), 2**62),
    st.dictionaries(names, st.integers(0, 2**62), max_size=3).map(lambda pools: tuple(pools.items())),
    names,
    st.integers(1, 9),
    names,
)


@settings(deadline=None, max_examples=30)
@given(st.lists(runs, max_size=5), st.randoms())
def test_any_runs_come_back_whatever_the_order_they_were_written_in(tmp_path_factory, written, random):
    path = tmp_path_factory.mktemp("store") / "pilots.sqlite"
    shuffled = random.sample(written, len(written))
    with Store.open(path) as store:
        store.record_all("recipe", map(row, shuffled))
        assert store.finished("recipe") == {canonical(run) for run in written}
        assert all(store.holds("recipe", run) for run in written)
        assert len(store.frame()) == len({canonical(run) for run in written})


@pytest.mark.parametrize(("folder", "expected"), [("/home/me", True), ("/home", False), ("/mnt/a b/c", True)])
def test_a_network_disk_is_known_by_the_kind_of_its_mount(tmp_path, folder, expected):
    mounts = "/dev/sda / ext4 rw 0 0\nserver:/me /home/me nfs4 rw 0 0\n//server/b /mnt/a\\040b cifs rw 0 0\n"
    (tmp_path / "mounts").write_text(mounts)
    assert on_network(Path(folder) / "pilots.sqlite", tmp_path / "mounts") is expected


def test_on_a_network_disk_the_store_does_without_shared_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("pilots.store.on_network", lambda path: True)
    with Store.open(tmp_path / "pilots.sqlite") as store:
        store.record("recipe", row(Run("cars", 50, 0)))
        assert len(store.rows("recipe")) == 1
        assert not list(tmp_path.glob("*-wal")) + list(tmp_path.glob("*-shm"))
    with closing(sqlite3.connect(tmp_path / "pilots.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
