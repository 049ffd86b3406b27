"""What is built is what is installed: wheel, sdist, zipped wheel and checkout draw the same page, from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SITE = sysconfig.get_paths()["purelib"]

DRAW = """
import sys
from budget.plan import Plan
from reports import render
import budget, pilots, reports
for package in (budget, pilots, reports):
    print(package.__file__, file=sys.stderr)
sys.stdout.reconfigure(encoding="utf-8", newline="")
sys.stdout.write(render(Plan.from_file(sys.argv[1])))
"""


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, cwd=folder, env=plain | environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with the wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, folder=folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", folder=folder).stdout.strip()
    (Path(site) / "borrowed.pth").write_text(SITE + "\n")
    return folder / "bin"


@pytest.fixture(scope="module")
def plan(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan.json, made from another folder by the command of the wheel: init, then plan."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = environment / "labelbudget"
    run(command, "init", folder=folder)
    run(command, "plan", "brief.yaml", "measurements.csv", "-o", "out", folder=folder)
    assert {path.name for path in (folder / "out").iterdir()} == {"plan.json", "allocation.csv", "report.html"}
    return folder / "out" / "plan.json"


def test_the_wheel_draws_a_page_from_another_folder(environment: Path, plan: Path, tmp_path: Path) -> None:
    drawn = run(environment / "python", "-c", DRAW, plan, folder=tmp_path)
    assert str(ROOT) not in drawn.stderr
    assert drawn.stdout == plan.with_name("report.html").read_text(encoding="utf-8")
    assert drawn.stdout.startswith("<!DOCTYPE html>")


def test_a_zipped_wheel_draws_the_same_page(wheel: Path, environment: Path, plan: Path, tmp_path: Path) -> None:
    script = f"import sys; sys.path[:0] = [{str(wheel)!r}, {SITE!r}]\n{DRAW}"
    drawn = run(sys.executable, "-S", "-c", script, plan, folder=tmp_path)
    assert all(line.startswith(str(wheel)) for line in drawn.stderr.splitlines())
    assert drawn.stdout == plan.with_name("report.html").read_text(encoding="utf-8")


def test_the_checkout_draws_the_same_page(plan: Path, tmp_path: Path) -> None:
    drawn = run(sys.executable, "-c", DRAW, plan, folder=tmp_path)
    assert all(line.startswith(str(ROOT)) for line in drawn.stderr.splitlines())
    assert drawn.stdout == plan.with_name("report.html").read_text(encoding="utf-8")


def test_the_wheel_holds_the_packages_their_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"budget", "pilots", "reports"}
    templates = {f"reports/_templates/{path.name}" for path in (ROOT / "templates").iterdir()}
    examples = {f"budget/cli/examples/{path.name}" for path in (ROOT / "budget/cli/examples").iterdir()}
    languages = {str(path.relative_to(ROOT)) for path in (ROOT / "reports/languages").glob("*/*.toml")}
    assert len(languages) >= 4
    assert templates | examples | languages | {"budget/py.typed"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or Path(name).name.startswith("test_")]


def test_the_constraints_pin_every_dependency_to_a_version_that_is_allowed() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {
        canonicalize_name(pin.name): pin for pin in (Requirement(line) for line in lines if not line.startswith("#"))
    }
    for line in [*project["dependencies"], *extras]:
        wanted = Requirement(line)
        (pin,) = pins[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), line
    assert not [line for line in lines if "+" in line or "@" in line or "--" in line]
