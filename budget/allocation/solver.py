"""The one place that runs a solver on a program built in PuLP, and says in one way how that ended."""

from __future__ import annotations

from dataclasses import dataclass

import pulp

SOLVERS = ("highs", "cbc")
TOLERANCE = 1e-9
GAP = 1e-7  # between a program of whole choices and its bound, where a solver may stop


@dataclass(frozen=True)
class Solved:
    """`status`: optimal | feasible (stopped early) | infeasible | unbounded | none (nothing found in time).

    `prices`: by row, how much the objective moves with its right side (0 where the program has whole variables).
    `limit`: what the solver says that no solution exceeds.
    """

    status: str
    values: dict[str, float]
    prices: dict[str, float]
    limit: float
    solver: str

    @property
    def found(self) -> bool:
        return self.status in ("optimal", "feasible")


def solve(program: pulp.LpProblem, solver: str = "highs", seconds: float | None = None, gap: float = GAP) -> Solved:
    """Maximise with the named solver: `highs` (or `cbc` where that is not installed) or `cbc`.

    Signs of prices differ between solvers; here they are those of the minimisation of the negative, up to one sign for
    all rows.
    """
    name = solver if solver == "cbc" or pulp.HiGHS().available() else "cbc"
    program.solve(_engine(name, seconds, gap))
    status = {
        pulp.LpStatusOptimal: "optimal",
        pulp.LpStatusInfeasible: "infeasible",
        pulp.LpStatusUnbounded: "unbounded",
    }.get(program.status, "none")
    if status == "optimal" and program.sol_status == pulp.LpSolutionIntegerFeasible:
        status = "feasible"
    if status not in ("optimal", "feasible"):
        return Solved(status, {}, {}, float("inf"), version(name))
    values = {v.name: float(v.varValue) for v in program.variables() if v.varValue is not None}
    prices = {row.name: float(row.pi) for row in program.constraints() if row.pi is not None}
    return Solved(status, values, prices, _limit(program, name, status, gap), version(name))


def _limit(program: pulp.LpProblem, name: str, status: str, gap: float) -> float:
    """The solver's own bound on a maximum. HiGHS leaves branches out of its bound that promise less than the gap more
    than what it has found: so the gap is added."""
    if name == "highs":
        return -float(program.solverModel.getInfo().mip_dual_bound) + gap
    value = program.objective.value()  # none where nothing counts: then PuLP's own variable stands there
    return float(value or 0.0) + gap if status == "optimal" else float("inf")


def _engine(name: str, seconds: float | None, gap: float) -> pulp.LpSolver:
    if name == "highs":
        return pulp.HiGHS(
            msg=False, timeLimit=seconds, gapRel=0.0, gapAbs=gap, threads=1,
            primal_feasibility_tolerance=TOLERANCE, dual_feasibility_tolerance=TOLERANCE,
        )  # fmt: skip
    options = [f"primalTolerance {TOLERANCE}", f"dualTolerance {TOLERANCE}"]
    return pulp.COIN_CMD(path=_bundled_cbc(), msg=False, timeLimit=seconds, gapRel=0.0, gapAbs=gap, options=options)


def _bundled_cbc() -> str:
    from pulp.apis import coin_api

    return str(coin_api.pulp_cbc_path)


def version(name: str) -> str:
    """The solver as a certificate names it."""
    if name == "highs":
        import highspy

        return f"HiGHS {highspy.HIGHS_VERSION_MAJOR}.{highspy.HIGHS_VERSION_MINOR}.{highspy.HIGHS_VERSION_PATCH}"
    return f"CBC, bundled with PuLP {pulp.VERSION}"
