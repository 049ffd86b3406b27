"""The brief: what may be bought, at which price, for which goal. Checked at the border, frozen inside.

It must never let a key pass that it does not know, nor repair a value in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from budget.brief_checks import relation_faults
from budget.errors import Fault, InvalidInput
from budget.messages import KeyPath, nearest, number_hint, path_text, shown
from budget.yaml_positions import Places, read_file

MOST_LABELS = 10**12
MOST_MONEY = 1e12
MOST_SCORE = 1e12


def _whole(value: Any) -> Any:
    """1e6 and 5.0 are whole numbers; 2.5 is left for the check to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Labels = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MOST_LABELS)]
Money = Annotated[float, Field(ge=0, le=MOST_MONEY)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Every description of a field says what is allowed there: it is what an error quotes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Metric(_Part):
    """A score's name and its two ends: `best` and `worst` in its own unit."""

    name: str = Field("score", min_length=1, max_length=200, description="text of 1 to 200 characters")
    best: float = Field(1.0, ge=-MOST_SCORE, le=MOST_SCORE, description="a number: the best score there is")
    worst: float = Field(0.0, ge=-MOST_SCORE, le=MOST_SCORE, description="a number: the score of knowing nothing")
    direction: Literal["maximize", "minimize"] = Field("maximize", description="maximize or minimize")


class Priced(_Part):
    """What tasks and pools share: how their labels are priced and how many there may be."""

    label_cost: Money | None = Field(None, description="money a label, 0 or more")
    label_seconds: float | None = Field(None, gt=0, le=1e9, description="seconds a label takes, more than 0")
    hourly_wage: Money | None = Field(None, description="money an hour, 0 or more")
    annotators: Annotated[int, BeforeValidator(_whole)] = Field(
        1, ge=1, le=1000, description="a whole number of people from 1"
    )
    review: Share = Field(0.0, description="a share from 0 to 1")
    owned: Labels = Field(0, description="a whole number of labels, 0 or more")
    max_labels: Labels | None = Field(None, description="a whole number of labels, 0 or more (owned + buy at most)")
    min_labels: Labels = Field(0, description="a whole number of labels, 0 or more")
    lot: Labels = Field(1, ge=1, description="a whole number of labels from 1")
    setup_cost: Money = Field(0.0, description="money, 0 or more")
    min_buy: Labels = Field(0, description="a whole number of labels, 0 or more")
    tiers: tuple[tuple[Labels, Money], ...] | None = Field(
        None,
        min_length=1,
        description="pairs [labels, price] from [0, price] upwards, for example [[0, 0.05], [1000, 0.04]]",
    )


class Pool(Priced):
    """Labels bought once and shared by all tasks for pretraining."""


class Task(Priced):
    """A model to be trained with labels of its own."""

    metric: Metric = Field(Metric(), description="a mapping with the keys name, best, worst, direction")
    weight: float = Field(1.0, ge=0, le=1e9, description="a number, 0 or more")
    target: float | None = Field(None, description="a score between the metric's worst and best")
    target_confidence: float | None = Field(
        None, gt=0, lt=1, description="a probability between 0 and 1, both excluded"
    )
    group: str | None = Field(None, description="the name of a group, as text (in quotes if it looks like a number)")
    objects_per_label: float = Field(1.0, gt=0, le=1e9, description="a number, more than 0")
    measured_on: str | None = Field(
        None, description="the name of another task, on whose labels this score is measured"
    )


class Group(_Part):
    """Tasks that are limited together: a share of the money they get at least, and money at most."""

    min_share: Share = Field(0.0, description="a share of the budget from 0 to 1")
    max_cost: Money | None = Field(None, description="money, 0 or more")


class Brief(_Part):
    """A whole brief. Build it with `from_file` or `from_dict`: they check it.

    >>> brief = Brief.from_dict({"budget": 100, "tasks": {"detection": {"label_cost": 0.35}}})
    >>> brief.tasks["detection"].lot, brief.goal
    (1, 'mean')
    """

    title: str = Field("", max_length=500, description="text of at most 500 characters")
    currency: str = Field("USD", min_length=1, max_length=20, description="a word or a sign, for example USD or EUR")
    budget: Money = Field(description="money, 0 or more")
    goal: Literal["mean", "worst", "cheapest"] = Field("mean", description="mean, worst or cheapest")
    risk: float = Field(0.0, ge=0, lt=1, description="0, or a share between 0 and 1")
    hours: float | None = Field(None, ge=0, le=1e9, description="annotator hours, 0 or more")
    pools: dict[str, Pool] = Field({}, description="a mapping from each pool's name to its keys")
    tasks: dict[str, Task] = Field(
        min_length=1, description="a mapping from each task's name to its keys, at least one task"
    )
    groups: dict[str, Group] = Field({}, description="a mapping from each group's name to its keys")
    constraints: tuple[str, ...] = Field(
        (), description="a list of texts such as 'detection.cost <= 2 * segmentation.cost'"
    )
    pilots: dict[str, Any] | None = Field(
        None, description="a mapping that says how pilots are run (see docs/pilots.md; `pilot run` checks it)"
    )

    _places: Places = PrivateAttr(default_factory=Places)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Brief:
        """The brief of these values. Raises InvalidInput with every fault."""
        return _checked(values, Places(), [])

    @classmethod
    def from_file(cls, path: str | Path) -> Brief:
        """The brief of this YAML file. Raises InvalidInput with every fault and its line and column."""
        return _checked(*read_file(path))

    def with_budget(self, money: float) -> Brief:
        """The same brief with another budget. Raises InvalidInput if that is no amount of money."""
        if not 0 <= money <= MOST_MONEY:
            allowed = str(type(self).model_fields["budget"].description)
            raise InvalidInput((Fault("", "budget", shown(float(money)), allowed),))
        return self.model_copy(update={"budget": float(money)})

    def labels_of(self, task: str) -> str:
        """The task whose labels this one learns from: its own, or of a subgroup (`measured_on`) the task it is of."""
        return self.tasks[task].measured_on or task

    @property
    def sha256(self) -> str:
        """Of what the brief says: the same for another order of keys, another layout, or a default written out."""
        said = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()

    def place(self, *path: str | int) -> str:
        """Where a key stands, for messages: `brief.yaml:12:5`; empty if the brief came from a dictionary."""
        return self._places.place(*path)

    def fault(self, path: KeyPath, found: str, allowed: str, hint: str = "") -> Fault:
        """A fault at this key path, with its place: `brief.fault(("tasks", "detection", "lot"), "7", "...")`."""
        return Fault(self.place(*path), path_text(path), found, allowed, hint)


_PARTS: dict[str | int, type[_Part]] = {"tasks": Task, "pools": Pool, "groups": Group}


def _checked(values: object, places: Places, faults: list[Fault]) -> Brief:
    """The brief, with its places; or InvalidInput with these faults, those of fields and those between fields."""
    if not isinstance(values, Mapping):
        root = Fault(
            places.place(), "", shown(values), "a mapping with the keys budget, tasks, …", "labelbudget init writes one"
        )
        raise InvalidInput((*faults, root))
    plain = _plain(values, depth=6)
    broken: list[KeyPath] = []
    try:
        brief = Brief.model_validate(plain)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults += [_field_fault(each["type"], each["loc"], each.get("ctx", {}), plain, places) for each in found]
        broken = [each["loc"] for each in found]
        brief = Brief.model_construct(**_sound(plain, broken))
    brief._places = places
    faults += relation_faults(brief, {path[:2] for path in broken})
    if faults:
        raise InvalidInput(tuple(sorted(dict.fromkeys(faults), key=_position)))
    return brief


def _position(fault: Fault) -> tuple[int, ...]:
    """Line and column of a fault in a file, so that faults come in reading order."""
    return tuple(int(part) for part in fault.place.split(":")[-2:] if part.isdecimal())


def _plain(value: Any, depth: int) -> Any:
    """Lists as tuples and numpy's numbers as Python's: all that a strict check needs; no deeper than a brief."""
    if depth == 0 or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(each, depth - 1) for each in value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _sound(values: dict[str, Any], broken: list[KeyPath]) -> dict[str, Any]:
    """What is left when every broken part is taken out, so that the rest can still be checked against itself."""
    tops = {path[0] for path in broken if len(path) < 2 or path[0] not in _PARTS}
    named = {path[:2] for path in broken}
    kept = {"budget": 0.0} | {key: values[key] for key in Brief.model_fields if key in values and key not in tops}
    for section, model in _PARTS.items():
        parts = kept.get(str(section), {}).items()
        sound = {name: part for name, part in parts if isinstance(name, str) and (section, name) not in named}
        kept[str(section)] = {name: model.model_validate(part) for name, part in sound.items()}
    return kept


def _field_fault(kind: str, path: KeyPath, limits: Mapping[str, Any], values: object, places: Places) -> Fault:
    """One error of pydantic in our words; `limits`: those that were broken."""
    model, key = _model_at(path)
    if kind == "extra_forbidden":
        allowed = tuple(model.model_fields)
        found = f"the unknown key {shown(path[-1])}"
        hint = nearest(str(path[-1]), allowed)
        return Fault(places.place(*path, key=True), path_text(path), found, f"one of {', '.join(allowed)}", hint)
    if path[-1] == "[key]":
        return Fault(
            places.place(*path[:-1]), path_text(path[:-2]), shown(path[-2]), "names that are text", "put it in quotes"
        )
    found_value = _at(values, path)
    allowed_text = model.model_fields[key].description if key in model.model_fields else None
    if allowed_text is None:
        allowed_text = f"a mapping with some of the keys {', '.join(model.model_fields)}"
    if "le" in limits and f"{limits['le']:g}" not in allowed_text:
        allowed_text += f"; {limits['le']:g} at most"
    options = {"goal": ("mean", "worst", "cheapest"), "direction": ("maximize", "minimize")}.get(key, ())
    hint = nearest(found_value, options) if isinstance(found_value, str) and options else number_hint(found_value)
    return Fault(places.place(*path), path_text(path), shown(found_value), allowed_text, hint)


def _model_at(path: KeyPath) -> tuple[type[_Part], str]:
    """The model that a key path leads into, and the field of it."""
    part = _PARTS.get(path[0])
    if part is None or len(path) == 1:
        return Brief, str(path[0])
    if len(path) == 2:
        return part, ""
    return (Metric, str(path[3])) if path[2] == "metric" and len(path) > 3 else (part, str(path[2]))


def _at(values: Any, path: KeyPath) -> Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values
