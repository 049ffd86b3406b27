"""Whatever is wrong with a brief is said in one go: with all repairs applied as written it is planned, and none of them
could be smaller. The oracle tries every plan there is."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest

from budget import Brief, plan
from budget.allocation.audit import plan_within
from budget.allocation.goals import kept
from budget.allocation.problem import problem
from budget.errors import CannotBeMet, InvalidInput
from tests.budget.allocation.lattice import best_by_trying, drawn
from tests.budget.allocation.surfaces import Known, measured

FEATURES = ("min_labels", "setup", "min_buy", "tiers", "hours", "targets", "groups", "constraints")
Values = dict[str, Any]


def hard(seed: int, features: frozenset[str]) -> tuple[Values, dict[str, Known]]:
    """A brief that often asks for more than there can be, of these kinds."""
    values, surfaces = drawn(seed, features - {"targets", "constraints", "hours"})
    random = np.random.default_rng(seed)
    tasks, lines = values["tasks"], {**values["tasks"], **values["pools"]}
    for name, task in tasks.items():
        if "min_labels" in features and random.random() < 0.6:
            task["min_labels"] = task["max_labels"]
        if "targets" in features and random.random() < 0.7:
            low, high = surfaces[name].expected([task["owned"], task["max_labels"]])
            task["target"] = round(float(np.clip(low + (high - low) * random.uniform(0.4, 1.3), 0, 1)), 3)
            if random.random() < 0.3:
                task["target_confidence"] = 0.8
    if "hours" in features:
        values["hours"] = float(random.choice([0.1, 0.5, 2]))
        for line in lines.values():
            line["label_seconds"] = float(random.choice([30, 60, 600]))
    if "constraints" in features:
        a, b = random.choice([*lines], 2, replace=False) if len(lines) > 1 else ("t0", "t0")
        amount = round(float(random.uniform(1, 200)), 1)
        texts = [
            f"{a}.buy >= {amount}",
            f"{a}.cost >= 0.5 * {b}.cost + {amount}",
            f"{a}.labels + {b}.buy == {int(amount)}",
            f"total.cost >= {amount}",
            f"{a}.buy <= {int(amount) // 4}",
            f"2 * {a}.cost + {b}.buy <= {amount}",
            f"{a}.buy == 2 * {b}.buy",
        ]
        texts = [text for text in texts if a != b or text.count(f"{a}.") < 2]
        values["constraints"] = [str(text) for text in random.choice(texts, random.integers(1, 4), replace=False)]
    return values, surfaces


def refused(values: Values, surfaces: dict[str, Known]) -> CannotBeMet | None:
    """Why a brief cannot be met; None where it can."""
    try:
        choice = plan_within(Brief.from_dict(values), surfaces, "highs")
    except CannotBeMet as error:
        return error
    assert kept(problem(Brief.from_dict(values), surfaces), choice)
    return None


def repaired(values: Values, repair: str) -> Values:
    """The brief with the first of the named repairs, as it is written."""
    changed, (one, *_) = copy.deepcopy(values), repair.removeprefix("move one: ").split(", or ")
    if found := re.fullmatch(r"raise the budget to (\S+)", one):
        changed["budget"] = float(found[1])
    elif found := re.fullmatch(r"set hours to (\S+)", one):
        changed["hours"] = float(found[1])
    elif found := re.fullmatch(r"set the target of (\w+) to (\S+)", one):
        changed["tasks"][found[1]]["target"] = float(found[2])
    elif found := re.fullmatch(r"set (\w+) of (\w+) to (\S+)", one):
        section = next(section for section in ("tasks", "pools", "groups") if found[2] in changed.get(section, {}))
        changed[section][found[2]][found[1]] = float(found[3])
    else:
        found = re.fullmatch(r"write (.*) for (.*)", one)
        assert found is not None, one
        changed["constraints"][changed["constraints"].index(found[2])] = found[1]
    return changed


def all_repaired(values: Values, error: CannotBeMet) -> Values:
    for each in error.shortfalls:
        values = repaired(values, each.repair)
    return values


def less(before: Values, after: Values, path: str) -> Values:
    """The repaired brief with a thousandth less of what one repair changed."""
    changed = copy.deepcopy(after)
    section, *names = re.findall(r"[\w]+", path)
    if section == "constraints":
        k = int(names[0])
        old, new = before["constraints"][k], after["constraints"][k]
        start, number = re.fullmatch(r"(.*?)([\d.]+)", new).groups()  # type: ignore[union-attr]
        same = re.fullmatch(re.escape(start) + r"(-?[\d.]+)", old)
        was = float(same[1]) if same else 0.0
        changed["constraints"][k] = f"{start}{float(number) + (was - float(number)) / 1000:.9f}"
        return changed
    part, was = changed, before
    for name in (section, *names)[:-1]:
        part, was = part[name], was[name]
    entry = (section, *names)[-1]
    part[entry] += (was[entry] - part[entry]) / 1000
    if entry == "target":
        part[entry] = min(part[entry] + 1e-4, was[entry])
    return changed


def possible(values: Values, surfaces: dict[str, Known]) -> bool:
    """Is there a plan among all there are? Not for limits of a group that the brief's own check refuses."""
    try:
        return best_by_trying(problem(Brief.from_dict(values), surfaces)) > -np.inf
    except InvalidInput:
        return False


def check(seed: int, features: frozenset[str]) -> int:
    """How many limits were moved."""
    values, surfaces = hard(seed, features)
    try:
        Brief.from_dict(values)
    except InvalidInput:
        return 0
    error = refused(values, surfaces)
    assert (error is None) == possible(values, surfaces), f"seed {seed}: {error}"
    if error is None:
        return 0
    after = all_repaired(values, error)
    again = refused(after, surfaces)
    assert again is None, f"seed {seed}: {error}\n\n{again}"
    for each in error.shortfalls:
        assert not possible(less(values, after, each.path), surfaces), f"seed {seed}: {each} could be smaller"
    return len(error.shortfalls)


@pytest.mark.parametrize("feature", FEATURES)
def test_one_kind_of_fault_is_repaired_at_once_and_by_no_more_than_is_needed(feature: str) -> None:
    assert sum(check(seed, frozenset({feature, "min_labels"})) for seed in range(8)) > 2


def test_all_kinds_of_faults_at_once_are_repaired_at_once() -> None:
    assert sum(check(seed, frozenset(FEATURES)) for seed in range(10)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_hundreds_of_briefs_are_repaired_at_once(block: int) -> None:
    for seed in range(100 + 25 * block, 125 + 25 * block):
        check(seed, frozenset({FEATURES[block], "min_labels"}))
        check(seed, frozenset(FEATURES))


def test_a_repaired_brief_is_planned() -> None:
    values, surfaces = hard(3, frozenset(FEATURES))
    error = refused(values, surfaces)
    assert error is not None
    brief = Brief.from_dict(all_repaired(values, error))
    assert plan(brief, measured(surfaces), surfaces).cost <= brief.budget  # type: ignore[arg-type]
