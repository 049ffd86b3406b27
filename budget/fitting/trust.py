"""May a surface be planned with? PASS, REVIEW or FAIL, with the reason and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from budget.fitting.capacity import Capacity
from budget.fitting.cells import Cells
from budget.fitting.distributions import f_above
from budget.fitting.isotonic import falling
from budget.fitting.misfit import Misfit
from budget.fitting.noise import NoisePrior, cell_variance, one_run
from budget.fitting.pool_effect import PoolEffect

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """Every threshold of the checks, with what it means."""

    fewest_cells: int = 3  # different pilots; fewer: FAIL, no curve can be told from another
    few_cells: int = 4  # fewer: REVIEW
    few_repeats: float = 2.0  # degrees of freedom between repeats; fewer: REVIEW
    span: float = 4.0  # largest over smallest pilot, along labels or a pool; less: REVIEW
    significance: float = 0.01  # of the tests for dips, departures from every law, and pools
    failed_share: float = 0.2  # of all runs; more: REVIEW
    failed_most: float = 0.5  # of all runs; more: FAIL
    chance: float = 0.02  # best score within so much of chance, as a share of the range: REVIEW
    ceiling: float = 0.005  # error below which nothing is left to gain: REVIEW
    beyond: float = 3.0  # standard deviations above the metric's best; more: FAIL
    open_share: float = 0.75  # width of the 90 % interval at 4 times the pilot over the error there; more: REVIEW
    misfit: float = 0.02  # root mean square of what no law describes, as a share of the range; more: REVIEW


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
    cells, sizes = len(task.labels), len(np.unique(task.labels))
    if cells == 1:
        yield Trust("FAIL", "only one pilot size", "Measure at least four sizes, each twice as large.")
    elif cells < limits.fewest_cells:
        yield Trust("FAIL", f"only {cells} pilot sizes", "Measure at least four sizes, each twice as large.")
    elif not task.varied and sizes < limits.few_cells:
        yield Trust("REVIEW", f"only {sizes} pilot sizes", "Measure one or two more sizes.")
    if float((task.repeats - 1).sum()) < limits.few_repeats:
        yield Trust("REVIEW", "no repeats, so the noise is a guess", "Run two or three seeds at the small sizes.")
    yield from _spread(task, limits)
    runs = int(task.repeats.sum()) + task.failed
    if task.failed > limits.failed_most * runs:
        yield Trust("FAIL", f"{task.failed} of {runs} runs failed", "Find out why runs fail before planning.")
    elif task.failed > limits.failed_share * runs:
        yield Trust("REVIEW", f"{task.failed} of {runs} runs failed", "Run the failed pilots again.")
    if task.others:
        yield Trust(
            "REVIEW",
            f"{task.others} runs of another mode or number of annotators are left out (the curve is of {task.kind})",
            "Give runs of another kind a task name of their own.",
        )
    if task.outliers:
        yield Trust("REVIEW", f"outlying runs: {task.outliers}", "Look at the logs of the outlying runs.")


def _spread(task: Cells, limits: Thresholds) -> Iterator[Trust]:
    if np.ptp(task.labels) == 0 and len(task.labels) >= limits.fewest_cells:
        yield Trust(
            "REVIEW", "labels were never varied, so what more of them bring is a guess", "Add pilots with fewer labels."
        )
    elif _narrow(task.labels[task.labels > 0], limits):
        yield Trust(
            "REVIEW", "the pilots' labels span less than a factor 4", "Add a pilot at a quarter of the smallest."
        )
    for j in task.varied:
        if _narrow(task.pool_labels[:, j], limits):
            name = task.pools[j]
            yield Trust("REVIEW", f"pilots with {name} span less than a factor 4", f"Add pilots without {name}.")


def _narrow(sizes: Array, limits: Thresholds) -> bool:
    """Measured at several sizes that lie close together; none at all is far from every size."""
    return bool(len(sizes)) and bool(sizes.min() < sizes.max() < limits.span * sizes.min())


def _scores(task: Cells, fitted: Fitted, limits: Thresholds) -> Iterator[Trust]:
    if (task.error < -limits.beyond * np.sqrt(cell_variance(task, fitted.noise)) - 1e-9).any():
        yield Trust("FAIL", "scores above the metric's best", "Correct the metric's best and worst in the brief.")
    elif task.error.min() < limits.ceiling:
        yield Trust("REVIEW", "the score is at its ceiling", "Spend on other tasks, or use a harder test set.")
    if task.worse:
        yield Trust(
            "REVIEW", "scores worse than the metric's worst", "Correct the metric's best and worst in the brief."
        )
    if task.error.min() > (1.0 if task.chance is None else task.chance) - limits.chance:
        yield Trust("REVIEW", "the score is still at chance", "Pilot with more labels until the score leaves chance.")


def _fit(task: Cells, fitted: Fitted, limits: Thresholds) -> Iterator[Trust]:
    yield from dips(task, fitted.noise, limits.significance)
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
        if effect.p_value is None:
            yield Trust(
                "REVIEW",
                f"too few pilots to test what pool {name} brings",
                f"Run pilots with and without {name}, all else the same.",
            )
        elif effect.harm is not None and effect.harm < limits.significance:
            yield Trust("REVIEW", f"pool {name} lowers the score", f"Do not buy {name} for this task.")
        elif effect.p_value > limits.significance and effect.few.low <= 0:
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


def dips(task: Cells, prior: NoisePrior, significance: float) -> Iterator[Trust]:
    """Isotonic test along labels at the pool labels with most cells: does the score fall where it should rise?

    Given its number of blocks, the weighted squares between cells of equal truth and their isotonic fit are those of as
    many free normals as cells were pooled (Barlow and others 1972), and fewer where the truth falls; over the noise,
    which the repeats measure, they follow Fisher's F. Where the cell of one size alone explains it, that size dips or
    peaks; where no single one does and the score has clearly come back, it is sample-wise double descent (Nakkiran and
    others 2019).
    """
    mixes, where, count = np.unique(task.pool_labels, axis=0, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(where.reshape(-1) == int(count.argmax())) if len(mixes) else np.arange(len(task.labels))
    rows = rows[np.argsort(task.labels[rows], kind="stable")]
    labels, error = task.labels[rows], task.error[rows]
    variance = np.maximum(cell_variance(task, prior)[rows], 1e-12)
    freedom = max(one_run(task, prior)[1] + prior.runs - 1, 1.0)  # one is spent on how the variance falls
    if _rises(error, variance, freedom) >= significance:
        return
    odd = [i for i in range(len(rows)) if _rises(np.delete(error, i), np.delete(variance, i), freedom) >= significance]
    off = error - falling(error, 1 / variance)
    if len(rows) - 1 in odd:
        yield Trust(
            "REVIEW", f"the score falls at {labels[-1]:,.0f} labels, the most measured", "Repeat the largest size."
        )
    elif odd:
        one = max(odd, key=lambda i: off[i])
        again = "Repeat that size with more seeds."
        if off[one] > 0:
            yield Trust("REVIEW", f"the score dips at {labels[one]:,.0f} labels only", again)
        else:
            yield Trust("REVIEW", f"the score peaks at {labels[one]:,.0f} labels only", again)
    else:
        worst = int(np.argmax(error - np.minimum.accumulate(error)))
        back = error[worst] - error[-1] > 3 * np.sqrt(variance[worst] + variance[-1])
        if back:
            yield Trust(
                "REVIEW",
                f"the score falls and recovers (sample-wise double descent) near {labels[worst]:,.0f} labels",
                "Stop training early on a validation split.",
            )
        else:
            yield Trust(
                "REVIEW",
                f"the score falls with more labels near {labels[worst]:,.0f} labels",
                "Check that all runs share one recipe.",
            )


def _rises(error: Array, variance: Array, freedom: float) -> float:
    """P value that errors (N,) of these variances, known with so much freedom, rise by chance only."""
    fit = falling(error, 1 / variance)
    pooled = len(error) - len(np.unique(fit))
    squares = float(((error - fit) ** 2 / variance).sum())
    return f_above(pooled, freedom, squares / pooled) if pooled else 1.0
