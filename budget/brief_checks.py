"""What must hold between the keys of a brief: one way of pricing, limits that fit, names that exist and are unique.

Each check gives the faults it finds and never stops at the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING
from unicodedata import category

from budget import prices
from budget.constraints import TOTAL, parse
from budget.errors import Fault, InvalidInput
from budget.messages import nearest, shown

if TYPE_CHECKING:
    from budget.brief import Brief, Priced, Task
    from budget.messages import KeyPath

LONGEST_NAME = 200
LEAST_PRICE = Fraction(1, 10**15)  # of a label that is not free: below it numbers have too few digits
CLOSEST = 1e-9  # ends of a metric, in parts of the larger: between nearer ones numbers have too few digits
OWN_LABELS = (
    *("label_cost", "label_seconds", "hourly_wage", "annotators", "review", "owned", "max_labels", "min_labels", "lot"),
    *("setup_cost", "min_buy", "tiers", "group", "objects_per_label"),
)  # what a task has that has labels of its own
DEEPEST_PILOTS = 5
NAME_ALLOWED = f"1 to {LONGEST_NAME} printable characters, no space at either end"
PRICING = "exactly one of: label_cost; label_seconds with hourly_wage; tiers"
_JOINERS = "\u200c\u200d"  # unprintable by the book, but letters and emoji of many scripts need them


def relation_faults(brief: Brief, broken: set[KeyPath]) -> list[Fault]:
    """Faults between fields. `broken`: (section, name) of parts left out of `brief` for faults of their own."""
    faults = [*_names(brief, broken), *_texts(brief)]
    for name, pool in brief.pools.items():
        faults += _line(brief, ("pools", name), pool)
    for name, task in brief.tasks.items():
        priced = (
            _measured_on(brief, name, task) if task.measured_on is not None else _line(brief, ("tasks", name), task)
        )
        faults += [*priced, *_task(brief, ("tasks", name), task)]
    faults += [*_groups(brief, broken), *_goal(brief), *_hours(brief), *_constraints(brief, broken), *_pilots(brief)]
    return faults


def _names(brief: Brief, broken: set[KeyPath]) -> Iterator[Fault]:
    sections: dict[str, Iterable[str]] = {"pools": brief.pools, "tasks": brief.tasks, "groups": brief.groups}
    named = [(section, name) for section, names in sections.items() for name in names]
    named += [(str(path[0]), str(path[1])) for path in broken if len(path) == 2 and path[0] in sections]
    named += [("groups", name) for name in dict.fromkeys(_named_groups(brief)) if name not in brief.groups]
    first: dict[str, str] = {}
    for section, name in named:
        path = (section, name)
        if not is_name(name):
            yield brief.fault(path, f"the name {shown(name)}", NAME_ALLOWED)
        if name == TOTAL:
            yield brief.fault(path, f"the name {name}", f"any other name ({name}.cost is all money spent)")
        if first.setdefault(name, section) != section:
            other = first[name]
            yield brief.fault(
                path, f"the name {shown(name)} of one of the {other}", "names unique over tasks, pools and groups"
            )


def _texts(brief: Brief) -> Iterator[Fault]:
    """Texts that stand on terminals and pages: no control characters."""
    texts: list[tuple[KeyPath, str]] = [(("title",), brief.title), (("currency",), brief.currency)]
    texts += [(("tasks", name, "metric", "name"), task.metric.name) for name, task in brief.tasks.items()]
    for path, text in texts:
        if any(category(letter) == "Cc" and letter not in "\t\n\r" for letter in text):
            yield brief.fault(path, shown(text), "text without control characters")


def is_name(name: str) -> bool:
    """Whether a task, a pool or a group may be called this."""
    printable = all(letter.isprintable() or letter in _JOINERS for letter in name)
    return 1 <= len(name) <= LONGEST_NAME and printable and name == name.strip()


def _named_groups(brief: Brief) -> list[str]:
    return [task.group for task in brief.tasks.values() if task.group is not None]


def _line(brief: Brief, where: KeyPath, line: Priced) -> Iterator[Fault]:
    ways = {"label_cost": line.label_cost, "hourly_wage": line.hourly_wage, "tiers": line.tiers}
    given = [key for key, value in ways.items() if value is not None]
    if not given:
        found = "label_seconds without hourly_wage" if line.label_seconds is not None else "no price"
        yield brief.fault(where, found, PRICING)
    elif len(given) > 1:
        yield brief.fault(where, " and ".join(given), PRICING, f"keep {given[0]} and remove the rest")
    if line.hourly_wage is not None and line.label_seconds is None:
        yield brief.fault((*where, "hourly_wage"), "hourly_wage without label_seconds", PRICING, "add label_seconds")
    if line.tiers is not None:
        starts = [start for start, _ in line.tiers]
        if starts[0] != 0 or any(later <= start for start, later in pairwise(starts)):
            allowed = "numbers of labels that rise from 0: [[0, price], [1000, price], …]"
            yield brief.fault((*where, "tiers"), f"tiers from {', '.join(map(str, starts))} labels", allowed)
    if len(given) == 1 and (line.hourly_wage is None or line.label_seconds is not None):
        low = min((price for _, price in prices.exact_tiers(line) if price), default=LEAST_PRICE)
        if low < LEAST_PRICE:
            allowed = f"0, or at least {float(LEAST_PRICE):g} money a label"
            yield brief.fault(where, f"a price of {float(low):.3g} a label", allowed)
    if line.max_labels is None and given and _is_free(line):
        yield brief.fault(
            where, "labels that cost nothing, without end", "a max_labels where the price is 0", "add max_labels"
        )
    yield from _limits(brief, where, line)


def _measured_on(brief: Brief, name: str, task: Task) -> Iterator[Fault]:
    """A score of a subgroup: it has no labels of its own to buy, and lies on those of a task that has."""
    where = ("tasks", name)
    parents = [other for other, each in brief.tasks.items() if each.measured_on is None]
    if task.measured_on not in parents:
        allowed = f"a task with labels of its own: {', '.join(parents)}"
        yield brief.fault(
            (*where, "measured_on"), shown(task.measured_on), allowed, nearest(str(task.measured_on), parents)
        )
    own = [key for key in OWN_LABELS if getattr(task, key) != type(task).model_fields[key].default]
    for key in own:
        yield brief.fault(
            (*where, key), key, "no labels of its own with measured_on", f"set {key} at {task.measured_on}"
        )


def _is_free(line: Priced) -> bool:
    last = line.tiers[-1][1] if line.tiers else line.label_cost if line.label_cost is not None else line.hourly_wage
    return last == 0


def _limits(brief: Brief, where: KeyPath, line: Priced) -> Iterator[Fault]:
    if line.max_labels is None:
        return
    most = line.max_labels
    if line.owned > most:
        yield brief.fault((*where, "max_labels"), str(most), f"at least owned ({line.owned}): it counts owned + buy")
    if line.min_labels > most:
        yield brief.fault((*where, "min_labels"), str(line.min_labels), f"at most max_labels ({most})")
    elif line.owned + prices.least_buy(line) > max(most, line.owned):
        least = line.owned + prices.least_buy(line)
        allowed = f"what whole lots and min_buy can reach within max_labels ({most}); the fewest are {least}"
        yield brief.fault((*where, "min_labels"), str(line.min_labels), allowed)
    if line.min_buy > max(most - line.owned, 0):
        yield brief.fault(
            (*where, "min_buy"), str(line.min_buy), f"at most max_labels - owned ({max(most - line.owned, 0)})"
        )


def _task(brief: Brief, where: KeyPath, task: Task) -> Iterator[Fault]:
    metric = task.metric
    if (metric.best <= metric.worst) if metric.direction == "maximize" else (metric.best >= metric.worst):
        order = "best above worst" if metric.direction == "maximize" else "best below worst"
        other = "minimize" if metric.direction == "maximize" else "maximize"
        found = f"best {metric.best:g} and worst {metric.worst:g}"
        yield brief.fault(
            (*where, "metric"), found, f"{order}, for {metric.direction}", f"swap them, or direction: {other}"
        )
    elif abs(metric.best - metric.worst) < CLOSEST * max(abs(metric.best), abs(metric.worst), CLOSEST):
        allowed = f"ends of the metric that differ by more than {CLOSEST:g} of their size"
        yield brief.fault((*where, "metric"), f"best {metric.best!r} and worst {metric.worst!r}", allowed)
    elif task.target is not None and not min(metric.best, metric.worst) <= task.target <= max(
        metric.best, metric.worst
    ):
        allowed = f"a score between worst ({metric.worst:g}) and best ({metric.best:g}) of the metric"
        yield brief.fault((*where, "target"), f"{task.target:g}", allowed)
    if task.target_confidence is not None and task.target is None:
        yield brief.fault(
            (*where, "target_confidence"), "target_confidence without target", "both or neither", "add target"
        )


def _groups(brief: Brief, broken: set[KeyPath]) -> Iterator[Fault]:
    known = {*brief.groups, *(str(path[1]) for path in broken if len(path) == 2 and path[0] == "groups")}
    for name, task in brief.tasks.items():
        if brief.groups and task.group is not None and task.group not in known:
            path = ("tasks", name, "group")
            yield brief.fault(
                path, shown(task.group), f"a group of the brief: {', '.join(known)}", nearest(task.group, known)
            )
    unclear = any(path[:1] == ("tasks",) for path in broken)
    for name, group in brief.groups.items():
        if not unclear and name not in _named_groups(brief):
            yield brief.fault(
                ("groups", name), "a group without tasks", "a group that a task names", f"group: {name} in a task"
            )
        least = prices.exact(group.min_share) * prices.exact(brief.budget)
        if group.max_cost is not None and prices.exact(group.max_cost) < least:
            allowed = f"at least min_share of the budget ({float(least):g})"
            yield brief.fault(("groups", name, "max_cost"), f"{group.max_cost:g}", allowed)
    shares = sum(prices.exact(group.min_share) for group in brief.groups.values())
    if shares > 1:
        yield brief.fault(("groups",), f"min_share adding up to {float(shares):.10g}", "at most 1 over all groups")


def _goal(brief: Brief) -> Iterator[Fault]:
    if brief.tasks and all(task.weight == 0 for task in brief.tasks.values()):
        yield brief.fault(("tasks",), "a weight of 0 for every task", "at least one weight above 0")
    for name, task in brief.tasks.items():
        if brief.goal == "cheapest" and task.target is None:
            yield brief.fault(("tasks", name), "no target", "a target for every task, for goal: cheapest", "add target")


def _hours(brief: Brief) -> Iterator[Fault]:
    own = {name: task for name, task in brief.tasks.items() if task.measured_on is None}
    for section, lines in (("pools", brief.pools), ("tasks", own)):
        for name, line in lines.items():
            if brief.hours is not None and line.label_seconds is None and not _is_free(line):
                yield brief.fault(
                    (section, name), "no label_seconds", "label_seconds on every line, for hours", "add label_seconds"
                )


def _constraints(brief: Brief, broken: set[KeyPath]) -> Iterator[Fault]:
    elsewhere = (str(path[1]) for path in broken if len(path) == 2)
    own = (name for name, task in brief.tasks.items() if task.measured_on is None)
    names = {*own, *brief.pools, *brief.groups, *_named_groups(brief), *elsewhere}
    for index, text in enumerate(brief.constraints):
        try:
            parse(text, names)
        except InvalidInput as error:
            for fault in error.faults:
                found = f"{fault.found} (at {fault.path} of {shown(text)})"
                yield brief.fault(("constraints", index), found, fault.allowed, fault.hint)


def _pilots(brief: Brief) -> Iterator[Fault]:
    if not _is_plain(brief.pilots, DEEPEST_PILOTS):
        allowed = (
            f"text, finite numbers, true, false, lists and mappings with text as keys, at most {DEEPEST_PILOTS} levels"
        )
        yield brief.fault(("pilots",), "values of another kind", allowed)


def _is_plain(value: object, depth: int) -> bool:
    """Whether a value could stand in JSON, so that a brief can be hashed."""
    if isinstance(value, dict):
        each_plain = (isinstance(key, str) and _is_plain(each, depth - 1) for key, each in value.items())
        return depth > 0 and all(each_plain)
    if isinstance(value, tuple):
        return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
