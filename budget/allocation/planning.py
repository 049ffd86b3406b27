"""From a brief and its surfaces to the whole Plan: solved, compared, looked at from all sides."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pulp

from budget.allocation import assemble, audit, frontier, stability
from budget.allocation.baselines import baselines, repaired
from budget.allocation.evaluation import evaluate
from budget.allocation.further import next_pilots
from budget.allocation.goals import goal_value, kept
from budget.allocation.optimum import Optimum, optimum
from budget.allocation.problem import Choice, Problem, problem
from budget.allocation.quick import quick
from budget.allocation.rounding import spend_rest
from budget.allocation.search import CLOSED
from budget.allocation.sensitivity import sensitivity
from budget.allocation.solver import SOLVERS
from budget.allocation.table import Table, tabulate
from budget.allocation.whole_lots import reach
from budget.errors import Fault, InvalidInput
from budget.plan import Certificate, Plan, Provenance

if TYPE_CHECKING:
    from budget.brief import Brief
    from budget.fitting.surface import Surface
    from budget.measurements import Measurements

NEXT = 0.01  # of the budget: the amount that `next_money` adds
ROOMY = 4  # times the money of the cheapest plan: a budget as large is no scale for the search
FEW = 40  # with more lines than this, how firm each amount is is not looked at: each of them matters little


@dataclass(frozen=True)
class Scope:
    """What a plan was found in, and the plan: the brief's problem, or, where far less than its budget is of use, the
    same with less money."""

    table: Table
    problem: Problem
    best: Optimum


@dataclass(frozen=True)
class Solved:
    """A solved problem with what belongs to it. `seconds`: how long the plan itself took."""

    table: Table
    problem: Problem
    scope: Scope
    richer: Choice
    richer_bound: float
    amount: float
    rivals: dict[str, Choice]
    repaired: dict[str, tuple[str, ...]]
    solver: str
    seconds: float


def planned(
    brief: Brief,
    measurements: Measurements,
    surfaces: Mapping[str, Surface],
    seed: int,
    solver: str,
    seconds: float | None,
    compare: Mapping[str, Mapping[str, int]],
) -> Plan:
    """The plan of a brief."""
    started = time.perf_counter()
    if solver not in SOLVERS:
        raise InvalidInput((Fault("", "solver", repr(solver), " or ".join(SOLVERS)),))
    solved = _solved(brief, surfaces, solver, seconds, compare)
    asked, scope, best = solved.problem, solved.scope, solved.scope.best
    nothing = Choice((0,) * len(asked.tasks), (0,) * len(asked.pools))
    chosen, more, bare, *scored = evaluate(asked, [best.choice, solved.richer, nothing, *solved.rivals.values()])
    bands, could_be = _firmness(solved)
    solution = assemble.Solution(asked, chosen, bare, more, solved.richer_bound, solved.amount, bands, could_be)
    tasks = assemble.task_lines(brief, surfaces, solution)
    pools = assemble.pool_lines(brief, surfaces, solution)
    known = (best.choice, solved.richer, *solved.rivals.values())
    points = frontier.along_budgets(solved.table, asked, known, best.prices, solver)
    of_brief = measurements.asked_by(brief)
    looked_at, pilots = next_pilots(asked, brief, of_brief, best)
    return Plan(
        status="optimal" if best.bound - best.value <= CLOSED * _unit(scope) else "feasible",
        title=brief.title, currency=brief.currency, goal=brief.goal, risk=brief.risk, budget=brief.budget,
        cost=float(chosen.cost), unspent=float(asked.money - chosen.cost),
        unspent_reason=assemble.unspent_reason(asked, best.choice),
        score=chosen.score, now=bare.score, certificate=certificate(scope, solved.seconds),
        next_money=assemble.next_money(solution), tasks=tasks, pools=pools,
        baselines=assemble.compared(
            chosen, dict(zip(solved.rivals, scored, strict=True)), asked, solved.repaired
        ),
        frontier=assemble.frontier_points(points, asked), failed_budgets=assemble.failed_budgets(points),
        shares=assemble.share_points(
            frontier.along_shares(solved.table, asked, best.choice, best.prices), asked, chosen
        ),
        sensitivity=sensitivity(scope.table, scope.problem, chosen, best.prices),
        evidence=assemble.all_evidence(brief, of_brief, surfaces, tasks, pools, seed),
        limits=stability.limits(scope.table, scope.problem, best.choice, best.prices, solver),
        pilots_looked_at=looked_at, next_pilots=pilots,
        provenance=_provenance(brief, measurements, seed, started),
    )  # fmt: skip


def _solved(
    brief: Brief,
    surfaces: Mapping[str, Surface],
    solver: str,
    seconds: float | None,
    compare: Mapping[str, Mapping[str, int]],
) -> Solved:
    asked = problem(brief, surfaces, frontier.REACH)
    rivals = baselines(asked, compare)
    mended = repaired(asked, rivals, solver)
    rivals |= {name: choice for name, (choice, _) in mended.items()}
    known = [*rivals.values()]
    if not any(kept(asked, choice) for choice in known):
        known.append(audit.plan_within(brief, surfaces, solver))
    table = tabulate(asked)
    started = time.perf_counter()
    best = optimum(table, asked, solver, known, seconds)
    assert best is not None  # never below a plan that is known
    scope = _narrowed(Scope(table, asked, best), solver, seconds)
    best, spent = scope.best, time.perf_counter() - started
    amount = NEXT * brief.budget
    base = float(asked.cost(best.choice)) if asked.goal == "cheapest" else brief.budget
    case = replace(asked, goal=assemble.raised(asked), budget=base + amount)
    richer, bound = _richer(table, case, best, solver)
    keys = {name: broken for name, (_, broken) in mended.items()}
    return Solved(table, asked, scope, richer, bound, amount, rivals, keys, solver, spent)


def _narrowed(scope: Scope, solver: str, seconds: float | None) -> Scope:
    """For the goal `cheapest`, the plan found anew with no more money than the last one needs, until that is of the
    budget's size: gaps are shares of the budget, and grids reach as far as it buys."""
    while scope.problem.goal == "cheapest":
        cost = scope.problem.cost(scope.best.choice)
        if not 0 < ROOMY * cost < scope.problem.money:
            break
        case = scope.problem.within(cost)
        table = tabulate(case)
        best = optimum(table, case, solver, (scope.best.choice,), seconds)
        if best is None:
            break
        scope = Scope(table, case, best)
    return scope


def _unit(scope: Scope) -> float:
    """What a gap is measured by: 1, or, where the least money is sought, that money."""
    return abs(scope.best.value) if scope.problem.goal == "cheapest" else 1.0


def _richer(table: Table, case: Problem, best: Optimum, solver: str) -> tuple[Choice, float]:
    """The best plan found for a little more money, anew or the plan with more where that brings most; and a bound.

    Where none keeps to the brief, for least shares rise with the money, it is the plan itself; nothing is proved."""
    anew = quick(table, [case], best.prices, solver, best.choice, proofs=True)[0]
    made = [best.choice, *spend_rest([case], [best.choice]), anew.choice]
    good = [choice for choice in made if choice is not None and kept(case, choice)]
    return (max(good, key=partial(goal_value, case)), anew.bound) if good else (best.choice, np.inf)


def certificate(scope: Scope, seconds: float) -> Certificate:
    """The bound in the goal's own unit."""
    asked, best = scope.problem, scope.best
    bound, value, of = best.bound, best.value, "mean score"
    if asked.goal == "cheapest":
        bound, value, of = max(-best.bound, 0.0) * asked.budget, -best.value * asked.budget, "money"
    elif asked.goal == "worst":
        of = "lowest score"
    elif asked.risk > 0:
        of = "mean score of the worst draws"
    return Certificate(bound, abs(bound - value), best.solver, seconds, best.form, of, value)


def _firmness(solved: Solved) -> tuple[dict[str, stability.Band], dict[str, stability.Band]]:
    """Bands of every amount over the draws and over plans nearly as good."""
    scope, asked, prices = solved.scope, solved.scope.problem, solved.scope.best.prices
    if len(asked.lines) > FEW or asked.budget <= 0:
        return {}, {}
    names = [line.name for line in asked.lines]
    near = stability.nearly_as_good(scope.table, asked, scope.best.choice, prices)
    bands = stability.bands(asked, prices)
    if asked.rows:
        ends = reach(asked, solved.solver)
        bands, near = (stability.within(asked, scope.best.choice, some, ends) for some in (bands, near))
    return dict(zip(names, bands, strict=True)), dict(zip(names, near, strict=True))


def _provenance(brief: Brief, measurements: Measurements, seed: int, started: float) -> Provenance:
    from budget import __version__

    scored = measurements.asked_by(brief).runs.scored
    return Provenance(
        version=__version__, brief_sha256=brief.sha256, measurements_sha256=measurements.sha256, seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"), seconds=time.perf_counter() - started,
        versions={"numpy": np.__version__, "pulp": pulp.VERSION},
        measured_runs=int(scored.sum()), failed_runs=int((~scored).sum()),
    )  # fmt: skip
