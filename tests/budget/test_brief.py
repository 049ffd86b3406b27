"""A brief says what its keys say or names everything that is wrong with it, each with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budget.brief import Brief, Pool
from budget.errors import Fault, InvalidInput

WHOLE = """\
title: Perception roadmap
currency: €
budget: 6e4
goal: cheapest
risk: 0.1
hours: 4000
pools:
  general:
    label_seconds: 5
    hourly_wage: 12
    annotators: 3
    review: 0.2
    owned: 0
    max_labels: 400000
    min_labels: 0
    lot: 1000
    setup_cost: 0
    min_buy: 0
  web: {tiers: [[0, 0.05], [100000, 0.04]], label_seconds: 3}
tasks:
  detection:
    metric: {name: mAP, best: 1, worst: 0, direction: maximize}
    weight: 2
    target: 0.55
    target_confidence: 0.9
    group: driving
    label_cost: 0.35
    label_seconds: 30
    objects_per_label: 7
  lane marks (EU):
    metric: {name: loss, best: 0, worst: 2.3, direction: minimize}
    target: 0.4
    label_cost: 1
    label_seconds: 20
groups:
  driving: {min_share: 0.2, max_cost: 30000}
constraints:
  - detection.cost <= 2 * "lane marks (EU)".cost
  - driving.cost >= 10000
"""


def brief_of(text: str, tmp_path: Path) -> Brief:
    path = tmp_path / "b.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return Brief.from_file(path)


def faults_of(text: str, tmp_path: Path) -> list[Fault]:
    with pytest.raises(InvalidInput) as refused:
        brief_of(text, tmp_path)
    return [
        Fault(f.place.removeprefix(str(tmp_path / "b.yaml")), f.path, f.found, f.allowed, f.hint)
        for f in refused.value.faults
    ]


def simple(**changes: Any) -> dict[str, Any]:
    return {"budget": 100, "tasks": {"a": {"label_cost": 1}}} | changes


def paths_refused(values: object) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        Brief.from_dict(values)  # type: ignore[arg-type]
    return [fault.path for fault in refused.value.faults]


def test_every_key_of_the_format_is_read(tmp_path: Path) -> None:
    brief = brief_of(WHOLE, tmp_path)
    assert (brief.budget, brief.currency, brief.goal, brief.risk, brief.hours) == (60000, "€", "cheapest", 0.1, 4000)
    general, detection = brief.pools["general"], brief.tasks["detection"]
    assert (general.label_seconds, general.annotators, general.lot) == (5, 3, 1000)
    assert brief.pools["web"].tiers == ((0, 0.05), (100000, 0.04))
    assert (detection.metric.name, detection.target_confidence, detection.group) == ("mAP", 0.9, "driving")
    assert brief.tasks["lane marks (EU)"].metric.direction == "minimize"
    assert brief.groups["driving"].max_cost == 30000
    assert len(brief.constraints) == 2


def test_all_faults_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    faults = faults_of(
        """\
        budget: 60,000
        golas: mean
        pools:
          general: {label_cost: 0.05, max_labels: -1}
        tasks:
          detection:
            lable_cost: 0.35
          seg:
            label_cost: 010
            lot: 12:30
            weight: no
            group: drivng
            target: .nan
          other: {label_cost: 1, tiers: [[0, 1], [5]], direction: up}
          other: {label_cost: 2}
        groups: {driving: {min_share: 2}}
        constraints: [detekt.cost <= 3]
        """,
        tmp_path,
    )
    assert {(fault.place, fault.path): fault.hint for fault in faults} == {
        (":1:9", "budget"): "write 60000",
        (":2:1", "golas"): "did you mean goal?",
        (":4:43", "pools.general.max_labels"): "",
        (":7:5", "tasks.detection.lable_cost"): "did you mean label_cost?",
        (":9:17", "tasks.seg.label_cost"): "write 10",
        (":10:10", "tasks.seg.lot"): "",
        (":11:13", "tasks.seg.weight"): "",
        (":13:13", "tasks.seg.target"): "",
        (":14:42", "tasks.other.tiers[1][1]"): "",
        (":14:48", "tasks.other.direction"): "",
        (":15:3", "tasks.other"): "remove one of the two",
        (":16:31", "groups.driving.min_share"): "",
        (":17:15", "constraints[0]"): "did you mean detection?",
    }
    assert all(fault.found and fault.allowed for fault in faults)
    assert [int(fault.place.split(":")[1]) for fault in faults] == sorted(int(f.place.split(":")[1]) for f in faults)


def test_a_misspelt_group_is_found_by_its_neighbour(tmp_path: Path) -> None:
    tasks = "tasks: {a: {label_cost: 1, group: drivng}, b: {label_cost: 1, group: driving}}"
    (fault,) = faults_of(f"budget: 1\n{tasks}\ngroups: {{driving: {{}}}}", tmp_path)
    assert (fault.place, fault.hint) == (":2:35", "did you mean driving?")


@pytest.mark.parametrize(
    ("scalar", "value"),
    [("1e6", 1e6), ("1E+3", 1000.0), ("+5", 5.0), (".5", 0.5), ("5.", 5.0), ("0", 0.0), ("1000000000000", 1e12)],
)
def test_numbers_are_read_as_people_mean_them(scalar: str, value: float, tmp_path: Path) -> None:
    assert brief_of(f"budget: {scalar}\ntasks: {{a: {{label_cost: 1}}}}", tmp_path).budget == value


@pytest.mark.parametrize(
    ("scalar", "hint"),
    [("010", "write 10"), ("60_000", "write 60000"), ("1'000", "write 1000"), ("'5'", ""), ("$60", "write 60"),
     ("20%", "write 0.2"), ("12:30", ""), ("yes", ""), ("0x10", ""), (".inf", ""), ("-.inf", ""), (".nan", ""),
     ("-1", ""), ("1e400", ""), ("1e13", ""), ("true", ""), ("~", ""), ("", ""), ("[]", ""), ("2026-01-01", "")],
)  # fmt: skip
def test_what_is_no_amount_of_money_is_refused_at_its_place(scalar: str, hint: str, tmp_path: Path) -> None:
    (fault,) = faults_of(f"tasks: {{a: {{label_cost: 1}}}}\nbudget: {scalar}", tmp_path)
    assert (fault.place[:3], fault.path, fault.hint) == (":2:", "budget", hint)


@pytest.mark.parametrize(
    ("best", "worst"), [(1e300, 0.0), (1e308, -1e308), (1e-310, 0.0), (1.0000000000000002, 1.0), (1e12, 1e12 - 1)]
)
def test_ends_of_a_metric_that_nobody_can_reckon_with_are_refused(best: float, worst: float) -> None:
    metric = {"best": best, "worst": worst}
    with pytest.raises(InvalidInput, match="metric"):
        Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1, "metric": metric}}})


@pytest.mark.parametrize(
    "priced", [{"label_cost": 1e-320}, {"tiers": [[0, 1], [9, 1e-16]]}, {"label_seconds": 1e-9, "hourly_wage": 1e-9}]
)
def test_a_price_next_to_nothing_is_refused(priced: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"tasks\.a: found a price of .* allowed: 0, or at least 1e-15"):
        Brief.from_dict({"budget": 1, "tasks": {"a": priced}})
    assert Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1e-15}}}).budget == 1


@pytest.mark.parametrize("key", ["title", "currency", "metric"])
def test_a_text_that_would_command_a_terminal_is_refused(key: str) -> None:
    text, task = "\x1b[31mred", {"label_cost": 1}
    values = {"budget": 1, "tasks": {"a": task | ({"metric": {"name": text}} if key == "metric" else {})}}
    with pytest.raises(InvalidInput, match="text without control characters"):
        Brief.from_dict(values | ({key: text} if key != "metric" else {}))
    assert Brief.from_dict(values | {"tasks": {"a": task}, "title": "two\nlines"}).title == "two\nlines"


def test_a_number_that_is_too_large_is_told_how_large_it_may_be(tmp_path: Path) -> None:
    money, labels = faults_of("budget: 1e13\ntasks: {a: {label_cost: 1, max_labels: 1e30}}", tmp_path)
    assert (money.allowed, labels.allowed[-15:]) == ("money, 0 or more; 1e+12 at most", "; 1e+12 at most")


def test_names_that_other_readers_would_change_stay_as_they_are_written(tmp_path: Path) -> None:
    brief = brief_of("budget: 1\ntasks: {no: {label_cost: 1}, 010: {label_cost: 1}, 1: {label_cost: 1}}", tmp_path)
    assert list(brief.tasks) == ["no", "010", "1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing"),
        ("# only a comment\n", "nothing"),
        ("- a\n- b\n", "a list of 2"),
        ("just text", "'just text'"),
        ("budget: 1\n\ttasks: {}", "a syntax error"),
        ("budget: [1", "a syntax error"),
        ("budget: 1\n--- \nbudget: 2", "a second document"),
        ("[" * 50, "more than 20 levels"),
        ("budget: *there", "the alias *there"),
        ("a: &a [*a]", "the alias *a"),
        ("? [1, 2]\n: 3", "a key that is a list"),
        ("budget: !!python/object:os.system 1", "the tag"),
        ("budget: !!int '3'\ntasks: {a: {label_cost: 1}}", "the tag"),
        ("\x00", "a syntax error"),
    ],
)
def test_what_is_no_brief_is_refused_in_one_message(text: str, found: str, tmp_path: Path) -> None:
    assert any(found in fault.found for fault in faults_of(text, tmp_path))


def test_a_tab_is_named_as_the_culprit(tmp_path: Path) -> None:
    (fault,) = faults_of("budget: 10\n\ttasks: 3\n", tmp_path)
    assert (fault.place, fault.hint) == (":2:1", "indent with spaces, not tabs")


def test_aliases_share_prices_and_a_bomb_of_them_stays_small(tmp_path: Path) -> None:
    brief = brief_of("budget: 1\ntasks: {a: &price {label_cost: 2}, b: *price}", tmp_path)
    assert brief.tasks["b"].label_cost == 2
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 19))
    faults = faults_of(f"{bomb}budget: *a18\ntasks: *a18\n", tmp_path)
    assert len(faults) < 30
    assert all(len(str(fault)) < 500 for fault in faults)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    wide = ", ".join(["x"] * 1000)
    layers = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 1000)}]\n" for i in range(1, 5))
    (fault,) = faults_of(f"a0: &a0 [{wide}]\n{layers}pilots: {{x: *a4}}\nbudget: 1\n", tmp_path)
    assert fault.found == "more than 1,000,000 values"


def test_how_pilots_are_run_is_kept_as_it_is_written(tmp_path: Path) -> None:
    brief = brief_of("budget: 1\ntasks: {a: {label_cost: 1}}\npilots: {labels: {a: [1, 2]}, seeds: 2}", tmp_path)
    assert brief.pilots == {"labels": {"a": (1, 2)}, "seeds": 2}
    assert brief.sha256 != Brief.from_dict({"budget": 1, "tasks": {"a": {"label_cost": 1}}}).sha256
    for pilots in (
        {"x": b"1"},
        {"x": {1: 2}},
        {"x": float("nan")},
        {"x": {"x": {"x": {"x": {"x": {}}}}}},
        {"x": {1, 2}},
    ):
        assert paths_refused(simple(pilots=pilots)) == ["pilots"]


@pytest.mark.parametrize("raw", [b"budget: \xff", b"\xff\xfeb\x00", b"title: caf\xe9\nbudget: 1"])
def test_bytes_that_are_not_utf8_are_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_bytes(raw)
    with pytest.raises(InvalidInput, match="UTF-8"):
        Brief.from_file(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_bytes(b"\xef\xbb\xbfbudget: 1\ntasks: {a: {label_cost: 1}}")
    assert Brief.from_file(path).budget == 1


def test_a_file_that_is_not_there_or_too_large_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        Brief.from_file(tmp_path / "nowhere.yaml")
    with pytest.raises(InvalidInput, match="directory"):
        Brief.from_file(tmp_path)
    with pytest.raises(InvalidInput, match="null"):
        Brief.from_file("a\0b")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 10_000_001)
    with pytest.raises(InvalidInput, match="bytes"):
        Brief.from_file(large)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ({}, "tasks.a"),
        ({"label_cost": 1, "label_seconds": 5, "hourly_wage": 12}, "tasks.a"),
        ({"label_cost": 1, "tiers": [[0, 1]]}, "tasks.a"),
        ({"label_seconds": 5}, "tasks.a"),
        ({"hourly_wage": 12}, "tasks.a.hourly_wage"),
        ({"tiers": [[5, 1]]}, "tasks.a.tiers"),
        ({"tiers": [[0, 1], [10, 2], [10, 3]]}, "tasks.a.tiers"),
        ({"tiers": []}, "tasks.a.tiers"),
        ({"label_cost": 0}, "tasks.a"),
        ({"label_cost": 1, "max_labels": 5, "min_labels": 6}, "tasks.a.min_labels"),
        ({"label_cost": 1, "max_labels": 5, "min_labels": 4, "lot": 3}, "tasks.a.min_labels"),
        ({"label_cost": 1, "max_labels": 9, "owned": 3, "min_labels": 4, "min_buy": 5, "lot": 4}, "tasks.a.min_labels"),
        ({"label_cost": 1, "max_labels": 5, "owned": 6}, "tasks.a.max_labels"),
        ({"label_cost": 1, "max_labels": 5, "owned": 3, "min_buy": 3}, "tasks.a.min_buy"),
        ({"label_cost": 1, "lot": 0}, "tasks.a.lot"),
        ({"label_cost": 1, "owned": 2.5}, "tasks.a.owned"),
        ({"label_cost": 1, "owned": True}, "tasks.a.owned"),
        ({"label_cost": 1, "owned": "5"}, "tasks.a.owned"),
        ({"label_cost": 1, "annotators": 0}, "tasks.a.annotators"),
        ({"label_cost": 1, "review": 1.1}, "tasks.a.review"),
        ({"label_cost": 1, "objects_per_label": 0}, "tasks.a.objects_per_label"),
        ({"label_cost": 1, "weight": -1}, "tasks.a.weight"),
        ({"label_cost": 1, "weight": 0}, "tasks"),
        ({"label_cost": 1, "target": 1.5}, "tasks.a.target"),
        ({"label_cost": 1, "target_confidence": 0.9}, "tasks.a.target_confidence"),
        ({"label_cost": 1, "target": 0.5, "target_confidence": 1}, "tasks.a.target_confidence"),
        ({"label_cost": 1, "metric": {"direction": "minimize"}}, "tasks.a.metric"),
        ({"label_cost": 1, "metric": {"best": 0, "worst": 1}}, "tasks.a.metric"),
        ({"label_cost": 1, "metric": {"best": 1, "worst": 1}}, "tasks.a.metric"),
        ({"label_cost": 1, "metric": "mAP"}, "tasks.a.metric"),
        (None, "tasks.a"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused(line: object, path: str) -> None:
    assert paths_refused(simple(tasks={"a": line})) == [path]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"goal": "cheapest"}, "tasks.a"),
        ({"goal": "best"}, "goal"),
        ({"hours": 10}, "tasks.a"),
        ({"risk": 1}, "risk"),
        ({"groups": {"g": {}}}, "groups.g"),
        ({"pools": {"a": {"label_cost": 1}}}, "tasks.a"),
        ({"pools": {"total": {"label_cost": 1}}}, "pools.total"),
        ({"pools": {" x": {"label_cost": 1}}}, 'pools." x"'),
        ({"pools": {"x" * 201: {"label_cost": 1}}}, f"pools.{'x' * 201}"),
        ({"pools": {"": {"label_cost": 1}}}, 'pools.""'),
        ({"pools": {"a\nb": {"label_cost": 1}}}, 'pools."a\\nb"'),
        ({"pools": {5: {"label_cost": 1}}}, "pools"),
        ({"pools": []}, "pools"),
        ({"tasks": {}}, "tasks"),
        ({"budget": -1}, "budget"),
        ({"budget": float("nan")}, "budget"),
        ({"constraints": ["b.cost <= 3"]}, "constraints[0]"),
        ({"constraints": "a.cost <= 3"}, "constraints"),
        ({"constraints": [3]}, "constraints[0]"),
        ({"title": 2026}, "title"),
    ],
)
def test_a_brief_that_contradicts_itself_is_refused(changes: dict[str, Any], path: str) -> None:
    assert paths_refused(simple(**changes)) == [path]


@pytest.mark.parametrize("values", [None, [], "budget", 5, {}])
def test_what_is_no_mapping_of_the_right_keys_is_refused(values: object) -> None:
    assert paths_refused(values)


@pytest.mark.parametrize(
    "name", ["a", "Spur (EU)", "物体検出", "عربى", "می‌خواهم", "<img src=x onerror=alert(1)>", "👩‍🚒", '"}']
)
def test_names_of_every_script_are_names(name: str) -> None:
    assert list(Brief.from_dict(simple(tasks={name: {"label_cost": 1}})).tasks) == [name]


def test_numbers_of_numpy_are_numbers() -> None:
    line = {"label_cost": np.float64(0.5), "max_labels": np.int64(7), "weight": np.float32(2)}
    assert Brief.from_dict(simple(tasks={"a": line})).tasks["a"].max_labels == 7


def test_limits_that_hold_with_equality_only_are_no_contradiction() -> None:
    groups = {"g": {"min_share": 0.07, "max_cost": 7}, "h": {"min_share": 0.93}}  # 0.07 x 100 > 7 in floats
    tasks = {"a": {"label_cost": 1, "group": "g"}, "b": {"label_cost": 1, "group": "h"}}
    assert Brief.from_dict({"budget": 100, "tasks": tasks, "groups": groups}).groups["g"].max_cost == 7


def test_a_free_pool_needs_an_end_and_then_stands() -> None:
    assert paths_refused(simple(pools={"own": {"label_cost": 0}})) == ["pools.own"]
    assert Brief.from_dict(simple(pools={"own": {"label_cost": 0, "max_labels": 9}})).pools["own"] == Pool(
        label_cost=0.0, max_labels=9
    )


def test_the_hash_is_of_what_is_said_and_not_of_how() -> None:
    one = Brief.from_dict({"budget": 5, "tasks": {"a": {"label_cost": 1}, "b": {"label_cost": 2, "lot": 1}}})
    other = Brief.from_dict({"tasks": {"b": {"label_cost": 2.0}, "a": {"label_cost": 1}}, "budget": 5.0, "risk": 0})
    assert one.sha256 == other.sha256
    assert one.sha256 != one.with_budget(6).sha256


def test_a_brief_from_a_file_equals_the_one_from_a_dictionary_and_knows_its_places(tmp_path: Path) -> None:
    brief = brief_of("budget: 100\ntasks:\n  a:\n    label_cost: 1\n", tmp_path)
    assert brief == Brief.from_dict(simple())
    assert brief.place("tasks", "a", "label_cost").endswith("b.yaml:4:17")
    assert brief.with_budget(3).place("tasks", "a", "lot").endswith("b.yaml:4:5")
    assert Brief.from_dict(simple()).place("tasks", "a") == ""


@pytest.mark.parametrize("money", [-1.0, float("nan"), float("inf")])
def test_another_budget_is_checked_as_the_first_was(money: float) -> None:
    with pytest.raises(InvalidInput, match="budget"):
        Brief.from_dict(simple()).with_budget(money)


keys = [*Brief.model_fields, *Pool.model_fields, "metric", "weight", "group", "a", "detection", "0", "<<"]
scalars = st.sampled_from(
    ["1", "-1", "1e6", "no", "010", "~", "", ".nan", "'x'", "mean", "*a", "&a 1", "!!int 1", "12:30"]
)
fragments = st.sampled_from(
    [*keys, *(f"{key}: " for key in keys), "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ", ", "\t", '"']
)


@settings(max_examples=300)
@given(
    raw=st.one_of(
        st.binary(max_size=200), st.lists(scalars | fragments, max_size=40).map(lambda parts: "".join(parts).encode())
    )
)
@example(raw=b"tasks: {a: &a {label_cost: 1}, b: *a}\nbudget: 1")
@example(raw=b"budget: 1\n? ")
def test_any_bytes_are_a_brief_or_an_error_of_ours(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(raw)
    try:
        brief = Brief.from_file(path)
    except InvalidInput as error:
        refused = error.faults
    else:
        refused = ()
        assert brief.tasks
    assert all(fault.found and fault.allowed and str(path) in fault.place for fault in refused)


loose = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys) | st.integers(), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@example({"pools": {2**70: None}}, None, None)
@given(st.dictionaries(st.sampled_from(keys), loose, max_size=8) | loose, loose, loose)
def test_any_values_are_a_brief_or_an_error_of_ours(values: Any, line: object, other: object) -> None:
    if isinstance(values, dict):
        values = {"budget": 5, "tasks": {"a": line, "b": other}} | values
    try:
        brief = Brief.from_dict(values)
    except InvalidInput as error:
        refused = error.faults
    else:
        refused = ()
        assert len(brief.sha256) == 64
    assert all(fault.found and fault.allowed for fault in refused)
