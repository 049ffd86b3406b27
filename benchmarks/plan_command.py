"""How long `labelbudget plan` takes as a whole process, for a typical brief: 8 tasks, 2 pools, lots and one constraint.

Measured scores follow effective-data curves with noise: 4 label counts, 5 mixes of the pools, 2 seeds, 320 runs. Every
run is a fresh process that writes its three files; printed are the fastest and the median, beside the target.

usage: python benchmarks/plan_command.py [--runs 5] [--goal mean] [--risk 0]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

TASKS, SIZES, MIXES = 8, (100, 250, 600, 1500), ((0, 0), (5000, 0), (20000, 0), (0, 20000), (20000, 20000))


def brief(goal: str, risk: float) -> dict[str, object]:
    """The brief as a document."""
    tasks = {
        f"task {i}": {
            "label_cost": round(0.05 * 1.4**i, 3), "weight": 1 + i % 3, "owned": 1500, "lot": 50, "max_labels": 60000,
            "target": 0.5, "target_confidence": 0.8,
        }
        for i in range(TASKS)
    }  # fmt: skip
    for task in tasks.values() if goal == "mean" else ():
        del task["target"], task["target_confidence"]
    pools = {
        "general": {"label_cost": 0.01, "owned": 20000, "lot": 1000, "max_labels": 500000},
        "synthetic": {"label_cost": 0.004, "owned": 20000, "lot": 1000, "max_labels": 800000},
    }
    constraints = ['"task 7".cost <= 2 * "task 6".cost']
    return {
        "title": "Typical", "budget": 20000, "goal": goal, "risk": risk, "tasks": tasks, "pools": pools,
        "constraints": constraints,
    }  # fmt: skip


def measurements() -> pd.DataFrame:
    """The table of pilots."""
    random, rows = np.random.default_rng(0), []
    for i in range(TASKS):
        floor, power, worth = 0.05 + 0.02 * i, random.uniform(0.25, 0.45), random.uniform(0.5, 3.0, 2)
        for labels in SIZES:
            for mix in MIXES:
                effective = labels + 30 + worth @ np.sqrt(mix) * labels**0.3
                for seed in range(2):
                    error = floor + 3.0 * effective**-power + random.normal(0, 0.4) / np.sqrt(labels) / 4
                    rows.append((f"task {i}", labels, seed, round(1 - min(error, 0.99), 4), *mix, labels / 50))
    return pd.DataFrame(
        rows, columns=["task", "labels", "seed", "score", "pool:general", "pool:synthetic", "seconds"]
    )  # fmt: skip


def seconds(folder: Path, run: int) -> float:
    """Of one process, from its start to its end."""
    command = [sys.executable, "-c", "from budget.cli import main; main()", "plan", "brief.yaml", "runs.csv"]
    started = time.perf_counter()
    subprocess.run([*command, "-o", f"out{run}"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--goal", choices=["mean", "worst", "cheapest"], default="mean")
    parser.add_argument("--risk", type=float, default=0.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "brief.yaml").write_text(json.dumps(brief(arguments.goal, arguments.risk)), encoding="utf-8")
        measurements().to_csv(folder / "runs.csv", index=False)
        taken = [seconds(folder, run) for run in range(arguments.runs)]
    print(
        f"labelbudget plan, {TASKS} tasks, 2 pools, lots, one constraint, goal {arguments.goal}, risk {arguments.risk}"
    )
    print(f"fastest of {len(taken)}: {min(taken):.2f} s   median {median(taken):.2f} s   target 1.5 s")


if __name__ == "__main__":
    main()
