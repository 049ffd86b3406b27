"""Do plans come true? What the demo's plan buys is bought, and so is what rival plans buy: networks are trained on it.

usage: python benchmarks/carried_out.py [--demo demo] [--budget MONEY] [--seeds 3]

From the brief and the measurements of `labelbudget demo` (made if they are not there yet) comes the plan. Then the
built-in networks are trained on as many labels and pool labels as the plan, an even split of the money, tasks alone and
pools alone buy, beside those owned: with seeds that no pilot had, which draw other labels too. Printed is each forecast
with its 90 % interval beside the mean over seeds of what was measured; and what the plan was to gain on each rival,
beside what it gained. A mean of few seeds scatters too (its standard error is printed), which intervals of the score
averaged over seeds do not count. Outcomes are kept in the demo's folder: what is interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from budget import Brief, Measurements, fit, plan
from budget.plan import Plan
from pilots.trainers import Run, Trainer
from pilots.trainers.networks import digit_scenes

FIRST_SEED = 100  # pilots have the seeds from 0 on
RIVALS = ("even split", "tasks only", "pools only")


@dataclass(frozen=True)
class Measured:
    """Scores of one task under one plan, by seed, on its own scale and from 0 (worst) to 1 (best)."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]


def purchases(answer: Plan) -> dict[str, Mapping[str, int]]:
    """{plan: {line: labels bought}}."""
    ours = {name: line.buy for name, line in (*answer.tasks.items(), *answer.pools.items())}
    return {"the plan": ours} | {name: answer.baselines[name].buy for name in RIVALS if name in answer.baselines}


def trained(trainer: Trainer, run: Run, folder: Path) -> float:
    """The score of a run, trained unless it was before."""
    pools = "-".join(f"{name}{labels}" for name, labels in run.pools)
    kept = folder / f"{run.task}-{run.labels}-{pools}-{run.seed}.json"
    if not kept.exists():
        trainer.pretrain(run.pools, run.seed, folder)
        outcome = trainer.train(run, folder)
        if outcome.score is None:
            raise RuntimeError(f"{run}: {outcome.note}")
        kept.write_text(json.dumps(asdict(outcome)))
    return float(json.loads(kept.read_text())["score"])


def carried_out(brief: Brief, buys: Mapping[str, int], seeds: int, folder: Path) -> dict[str, Measured]:
    """What a plan's purchases bring, by task."""
    trainer, found = digit_scenes(), {}
    pools = tuple((name, pool.owned + buys[name]) for name, pool in sorted(brief.pools.items()))
    for name, task in brief.tasks.items():
        runs = [Run(name, task.owned + buys[name], FIRST_SEED + k, pools) for k in range(seeds)]
        scores = tuple(trained(trainer, run, folder) for run in runs)
        worst, best = task.metric.worst, task.metric.best
        found[name] = Measured(scores, tuple((score - worst) / (best - worst) for score in scores))
    return found


def error_of(values: Sequence[float]) -> float:
    """Standard error of a mean."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="the folder that `labelbudget demo` made")
    parser.add_argument("--budget", type=float, help="instead of the brief's")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    if not (asked.demo / "measurements.csv").exists():
        subprocess.run([Path(sys.executable).with_name("labelbudget"), "demo", asked.demo], check=True)
    store = asked.demo / "carried_out"
    store.mkdir(exist_ok=True)
    brief = Brief.from_file(asked.demo / "brief.yaml")
    brief = brief if asked.budget is None else brief.with_budget(asked.budget)
    measurements = Measurements.from_csv(asked.demo / "measurements.csv")
    surfaces = fit(measurements, brief)
    answer = plan(brief, measurements, surfaces)

    print("| plan | task | labels | pool labels | forecast | 90 % interval | measured | inside |")
    print("|---|---|---:|---:|---:|---|---:|---|")
    totals, inside, off = {}, [], []
    for name, buys in purchases(answer).items():
        found = carried_out(brief, buys, asked.seeds, store)
        for task, measured in found.items():
            labels = brief.tasks[task].owned + buys[task]
            pools = {pool: [each.owned + buys[pool]] for pool, each in brief.pools.items()}
            (low,), (high,) = surfaces[task].interval([labels], pools)
            (expected,) = surfaces[task].expected([labels], pools)
            score = mean(measured.scores)
            inside.append(low <= score <= high)
            off.append(abs(score - expected) / abs(surfaces[task].best - surfaces[task].worst))
            print(
                f"| {name} | {task} | {labels} | {sum(size for (size,) in pools.values())} | {expected:.3f} | "
                f"{low:.3f} to {high:.3f} | {score:.3f} ± {error_of(measured.scores):.3f} | "
                f"{'yes' if inside[-1] else 'no'} |",
                flush=True,
            )
        weights = np.array([brief.tasks[task].weight for task in found])
        totals[name] = np.array([each.shares for each in found.values()]).T @ weights / weights.sum()  # (seeds,)
    print(f"\n{sum(inside)} of {len(inside)} inside; mean absolute error {100 * mean(off):.1f} points")
    print(f"\nmean score of the plan: forecast {answer.score.expected:.4f}, measured {totals['the plan'].mean():.4f}")
    for name, total in list(totals.items())[1:]:
        gain, won = answer.baselines[name].gain, (totals["the plan"] - total).tolist()
        print(
            f"gain on {name}: forecast {gain.expected:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}), "
            f"measured {mean(won):+.4f} ± {error_of(won):.4f}"
        )


if __name__ == "__main__":
    main()
