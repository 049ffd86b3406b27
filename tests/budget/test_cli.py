"""The command answers on stdout, talks on stderr, ends with the status it promises, and starts at once."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from budget.brief import Brief
from budget.cli import COMMANDS, main
from budget.cli.output import table, write_file
from budget.measurements import Measurements

COMMAND = str(Path(sys.executable).with_name("labelbudget"))
HEAVY = ("torch", "pandas", "scipy", "statsmodels", "numpy", "pydantic", "jinja2", "yaml")

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command line in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, environment: dict[str, str] | None = None, status: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, prog_name="labelbudget", env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == status, result.stderr
        return result

    return run


@pytest.fixture
def inputs(call: Call) -> tuple[str, str]:
    """The brief and the measurements that `init` writes."""
    call("init")
    return "brief.yaml", "measurements.csv"


def loaded_after(code: str) -> set[str]:
    """The heavy modules in sys.modules after this code."""
    script = f"import sys\n{code}\nprint(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


def test_importing_budget_loads_nothing_heavy() -> None:
    assert loaded_after("import budget, reports, pilots") == set()
    assert loaded_after("import budget; budget.Brief") == {"pydantic", "yaml"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["pilot", "--help"], ["plan", "--help"], ["demo", "-h"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from budget.cli import main\ntry: main({arguments!r})\nexcept SystemExit: pass"
    assert loaded_after(code) == set()


def test_a_plan_loads_neither_pandas_nor_torch(inputs: tuple[str, str]) -> None:
    code = f"from budget.cli import main\ntry: main({['plan', *inputs, '-o', 'out']!r})\nexcept SystemExit: pass"
    assert {"numpy", "scipy"} <= (loaded := loaded_after(code))
    assert not {"pandas", "torch"} & loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, call: Call) -> None:
    assert name in call("--help").stdout
    text = call(name, "--help").stdout
    assert text.startswith(f"Usage: labelbudget {name}")
    assert "Options:" in text


def test_a_misspelt_command_is_wrong_use_and_names_its_neighbour(call: Call) -> None:
    result = call("plna", status=2)
    assert "did you mean plan?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["plan"], ["plan", "b", "m", "--nope"], ["pilot", "dig"], ["fit", "--seed", "x", "b", "m"]]
)
def test_wrong_use_ends_with_2_and_says_nothing_on_stdout(arguments: list[str], call: Call) -> None:
    assert call(*arguments, status=2).stdout == ""


def test_init_writes_a_brief_and_measurements_that_are_valid_and_fit_together(call: Call, tmp_path: Path) -> None:
    assert call("init", "new").stdout.split() == ["new/brief.yaml", "new/measurements.csv"]
    brief = Brief.from_file(tmp_path / "new/brief.yaml")
    measurements = Measurements.from_csv(tmp_path / "new/measurements.csv")
    assert measurements.faults_against(brief) == ()
    assert set(measurements.pools) == set(brief.pools)


def test_init_never_overwrites_without_force(call: Call, tmp_path: Path) -> None:
    (tmp_path / "measurements.csv").write_text("mine")
    result = call("init", status=2)
    assert "--force" in result.stderr
    assert (tmp_path / "measurements.csv").read_text() == "mine"
    assert not (tmp_path / "brief.yaml").exists()
    call("init", "--force")
    assert (tmp_path / "measurements.csv").read_text() != "mine"


def test_faults_of_both_inputs_come_at_once_and_nothing_is_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("budget: lots\ntasks: {a: {label_cost: 1}}\nrisk: 2\n")
    (tmp_path / "m.csv").write_text("task,labels,seed,score\na,-1,0,0.5\n")
    result = call("plan", "b.yaml", "m.csv", "-o", "out", status=2)
    assert result.stdout == ""
    for part in ("3 faults", "b.yaml:1:9: budget", "b.yaml:3:7: risk", "m.csv: row 2: labels: found '-1'"):
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8"])
def test_a_stream_that_lacks_a_letter_gets_it_escaped_and_json_stays_json(encoding: str, tmp_path: Path) -> None:
    name, environment = "\u20bf \U0001f697 \xe9.yaml", {"PYTHONIOENCODING": encoding}
    words = [COMMAND, "fit", name, "m.csv", "--json"]
    result = subprocess.run(words, capture_output=True, cwd=tmp_path, env=os.environ | environment)
    assert result.returncode == 2
    assert json.loads(result.stdout.decode(encoding))["faults"][0]["place"] == name
    assert b"Traceback" not in result.stderr


def test_with_json_an_error_is_one_document_too(call: Call, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("budget: 1\n")
    document = json.loads(call("plan", "b.yaml", "nowhere.csv", "--json", status=2).stdout)
    assert document["status"] == "invalid"
    assert {fault["place"] for fault in document["faults"]} == {"b.yaml:1:1", "nowhere.csv"}
    assert set(document["faults"][0]) == {"place", "path", "found", "allowed", "hint"}


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("plan", "brief.yaml", "measurements.csv", "--budget", "60,000"), 2, "'60,000' is not a valid float"),
        (("pilot", "next", "brief.yaml"), 2, "MEASUREMENTS"),
        (("plan", "brief.yaml", "measurements.csv", "-o", "brief.yaml/below"), 1, "Not a directory: brief.yaml/below"),
    ],
)
def test_with_json_wrong_use_and_a_folder_that_cannot_be_written_are_documents_too(
    arguments: tuple[str, ...], status: int, reason: str, call: Call, inputs: tuple[str, str]
) -> None:
    document = json.loads(call(*arguments, "--json", status=status).stdout)
    assert reason in document["reason"]


@pytest.mark.parametrize(
    "option",
    [
        "fit --seed -1",
        "plan --seconds nan",
        "pilot next --least nan",
        "pilot next --minutes nan",
        "pilot next --money nan",
    ],
)
def test_a_number_that_means_nothing_is_wrong_use(option: str, call: Call, inputs: tuple[str, str]) -> None:
    *command, name, value = option.split()
    assert name in call(*command, *inputs, name, value, status=2).stderr


def test_what_init_says_next_can_be_pasted(call: Call) -> None:
    said = call("init", "my road").stderr.strip().removeprefix("Next: ")
    assert shlex.split(said) == ["labelbudget", "plan", "my road/brief.yaml", "my road/measurements.csv"]


def test_a_disk_that_is_full_is_told_with_the_file_that_was_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space") as raised:
        write_file(tmp_path / "plan.json", "{}")
    assert raised.value.filename == str(tmp_path / "plan.json")
    assert list(tmp_path.iterdir()) == []


def test_measurements_come_in_and_out_of_a_store(call: Call, inputs: tuple[str, str], tmp_path: Path) -> None:
    lines = call("pilot", "import", inputs[1]).stdout
    assert " of them new" in lines
    assert "0 of them new" in call("pilot", "import", inputs[1]).stdout
    rows = list(csv.DictReader(io.StringIO(call("pilot", "export").stdout)))
    assert len(rows) == len(Measurements.from_csv(tmp_path / inputs[1]).frame)
    status = json.loads(call("pilot", "status", "--json").stdout)
    assert sum(task["done"] + task["failed"] for task in status) == len(rows)
    call("pilot", "export", "-o", "out.parquet")
    assert len(Measurements.from_parquet(tmp_path / "out.parquet").frame) == len(rows)
    assert "--force" in call("pilot", "export", "-o", "out.parquet", status=2).stderr


def test_faults_of_all_imported_files_come_at_once_and_nothing_is_kept(
    call: Call, inputs: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("task,labels,seed,score\na,-1,0,0.5\n")
    result = call("pilot", "import", inputs[1], "one.csv", "nowhere.csv", status=2)
    assert "one.csv" in result.stderr
    assert "nowhere.csv" in result.stderr
    assert not (tmp_path / "pilots.sqlite").exists()


def test_a_store_that_is_not_there_is_invalid_input(call: Call) -> None:
    assert "nowhere.sqlite" in call("pilot", "status", "--store", "nowhere.sqlite", status=2).stderr


def test_a_dry_run_says_what_would_run_and_begins_no_store(call: Call, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("budget: 1\ntasks: {detection: {label_cost: 1, owned: 320}}\n")
    said = call("pilot", "run", "b.yaml", "--dry-run").stdout
    assert "320" in said
    assert said.splitlines()[-1] == "Minutes: unknown until the first runs are done."
    assert not (tmp_path / "pilots.sqlite").exists()


def test_a_task_that_cannot_be_trained_here_is_named_with_its_neighbour(call: Call, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("budget: 1\ntasks: {detektion: {label_cost: 1, owned: 320}}\n")
    result = call("pilot", "run", "b.yaml", status=2)
    assert "did you mean detection?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_follows_the_option_then_the_environment_then_the_terminal(
    arguments: list[str], environment: dict[str, str], coloured: bool, call: Call
) -> None:
    plain = {"NO_COLOR": "", "FORCE_COLOR": ""}
    result = call("fit", "nowhere.yaml", "nowhere.csv", *arguments, environment=plain | environment, status=2)
    assert ("\x1b[" in result.stderr) is coloured


def test_the_installed_command_ends_with_the_status_and_no_traceback(tmp_path: Path) -> None:
    for arguments, status in ((["--version"], 0), (["fit", "nowhere.yaml", "nowhere.csv"], 2)):
        result = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, cwd=tmp_path)
        assert result.returncode == status
        assert "Traceback" not in result.stderr


def on_terminal(arguments: list[str], folder: Path, **environment: str) -> str:
    """What the command writes to stderr when that is a terminal."""
    main, side = pty.openpty()
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run([COMMAND, *arguments], stderr=side, stdout=subprocess.DEVNULL, cwd=folder, env=plain | environment)
    os.close(side)
    text = os.read(main, 65536).decode()
    os.close(main)
    return text


def test_a_terminal_gets_colour_unless_it_says_no(tmp_path: Path) -> None:
    arguments = ["fit", "nowhere.yaml", "nowhere.csv"]
    assert "\x1b[" in on_terminal(arguments, tmp_path, TERM="xterm")
    assert "\x1b[" not in on_terminal(arguments, tmp_path, TERM="xterm", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(arguments, tmp_path, TERM="dumb")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_file(path, "first\n")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "second \ud800")
    assert path.read_text() == "first\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_table_keeps_its_columns_straight_for_wide_and_joined_letters() -> None:
    lines = table(["name", "buy"], [["物体", "1"], ["e\u0301tat", "22"]]).splitlines()
    assert lines == ["name  buy", "----  ---", "物体    1", "e\u0301tat   22"]
