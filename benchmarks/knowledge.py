"""What would it be worth to know more? Plans over real learning curves by forecasts that know a part of the truth.

Scenarios and pilots are those of decide.py, the judge of decisions (a script beside the data; see docs/method.md),
whose functions draw them, split the money exactly by any forecast and score the result on the measured curves. Every
row is a forecast:

- the package's own, and the same from pilots without any noise; the mean and the median of its truths;
- the truth up to so many times the largest pilot, and from there the package's forecast of what is added;
- of the laws that are averaged, each alone, and the one that hindsight finds nearest to the truth;
- the package's, corrected by a random forest that saw the truth of all other data sets: what is left to be learned.

Beside each the standard error of its share over scenarios; at the end the data sets whose tasks lose most.

usage: python benchmarks/knowledge.py --judge DECIDE.py [--data DIR] [--scenarios 200]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold

from budget import Measurements
from budget.fitting.assemble import Forecast, forecasts
from budget.fitting.cells import cells
from budget.fitting.nodes import Array
from budget.fitting.posterior import relative_error

POINTS, TOLD = 40, (1.5, 2.0, 4.0, 8.0)
FEATURES = np.array([3, 8, 14, 20, 27, 39])  # places on the grid that the forest learns from
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Told:
    """One task of a scenario: labels (k,) from the pilot to all there are, true score, forecast and mean of the drawn
    truths there, each (k,), the forecast of every law alone, and the quantiles of the drawn truths (5, k)."""

    task: Any
    labels: Array
    truth: Array
    expected: Array
    mean: Array
    laws: dict[str, Array]
    spread: Array

    @property
    def data_set(self) -> str:
        return str(self.task["name"].split("-")[0])


@dataclass(frozen=True)
class Scenario:
    tasks: list[Told]
    budget: float


def told(task: Any, found: Forecast) -> Told:
    labels = np.geomspace(task["owned"], task["most"], POINTS)
    at = labels / found.runs.task.largest[0], np.zeros((POINTS, 0))
    posterior, laws = found.posterior, {}
    starts = np.cumsum([0, *map(len, posterior.theta)])
    for i, law in enumerate(posterior.laws):
        inside = (posterior.node >= starts[i]) & (posterior.node < starts[i + 1])
        if posterior.weight[inside].sum() > 1e-4:
            node = posterior.node[inside] - starts[i]
            weight = np.bincount(node, posterior.weight[inside] * posterior.level[inside], len(posterior.theta[i]))
            shape = relative_error(law, posterior.theta[i], posterior.node_floor[starts[i] : starts[i + 1]], *at)
            laws[law.name] = 1 - np.minimum(weight @ shape / posterior.weight[inside].sum(), 1.0)
    truth = np.interp(np.log(labels), np.log(task["labels"]), task["score"])
    draws = 1 - found.truths.errors(*at)
    spread = np.quantile(draws, 1 - np.array(QUANTILES), axis=0)
    return Told(task, labels, truth, 1 - found.truths.expected(*at), draws.mean(axis=0), laws, spread)


def drawn(judge: Any, curves: Any, seed: int, quiet: bool) -> Scenario:
    """One of the judge's scenarios with its forecasts; `quiet`: from pilots that show the truth."""
    tasks, budget = judge.scenario(curves, seed)
    for task in tasks if quiet else ():
        true = np.interp(np.log(task["pilot_labels"]), np.log(task["labels"]), task["score"])
        task["pilot_scores"] = true[:, None] + 1e-4 * np.array([-1.0, 0.0, 1.0])
    pilots = Measurements.from_frame(judge.measurements(tasks))
    found = {one.runs.task.task: one for one in forecasts(list(cells(pilots, None).values()), 0)}
    return Scenario([told(task, found[task["name"]]) for task in tasks], budget)


def up_to(times: float) -> Callable[[Told], Array]:
    def known(one: Told) -> Array:
        last = int(np.flatnonzero(one.labels <= times * one.labels[0])[-1])
        return np.where(
            np.arange(POINTS) <= last, one.truth, one.truth[last] + np.maximum(one.expected - one.expected[last], 0)
        )

    return known


def nearest(one: Told) -> Array:
    """The law whose forecast of what is gained hindsight finds nearest to the truth, on average over the grid."""
    gain = one.truth - one.truth[0]
    return min(one.laws.values(), key=lambda score: float(np.abs(score - score[0] - gain).mean()))


def alone(law: str) -> Callable[[Told], Array]:
    return lambda one: one.laws.get(law, one.expected)


def learned(scenarios: Sequence[Scenario]) -> Callable[[Told], Array]:
    """What a forest adds to the forecast gains of a task, trained on the truths of all other data sets."""
    every = [one for scenario in scenarios for one in scenario.tasks]
    rows, missed, groups = [], [], []
    for one in every:
        score = one.task["pilot_scores"].mean(1)
        steps = np.diff(score) / np.diff(np.log(one.task["pilot_labels"]))
        for k in FEATURES:
            gains = one.spread[:, k] - one.expected[0]
            rows.append([np.log(one.labels[k] / one.labels[0]), one.expected[k] - one.expected[0], *gains,
                         score[-1], *steps[-3:], one.task["pilot_scores"].std(), np.log(one.labels[0])])  # fmt: skip
            missed.append(one.truth[k] - one.truth[0] - (one.expected[k] - one.expected[0]))
            groups.append(one.data_set)
    features, target, found = np.array(rows), np.array(missed), np.zeros(len(rows))
    for train, test in GroupKFold(10).split(features, target, groups):
        forest = RandomForestRegressor(100, min_samples_leaf=20, max_features=0.4, random_state=0)
        found[test] = forest.fit(features[train], target[train]).predict(features[test])
    added = dict(zip(map(id, every), found.reshape(len(every), -1), strict=True))

    def corrected(one: Told) -> Array:
        gain = one.expected[FEATURES] - one.expected[0] + added[id(one)]
        knots = np.concatenate([[0.0], np.maximum.accumulate(np.maximum(gain, 0.0))])
        return np.interp(np.log(one.labels), np.log(one.labels[[0, *FEATURES]]), knots)

    return corrected


def reached(judge: Any, scenario: Scenario, forecast: Callable[[Told], Array]) -> float:
    """The true mean score of the exact split by a forecast (of scores, or of what they gain)."""
    tasks = [one.task for one in scenario.tasks]
    curves = {one.task["name"]: (np.log(one.labels), forecast(one)) for one in scenario.tasks}
    bought = judge.best(tasks, scenario.budget, lambda task, labels: np.interp(np.log(labels), *curves[task["name"]]))
    return float(judge.value(tasks, bought))


def figures(ours: Array, even: Array, gain: Array, none: Array) -> dict[str, float]:
    """The judge's three figures of scores over scenarios, and the standard error of the share."""
    share = ours - none
    total = share.sum() / gain.sum()
    return {
        "share": round(float(total), 4),
        "error": round(float(np.sqrt(((share - total * gain) ** 2).sum()) / gain.sum()), 4),
        "worse_than_even": round(float((ours < even - 1e-4).mean()), 3),
        "p05": round(float(np.quantile(share / gain, 0.05)), 3),
    }


def lost(judge: Any, scenarios: Sequence[Scenario]) -> dict[str, float]:
    """{data set: share of all that our plans lose against hindsight}, the five that lose most."""
    total: dict[str, float] = defaultdict(float)
    for scenario in scenarios:
        tasks = [one.task for one in scenario.tasks]
        weights = np.array([task["weight"] for task in tasks]) / sum(task["weight"] for task in tasks)
        plans = []
        for kind in ("truth", "expected"):
            curves = {one.task["name"]: (np.log(one.labels), getattr(one, kind)) for one in scenario.tasks}
            plans.append(judge.best(tasks, scenario.budget, lambda t, n, c=curves: np.interp(np.log(n), *c[t["name"]])))
        for one, weight, best, bought in zip(scenario.tasks, weights, *plans, strict=True):
            scores = np.interp(np.log(one.labels[0] + np.array([best, bought])), np.log(one.labels), one.truth)
            total[one.data_set] += float(weight * (scores[0] - scores[1]))
    whole = sum(total.values())
    return {name: round(loss / whole, 3) for name, loss in sorted(total.items(), key=lambda item: -item[1])[:5]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", type=Path, help="decide.py")
    parser.add_argument("--data", type=Path, help="folder of lcdb_curves.csv.gz (default: ../data beside the judge)")
    parser.add_argument("--scenarios", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.judge is None or not arguments.judge.is_file():
        print("skipped: no decide.py (--judge DECIDE.py)")
        return
    sys.path.insert(0, str(arguments.judge.parent))
    spec = importlib.util.spec_from_file_location("decide", arguments.judge)
    assert spec is not None
    assert spec.loader is not None
    judge: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    curves = judge.load(arguments.data or arguments.judge.parent.parent / "data")
    noisy, quiet = ([drawn(judge, curves, s, kind) for s in range(arguments.scenarios)] for kind in (False, True))
    plans: dict[str, tuple[list[Scenario], Callable[[Told], Array]]] = {
        "the package": (noisy, lambda one: one.expected),
        "the package, pilots without noise": (quiet, lambda one: one.expected),
        "mean of the truths": (noisy, lambda one: one.mean),
        "median of the truths": (noisy, lambda one: one.spread[len(QUANTILES) // 2]),
        **{f"truth up to {times:g} times the pilot": (noisy, up_to(times)) for times in TOLD},
        **{f"{law} alone": (noisy, alone(law)) for law in ("pow3", "pow4", "mmf4", "m4")},
        "nearest law by hindsight": (noisy, nearest),
        "corrected by a forest": (noisy, learned(noisy)),
    }
    tasks = [[one.task for one in scenario.tasks] for scenario in noisy]
    none = np.array([judge.value(each, np.zeros(len(each))) for each in tasks])
    even = np.array([judge.value(s, judge.even(s, of.budget)) for s, of in zip(tasks, noisy, strict=True)])
    gain = np.array([reached(judge, scenario, lambda one: one.truth) for scenario in noisy]) - none
    answer = {"even split": figures(even, even, gain, none)}
    for name, (scenarios, forecast) in plans.items():
        answer[name] = figures(np.array([reached(judge, s, forecast) for s in scenarios]), even, gain, none)
    for name, found in answer.items():
        print(f"{name:36s} {found}")
    print(f"of what the package's plans lose, by data set: {lost(judge, noisy)}")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
