"""Anyone's training program as a trainer: a command with placeholders, run without a shell, its score read back."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pilots.store import run_name
from pilots.trainers import Outcome, Run

PLACEHOLDER = re.compile(
    r"\{(task|labels|seed|strategy|annotators|mode|out|train_list|pretrained|pool(?:_list)?:[^{}]+)\}"
)
ANY_BRACES = re.compile(r"\{([a-z_]+(?::[^{}]*)?)\}")
Items = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class CommandTrainer:
    """Runs `command` in `folder` for each run, `pretraining` (where there is one) once per (pool labels, seed).

    Placeholders: {task} {labels} {seed} {strategy} {annotators} {mode}; {pool:NAME}, labels of a pool; {out}, a folder
    of the run's own; {pretrained}, the folder that `pretraining` was given as {out}; {train_list} and {pool_list:NAME},
    files with the ids to learn from, one a line, chosen from `items` (ids by task or pool): nested random subsets.

    The score is `score` in {out}/result.json or else in the last line of stdout that is a JSON object; `test_size`,
    `device` and `note` are read from there too. A status other than 0 is a failure. `version` tells one state of the
    program from another: runs of another version are other runs.
    """

    command: tuple[str, ...]
    tasks: tuple[str, ...]
    pools: tuple[str, ...]
    folder: Path
    pretraining: tuple[str, ...] = ()
    items: Items | None = None
    version: str = ""

    @property
    def recipe(self) -> str:
        return json.dumps({"command": self.command, "pretraining": self.pretraining, "version": self.version})

    def pretrain(self, pools: tuple[tuple[str, int], ...], seed: int, folder: Path) -> None:
        """Run `pretraining`. Exits with a sentence if it fails."""
        if self.pretraining:
            run = Run("", 0, seed, pools)
            self._call(self.pretraining, run, folder, self._pretrained(run, folder))

    def train(self, run: Run, folder: Path) -> Outcome:
        """Run `command` and read its score. Exits with a sentence if it fails or leaves none."""
        out = folder / "out" / run_name(run)
        last = self._call(self.command, run, folder, out)
        result = out / "result.json"
        return read_outcome(result.read_text(encoding="utf-8") if result.exists() else last)

    def _call(self, command: tuple[str, ...], run: Run, folder: Path, out: Path) -> str:
        """Run a command, its output passed on to the log; the answer is the last line that is a JSON object."""
        out.mkdir(parents=True, exist_ok=True)
        (out / "result.json").unlink(missing_ok=True)
        arguments = [
            PLACEHOLDER.sub(lambda match: self._value(match[1], run, folder, out), argument) for argument in command
        ]
        print("$", shlex.join(arguments), flush=True)
        try:
            process = subprocess.Popen(
                arguments,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            sys.exit(f"cannot start {arguments[0]}: {error.strerror}")
        last = ""
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line if line.lstrip().startswith("{") else last
        if status := process.wait():
            sys.exit(f"the command ended with status {status}")
        return last

    def _value(self, name: str, run: Run, folder: Path, out: Path) -> str:
        pools = dict(run.pools)
        if name == "out":
            return str(out)
        if name == "pretrained":
            return str(self._pretrained(run, folder)) if run.pools else ""
        if name.startswith("pool:"):
            return str(pools.get(name.removeprefix("pool:"), 0))
        if name == "train_list":
            return self._list(run.task, run.labels, run.seed, out)
        if name.startswith("pool_list:"):
            pool = name.removeprefix("pool_list:")
            return self._list(pool, pools.get(pool, 0), run.seed, out)
        return str(getattr(run, name))

    def _pretrained(self, run: Run, folder: Path) -> Path:
        return folder / "pretrained" / run_name(Run("", 0, run.seed, run.pools))

    def _list(self, name: str, labels: int, seed: int, out: Path) -> str:
        """Write the ids to learn from into `out`; the answer is the file's path."""
        ids = (self.items or {})[name]
        if labels > len(ids):
            sys.exit(f"{labels} labels of {name} are asked for, its list of items has {len(ids)}")
        path = out / f"{hashlib.sha256(name.encode()).hexdigest()[:8]}.txt"
        path.write_text("".join(f"{item}\n" for item in chosen(ids, name, labels, seed)), encoding="utf-8")
        return str(path)


def chosen(ids: tuple[str, ...], name: str, labels: int, seed: int) -> list[str]:
    """A random subset that depends on the ids, not on their order; fewer labels are a part of more.

    >>> chosen(("a", "b", "c"), "cars", 2, 0) == chosen(("c", "b", "a"), "cars", 3, 0)[:2]
    True
    """
    return sorted(ids, key=lambda item: hashlib.sha256(f"{seed}\0{name}\0{item}".encode()).digest())[:labels]


def read_outcome(text: str) -> Outcome:
    """The outcome in a JSON text. Exits with a sentence if there is no score in it.

    >>> read_outcome('{"score": 0.5, "test_size": 200}')
    Outcome(score=0.5, test_size=200, seconds=0.0, device='', note='')
    """
    try:
        found = json.loads(text or "null")
    except json.JSONDecodeError as error:
        sys.exit(f"the result is no JSON ({error})")
    return outcome_of(found)


def outcome_of(found: object) -> Outcome:
    """The outcome that a program reports: a number, or a mapping with a `score`. Exits with a sentence otherwise."""
    values = found if isinstance(found, Mapping) else {"score": found}
    score, size = values.get("score"), values.get("test_size", 0)
    if not isinstance(score, int | float) or isinstance(score, bool):
        sys.exit('no score: write {"score": 0.5} as result.json into the run\'s folder or as the last line of stdout')
    if not isinstance(size, int) or size < 0:
        sys.exit(f"test_size is {size!r}, not a whole number of test items")
    return Outcome(float(score), size, 0.0, str(values.get("device", "")), str(values.get("note", "")))
