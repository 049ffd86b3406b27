"""Plan: the answer, as plain frozen data, with its JSON and CSV. It decides nothing and loads nothing heavy.

What a page or a script may want to know about a plan is in here: `labelbudget report plan.json` has nothing else to go
by. Scores of a task are in its own unit. The score of a plan is the weighted mean over tasks of each task's score
placed between its worst (0) and its best (1).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from budget.errors import Fault, InvalidInput
from budget.inputs import read_text
from budget.messages import path_text, shown

FORMAT = "labelbudget-plan/1"


@dataclass(frozen=True)
class Score:
    """An expected score and the interval that holds it with probability `level`."""

    expected: float
    low: float
    high: float
    level: float = 0.9


@dataclass(frozen=True)
class Certificate:
    """No plan scores more than `bound`; `gap` = bound - score of this plan, in score units, never negative.

    `of` says what the goal counts, and `value` is this plan's: for the goals `worst` and `cheapest` and under risk that
    is another number than the mean score (`cheapest`: money, of which no plan needs less than `bound`).
    """

    bound: float
    gap: float
    solver: str
    seconds: float
    form: str = ""  # which program was solved; why
    of: str = "mean score"  # mean score | mean score of the worst draws | lowest score | money
    value: float | None = None


@dataclass(frozen=True)
class NextMoney:
    """What the plan would do with a little more: solved again at budget + amount (for the goal `cheapest`, which leaves
    money: the best mean score for what this plan costs + amount). `buys`: changes against this plan."""

    amount: float
    gain: float
    buys: dict[str, int] = field(default_factory=dict)
    gap: float | None = None  # of that plan, in what the goal counts; None: not proved


@dataclass(frozen=True)
class TaskLine:
    """One task of the plan. `now` is the expected score with what is owned, `next_gain` the rise of the task's own
    score for one more `next_money.amount` spent on its labels alone, in whole lots, beyond max_labels if it stands
    there."""

    owned: int
    buy: int
    labels: int
    cost: float
    expected: float
    low: float
    high: float
    now: float
    trust: str  # PASS | REVIEW | FAIL
    trust_reason: str = ""
    trust_remedy: str = ""
    target: float | None = None
    target_probability: float | None = None  # P(score >= target)
    binding: tuple[str, ...] = ()  # keys of the brief that hold this line where it is
    beyond_pilot: float = 1.0  # labels / most labels in any pilot of this task
    next_gain: float = 0.0
    weight: float = 1.0
    group: str | None = None
    label_cost: float = 0.0  # money a label
    metric: str = "score"
    best: float = 1.0
    worst: float = 0.0
    direction: str = "maximize"
    band: tuple[int, int] | None = None  # labels to buy in the best plans of four in five draws
    could_be: tuple[int, int] | None = None  # fewest and most labels bought in plans that are nearly as good
    measured_on: str | None = None  # the task on whose labels, owned and bought, this score is measured


@dataclass(frozen=True)
class PoolLine:
    """One pool of the plan. `brings`: by task, score at the planned labels with this plan's pool labels minus the score
    with only the owned ones."""

    owned: int
    buy: int
    labels: int
    cost: float
    beyond_pilot: float = 1.0
    binding: tuple[str, ...] = ()
    label_cost: float = 0.0
    brings: dict[str, Score] = field(default_factory=dict)
    next_gain: float = 0.0  # rise of the plan's score for next_money.amount spent on this pool alone
    band: tuple[int, int] | None = None
    could_be: tuple[int, int] | None = None


@dataclass(frozen=True)
class Baseline:
    """A plan that needs no optimizer. `gain`: score of our plan minus this one's, with its interval."""

    cost: float
    score: Score
    buy: dict[str, int]
    beaten_probability: float  # P(our plan scores at least as high)
    gain: Score
    expected: dict[str, float] = field(default_factory=dict)  # by task, in its own unit
    breaks: tuple[str, ...] = ()  # keys of the brief that it does not keep to
    repaired: tuple[str, ...] = ()  # keys that its rule would break: changed as little as needed to keep to them


@dataclass(frozen=True)
class FrontierPoint:
    """The plan that was solved for one budget. `value`: what the goal counts, where that is not the mean score (the
    lowest score, over its target if it has one; the mean over the worst draws). `gap`: no plan has more than this above
    it; None: not proved."""

    budget: float
    cost: float
    score: Score
    buy: dict[str, int]
    costs: dict[str, float]
    tasks: dict[str, Score]
    gap: float | None = None
    value: float | None = None


@dataclass(frozen=True)
class FailedBudget:
    """A budget of the frontier that no plan keeps to, and why."""

    budget: float
    reason: str


@dataclass(frozen=True)
class SharePoint:
    """The best plan that spends (about) this share of the budget (for the goal `cheapest`: of what the plan costs) on
    pools."""

    share: float
    cost: float
    score: Score
    buy: dict[str, int]


@dataclass(frozen=True)
class Limit:
    """A row of the brief beyond budget and single lines. `key`: where it stands (`hours`, `constraints[0]`); `used`
    and `limit` in its own unit; `price`: rise of the goal for one unit more (for `cheapest`: money saved), solved again
    with a little more room; below 0 for a limit from below; 0 where it does not bind."""

    key: str
    text: str
    used: float
    limit: float
    price: float = 0.0


@dataclass(frozen=True)
class Dot:
    """One pilot run as measured; `score` None is a failed run."""

    labels: int
    score: float | None
    seed: int
    pools: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """Fitted score along labels at fixed pool labels: equally long tuples."""

    pools: dict[str, int]
    labels: tuple[float, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Hidden:
    """One line of the backtest: a hidden pilot, what was predicted for it, and what came (mean over its seeds)."""

    labels: int
    pools: dict[str, int]
    predicted: float
    low: float
    high: float
    measured: float
    last_value: float | None = None  # what the nearest smaller pilot scored
    power_law: float | None = None  # what a least-squares power law predicts


@dataclass(frozen=True)
class Evidence:
    """What one task's answer rests on. `most_labels`, `most_pools`: the largest pilot. `pool_effect`: rise of the score
    from the smallest to the largest pool pilot at the fewest and at the most labels measured, in words by the fit."""

    dots: tuple[Dot, ...] = ()
    curves: tuple[Curve, ...] = ()
    most_labels: int = 0
    most_pools: dict[str, int] = field(default_factory=dict)
    laws: dict[str, float] = field(default_factory=dict)  # law -> weight, adding up to 1
    exponent: Score | None = None
    floor: Score | None = None  # the score that no number of labels exceeds
    noise: float = 0.0  # standard deviation over seeds at the largest pilot
    backtest: tuple[Hidden, ...] = ()
    # By pool, labels beyond which its help is unsure or under a hundredth of the range.
    fades_at: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sensitivity:
    """The plan solved again with one assumption moved: its score, and how much of the money moves, at a low and a high
    value of what is assumed."""

    what: str  # label_cost | weight | surface | budget
    name: str  # task or pool
    low_value: str
    high_value: str
    low_score: float
    high_score: float
    low_moved: float  # share of the budget that is spent elsewhere than in this plan, 0..1
    high_moved: float


@dataclass(frozen=True)
class NextPilot:
    """A further pilot and what it is worth before it is run: the expected value of sample information. `gain` is how
    much the expected score of the best plan rises when the pilot's scores are known before planning (Raiffa and
    Schlaifer, 1961)."""

    task: str
    labels: int
    pools: dict[str, int]
    repeats: int  # runs of this kind, each with a seed of its own
    gain: float  # in the unit of the plan's score, >= 0
    seconds: float | None  # of training, all repeats together, on the device of the earlier pilots; None: not known
    cost: float  # money for the labels that the pilot needs beyond those owned


WORTHWHILE = 1e-4  # gain of a pilot, in the unit of the plan's score, below which it is not asked for: 0.01 points


@dataclass(frozen=True)
class Provenance:
    version: str
    brief_sha256: str
    measurements_sha256: str
    seed: int
    created: str  # ISO 8601, UTC
    command: str = ""
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    measured_runs: int = 0
    failed_runs: int = 0


@dataclass(frozen=True)
class Plan:
    """The answer. `cost` <= `budget`; every `buy` is a multiple of its lot."""

    status: str  # optimal | feasible
    title: str
    currency: str
    goal: str
    risk: float
    budget: float
    cost: float
    unspent: float
    unspent_reason: str
    score: Score
    now: Score  # the score if nothing is bought
    certificate: Certificate
    next_money: NextMoney
    tasks: dict[str, TaskLine]
    pools: dict[str, PoolLine]
    baselines: dict[str, Baseline]
    provenance: Provenance
    frontier: tuple[FrontierPoint, ...] = ()
    failed_budgets: tuple[FailedBudget, ...] = ()  # of the frontier
    shares: tuple[SharePoint, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    evidence: dict[str, Evidence] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    next_pilots: tuple[NextPilot, ...] = ()  # those worth most first
    pilots_looked_at: int = 0  # further pilots whose worth was found; 0: none was asked for

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON sees it: dictionaries, lists, text, numbers."""
        values: dict[str, Any] = json.loads(json.dumps(self._values, allow_nan=False))
        return values

    @cached_property
    def _values(self) -> dict[str, Any]:
        return {"format": FORMAT, **_plain(self)}

    def to_json(self) -> str:
        """The plan as JSON, every number with all its digits, so that `from_json` gives the same plan again.

        Raises ValueError if a number is infinite or not a number: a plan has none.
        """
        return json.dumps(self._values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """What to buy, one row a pool or task, for a spreadsheet."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(ALLOCATION_COLUMNS)
        for name, pool in self.pools.items():
            bought = (pool.owned, pool.buy, pool.labels, pool.label_cost, pool.cost)
            writer.writerow(["pool", spreadsheet_cell(name), "", *bought, "", "", "", "", "", ""])
        for name, task in self.tasks.items():
            bought = (task.owned, task.buy, task.labels, task.label_cost, task.cost)
            scores = (task.now, task.expected, task.low, task.high)
            writer.writerow(
                [
                    "task",
                    spreadsheet_cell(name),
                    spreadsheet_cell(task.group or ""),
                    *bought,
                    spreadsheet_cell(task.metric),
                    *scores,
                    task.trust,
                ]
            )
        return text.getvalue()

    @classmethod
    def from_dict(cls, values: object, source: str = "") -> Plan:
        """The plan of these values. Keys that are not known here are skipped: a later version may have added them.

        Raises InvalidInput with every fault.
        """
        from pydantic import TypeAdapter, ValidationError

        found = values.get("format") if isinstance(values, Mapping) else values
        if found != FORMAT:
            fault = Fault(source, "format", shown(found), FORMAT, "a plan.json that labelbudget plan wrote")
            raise InvalidInput((fault,))
        try:
            text = json.dumps(values, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(
                (Fault(source, "", f"no JSON ({error})", "finite numbers, text, lists, mappings"),)
            ) from None
        try:
            # As JSON, where a list is a tuple, and all else is strict.
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            faults = (
                Fault(source, path_text(each["loc"]), shown(each["input"]), each["msg"].lower())
                for each in error.errors(include_url=False)
            )
            raise InvalidInput(tuple(faults)) from None

    @classmethod
    def from_json(cls, text: str, source: str = "") -> Plan:
        """The plan of this JSON text. Raises InvalidInput."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            fault = Fault(source, "", f"no readable JSON ({error})", FORMAT, "a plan.json that labelbudget plan wrote")
            raise InvalidInput((fault,)) from None
        return cls.from_dict(values, source)

    @classmethod
    def from_file(cls, path: str | Path) -> Plan:
        """The plan of this file. Raises InvalidInput."""
        return cls.from_json(read_text(path), str(path))


ALLOCATION_COLUMNS = (
    *("kind", "name", "group", "owned", "buy", "labels", "label_cost", "cost"),
    *("metric", "now", "expected", "low", "high", "trust"),
)


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, within mappings and tuples too; as `dataclasses.asdict`, without its copies."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def spreadsheet_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
