"""The brief: what may be bought, at which price, for which goal. Checked at the border, frozen inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metric(_Part):
    """A score's name and its two ends: `best` and `worst` in its own unit."""

    name: str = "score"
    best: float = 1.0
    worst: float = 0.0
    direction: Literal["maximize", "minimize"] = "maximize"


class Priced(_Part):
    """What tasks and pools share: how their labels are priced and how many there may be."""

    label_cost: float | None = None
    label_seconds: float | None = None
    hourly_wage: float | None = None
    annotators: int = 1
    review: float = 0.0
    owned: int = 0
    max_labels: int | None = None
    min_labels: int = 0
    lot: int = 1
    setup_cost: float = 0.0
    min_buy: int = 0
    tiers: tuple[tuple[int, float], ...] | None = None


class Pool(Priced):
    """Labels bought once and shared by all tasks for pretraining."""


class Task(Priced):
    """A model to be trained with labels of its own."""

    metric: Metric = Metric()
    weight: float = 1.0
    target: float | None = None
    target_confidence: float | None = None
    group: str | None = None
    objects_per_label: float = 1.0


class Group(_Part):
    min_share: float = 0.0
    max_cost: float | None = None


class Brief(_Part):
    title: str = ""
    currency: str = "USD"
    budget: float
    goal: Literal["mean", "worst", "cheapest"] = "mean"
    risk: float = 0.0
    hours: float | None = None
    pools: dict[str, Pool] = {}
    tasks: dict[str, Task]
    groups: dict[str, Group] = {}
    constraints: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Brief:
        """SKETCH: the ground room completes checks, positions and messages."""
        return cls.model_validate(values)

    @classmethod
    def from_file(cls, path: str | Path) -> Brief:
        import yaml

        return cls.from_dict(yaml.safe_load(Path(path).read_text()))
