"""May a surface be planned with? PASS, REVIEW or FAIL, with the reason and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from budget.fitting.capacity import Capacity
from budget.fitting.cells import Cells
from budget.fitting.isotonic import falling
from budget.fitting.misfit import Misfit
from budget.fitting.noise import NoisePrior, growth, one_run
from budget.fitting.pool_effect import PoolEffect

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """Every threshold of the checks, with what it means."""

    fewest_cells: int = 3  # below: FAIL, no curve can be told from another
    few_cells: int = 4  # below: REVIEW
    few_repeats: float = 2.0  # degrees of freedom between repeats
    span: float = 4.0  # largest over smallest pilot, along labels or a pool
    significance: float = 0.01  # of the tests for dips and for pool effects
    failed_share: float = 0.2  # of all runs: REVIEW; FAIL above a half
    chance: float = 0.02  # best score within so much of the worst, as a share of the range
    ceiling: float = 0.005  # error below which nothing is left to gain
    open_share: float = 0.75  # width of the 90 % interval at 4 times the pilot over the error there
    misfit: float = 0.02  # root mean square of what no law describes, as a share of the range


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Trust:
    """The verdict on one surface."""

    status: str = "PASS"
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Fitted:
    """What the checks look at beside the cells: width of the interval at 4 times the pilot over the error there,
    what the laws leave over, pool effects, and the noise that the tasks of the fit share."""

    width: float
    misfit: Misfit
    effects: Mapping[str, PoolEffect]
    noise: NoisePrior


def judge(task: Cells, fitted: Fitted, limits: Thresholds = THRESHOLDS) -> Trust:
    """The gravest finding decides the status; every finding is in the reason."""
    findings = [
        *_data(task, limits),
        *_scores(task, fitted, limits),
        *_fit(task, fitted, limits),
        *_pools(task, fitted, limits),
    ]
    if not findings:
        return Trust()
    status = "FAIL" if any(f.status == "FAIL" for f in findings) else "REVIEW"
    gravest = sorted(findings, key=lambda f: f.status != "FAIL")
    return Trust(status, "; ".join(f.reason for f in gravest) + ".", gravest[0].remedy)


def _data(task: Cells, limits: Thresholds) -> Iterator[Trust]:
    sizes = len(np.unique(task.labels))
    runs = int(task.repeats.sum()) + task.failed
    if len(task.labels) < limits.fewest_cells:
        yield Trust("FAIL", f"only {len(task.labels)} pilot sizes", "Measure at least four sizes, each twice as large.")
    elif not task.varied and sizes < limits.few_cells:
        yield Trust("REVIEW", f"only {sizes} pilot sizes", "Measure one or two more sizes.")
    if float((task.repeats - 1).sum()) < limits.few_repeats:
        yield Trust("REVIEW", "no repeats, so the noise is a guess", "Run two or three seeds at the small sizes.")
    positive = task.labels[task.labels > 0]
    if sizes > 1 and positive.max(initial=0) < limits.span * positive.min(initial=np.inf):
        yield Trust(
            "REVIEW", "the pilots' labels span less than a factor 4", "Add a pilot at a quarter of the smallest."
        )
    if task.failed > 0.5 * runs:
        yield Trust("FAIL", f"{task.failed} of {runs} runs failed", "Find out why runs fail before planning.")
    elif task.failed > limits.failed_share * runs:
        yield Trust("REVIEW", f"{task.failed} of {runs} runs failed", "Run the failed pilots again.")
    if task.outliers:
        yield Trust("REVIEW", f"{task.outliers} outlying runs", "Look at the logs of the outlying runs.")


def _scores(task: Cells, fitted: Fitted, limits: Thresholds) -> Iterator[Trust]:
    deviation = np.sqrt(one_run(task, fitted.noise)[0] / growth(task) / np.maximum(task.repeats, 1))
    if (task.error < -3 * deviation - 1e-9).any():
        yield Trust("FAIL", "scores above the metric's best", "Correct the metric's best and worst in the brief.")
    elif task.error.min() < limits.ceiling:
        yield Trust("REVIEW", "the score is at its ceiling", "Spend on other tasks, or use a harder test set.")
    if task.error.min() > 1 - limits.chance:
        yield Trust("REVIEW", "the score is still at chance", "Pilot with more labels until the score leaves chance.")


def _fit(task: Cells, fitted: Fitted, limits: Thresholds) -> Iterator[Trust]:
    dip = dips(task, fitted.noise, limits.significance)
    if dip:
        yield Trust("REVIEW", dip, "Stop training early on a validation split, and repeat the sizes around the dip.")
    if fitted.width > limits.open_share:
        yield Trust(
            "REVIEW", "floor and exponent are not determined by the pilots", "Add a pilot at twice the largest size."
        )
    left = fitted.misfit
    if left.p_value is not None and left.p_value < limits.significance and left.deviation > limits.misfit:
        yield Trust(
            "REVIEW",
            f"the pilots depart from every law by more than their noise, {left.deviation:.3f} of the range",
            "Check that all runs share one recipe.",
        )


def _pools(task: Cells, fitted: Fitted, limits: Thresholds) -> Iterator[Trust]:
    for j, name in enumerate(task.pools):
        if j not in task.varied:
            yield Trust(
                "REVIEW",
                f"pool {name} was never varied, so its effect is unknown",
                f"Run pilots with and without {name}.",
            )
    for name, effect in fitted.effects.items():
        if effect.few.high < 0 or effect.most.high < 0:
            yield Trust("REVIEW", f"pool {name} lowers the score", f"Do not buy {name} for this task.")
        elif effect.p_value is not None and effect.p_value > limits.significance and effect.few.low <= 0:
            found = f"what pool {name} brings cannot be told from nothing"
            if any(each.pool == name for each in task.capacity):
                yield Trust("REVIEW", found, f"Repeat the pilots with most {name}.")
            else:
                yield Trust("REVIEW", found, f"Repeat the pilots with most {name}, and compare a larger network.")
    for each in task.capacity:
        if each.p_value < limits.significance and each.ahead > 0:
            yield _too_small(each)


def _too_small(found: Capacity) -> Trust:
    """Another network, which is ahead with most of a pool's labels, makes more of them than the one of the curves."""
    pool, few, most, network = found.pool, found.few, found.most, found.backbone
    own, other, remedy = found.own.expected, found.other.expected, f"Run the pilots with backbone: {network}."
    if found.own.low <= 0:
        return Trust(
            "REVIEW",
            f"the curve of pool {pool} is flat because the network is too small: from {few:,} to {most:,} labels it "
            f"brings {own:.3f} with this network and {other:.3f} with {network}",
            remedy,
        )
    return Trust(
        "REVIEW",
        f"the network is too small for all that pool {pool} can bring: from {few:,} to {most:,} labels it "
        f"brings {own:.3f} with this network and {other:.3f} with {network}",
        remedy,
    )


def dips(task: Cells, prior: NoisePrior, significance: float) -> str:
    """Isotonic test along labels at the pool labels with most cells: what falls where the score should rise, or "".

    The weighted squares between the cells and their isotonic fit, over the noise, exceed the chi-square quantile. A dip
    that the curve has left again is sample-wise double descent (Nakkiran et al. 2019).
    """
    mixes, where, count = np.unique(task.pool_labels, axis=0, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(where.reshape(-1) == int(count.argmax())) if len(mixes) else np.arange(len(task.labels))
    rows = rows[np.argsort(task.labels[rows], kind="stable")]
    error = task.error[rows]
    weight = (task.repeats * growth(task))[rows] / max(one_run(task, prior)[0], 1e-12)
    fitted = falling(error, weight)
    blocks = len(np.unique(fitted))
    squares = float((weight * (error - fitted) ** 2).sum())
    freedom = len(rows) - blocks
    if freedom == 0 or squares <= float(chdtri(freedom, significance)):
        return ""
    worst = int(np.argmax(weight * (error - fitted) ** 2))
    recovered = error[-1] < error[worst] - 3 / np.sqrt(weight[worst])
    name = (
        "the score dips and recovers (sample-wise double descent)" if recovered else "the score falls with more labels"
    )
    return f"{name} near {task.labels[rows[worst]]:,.0f} labels"
