"""Where the priors of the label laws come from: the constants under which real learning curves are forecast best.

Every second data set of the folder is fitted, the others check. A curve's pilot (up to 1/4 and 1/16 of its end) is
forecast with the priors at hand; the loss is the mean absolute error over a plain power law's, plus the interval score.
Coordinate search from the constants in use; each step that helps is kept. Prints the constants and both halves'
figures.

usage: python benchmarks/calibration.py [--data DIR] [--seconds 600] [--curves 370]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from budget.fitting.cells import Cells, Scale
from budget.fitting.draws import draw
from budget.fitting.laws import LAWS, Law
from budget.fitting.nodes import Array
from budget.fitting.noise import Runs
from budget.fitting.posterior import SETTINGS, posteriors

RATIOS = (4, 16)
STEPS = {"mean": 0.3, "deviation": 0.25, "weight": 0.5}
Curve = tuple[int, Cells, float, float, float]  # as `pilots` says
SHARED = {"no further gain": "pow4"}  # laws that take their shape from another


def pilots(data: Path, ratio: int) -> list[Curve]:
    """(data set, pilot, reach, true error there, a power law's absolute error): 7 label counts x 3 simulated seeds."""
    frame = pd.read_csv(data / "lcdb_curves.csv.gz").sort_values("labels")
    random = np.random.default_rng(ratio)
    answer: list[Curve] = []
    for _, g in frame.groupby(["openml_id", "learner"]):
        dataset, learner = int(g["openml_id"].iloc[0]), str(g["learner"].iloc[0])
        labels, error = g.labels.to_numpy(float), g.error_mean.to_numpy(float)
        low = np.flatnonzero((labels <= labels[-1] / ratio) & (labels >= 24))
        if len(low) < 7:
            continue
        pick = low[np.linspace(0, len(low) - 1, 7).round().astype(int)]
        runs = error[pick, None] + 5 * g.error_stderr.to_numpy()[pick, None] * random.standard_normal((7, 3))
        runs = np.clip(runs, 0, 1)
        mean = runs.mean(1)
        cell = Cells(f"{dataset}/{learner}", Scale(), (), labels[pick], np.zeros((7, 0)), mean, np.full(7, 3.0),
                     ((runs - mean[:, None]) ** 2).sum(1), 0)  # fmt: skip
        truth = float(error[-3:].mean())
        reach = float(labels[-1] / labels[pick][-1])
        answer.append((dataset, cell, reach, truth, abs(_power_law(labels[pick], mean, labels[-1]) - truth)))
    return answer


def _power_law(labels: Array, error: Array, at: float) -> float:
    """Least squares of E + B n^-b on a grid of b, E >= 0, B >= 0."""
    fits: list[tuple[float, float]] = []
    for exponent in np.geomspace(0.02, 2, 60):
        shape = labels**-exponent
        floor = max(float(np.linalg.lstsq(np.stack([np.ones_like(shape), shape], 1), error, rcond=None)[0][0]), 0.0)
        scale = max(float((error - floor) @ shape / (shape @ shape)), 0.0)
        fits.append((float(((floor + scale * shape - error) ** 2).sum()), floor + scale * at**-exponent))
    return min(fits)[1]


def figures(curves: list[Curve], laws: tuple[Law, ...], constants: Mapping[str, float]) -> dict[str, float]:
    """Error over the power law's, coverage and mean interval score of the 90 % interval."""
    settings = replace(SETTINGS, drift_mean=constants["drift mean"], drift_deviation=constants["drift deviation"])
    error, covered, score = [], [], []
    for start in range(0, len(curves), 64):
        part = curves[start : start + 64]
        fitted = posteriors([Runs(c[1]) for c in part], settings, laws)
        for (_, pilot, reach, truth, _), posterior in zip(part, fitted, strict=True):
            draws = draw(posterior, Runs(pilot), 200, 0)
            at = np.array([reach]), np.zeros((1, 0))
            low, high = np.quantile(draws.errors(*at), [0.05, 0.95])
            error.append(abs(float(draws.expected(*at)[0]) - truth))
            covered.append(low <= truth <= high)
            score.append(high - low + 20 * max(low - truth, 0.0) + 20 * max(truth - high, 0.0))
    line = float(np.mean([c[4] for c in curves]))
    return {"ratio": float(np.mean(error)) / line, "coverage": float(np.mean(covered)), "score": float(np.mean(score))}


def apply(constants: Mapping[str, float]) -> tuple[Law, ...]:
    """The label laws with these constants in place of their own."""
    answer = []
    for law in LAWS.values():
        if law.joint:
            continue
        source = SHARED.get(law.name, law.name)
        own = tuple(
            replace(p, mean=constants[f"{source} {p.name} mean"], deviation=constants[f"{source} {p.name} deviation"])
            for p in law.own
        )
        floor = replace(law.floor, mean=constants["floor mean"], deviation=constants["floor deviation"])
        answer.append(replace(law, own=own, floor=floor, weight=constants.get(f"{law.name} weight", 1.0)))
    return tuple(answer)


def in_use() -> dict[str, float]:
    """Every constant that is searched, as the package has it."""
    answer = {"drift mean": SETTINGS.drift_mean, "drift deviation": SETTINGS.drift_deviation}
    for law in (law for law in LAWS.values() if not law.joint):
        if law.name != "pow4":  # the others' weights are against its 1
            answer[f"{law.name} weight"] = law.weight
        for p in law.own if law.name not in SHARED else ():
            answer |= {f"{law.name} {p.name} mean": p.mean, f"{law.name} {p.name} deviation": p.deviation}
        answer |= {"floor mean": law.floor.mean, "floor deviation": law.floor.deviation}
    return answer


def loss(sets: Mapping[int, list[Curve]], constants: Mapping[str, float]) -> float:
    """Sum over both ratios of relative error and interval score, each in units of a good value."""
    found = [figures(curves, apply(constants), constants) for curves in sets.values()]
    missed = sum(max(abs(f["coverage"] - 0.9) - 0.01, 0.0) for f in found)
    return sum(f["ratio"] / 0.4 + f["score"] / 0.4 for f in found) + 4 * missed


def search(sets: Mapping[int, list[Curve]], seconds: float) -> dict[str, float]:
    """Coordinate search: a step in either direction, longer where it helped, shorter where it did not."""
    best, started = in_use(), time.monotonic()
    least = loss(sets, best)
    step = {name: STEPS[name.rsplit(" ", 1)[1]] for name in best}
    while time.monotonic() - started < seconds:
        for name in best:
            for sign in (1, -1):
                moved = dict(best)
                positive = not name.endswith("mean")
                moved[name] = (
                    best[name] * float(np.exp(sign * step[name])) if positive else best[name] + sign * step[name]
                )
                found = loss(sets, moved)
                if found < least - 1e-4:
                    best, least, step[name] = moved, found, step[name] * 1.3
                    break
            else:
                step[name] *= 0.6
            if time.monotonic() - started > seconds:
                break
        print(f"{time.monotonic() - started:.0f} s: {least:.4f}", flush=True)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--curves", type=int, default=370)
    arguments = parser.parse_args()
    if not (arguments.data / "lcdb_curves.csv.gz").exists():
        print(f"skipped: no lcdb_curves.csv.gz in {arguments.data}")
        return
    curves = {ratio: pilots(arguments.data, ratio) for ratio in RATIOS}
    chosen = set(sorted({c[0] for c in curves[4]})[::2])
    fitted = {r: [c for c in cs if c[0] in chosen][::2][: arguments.curves] for r, cs in curves.items()}
    others = {r: [c for c in cs if c[0] not in chosen] for r, cs in curves.items()}
    best = search(fitted, arguments.seconds)
    for name, constants in (("in use", in_use()), ("found", best)):
        for kind, sets in (("fitted", fitted), ("others", others)):
            for ratio, each in sets.items():
                found = figures(each, apply(constants), constants)
                print(name, kind, f"{ratio}x", {k: round(v, 4) for k, v in found.items()})
    print(json.dumps({k: round(v, 3) for k, v in best.items()}))


if __name__ == "__main__":
    main()
