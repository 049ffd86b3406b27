"""How good and how fast plans under risk are on fitted surfaces, whose draws wander: gap and seconds of each.

Five tasks and two pools; measured scores follow effective-data curves with noise, in which each pool helps a task or
does not. Risk and budget go through three values each, from a little money to enough for all that may be bought.

usage: python benchmarks/risk.py [--briefs 15]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from budget import Brief, Measurements, fit
from budget.allocation.frontier import REACH
from budget.allocation.optimum import optimum
from budget.allocation.problem import problem
from budget.allocation.search import CLOSED
from budget.allocation.table import tabulate

TASKS, SIZES, MIXES = 5, (100, 250, 600, 1500), ((0, 0), (5000, 0), (20000, 0), (0, 20000), (20000, 20000))
RISKS, BUDGETS = (0.1, 0.3, 0.5), (3000, 12000, 40000)


def brief(number: int) -> Brief:
    tasks = {
        f"task {i}": {
            "label_cost": round(0.05 * 1.4**i, 3), "weight": 1 + i % 3, "owned": 1500, "lot": 50, "max_labels": 60000
        }
        for i in range(TASKS)
    }  # fmt: skip
    pools = {
        "general": {"label_cost": 0.01, "owned": 20000, "lot": 1000, "max_labels": 500000},
        "synthetic": {"label_cost": 0.004, "owned": 20000, "lot": 1000, "max_labels": 800000},
    }
    risk, budget = RISKS[number % 3], BUDGETS[number // 3 % 3]
    return Brief.from_dict({"budget": budget, "risk": risk, "tasks": tasks, "pools": pools})


def measurements(number: int) -> Measurements:
    random, rows = np.random.default_rng(number), []
    for i in range(TASKS):
        floor, power = random.uniform(0, 0.3), random.uniform(0.2, 0.6)
        worth = random.uniform(0, 3, 2) * random.integers(0, 2, 2)
        for labels in SIZES:
            for mix in MIXES:
                effective = labels + 30 + worth @ np.sqrt(mix) * labels**0.3
                for seed in range(2):
                    error = floor + 3 * effective**-power + random.normal(0, 0.4) / np.sqrt(labels) / 4
                    rows.append((f"task {i}", labels, seed, round(1 - float(np.clip(error, 0.01, 0.99)), 4), *mix))
    columns = ["task", "labels", "seed", "score", "pool:general", "pool:synthetic"]
    return Measurements.from_frame(pd.DataFrame(rows, columns=columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--briefs", type=int, default=15)
    gaps, seconds = [], []
    for number in range(parser.parse_args().briefs):
        asked = brief(number)
        case = problem(asked, fit(measurements(number), asked), REACH)
        table, started = tabulate(case), time.perf_counter()
        found = optimum(table, case, "highs")
        assert found is not None
        seconds.append(time.perf_counter() - started)
        gaps.append(found.bound - found.value)
        print(
            f"risk {asked.risk}  budget {asked.budget:6,.0f}  score {found.value:.6f}  gap {gaps[-1]:7.1e}"
            f"  {seconds[-1]:4.1f} s"
        )
    closed = sum(gap <= CLOSED for gap in gaps)
    print(f"gap at most {CLOSED:g}: {closed} of {len(gaps)}; largest {max(gaps):.1e}; median {np.median(gaps):.1e}")
    print(f"seconds a plan: median {np.median(seconds):.1f}, most {max(seconds):.1f}")


if __name__ == "__main__":
    main()
