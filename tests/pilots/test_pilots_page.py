"""The examples of docs/pilots.md do what they say."""

import re
import sys
from pathlib import Path

import pytest

from budget import Brief
from pilots.config import setup
from pilots.run import execute
from pilots.store import Store
from pilots.trainers import Run

PAGE = Path(__file__).parents[2] / "docs" / "pilots.md"


def example(name):
    """The block of code that begins with a comment of this name."""
    (found,) = re.findall(rf"```python\n(# {re.escape(name)}\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.mark.parametrize(
    ("name", "trainer"),
    [
        ("train.py", {"command": f"'{sys.executable}' train.py --labels {{labels}} --seed {{seed}}"}),
        pytest.param("my_training.py", {"python": "my_training:train"}, marks=pytest.mark.slow),  # loads torch twice
    ],
)
def test_the_example_of_a_trainer_learns_more_from_more_labels(tmp_path, monkeypatch, name, trainer):
    (tmp_path / name).write_text(example(name), encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    tasks = {"digits": {"label_cost": 0.01, "owned": 500}}
    made = setup(Brief.from_dict({"budget": 9, "tasks": tasks, "pilots": {"trainer": trainer}}), tmp_path)
    runs = [Run("digits", 30, 0), Run("digits", 30, 1), Run("digits", 500, 0)]
    with Store.open(tmp_path / "pilots.sqlite") as store:
        summary = execute(runs, made.trainer, store, slots=2)
        scores = [row.outcome.score for row in store.rows()]
    assert summary.done == 3
    assert 0.5 < max(scores[:2]) < min(scores[2:])
    assert scores[0] != scores[1]
