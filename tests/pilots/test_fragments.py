"""What annotation tools and price lists say becomes the part of a brief that it is; nothing of it is ever guessed."""

import csv
import json

import openpyxl
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from budget import Brief
from budget.cli import main
from budget.errors import InvalidInput
from pilots.imports.fragment import read_fragment
from pilots.imports.labelled import Labelled, read_labelled

COCO = {
    "images": [{"id": number, "file_name": f"{number}.jpg", "width": 9, "height": 9} for number in (1, 2, 3, 4)],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 1, "bbox": [0, 0, 2, 2]},
        {"id": 4, "image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1},
    ],
}
BOX = {"id": "x1", "type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": {"x": 1, "y": 1}}
LABEL_STUDIO = [  # as `Export > JSON` of Label Studio writes it
    {
        "id": 1,
        "data": {"image": "1.jpg"},
        "annotations": [
            {
                "id": 1,
                "completed_by": 1,
                "result": [BOX, BOX | {"id": "x2"}],
                "was_cancelled": False,
                "lead_time": 20.5,
            },
            {"id": 2, "completed_by": 2, "result": [BOX], "was_cancelled": False, "lead_time": 24.5},
        ],
    },
    {
        "id": 2,
        "data": {"image": "2.jpg"},
        "annotations": [
            {"id": 3, "completed_by": 1, "result": [], "was_cancelled": False, "lead_time": 6.0},
            {"id": 4, "completed_by": 2, "result": [], "was_cancelled": False, "lead_time": 7200.0},
        ],
    },
    {"id": 3, "data": {}, "annotations": [{"id": 5, "result": [], "was_cancelled": True, "lead_time": 2.0}]},
    {"id": 4, "data": {}, "annotations": []},
]
CVAT_IMAGES = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><size>3</size></task></meta>
<image id="0" name="a.jpg" width="9" height="9"><box label="car" xtl="0" ytl="0" xbr="2" ybr="2"/>
<polygon label="car" points="0,0;1,1;0,1"/></image>
<image id="1" name="b.jpg" width="9" height="9"><tag label="night"/></image>
<image id="2" name="c.jpg" width="9" height="9"></image></annotations>"""
CVAT_VIDEO = """<annotations><version>1.1</version><meta><task><size>10</size></task></meta>
<track id="0" label="car"><box frame="0" outside="0"/><box frame="1" outside="0"/><box frame="2" outside="1"/></track>
<track id="1" label="car"><box frame="1" outside="0"/></track></annotations>"""


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def written(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_of_coco_images_with_objects_are_owned_and_crowds_are_no_objects(tmp_path):
    found = read_labelled(write(tmp_path / "boxes.json", COCO))
    assert (found.items, found.objects, found.unlabelled) == (2, 3, 2)


def test_of_label_studio_people_and_real_seconds_come_along_without_pauses(tmp_path):
    found = read_labelled(write(tmp_path / "export.json", LABEL_STUDIO))
    assert (found.items, found.objects, found.unlabelled) == (2, 2, 2)
    assert found.brief_keys() == {"owned": 2, "label_seconds": 17.0, "annotators": 2}


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_label_studios_short_formats_have_a_row_an_annotation(tmp_path, ending):
    rows = [{"id": 1, "image": "a", "annotation_id": 1, "annotator": 1, "lead_time": 3.0},
            {"id": 1, "image": "a", "annotation_id": 2, "annotator": 2, "lead_time": 5.0},
            {"id": 2, "image": "b", "annotation_id": "", "annotator": "", "lead_time": ""}]  # fmt: skip
    path = tmp_path / f"export.{ending}"
    if ending == "json":
        write(path, rows)
    else:
        written(path, [list(rows[0]), *(list(row.values()) for row in rows)])
    found = read_labelled(path)
    assert (found.items, found.unlabelled) == (1, 1)
    assert found.brief_keys() == {"owned": 1, "label_seconds": 4.0, "annotators": 2}


@pytest.mark.parametrize(("content", "expected"), [(CVAT_IMAGES, (2, 3, 1)), (CVAT_VIDEO, (2, 3, 8))])
def test_of_cvat_images_and_frames_with_a_shape_are_owned(tmp_path, content, expected):
    found = read_labelled(write(tmp_path / "annotations.xml", content))
    assert (found.items, found.objects, found.unlabelled) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{"),
        ("a.json", {"images": [{}], "annotations": [], "categories": []}),
        ("a.json", [{"annotations": [{"lead_time": "soon"}]}]),
        ("a.xml", "<annotations><image>"),
    ],
)
def test_annotations_that_cannot_be_read_are_one_clear_error(tmp_path, name, content):
    with pytest.raises(InvalidInput, match="COCO"):
        read_labelled(write(tmp_path / name, content))


@pytest.mark.parametrize(("name", "content"), [("a.json", [1, 2]), ("a.xml", "<svg/>"), ("a.csv", "task,labels\n")])
def test_other_files_are_left_to_others(tmp_path, name, content):
    assert read_fragment(write(tmp_path / name, content), {}, {}) is None


@given(st.lists(st.floats(0.1, 1e5), min_size=1, max_size=30))
def test_the_seconds_of_a_label_lie_within_what_people_took(seconds):
    keys = Labelled(5, 0, 0, tuple(seconds)).brief_keys()
    assert 0.99 * min(seconds) <= keys["label_seconds"] <= 1.01 * max(seconds)


PRICES = [
    ["name", "kind", "from", "label_cost", "annotators", "hourly_wage", "label_seconds"],
    ["general", "pool", 100000, 0.04, "", "", ""],
    ["general", "pool", 0, 0.05, "", "", ""],
    ["detection", "task", "", 0.35, 3, "", ""],
    ["lane marks (EU)", "task", "", "", "", 12, 30],
]
EXPECTED = {
    "tasks": {
        "detection": {"annotators": 3, "label_cost": 0.35},
        "lane marks (EU)": {"label_seconds": 30.0, "hourly_wage": 12.0},
    },
    "pools": {"general": {"tiers": [[0, 0.05], [100000, 0.04]]}},
}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_price_list_is_the_same_as_csv_and_as_spreadsheet_and_makes_a_brief(tmp_path, ending):
    path = tmp_path / f"prices.{ending}"
    if ending == "csv":
        written(path, PRICES)
    else:
        book = openpyxl.Workbook()
        for row in PRICES:
            book.active.append([None if cell == "" else cell for cell in row])
        book.save(path)
    found = read_fragment(path, {}, {})
    assert found.document() == EXPECTED
    brief = Brief.from_dict({"budget": 100, **yaml.safe_load(found.text())})
    assert set(brief.tasks) == {"detection", "lane marks (EU)"}


def test_columns_of_a_price_list_may_have_other_names_and_be_given_for_all(tmp_path):
    path = written(tmp_path / "list.csv", [["Label", "EUR"], ["boxes", "0.5"], ["masks", "2"]])
    found = read_fragment(path, {"name": "Label", "label_cost": "EUR"}, {"kind": "pool"})
    assert found.document() == {"pools": {"boxes": {"label_cost": 0.5}, "masks": {"label_cost": 2.0}}}


def test_every_fault_of_a_price_list_is_said_with_its_row(tmp_path):
    rows = [["name", "label_cost", "kind"], ["a", "cheap", ""], ["", "1", ""], ["b", "1", "tsak"], ["c", "1", ""],
            ["c", "2", ""]]  # fmt: skip
    with pytest.raises(InvalidInput) as error:
        read_fragment(written(tmp_path / "p.csv", rows), {}, {})
    assert [fault.place.rpartition(" ")[2] for fault in error.value.faults] == ["2", "3", "4", "6"]
    tiers = [["name", "from", "label_cost"], ["a", "100", "1"]]
    with pytest.raises(InvalidInput, match="from 0"):
        read_fragment(written(tmp_path / "t.csv", tiers), {}, {})


def test_the_command_prints_a_part_of_a_brief_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "boxes.json", COCO)
    written(tmp_path / "prices.csv", [["name", "label_cost"], ["detection", "0.35"]])
    arguments = ["pilot", "import", "boxes.json", "prices.csv", "--set", "name=detection"]
    result = CliRunner().invoke(main, arguments)
    assert yaml.safe_load(result.stdout) == {"tasks": {"detection": {"owned": 2, "label_cost": 0.35}}}
    assert result.stdout.startswith("# boxes.json: 2 items with 3 objects (1.5 each), 2 without\n")
    document = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert document["brief"] == {"tasks": {"detection": {"owned": 2, "label_cost": 0.35}}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boxes.json", "prices.csv"]
    wrong = CliRunner().invoke(main, [*arguments, "--set", "colour=red"])
    assert (wrong.exit_code, "colour" in wrong.stderr) == (2, True)
