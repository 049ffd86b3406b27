"""The part of a brief that says how pilots are run: `pilots:`, checked, and made into a trainer and its runs."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from budget.errors import Fault, InvalidInput
from budget.messages import nearest, shown
from pilots.data.settings import FORMS, METRICS, DataKeys, metric_named
from pilots.design import comparison, for_brief
from pilots.own_data import check_sizes, file_trainer
from pilots.run import Limits
from pilots.trainers import Run, Trainer
from pilots.trainers.command import ANY_BRACES, PLACEHOLDER, CommandTrainer, Items
from pilots.trainers.function import FunctionTrainer

if TYPE_CHECKING:
    from budget.brief import Brief
    from pilots.trainers.networks import NetworkTrainer

Size = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
BACKBONE = "small, medium, large, or module:function that gives a torch module with features at strides 2, 4 and 8"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TrainerKeys(_Part):
    """Exactly one of `command` and `python`; without either, the built-in networks on digit scenes."""

    command: str | None = Field(None, min_length=1, description="a command with placeholders, as text")
    python: str | None = Field(None, description="a function, as text: module:function")
    pretraining: str | None = Field(None, description="a command, or module:function, run once per (pools, seed)")
    version: str | int = Field("", description="text or a whole number that tells this program from an older one")


class PilotKeys(_Part):
    """The keys of `pilots:`; every description says what is allowed."""

    trainer: TrainerKeys = Field(TrainerKeys(), description="a mapping with command or python")
    labels: dict[str, tuple[Size, ...]] = Field({}, description="label sizes by task, for example {cars: [50, 200]}")
    pools: dict[str, tuple[Size, ...]] = Field(
        {}, description="pool sizes by pool, for example {general: [1000, 4000]}"
    )
    items: dict[str, str] = Field({}, description="a file of item ids, one a line, by task or pool")
    seeds: int = Field(
        2, ge=1, le=100, description="a whole number from 1 to 100: repeats of a cell with the most labels"
    )
    small_seeds: int = Field(
        3, ge=1, le=100, description="a whole number from 1 to 100: repeats of a cell with the fewest labels"
    )
    data: dict[str, DataKeys] = Field({}, description="for each task and pool: " + FORMS)
    backbone: str = Field("medium", description=BACKBONE)
    compare_backbone: str | None = Field(
        None,
        description=f"{BACKBONE}; a larger one, to see at the corners what it makes of the pools",
    )
    noise: dict[str, Share] = Field(
        {}, description="the share of wrong class labels, 0 to 1, by pool or classified task"
    )
    early_stopping: bool = Field(
        True, description="true or false: whether training ends where the score on validation no longer rises"
    )
    tune: bool = Field(
        False, description="true or false: whether learning rates are chosen for each (task, pools, mode) on validation"
    )
    image_size: int = Field(32, ge=16, le=512, multiple_of=8, description="a multiple of 8 from 16 to 512: pixels")
    channels: Literal[1, 3] = Field(3, description="1 (grey) or 3 (colour)")
    strict: bool = Field(False, description="true or false: whether any fault in the data is an error")
    timeout: float = Field(3600.0, gt=0, description="seconds for one run, more than 0")
    retries: int = Field(2, ge=0, le=100, description="how often a run that crashed is tried again, 0 or more")


@dataclass(frozen=True)
class Setup:
    """What `pilot run` carries out, and with what."""

    trainer: Trainer
    runs: tuple[Run, ...]
    limits: Limits
    notes: tuple[str, ...] = ()


def setup(brief: Brief, folder: Path, strict: bool = False) -> Setup:
    """The pilots of a brief; paths in it and its commands start from `folder`. `strict`: as if the brief said so.
    Raises InvalidInput with every fault.

    >>> from budget import Brief
    >>> tasks = {"cars": {"label_cost": 1, "owned": 800}}
    >>> trainer = {"command": "python train.py --labels {labels} --seed {seed}"}
    >>> brief = Brief.from_dict({"budget": 9, "tasks": tasks, "pilots": {"trainer": trainer, "seeds": 1}})
    >>> made = setup(brief, Path())
    >>> made.trainer.command[1], len(made.runs)
    ('train.py', 10)
    """
    keys = keys_of(brief)
    keys = keys.model_copy(update={"strict": True}) if strict else keys
    trainer, notes = _trainer(brief, keys, folder)
    faults = [
        brief.fault(("pilots", part, name), shown(name), f"a name of the brief's {part}", nearest(name, known))
        for part, given, known in (("tasks", keys.labels, brief.tasks), ("pools", keys.pools, brief.pools))
        for name in given
        if name not in known
    ]
    if faults:
        raise InvalidInput(tuple(faults))
    runs = for_brief(brief, trainer, keys.seeds, keys.small_seeds, keys.labels, keys.pools)
    if keys.compare_backbone is not None:
        runs += comparison(runs, keys.compare_backbone)
    if keys.data:
        check_sizes(brief, runs, trainer)
    return Setup(trainer, runs, Limits(keys.timeout, keys.retries), notes)


def keys_of(brief: Brief) -> PilotKeys:
    """The part `pilots` of a brief, checked. Raises InvalidInput with every fault."""
    try:
        return PilotKeys.model_validate(brief.pilots or {})
    except ValidationError as error:
        raise InvalidInput(tuple(_fault(brief, each) for each in error.errors(include_url=False))) from None


def _fault(brief: Brief, error: Any) -> Fault:
    """One error of pydantic in our words."""
    path = tuple(error["loc"])
    inner = {"trainer": (1, TrainerKeys.model_fields), "data": (2, DataKeys.model_fields)}
    depth, fields = inner.get(str(path[0]), (0, PilotKeys.model_fields))
    if len(path) <= depth:
        depth, fields = 0, PilotKeys.model_fields
    key = str(path[depth])
    if error["type"] == "extra_forbidden":
        found, allowed = f"the unknown key {shown(path[-1])}", f"one of {', '.join(fields)}"
        return brief.fault(("pilots", *path), found, allowed, nearest(str(path[-1]), fields))
    allowed = str(fields[key].description) if key in fields else str(error["msg"])
    return brief.fault(("pilots", *path), shown(error["input"]), allowed)


def _trainer(brief: Brief, keys: PilotKeys, folder: Path) -> tuple[Trainer, tuple[str, ...]]:
    """The trainer, and what is to be said about its data."""
    own = keys.trainer.command is not None or keys.trainer.python is not None
    _refuse_unused(brief, keys, own)
    if own:
        return _own_trainer(brief, keys, folder), ()
    from pilots.trainers.networks import digit_scenes

    _check_backbones(brief, keys, folder)
    if keys.data:
        trainer, notes = file_trainer(brief, keys.data, folder, keys.image_size, keys.channels, keys.strict)
    else:
        trainer, notes = digit_scenes(), ()
    faults = [*_noise_faults(brief, keys, trainer), *_metric_faults(brief, trainer)]
    if faults:
        raise InvalidInput(tuple(faults))
    metrics = {
        name: metric_named(problem.kind, brief.tasks[name].metric.name) or ""
        for name, problem in trainer.problems.items()
        if name in brief.tasks
    }
    made = trainer.with_noise(keys.noise).with_metrics(metrics)
    return replace(made, backbone=keys.backbone, early_stopping=keys.early_stopping, tune=keys.tune), notes


def _noise_faults(brief: Brief, keys: PilotKeys, trainer: NetworkTrainer) -> list[Fault]:
    classified = [name for name, problem in trainer.problems.items() if problem.kind == "classification"]
    known = (*(name for name, source in trainer.shared.items() if source.classes), *classified)
    return [
        brief.fault(("pilots", "noise", name), shown(name), f"of {', '.join(known)}: what has class labels")
        for name in keys.noise
        if name not in known
    ]


def _metric_faults(brief: Brief, trainer: NetworkTrainer) -> list[Fault]:
    """Names of scores that cannot be measured here."""
    faults = []
    for name, problem in trainer.problems.items():
        said = brief.tasks[name].metric.name if name in brief.tasks else "score"
        if metric_named(problem.kind, said) is None:
            allowed = f"{' or '.join(METRICS[problem.kind])}: how {problem.kind} is scored here"
            hint = nearest(said, METRICS[problem.kind])
            faults.append(brief.fault(("tasks", name, "metric", "name"), shown(said), allowed, hint))
    return faults


def _refuse_unused(brief: Brief, keys: PilotKeys, own: bool) -> None:
    """No key is ignored: a program reads its data itself, and the built-in scenes are as they are."""
    files = {"image_size", "channels", "strict"}
    networks = {"data", "backbone", "compare_backbone", "noise", "early_stopping", "tune"}
    unused, why = (files | networks, "with a trainer of your own") if own else (files, "without data")
    if keys.data and not own:
        return
    found = sorted(unused & keys.model_fields_set)
    if found:
        place = f"only for the built-in networks on your files; left out {why}"
        raise InvalidInput(
            tuple(brief.fault(("pilots", key), "a value that nothing would use", place) for key in found)
        )


def _check_backbones(brief: Brief, keys: PilotKeys, folder: Path) -> None:
    """Try the networks on an image, so that what is wrong with them is said before any run."""
    from pilots.learning.backbone import SIZES, backbone_named

    for key, name in (("backbone", keys.backbone), ("compare_backbone", keys.compare_backbone)):
        if name is None or name in SIZES:
            continue
        _function(brief, key, name, folder)
        try:
            backbone_named(name, keys.channels if keys.data else 1)
        except ValueError as error:
            raise InvalidInput((brief.fault(("pilots", key), str(error), BACKBONE),)) from None
    if keys.compare_backbone == keys.backbone:
        allowed = "another network than backbone"
        raise InvalidInput((brief.fault(("pilots", "compare_backbone"), shown(keys.backbone), allowed),))


def _own_trainer(brief: Brief, keys: PilotKeys, folder: Path) -> Trainer:
    """The program or function that the brief names."""
    given, tasks, pools = keys.trainer, tuple(brief.tasks), tuple(brief.pools)
    if given.command is not None and given.python is not None:
        raise InvalidInput((brief.fault(("pilots", "trainer"), "command and python", "one of them"),))
    if given.python is not None:
        function = _function(brief, "python", given.python, folder)
        before = None if given.pretraining is None else _function(brief, "pretraining", given.pretraining, folder)
        return FunctionTrainer(function, tasks, pools, before, str(given.version))
    items = {name: _ids(brief, name, folder / file) for name, file in keys.items.items()}
    command = _command(brief, "command", given.command or "", items)
    pretraining = () if given.pretraining is None else _command(brief, "pretraining", given.pretraining, items)
    return CommandTrainer(command, tasks, pools, folder.resolve(), pretraining, items, str(given.version))


def _command(brief: Brief, key: str, text: str, items: Items) -> tuple[str, ...]:
    """A command as arguments, every placeholder checked: a run must know its labels and its seed."""
    try:
        arguments = tuple(shlex.split(text))
    except ValueError as error:
        fault = brief.fault(("pilots", "trainer", key), f"{shown(text)} ({error})", "a command with closed quotes")
        raise InvalidInput((fault,)) from None
    used = set(ANY_BRACES.findall(text))
    faults = [(f"the placeholder {{{name}}}", _why_not(brief, name, items)) for name in sorted(used)]
    if key == "command" and not used & {"labels", "train_list"}:
        faults.append(("no {labels} and no {train_list}", "a command that is told what to train on"))
    if "seed" not in used:
        faults.append(("no {seed}", "a command that is told its seed: repeats must differ"))
    if key == "command" and len(brief.tasks) > 1 and "task" not in used:
        faults.append(("no {task}", "a command that is told its task, where there are several"))
    wrong = tuple(brief.fault(("pilots", "trainer", key), found, allowed) for found, allowed in faults if allowed)
    if wrong:
        raise InvalidInput(wrong)
    return arguments


def _why_not(brief: Brief, name: str, items: Items) -> str:
    """What is allowed in place of a placeholder; empty: it can be filled in."""
    kind, _, pool = name.partition(":")
    if not PLACEHOLDER.fullmatch(f"{{{name}}}"):
        return (
            "one of {task} {labels} {seed} {strategy} {annotators} {mode} {out} {pretrained} {train_list} {pool:NAME}"
        )
    if kind in ("pool", "pool_list") and pool not in brief.pools:
        return f"a pool of the brief: {', '.join(brief.pools) or 'none'}"
    lists = tuple(brief.tasks) if kind == "train_list" else (pool,) if kind == "pool_list" else ()
    missing = [each for each in lists if each not in items]
    return f"pilots.items with a file of ids for {', '.join(missing)}" if missing else ""


def _ids(brief: Brief, name: str, path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fault = brief.fault(("pilots", "items", name), f"{path}: {error}", "a text file with one item id a line")
        raise InvalidInput((fault,)) from None
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _function(brief: Brief, key: str, text: str, folder: Path) -> Callable[..., Any]:
    """The function that module:function names; modules are looked for beside the brief, too."""
    path = ("pilots", key) if "backbone" in key else ("pilots", "trainer", key)
    module, _, name = text.partition(":")
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        allowed = BACKBONE if "backbone" in key else "module:function, the module beside the brief or installed"
        raise InvalidInput((brief.fault(path, f"{shown(text)} ({error})", allowed),)) from None
    if not callable(found):
        raise InvalidInput((brief.fault(path, shown(text), "the name of a function"),))
    function: Callable[..., Any] = found
    return function
