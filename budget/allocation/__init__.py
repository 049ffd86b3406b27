"""Allocation: what to buy, and the proof that no other purchase does better."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from budget.plan import Certificate, Plan, Provenance

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements

FRONTIER_REACH = 2  # the frontier goes on to so many budgets
NEXT = 0.01  # of the budget: the amount that `next_money` adds


def plan(
    brief: Brief,
    measurements: Measurements,
    surfaces: Mapping[str, Surface] | None = None,
    seed: int = 0,
    solver: str = "highs",
    seconds: float | None = None,
) -> Plan:
    """Split the budget of a brief by what its pilots measured. `seconds`: limit for a program with whole choices.

    Raises InvalidInput where the brief asks for what was not measured, CannotBeMet where no plan keeps to the brief.
    """
    from budget.allocation import assemble, audit, frontier
    from budget.allocation.baselines import baselines
    from budget.allocation.evaluation import evaluate
    from budget.allocation.optimum import optimum
    from budget.allocation.problem import Choice, problem
    from budget.allocation.sensitivity import sensitivity
    from budget.allocation.table import tabulate

    started = time.perf_counter()
    if surfaces is None:
        from budget.fitting import fit

        surfaces = fit(measurements, brief, seed)
    asked = problem(brief, surfaces, FRONTIER_REACH)
    audit.check(asked)
    table = tabulate(asked)
    rivals = baselines(asked)
    solving = time.perf_counter()
    best = optimum(table, asked, solver, tuple(rivals.values()), seconds)
    if best is None:
        raise audit.explained(brief, surfaces, solver)
    spent = time.perf_counter() - solving
    amount = NEXT * brief.budget
    more_money = asked.with_budget(brief.budget + amount)
    richer = optimum(table, more_money, solver, (best.choice,), seconds) or best
    nothing = Choice((0,) * len(asked.tasks), (0,) * len(asked.pools))
    chosen, more, bare, *scored = evaluate(asked, [best.choice, richer.choice, nothing, *rivals.values()])
    solution = assemble.Solution(asked, chosen, bare, more, amount)
    tasks = assemble.task_lines(brief, surfaces, solution)
    pools = assemble.pool_lines(brief, surfaces, solution)
    known = (best.choice, richer.choice, *rivals.values())
    gap = max(best.bound - best.value, 0.0)
    return Plan(
        status="optimal" if gap <= 1e-4 else "feasible",
        title=brief.title, currency=brief.currency, goal=brief.goal, risk=brief.risk, budget=brief.budget,
        cost=float(chosen.cost), unspent=float(asked.money - chosen.cost),
        unspent_reason=assemble.unspent_reason(asked, best.choice),
        score=chosen.score, now=bare.score,
        certificate=Certificate(best.bound, gap, best.solver, spent, best.form),
        next_money=assemble.next_money(solution), tasks=tasks, pools=pools,
        baselines=assemble.compared(chosen, dict(zip(rivals, scored, strict=True)), asked),
        provenance=_provenance(brief, measurements, seed, started),
        frontier=assemble.frontier_points(frontier.along_budgets(table, asked, known, best.prices), asked),
        shares=assemble.share_points(frontier.along_shares(table, asked, best.choice, best.prices), asked),
        sensitivity=sensitivity(table, asked, chosen, best.prices),
        evidence=assemble.all_evidence(brief, measurements, surfaces, tasks, pools),
    )  # fmt: skip


def _provenance(brief: Brief, measurements: Measurements, seed: int, started: float) -> Provenance:
    import numpy as np
    import pulp

    from budget import __version__

    failed = int(measurements.frame["score"].isna().sum())
    return Provenance(
        version=__version__, brief_sha256=brief.sha256, measurements_sha256=measurements.sha256, seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"), seconds=time.perf_counter() - started,
        versions={"numpy": np.__version__, "pulp": pulp.VERSION},
        measured_runs=len(measurements.frame) - failed, failed_runs=failed,
    )  # fmt: skip
