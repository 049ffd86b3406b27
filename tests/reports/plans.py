"""Plans for looking at and for testing the page: from one task to forty, and the odd ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from budget.plan import Limit, NextMoney, Plan
from tests.reports.world import Task, World, plan_for


@cache
def one_task() -> Plan:
    """One task, no pool."""
    return plan_for(World({"defects": Task(0.35, target=0.72)}, {}), 5000.0, "Surface defects", "EUR")


@cache
def four_tasks() -> Plan:
    """Four tasks with four metrics, one pool; one task gets little, one forecast is weak."""
    tasks = {
        "classification": Task(0.08, owned=500, scale=3.0, uses=0.2),
        "detection": Task(
            0.35, metric="mAP", weight=2.0, floor=0.35, scale=3.0, target=0.55, trust="REVIEW", uses=0.08
        ),
        "segmentation": Task(0.9, metric="mIoU", floor=0.25, scale=3.0, power=0.33, uses=0.05),
        "keypoints": Task(2.5, metric="PCK", owned=3000, floor=0.3, scale=0.3, power=0.3, uses=0.0),
    }
    return plan_for(World(tasks, {"general": (0.05, 100000)}), 12000.0, "Perception roadmap")


@cache
def forty_tasks(count: int = 40) -> Plan:
    """Forty tasks, three pools, every limit binding."""
    metrics = ("accuracy", "mAP", "mIoU", "PCK")
    tasks = {
        f"task {index:02d} {metrics[index % 4]}": Task(
            price=0.1 * (1 + index % 7),
            floor=0.1 + 0.01 * (index % 20),
            power=0.25 + 0.01 * (index % 15),
            owned=100 + 40 * index,
            most=3000 + 40 * index,
            metric=metrics[index % 4],
            target=0.8 if index % 5 == 0 else None,
            trust=("PASS", "PASS", "REVIEW", "PASS", "FAIL", "PASS", "PASS", "PASS")[index % 8],
            weight=1.0 + index % 3,
        )
        for index in range(count)
    }
    pools = {"general images": (0.04, 60000), "synthetic renders": (0.01, 80000), "web, noisy": (0.002, 200000)}
    return plan_for(World(tasks, pools), 90000.0 * count / 40, "All vision teams, 2027", "EUR")


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"}</script><script>alert(2)</script>',
    "مهمة الكشف عن الحواف",
    "👩‍🔬 lab — “quoted” & more",
    "x" * 500,
    "{{ 7*7 }} {% raw %}",
)


@cache
def hostile() -> Plan:
    """Names that would break a careless page, a pool among them."""
    tasks = {name: Task(0.2 + 0.1 * index) for index, name in enumerate(HOSTILE[:5])}
    plan = plan_for(World(tasks, {HOSTILE[5]: (0.05, 50000)}), 8000.0, HOSTILE[1], "£")
    firm = {name: replace(line, band=(0, 120000), could_be=(1000, 250000)) for name, line in plan.tasks.items()}
    limits = (Limit("hours", "annotator hours <= 4,000", 4000.0, 4000.0, 0.0001), Limit("c", "x" * 120, 1.0, 2.0))
    return replace(plan, unspent_reason="<b>lots</b>", notes=("]]> & <!-- note",), tasks=firm, limits=limits)


@cache
def minimised() -> Plan:
    """Two tasks that share a metric of which less is better."""
    tasks = {
        "wind": Task(1.5, metric="RMSE, m/s", best=0.0, worst=8.0, target=2.0),
        "gusts": Task(2.5, metric="RMSE, m/s", best=0.0, worst=8.0),
    }
    return plan_for(World(tasks, {"reanalysis": (0.01, 300000)}), 12000.0, "Wind forecasts", "$")


@cache
def zero_spend() -> Plan:
    """Nothing can be bought: every line is full."""
    tasks = {"a": Task(1.0, most=400), "b": Task(2.0, most=400)}
    plan = plan_for(World(tasks, {}), 1000.0, "Nothing to buy")
    return replace(plan, unspent_reason="every line is at its limit", next_money=NextMoney(10.0, 0.0, {}))


@cache
def leftover() -> Plan:
    """A limit leaves money; prices with odd cents."""
    tasks = {"ocr": Task(0.1234, most=6000), "layout": Task(0.77, most=3000)}
    plan = plan_for(World(tasks, {"scans": (0.013, 20000)}), 9000.0, "Documents", "credits")
    return replace(plan, unspent_reason="every line is at its limit")


PLANS = {
    "one": one_task,
    "four": four_tasks,
    "forty": forty_tasks,
    "hostile": hostile,
    "minimised": minimised,
    "zero": zero_spend,
    "leftover": leftover,
}
