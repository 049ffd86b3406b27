"""Measurements from elsewhere: what goes into the store comes out of it again."""

import contextlib
import json
import sqlite3
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import learning_curve
from sklearn.naive_bayes import GaussianNB

from budget import Measurements
from budget.errors import InvalidInput
from pilots.imports import read
from pilots.imports.tables import keep, write_table
from pilots.imports.tensorboard import read_events
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


def mlflow_file(path):
    """As MLflow writes it (the columns that matter of its schema)."""
    database = sqlite3.connect(path)
    database.executescript(
        """
        CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
        CREATE TABLE runs (run_uuid TEXT, name TEXT, experiment_id INTEGER, status TEXT, start_time BIGINT,
                           end_time BIGINT, lifecycle_stage TEXT);
        CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT);
        CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT);
        CREATE TABLE metrics (run_uuid TEXT, key TEXT, value DOUBLE, timestamp BIGINT, step BIGINT, is_nan BOOLEAN);
        INSERT INTO experiments VALUES (1, 'pilots'), (2, 'other');
        """
    )
    runs = [("a", 1, "FINISHED", 50), ("b", 1, "FINISHED", 100), ("c", 1, "FAILED", 100), ("d", 1, "RUNNING", 9)]
    for run, experiment, status, labels in [*runs, ("e", 2, "FINISHED", 7)]:
        values = (run, run, experiment, status, 1_000, 3_500, "active")
        database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("INSERT INTO params VALUES (?, 'n', ?)", (run, str(labels)))
        if status == "FINISHED":
            steps = [(run, "acc", score, 0, step, 0) for step, score in enumerate((0.1, labels / 200, labels / 400))]
            database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", steps)
    database.commit()
    database.close()


def test_runs_of_mlflow_become_measurements_by_their_best_or_last_score(tmp_path):
    mlflow_file(tmp_path / "mlflow.db")
    for reduction, expected in (("last", [0.125, 0.25, None]), ("max", [0.25, 0.5, None])):
        fields = {"labels": "params.n", "score": f"metrics.acc.{reduction}"}
        frame = read(tmp_path / "mlflow.db", fields, {"task": "cars"}, {"experiment": "pilots"}).frame
        assert frame["labels"].tolist() == [50, 100, 100]
        assert frame["seed"].tolist() == [0, 0, 1]
        assert [None if pd.isna(score) else score for score in frame["score"]] == expected
        assert frame["seconds"].tolist() == [2.5] * 3


def test_trials_of_optuna_become_measurements(tmp_path):
    database = sqlite3.connect(tmp_path / "optuna.db")
    database.executescript(
        """
        CREATE TABLE studies (study_id INTEGER, study_name TEXT);
        CREATE TABLE trials (trial_id INTEGER, number INTEGER, study_id INTEGER, state TEXT, datetime_start DATETIME,
                             datetime_complete DATETIME);
        CREATE TABLE trial_params (trial_id INTEGER, param_name TEXT, param_value FLOAT, distribution_json TEXT);
        CREATE TABLE trial_values (trial_id INTEGER, objective INTEGER, value FLOAT, value_type TEXT);
        CREATE TABLE trial_user_attributes (trial_id INTEGER, key TEXT, value_json TEXT);
        INSERT INTO studies VALUES (1, 'grid');
        INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', '2026-01-02 03:04:05', '2026-01-02 03:05:05'),
                                  (2, 1, 1, 'FAIL', '2026-01-02 03:04:05', '2026-01-02 03:05:05'),
                                  (3, 2, 1, 'RUNNING', '2026-01-02 03:04:05', NULL);
        INSERT INTO trial_values VALUES (1, 0, 0.75, 'FINITE');
        INSERT INTO trial_user_attributes VALUES (1, 'seed', '4'), (2, 'seed', '5');
        """
    )
    choice = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["cars", "lanes"]}})
    size = json.dumps({"name": "IntDistribution", "attributes": {"low": 1, "high": 1000}})
    for trial in (1, 2):
        database.execute("INSERT INTO trial_params VALUES (?, 'task', 1.0, ?)", (trial, choice))
        database.execute("INSERT INTO trial_params VALUES (?, 'n', 200.0, ?)", (trial, size))
    database.commit()
    database.close()
    fields = {"task": "params.task", "labels": "params.n", "seed": "attrs.seed", "score": "value"}
    frame = read(tmp_path / "optuna.db", fields).frame
    assert frame[["task", "labels", "seed"]].values.tolist() == [["lanes", 200, 4], ["lanes", 200, 5]]
    assert frame["score"][0] == 0.75
    assert pd.isna(frame["score"][1])
    assert frame["seconds"][0] == pytest.approx(60, abs=0.01)


def test_a_study_that_optuna_itself_wrote_is_read(tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", study_name="grid", direction="maximize")

    def objective(trial):
        labels = trial.suggest_int("n", 100, 400)
        trial.set_user_attr("seed", trial.number)
        if trial.suggest_categorical("task", ["cars", "lanes"]) == "lanes":
            raise ArithmeticError
        return labels / 1000

    for task, labels in (("cars", 100), ("lanes", 200), ("cars", 400)):
        study.enqueue_trial({"task": task, "n": labels})
    study.optimize(objective, n_trials=3, catch=ArithmeticError)
    fields = {"task": "params.task", "labels": "params.n", "seed": "attrs.seed", "score": "value"}
    frame = read(tmp_path / "optuna.db", fields).frame
    assert frame[["task", "labels", "seed"]].values.tolist() == [["cars", 100, 0], ["cars", 400, 2], ["lanes", 200, 1]]
    assert frame["score"].fillna(-1).tolist() == [0.1, 0.4, -1]
    assert (frame["seconds"] > 0).all()


def test_a_folder_of_hugging_face_runs_is_read_with_task_and_labels_from_its_names(tmp_path):
    for name, best in (("cars_n50_s0", 0.5), ("cars_n50_s1", 0.55), ("lanes_n200_s0", 0.7)):
        history = [{"step": 10, "eval_accuracy": best, "epoch": 1.0}, {"step": 20, "eval_accuracy": 0.4, "epoch": 2.0}]
        for folder in (tmp_path / name, tmp_path / name / "checkpoint-10"):
            folder.mkdir()
            state = {"log_history": history, "global_step": 20}
            (folder / "trainer_state.json").write_text(json.dumps(state))
    fields = {"task": r"path.0~^([a-z]+)_", "labels": r"path.0~n(\d+)", "seed": r"path.0~s(\d+)$"}
    frame = read(tmp_path, fields | {"score": "metrics.eval_accuracy.max"}).frame
    expected = [["cars", 50, 0, 0.5], ["cars", 50, 1, 0.55], ["lanes", 200, 0, 0.7]]
    assert frame[["task", "labels", "seed", "score"]].values.tolist() == expected


def test_lightning_logs_are_read_with_their_settings(tmp_path):
    folder = tmp_path / "version_0"
    folder.mkdir()
    (folder / "metrics.csv").write_text("epoch,step,train_loss,val_acc\n0,10,0.9,\n0,10,,0.5\n1,20,0.7,\n1,20,,0.625\n")
    (folder / "hparams.yaml").write_text("labels: 400\nseed: 3\n")
    fields = {"labels": "params.labels", "seed": "params.seed", "score": "metrics.val_acc.last"}
    frame = read(tmp_path, fields, {"task": "cars"}).frame
    assert frame[["labels", "seed", "score"]].values.tolist() == [[400, 3, 0.625]]


def test_a_learning_curve_of_scikit_learn_is_read_fold_by_fold(tmp_path):
    features, target = load_digits(return_X_y=True)
    sizes, train, test = learning_curve(GaussianNB(), features, target, train_sizes=[50, 200], cv=3)
    np.savez(tmp_path / "curve.npz", train_sizes=sizes, train_scores=train, test_scores=test)
    frame = read(tmp_path / "curve.npz", constants={"task": "digits"}).frame
    assert frame["labels"].tolist() == [50, 50, 50, 200, 200, 200]
    assert frame["seed"].tolist() == [0, 1, 2, 0, 1, 2]
    assert frame["score"].tolist() == test.ravel().tolist()


def test_any_table_is_read_when_it_is_said_which_column_is_which(tmp_path):
    pd.DataFrame({"dataset": ["cars"], "n": [50], "acc": [0.5], "web": [10]}).to_csv(tmp_path / "t.csv", index=False)
    fields = {"task": "dataset", "labels": "n", "score": "acc", "pool:web": "web"}
    frame = read(tmp_path / "t.csv", fields).frame
    assert frame[["task", "labels", "seed", "score", "pool:web"]].values.tolist() == [["cars", 50, 0, 0.5, 10]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"labels": "params.m"}, "did you mean params.n"), ({"labels": "params.n~(("}, "one group")],
)
def test_a_field_that_is_not_there_is_said_with_those_that_are(tmp_path, fields, message):
    mlflow_file(tmp_path / "mlflow.db")
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path / "mlflow.db", fields)


@pytest.mark.parametrize("content", [b"SQLite format 3\0broken", b"\xff\xfe\x00", b""])
@pytest.mark.parametrize("name", ["runs.db", "curve.npz", "runs.parquet", "trainer_state.json", "metrics.csv"])
def test_a_broken_file_is_one_clear_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=name):
        read(tmp_path / name, {"labels": "n"})


def test_a_folder_without_runs_and_a_file_that_is_not_there_are_said(tmp_path):
    with pytest.raises(InvalidInput, match=r"trainer_state\.json"):
        read(tmp_path, {"labels": "n"})
    with pytest.raises(InvalidInput):
        read(tmp_path / "nothing.csv", {"labels": "n"})


def field(number, kind, content):
    """One field of a protobuf message; lengths and numbers here stay below 128 or are written in two bytes."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | kind]) + (length if kind == 2 else b"") + content


def event(step, tag, value, as_tensor):
    tensor = field(1, 0, b"\x01") + field(5, 2, struct.pack("<f", value))
    scalar = field(8, 2, tensor) if as_tensor else field(2, 5, struct.pack("<f", value))
    entry = field(1, 2, tag.encode()) + scalar
    message = field(1, 1, struct.pack("<d", 1e9)) + field(2, 0, bytes([step])) + field(5, 2, field(1, 2, entry))
    return struct.pack("<Q", len(message)) + b"\0\0\0\0" + message + b"\0\0\0\0"


@pytest.mark.parametrize("as_tensor", [False, True])
def test_scalars_of_tensorboard_are_read_also_from_a_file_that_is_still_written(tmp_path, as_tensor):
    for labels in (50, 100):
        folder = tmp_path / f"n{labels}"
        folder.mkdir()
        steps = [event(step, "val/acc", score, as_tensor) for step, score in ((1, 0.25), (2, 0.75), (3, 0.5))]
        (folder / "events.out.tfevents.1.host").write_bytes(b"".join(steps) + b"half a rec")
    fields = {"labels": r"path.-1~n(\d+)", "score": "metrics.val/acc.max"}
    frame = read(tmp_path, fields, {"task": "cars"}).frame
    assert frame[["labels", "score"]].values.tolist() == [[50, 0.75], [100, 0.75]]


def test_event_files_that_a_tensorboard_writer_wrote_are_read(tmp_path):
    writers = pytest.importorskip("tensorboardX")
    for labels in (50, 100):
        with writers.SummaryWriter(str(tmp_path / f"n{labels}")) as writer:
            writer.add_text("config", "lr 0.1")
            for step, score in enumerate((0.25, labels / 128, 0.125)):
                writer.add_scalar("val/acc", score, step)
    fields = {"labels": r"path.-1~n(\d+)", "score": "metrics.val/acc.max"}
    frame = read(tmp_path, fields, {"task": "cars"}).frame
    assert frame[["labels", "score"]].values.tolist() == [[50, 50 / 128], [100, 100 / 128]]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_an_event_file_holds_it_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "events.out.tfevents.1"
    path.write_bytes(struct.pack("<Q", len(content)) + b"\0\0\0\0" + content + b"\0\0\0\0")
    with contextlib.suppress(ValueError):
        assert isinstance(read_events(path), dict)
