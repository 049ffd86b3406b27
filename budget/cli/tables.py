"""Answers as plain text tables and JSON documents. They show what they are given; no decision rests on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from budget.cli.output import table

if TYPE_CHECKING:
    from budget.fitting.pool_effect import PoolEffect
    from budget.fitting.strategies import Strategy
    from budget.fitting.surface import Surface
    from budget.plan import Hidden, Plan, Score

HALF_A_CENT = 0.005
LEGEND = (
    "In brackets: 90% ranges. Exponent: how fast the error falls with labels. Reachable: the score that no number of",
    "labels passes. Noise: standard deviation of one run at the largest pilot. A pool fades at the labels from which",
    "on it brings less than a hundredth of the metric's range or cannot be told from nothing.",
)


def pool_mix(pools: Mapping[str, int]) -> str:
    """Pool labels in one cell.

    >>> pool_mix({"general": 4000, "web": 0}), pool_mix({})
    ('general 4,000', '-')
    """
    return ", ".join(f"{name} {labels:,}" for name, labels in pools.items() if labels) or "-"


def surface_document(surface: Surface) -> dict[str, Any]:
    """One fitted task as JSON."""
    return {
        "largest_pilot": {"labels": surface.most_labels, "pools": dict(surface.most_pools)},
        "laws": dict(surface.laws),
        "exponent": asdict(surface.exponent) if surface.exponent else None,
        "floor": asdict(surface.floor) if surface.floor else None,
        "noise": surface.noise,
        "pools": {name: asdict(effect) for name, effect in surface.effects.items()},
        "fades_at": dict(surface.fades_at),
        "strategies": {name: asdict(strategy) for name, strategy in surface.strategies.items()},
        "trust": asdict(surface.trust),
    }


def fit_table(surfaces: Mapping[str, Surface]) -> str:
    """One row a task; then for each what the curve is made of, what its pools do, and what needs a person."""
    rows, remarks = [], []
    for name, surface in sorted(surfaces.items()):
        fit = [
            _ranged(surface.exponent, ".2f"),
            _ranged(surface.floor, ".3f"),
            f"{surface.noise:.3f}",
        ]
        rows.append([name, surface.trust.status, pool_mix(surface.most_pools), f"{surface.most_labels:,}", *fit])
        remarks += ["", f"{name}: {_laws(surface)}.", *(_pool(*each) for each in surface.effects.items())]
        remarks += [_strategy(*each) for each in surface.strategies.items()]
        if surface.trust.reason:
            advice = f" {surface.trust.remedy}" if surface.trust.remedy else ""
            remarks.append(f"  {surface.trust.status}: {surface.trust.reason}{advice}")
    header = ["task", "trust", "most pool labels", "most labels", "exponent", "reachable", "noise"]
    return "\n".join([table(header, rows, left=3), *remarks, "", *LEGEND])


def _ranged(value: Score | None, digits: str) -> str:
    return f"{value.expected:{digits}} ({value.low:{digits}} to {value.high:{digits}})" if value else "-"


def _laws(surface: Surface) -> str:
    """Every law that weighs a hundredth or more, the heaviest first."""
    heavy = sorted((pair for pair in surface.laws.items() if pair[1] >= 0.005), key=lambda pair: -pair[1])
    return ", ".join(f"{law} {weight:.0%}" for law, weight in heavy)


def _pool(name: str, effect: PoolEffect) -> str:
    """What a pool brings at the fewest and the most labels measured, and where that fades."""
    few, most = (_ranged(rise, "+.3f") for rise in (effect.few, effect.most))
    if effect.p_value is None:
        test = "too few pilots to test that"
    else:
        test = f"that it brings nothing: p {'<0.001' if effect.p_value < 0.001 else f'{effect.p_value:.3f}'}"
    fades = "it does not fade"
    if effect.fades_at is not None:
        fades = f"it fades at about {float(f'{effect.fades_at:.2g}'):,.0f} labels"
    return f"  {name} brings {few} at the fewest labels measured and {most} at the most; {test}; {fades}."


def _strategy(name: str, found: Strategy) -> str:
    """What labels chosen by a strategy bring over as many chosen at random."""
    gain = f"{found.gain.expected:+.3f} ({found.gain.low:+.3f} to {found.gain.high:+.3f})"
    return f"  labels chosen by {name}: {gain} over as many chosen at random; runs: {found.runs}"


def plan_table(answer: Plan) -> str:
    """What to buy, what it costs and what it brings, one row a pool or task, and the sum."""
    rows = [
        [name, f"{pool.owned:,}", f"{pool.buy:,}", f"{pool.cost:,.2f}", "", "", "", ""]
        for name, pool in answer.pools.items()
    ]
    for name, task in answer.tasks.items():
        scores = [f"{task.now:.3f}", f"{task.expected:.3f}", f"{task.low:.3f} to {task.high:.3f}", task.trust]
        money = [f"{task.owned:,}", f"{task.buy:,}", f"{task.cost:,.2f}"] if task.measured_on is None else ["", "", ""]
        rows.append([name, *money, *scores])
    score, now = answer.score, answer.now
    total = [f"{now.expected:.3f}", f"{score.expected:.3f}", f"{score.low:.3f} to {score.high:.3f}", ""]
    rows.append(["all", "", "", f"{answer.cost:,.2f}", *total])
    share = f"{score.level:.0%} range"
    header = ["", "owned", "buy", f"cost ({answer.currency})", "score now", "expected", share, "trust"]
    return "\n".join([table(header, rows), "", *plan_remarks(answer)])


def plan_remarks(answer: Plan) -> list[str]:
    """The sentences under the table of a plan."""
    remarks = []
    if answer.unspent >= HALF_A_CENT:
        reason = f": {answer.unspent_reason}" if answer.unspent_reason else ""
        remarks.append(f"{answer.unspent:,.2f} of {answer.budget:,.2f} {answer.currency} stays unspent{reason}.")
    even = answer.baselines.get("even split")
    if even is not None:
        counted = "" if answer.goal == "mean" and answer.risk == 0 else " in the mean score"
        spent = "" if answer.goal != "cheapest" else f" for {even.cost:,.2f}"
        remarks.append(
            f"Against an even split{spent}{counted}: {even.gain.expected:+.3f} "
            f"({even.gain.low:+.3f} to {even.gain.high:+.3f}), "
            f"at least as good with probability {even.beaten_probability:.0%}."
        )
    remarks.append(_proved(answer))
    remarks += [
        f"{name}: {line.trust}: {line.trust_reason}" for name, line in answer.tasks.items() if line.trust_reason
    ]
    return [*remarks, *answer.notes]


def _proved(answer: Plan) -> str:
    """What no other plan exceeds, by what the goal counts."""
    bound, gap, of = answer.certificate.bound, answer.certificate.gap, answer.certificate.of
    if of == "money":
        most = f"{bound:,.2f} {answer.currency}: at most {gap:,.2f} less"
        return f"No plan within these limits reaches every target for less than {most}."
    scaled = any(line.target is not None for line in answer.tasks.values())
    does = {
        "mean score": "can be expected to score",
        "mean score of the worst draws": f"scores, in its worst {answer.risk:.0%} of draws on average,",
        "lowest score": f"lifts the lowest score{', each over its target,' if scaled else ''}",
    }[of]
    return f"No plan within these limits {does} above {bound:.4f}: at most {gap:.1g} more."


def frontier_table(answer: Plan) -> str:
    """One row a budget: what it buys and what that brings."""
    names = [*answer.pools, *answer.tasks]
    rows = []
    for point in answer.frontier:
        score, bought = point.score, [f"{point.buy.get(name, 0):,}" for name in names]
        span = f"{score.low:.3f} to {score.high:.3f}"
        rows.append([f"{point.budget:,.2f}", f"{point.cost:,.2f}", f"{score.expected:.4f}", span, *bought])
    header = [f"budget ({answer.currency})", "cost", "expected", f"{answer.score.level:.0%} range"]
    return table([*header, *(f"buy {name}" for name in names)], rows, left=0)


def failed_budgets(answer: Plan) -> str:
    """In one line, the budgets of the frontier that have no plan, and why the largest of them has none."""
    failed = sorted(answer.failed_budgets, key=lambda each: each.budget)
    if not failed:
        return ""
    budgets = ", ".join(f"{each.budget:,.2f}" for each in failed)
    return f"No plan for {budgets} {answer.currency}: {failed[-1].reason}."


def backtest_document(hidden: Mapping[str, Sequence[Hidden]], spans: Mapping[str, float]) -> dict[str, Any]:
    """The hidden pilots of every task and what the forecasts were worth, by task in its own unit and over all as shares
    of each metric's range, `spans` (1 where it is not named); null where nothing could be hidden."""
    from budget.fitting.backtest import as_share, summary

    every = [line for task, lines in hidden.items() for line in as_share(lines, spans.get(task, 1.0))]
    tasks = {
        task: {"hidden": [asdict(line) for line in hidden[task]], **asdict(summary(hidden[task]))}
        for task in sorted(hidden)
    }
    return {"tasks": tasks, "all": asdict(summary(every)) if every else None}


def backtest_table(hidden: Mapping[str, Sequence[Hidden]], spans: Mapping[str, float]) -> str:
    """One row a hidden pilot: what was predicted for it, by us, by the last value and by a power law, and what came;
    then one row a task, and one for all, as shares of each metric's range: mean absolute errors, and how many lay in
    their range."""
    from budget.fitting.backtest import as_share

    if not any(hidden.values()):
        return "Nothing could be hidden: a task needs pilots at more sizes than its fit does."
    header = ["task", "pools", "labels", "measured", "predicted", "90% range", "within", "last value", "power law"]
    lines = [(task, line) for task in sorted(hidden) for line in hidden[task]]
    one_by_one = table(header, [_hidden_row(task, line) for task, line in lines], left=2)
    every = [line for task in sorted(hidden) for line in as_share(hidden[task], spans.get(task, 1.0))]
    groups = {task: hidden[task] for task in sorted(hidden)} | {"all tasks (share of range)": every}
    header = ["mean absolute error", "hidden", "predicted", "last value", "power law", "within 90% range"]
    in_sum = table(header, [_summary_row(name, group) for name, group in groups.items()])
    return f"{one_by_one}\n\n{in_sum}"


def _hidden_row(task: str, line: Hidden) -> list[str]:
    simpler = ["-" if value is None else f"{value:.3f}" for value in (line.last_value, line.power_law)]
    inside = "yes" if line.low <= line.measured <= line.high else "no"
    span = f"{line.low:.3f} to {line.high:.3f}"
    scores = [f"{line.measured:.3f}", f"{line.predicted:.3f}", span, inside]
    return [task, pool_mix(line.pools), f"{line.labels:,}", *scores, *simpler]


def _summary_row(name: str, lines: Sequence[Hidden]) -> list[str]:
    from budget.fitting.backtest import summary

    found = summary(lines)
    errors = [f"{value:.4f}" for value in (found.error, found.last_value, found.power_law)]
    return [name, f"{found.count:,}", *errors, f"{found.covered:.0%}"]
