"""Anyone's program or function as a trainer: called as the brief says, its score read back, its failures explained."""

import json
import sys
from pathlib import Path

import pytest

from budget import Brief
from budget.errors import InvalidInput
from pilots.config import setup
from pilots.run import Limits, execute
from pilots.store import Store
from pilots.trainers import Run
from pilots.trainers.command import CommandTrainer, chosen

RUN = Run("cars", 50, 0)
PYTHON = sys.executable
SCRIPT = """
import json, os, sys
values = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("training", values["--task"])
{body}
"""
SCORE = 'print(json.dumps({"score": 1 - 1 / int(values["--labels"]), "test_size": 30}))'


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "pilots.sqlite") as store:
        yield store


def command(folder, body, *more, **keys):
    (folder / "train.py").write_text(SCRIPT.replace("{body}", body))
    words = (PYTHON, "train.py", "--task", "{task}", "--labels", "{labels}", "--seed", "{seed}", *more)
    return CommandTrainer(words, ("cars",), ("general",), folder, **keys)


def only_row(store, trainer, run=RUN, **limits):
    execute([run], trainer, store, slots=1, limits=Limits(**{"timeout": 60, "retries": 0} | limits))
    (row,) = store.rows()
    return row


def test_the_score_is_the_last_json_line_of_the_output(store, tmp_path):
    row = only_row(store, command(tmp_path, SCORE + '; print("done")'))
    assert (row.outcome.score, row.outcome.test_size) == (0.98, 30)


def test_a_result_file_goes_before_the_output(store, tmp_path):
    body = SCORE + '\nopen(values["--out"] + "/result.json", "w").write(json.dumps({"score": 0.25}))'
    assert only_row(store, command(tmp_path, body, "--out", "{out}")).outcome.score == 0.25


def test_arguments_never_pass_through_a_shell(store, tmp_path):
    body = 'open("seen.json", "w").write(json.dumps(sys.argv)); ' + SCORE
    run = Run('cars; touch "hacked" $(id) `id` {seed}', 50, 0)
    only_row(store, command(tmp_path, body), run)
    assert json.loads((tmp_path / "seen.json").read_text())[2] == run.task
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print('CUDA error', file=sys.stderr); sys.exit(3)", "ended with status 3"),
        ("print('nothing to see')", "no score"),
        ("print('{not json')", "no JSON"),
        ("print(json.dumps({'score': 'good'}))", "no score"),
        ("print(json.dumps({'score': float('nan')}))", "nan"),
        ("import time; time.sleep(60)", "timeout"),
    ],
)
def test_a_command_that_fails_is_a_failed_run_with_its_reason_and_its_log(store, tmp_path, body, reason):
    row = only_row(store, command(tmp_path, body), timeout=2 if "sleep" in body else 60)
    assert row.outcome.score is None
    assert reason in row.outcome.note
    (log,) = store.folder.rglob(f"runs/{row.name}/log.txt")
    assert "train.py --task cars --labels 50" in log.read_text()


def test_a_program_that_is_not_there_is_said(store, tmp_path):
    trainer = CommandTrainer(("no-such-program", "{labels}"), ("cars",), (), tmp_path)
    assert "cannot start no-such-program" in only_row(store, trainer).outcome.note


def test_pretraining_runs_once_for_all_runs_that_share_it(store, tmp_path):
    pretraining = "import pathlib, sys; pathlib.Path(sys.argv[1], 'weights').write_text(sys.argv[2])"
    body = 'print(json.dumps({"score": float(open(values["--from"] + "/weights").read())}))'
    words = (PYTHON, "-c", f"open('count', 'a').write('x'); {pretraining}", "{out}", "0.{pool:general}{seed}")
    trainer = command(tmp_path, body, "--from", "{pretrained}", pretraining=words)
    runs = [Run("cars", labels, seed, (("general", 7),)) for labels in (5, 10) for seed in (0, 1)]
    execute(runs, trainer, store, slots=2)
    assert [row.outcome.score for row in store.rows()] == [0.70, 0.71, 0.70, 0.71]
    assert (tmp_path / "count").read_text() == "xx"


def test_lists_of_items_are_nested_random_subsets(store, tmp_path):
    ids = tuple(f"img{number}.png" for number in range(100))
    body = 'print(json.dumps({"score": len(open(values["--list"]).read().split()) / 100}))'
    trainer = command(tmp_path, body, "--list", "{train_list}", items={"cars": ids})
    assert only_row(store, trainer).outcome.score == 0.5
    fewer, more = chosen(ids, "cars", 10, 3), chosen(tuple(reversed(ids)), "cars", 20, 3)
    assert more[:10] == fewer
    assert chosen(ids, "cars", 10, 4) != fewer


def test_a_python_function_is_called_with_what_a_run_is(tmp_path, store, monkeypatch):
    (tmp_path / "called_with_what.py").write_text(
        "def warm_up(pools, seed, out):\n    (out / 'weights').write_text(str(pools['general']))\n"
        "def train(task, labels, seed, pools, out, pretrained):\n"
        "    start = (pretrained / 'weights').read_text() if pretrained else 'nothing'\n"
        "    return {'score': 0.5, 'note': f'{task} {labels} {seed} {pools} {out.is_dir()} {start}'}\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    keys = {"trainer": {"python": "called_with_what:train", "pretraining": "called_with_what:warm_up"}}
    made = setup(brief(keys), tmp_path)
    execute([Run("cars", 5, 1), Run("cars", 5, 1, (("general", 8),))], made.trainer, store, slots=1)
    notes = [row.outcome.note for row in store.rows()]
    assert notes == ["cars 5 1 {} True nothing", "cars 5 1 {'general': 8} True 8"]


def brief(keys, owned=800):
    part = {"label_cost": 1, "owned": owned}
    return Brief.from_dict({"budget": 9, "tasks": {"cars": part}, "pools": {"general": part}, "pilots": keys})


GOOD = "python train.py --labels {labels} --seed {seed}"


def test_sizes_and_repeats_of_the_brief_are_kept_to(tmp_path):
    keys = {"trainer": {"command": GOOD}, "labels": {"cars": [5, 9]}, "pools": {"general": [7]}, "seeds": 1}
    made = setup(brief(keys | {"small_seeds": 1, "timeout": 9.0}, owned=0), tmp_path)
    assert {(run.labels, run.pools) for run in made.runs} == {(n, p) for n in (5, 9) for p in ((), (("general", 7),))}
    assert made.limits == Limits(9.0, 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"trainr": {}}, "did you mean trainer"),
        ({"trainer": {"command": GOOD, "python": "a:b"}}, "one of them"),
        ({"trainer": {"command": "python train.py --seed {seed}"}}, "what to train on"),
        ({"trainer": {"command": "python train.py {labels}"}}, "repeats must differ"),
        ({"trainer": {"command": GOOD + " {lables}"}}, "{lables}"),
        ({"trainer": {"command": GOOD + " {pool:web}"}}, "general"),
        ({"trainer": {"command": GOOD + " {train_list}"}}, "pilots.items"),
        ({"trainer": {"command": GOOD + " 'unclosed"}}, "closed quotes"),
        ({"trainer": {"command": 5}}, "a command with placeholders"),
        ({"trainer": {"python": "no_such_module:train"}}, "no_such_module"),
        ({"trainer": {"python": "json:no_such_function"}}, "no_such_function"),
        ({"trainer": {"command": GOOD}, "seeds": 0}, "from 1 to 100"),
        ({"trainer": {"command": GOOD}, "labels": {"boats": [1]}}, "boats"),
        ({"trainer": {"command": GOOD}, "items": {"cars": "nowhere.txt"}}, "nowhere.txt"),
    ],
)
def test_each_fault_of_the_pilots_part_is_said_with_what_is_allowed(tmp_path, keys, message):
    with pytest.raises(InvalidInput) as error:
        setup(brief(keys), tmp_path)
    assert message in str(error.value)
    assert all(fault.path.startswith("pilots") for fault in error.value.faults)


def test_without_a_trainer_the_built_in_one_is_meant():
    owned = {"label_cost": 1, "owned": 800}
    made = setup(Brief.from_dict({"budget": 9, "tasks": {"detection": owned}}), Path())
    assert "detection" in made.trainer.tasks
