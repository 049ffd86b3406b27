"""The smooth optimum under risk: the mean over the worst draws of a plan's score is raised (CVaR).

That mean is the least of all mixtures q of the draws that put at most 1 / (r S) on any of S draws,

    CVaR_r(x) = min { sum_s q_s F_s(x) :  0 <= q_s <= 1 / (r S),  sum_s q_s = 1 }     (Rockafellar and Uryasev, 2000)

and so the best plan under the right mixture is the best plan under risk; under any mixture it is a bound. Mixture and
plan are sought together: at a point, the best that a mixture can reach nearby is F q + q Q q / 2. The mixture with the
least of that is found, and one of Newton's steps is taken under it, damped the more the less these parabolas say of the
draws, which wander (Levenberg, 1944).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budget.allocation.goals import worst_tail
from budget.allocation.lines import Array
from budget.allocation.problem import Problem, Whole
from budget.allocation.smooth import WIDE, Smooth, cases_of, drawn

ROUNDS, SETTLED, SAME = 40, 1e-5, 1e-9  # a step of fewer of the labels ends the search; a fall that is but rounding
RISE, STALE = 1e-8, 5  # so do so many rounds, one after the other, that raise the tail by less
FAR = 0.1  # of the labels: over which slopes and bends are taken at most, and half of the last step
DAMPED, RELAXED, STIFFENED = 0.1, 5.0, 5.0  # damping at first; over what it is where a step helps, times where not
SWITCHES, PATIENCE, TIE = 200, 8, 1e-12  # scores that differ by less may take each other's place


@dataclass(frozen=True)
class Tail:
    """The mixture (S,) of the draws, and what is best under it."""

    mixture: Array
    best: Smooth


def worst_mixture(problem: Problem, tasks: Array, pools: Array) -> Tail:
    """The mixture under which the best plan is best under risk, from purchases of tasks (T,) and pools (P,) on."""
    cases = cases_of([problem])
    low, high, least, most = cases.ends
    here, height, damping, width, stale = (tasks, pools), -np.inf, DAMPED, FAR, 0
    for _ in range(ROUNDS):
        tried = drawn(cases, *here, width)
        tail, value = worst_tail(problem, tried.value)
        stale = stale + 1 if value < height + RISE else 0
        if value >= height - SAME:
            around, base, mixture, height, damping = tried, here, tail, value, damping / RELAXED
        else:
            damping = max(STIFFENED * damping, DAMPED)
        curvature = around.newton(cases, mixture, *base, damping).curvature(*around.rises)
        mixture = least_mixture(around.value, curvature, 1 / (problem.risk * len(tail)))
        moved, shifted, prices = around.newton(cases, mixture, *base, damping).best()
        step = float(max(np.abs(moved).max(initial=0.0), np.abs(shifted).max(initial=0.0)))
        if step < SETTLED or stale >= STALE:
            break
        here = (
            np.clip(base[0] + moved[0] * around.size, low, high),
            np.clip(base[1] + shifted[0] * around.sizes, least, most),
        )
        width = min(max(step / 2, WIDE), FAR)
    tasks, pools = base
    return Tail(mixture, Smooth(tasks[None], pools[None], prices, np.array([step])))


def least_mixture(score: Array, curvature: Array, most: float) -> Array:
    """The q (S,) with the least score q + q curvature q / 2, of 0 <= q <= most with sum 1, by block pivoting as in
    Newton's step.

    >>> least_mixture(np.array([1.0, 2.0, 3.0]), np.zeros((3, 3)), 0.5).round(6)
    array([0.5, 0.5, 0. ])
    """
    size = len(score)
    curvature = curvature + np.eye(size) * max(1e-9 * float(np.trace(curvature)) / size, 1e-13)
    rank = np.argsort(np.argsort(score, kind="stable"), kind="stable")
    state = -np.sign(rank - int(1 / most + 1e-9))  # the worst at most, one free, the others at 0
    fewest, left = size + 1, PATIENCE
    for _ in range(SWITCHES):
        q, pressed = _held(score, curvature, state, most)
        wanted = np.where(state == 0, 1 * (q > most) - 1 * (q < 0), state * (state * pressed <= TIE))
        wrong = np.flatnonzero(wanted != state)
        if not len(wrong):
            break
        fewest, left = (len(wrong), PATIENCE) if len(wrong) < fewest else (fewest, left - 1)
        some = wrong if left >= 0 else wrong[-1:]
        state[some] = wanted[some]
        if not (state == 0).any():
            state[np.where(state < 0, pressed, np.inf).argmin()] = 0
    q = np.clip(q, 0.0, most)
    left = 1 - q.sum()  # of a search that was broken off
    return np.asarray(q + left * (most - q) / (most - q).sum() if left > TIE else q / q.sum())


def _held(score: Array, curvature: Array, state: Whole, most: float) -> tuple[Array, Array]:
    """The least mixture with some shares held at 0 (-1) or `most` (1), and what presses on each of them."""
    free = np.flatnonzero(state == 0)
    q = np.where(state > 0, most, 0.0)
    matrix = np.ones((len(free) + 1, len(free) + 1))
    matrix[:-1, :-1], matrix[-1, -1] = curvature[np.ix_(free, free)], 0.0
    right = np.append(-(score + curvature @ q)[free], 1 - q.sum())
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # nothing bends: of many mixtures that are as low, the smallest
        found = np.linalg.lstsq(matrix, right, rcond=None)[0]
    q[free] = found[:-1]
    return q, score + curvature @ q + float(found[-1])
