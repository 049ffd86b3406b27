"""Labels that were chosen by a strategy, beside the curve of labels chosen at random: what the choice brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from budget.plan import Score

if TYPE_CHECKING:
    from budget.fitting.surface import Surface
    from budget.run_table import RunTable

LEAST = 1e-9  # of the metric's range: no run is measured without any scatter


@dataclass(frozen=True)
class Strategy:
    """`gain` over as many labels chosen at random, in the task's own unit (more is better, whichever way the metric
    counts) with its 90 % interval, the mean over `runs` runs."""

    gain: Score
    runs: int


def strategies(surface: Surface, runs: RunTable) -> dict[str, Strategy]:
    """{strategy: gain} of runs of one task, in the columns of Measurements, whose labels were not chosen at random.

    Every run's score less what is expected at its labels and pools, weighted by the inverse variance of a run there.
    The interval is normal: what seeds leave open of the mean, and what the draws leave open of the curve.
    """
    answer = {}
    way = 1.0 if surface.best > surface.worst else -1.0
    scored = runs.take(runs.scored)
    for name, places in scored.places("strategy").items():
        rows = scored.take(places)
        labels, pools = rows["labels"], {pool: rows[f"pool:{pool}"] for pool in surface.pools}
        scatter = np.maximum(surface.scatter(labels, pools), LEAST * abs(surface.best - surface.worst))
        weight = scatter**-2 / (scatter**-2).sum()
        gain = way * float(weight @ (rows["score"] - surface.expected(labels, pools)))
        curve = surface.draws(labels, pools) @ weight
        half = 1.645 * float(np.sqrt(curve.var() + 1 / (scatter**-2).sum()))
        answer[name] = Strategy(Score(gain, gain - half, gain + half), len(rows))
    return answer
