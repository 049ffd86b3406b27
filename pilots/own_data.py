"""The part `pilots.data` of a brief, made into a trainer on a team's own files, with every fault at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import Fault, InvalidInput
from budget.messages import nearest, shown
from pilots.data.settings import FORMS, DataKeys, given, is_complete, kind_of, listing, missing_files
from pilots.trainers import Run, Trainer

if TYPE_CHECKING:
    from budget.brief import Brief
    from pilots.trainers.networks import NetworkTrainer

CACHE = "pilots.images"


def file_trainer(
    brief: Brief, data: Mapping[str, DataKeys], folder: Path, size: int, channels: int, strict: bool
) -> tuple[NetworkTrainer, tuple[str, ...]]:
    """Networks trained on the files of `data`, decoded once into `folder`, and what was wrong with the files.

    size, channels: of the training images. Raises InvalidInput for keys, files and, with `strict`, any fault in them.
    """
    _check(brief, data, folder)
    from pilots.data.files import prepared, without_judged
    from pilots.trainers.networks import NetworkTrainer, Problem

    sources, reports, names = {}, {}, {}
    for name, keys in sorted(data.items()):
        listed = listing(keys, folder)
        sources[name], reports[name] = prepared(listed, folder.resolve() / CACHE, size, channels, strict)
        names[name] = [item.name for item in listed.items]
    tasks = {name: source for name, source in sources.items() if name in brief.tasks}
    shared = {
        name: without_judged(source, names[name], reports[name], tasks)
        for name, source in sources.items()
        if name in brief.pools
    }
    for name, report in reports.items():
        if strict:
            report.refuse()
        if report.kept == 0 or "split without images" in report.counts:
            found = "; ".join(report.lines())
            raise InvalidInput((brief.fault(("pilots", "data", name), found, "images for train, validation and test"),))
    problems = {}
    for name, source in tasks.items():
        kind = kind_of(data[name])
        assert kind is not None
        problems[name] = Problem(kind, source)
    return NetworkTrainer(problems, shared), tuple(str(report) for report in reports.values() if report.lines())


def _check(brief: Brief, data: Mapping[str, DataKeys], folder: Path) -> None:
    """Every fault that the brief and a look at the folders show, at once."""
    names = (*brief.tasks, *brief.pools)
    faults = [
        brief.fault(("pilots", "data"), f"nothing for {shown(name)}", f"files for {', '.join(names)}")
        for name in names
        if name not in data
    ]
    for name, keys in data.items():
        place = ("pilots", "data", name)
        if name not in names:
            faults.append(brief.fault(place, shown(name), "a task or pool of the brief", nearest(name, names)))
        elif not is_complete(keys):
            faults.append(brief.fault(place, ", ".join(sorted(given(keys))) or "no keys", FORMS))
        elif name in brief.pools and kind_of(keys) not in ("classification", None):
            allowed = "class labels, or labels: none: what pools are pretrained on"
            faults.append(brief.fault(place, f"labels for {kind_of(keys)}", allowed))
        elif name in brief.tasks and kind_of(keys) is None:
            faults.append(brief.fault((*place, "labels"), "none", "labels: a task has something to learn"))
        faults += [
            brief.fault((*place, key), shown(path), "a file or folder that is there")
            for key, path in missing_files(keys, folder)
        ]
    if faults:
        raise InvalidInput(tuple(faults))


def check_sizes(brief: Brief, runs: Sequence[Run], trainer: Trainer) -> None:
    """Raise InvalidInput where runs ask for more labels than `trainer`, made here, has images to learn from."""
    from pilots.trainers.networks import NetworkTrainer

    assert isinstance(trainer, NetworkTrainer)
    asked: dict[tuple[str, str], int] = {}
    for run in runs:
        for section, name, labels in (("tasks", run.task, run.labels), *(("pools", *pool) for pool in run.pools)):
            asked[section, name] = max(labels, asked.get((section, name), 0))
    faults: list[Fault] = []
    for (section, name), labels in sorted(asked.items()):
        source = trainer.problems[name].source if section == "tasks" else trainer.shared[name]
        most = len(source.items("train"))
        if labels > most:
            key = "labels" if section == "tasks" else "pools"
            found = f"{labels} labels of {name} to train on"
            allowed = f"at most {most}: what is left beside validation and test"
            faults.append(
                brief.fault((section, name), found, allowed, f"set owned, or pilots.{key}, to {most} or less")
            )
    if faults:
        raise InvalidInput(tuple(faults))
