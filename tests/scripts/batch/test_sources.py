"""Rows are what their source says, and one that cannot be used is told and left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.batch.datasets import Pairs, rows_of_dresscode, rows_of_viton_hd
from scripts.batch.folders import rows_of_folders
from scripts.batch.parses import mask_of
from scripts.batch.plan import batches_of
from scripts.batch.rows import BatchError, Defaults, Row
from scripts.batch.sources import Source
from scripts.batch.tables import rows_of_table

DEFAULTS = Defaults("upper", 100, None, "paperdoll")
WIDTH, HEIGHT = 96, 128


def csv_rows(folder: Path, text: str) -> list[Row]:
    path = folder / "pairs.csv"
    path.write_text(text)
    return rows_of_table(path, DEFAULTS)


def test_a_table_says_of_each_row_what_it_does_not_leave_to_the_options(tmp_path: Path) -> None:
    first, second = csv_rows(
        tmp_path,
        "person,garment,category,seed,steps,card,worn,name,mask\n"
        "a.png,b/c.png,lower,7,3,leffa-vitonhd,yes,mine,m.png\n"
        "/there/a.png,c.png,,,,,,,\n",
    )
    assert first == Row(
        *(1, "mine", str(tmp_path / "a.png"), str(tmp_path / "b" / "c.png"), "lower", 7, 3, "leffa-vitonhd"),
        mask=str(tmp_path / "m.png"),
        worn=True,
    )
    assert second == Row(2, "2-a-c", "/there/a.png", str(tmp_path / "c.png"), "upper", 102, None, "paperdoll")


def test_json_lines_say_the_same_as_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [{"person": "a.png", "garment": "b.png", "seed": 7, "worn": True}, {"person": "a.png", "garment": "c.png"}]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    text = "person,garment,seed,worn\na.png,b.png,7,true\na.png,c.png,,\n"
    assert rows_of_table(path, DEFAULTS) == csv_rows(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a.png,,,,", "This line has no garment."),
        ("a.png,b.png,hat,,", "The column category holds 'hat': input should be 'upper', 'lower' or 'overall'."),
        ("a.png,b.png,,-1,", "The column seed holds '-1': input should be greater than or equal to 0."),
        ("a.png,b.png,,,../x", "The name '../x' is no file's"),
        ("a.png,b.png,,,Mine", "The name 'Mine' is another row's as well: give each its own."),
        ("a.png,b.png,,,,,,", "more cells than the first line has columns"),
    ],
)
def test_a_line_that_cannot_be_used_is_a_row_with_a_problem(tmp_path: Path, line: str, sentence: str) -> None:
    good, bad = csv_rows(tmp_path, f"person,garment,category,seed,name\na.png,b.png,,,mine\n{line}\n")
    assert (good.problem, bad.number) == ("", 2)
    assert sentence in bad.problem
    assert bad.name != good.name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("person,seed\na.png,1\n", "has no column garment"),
        ("person,garment,sede\na.png,b.png,1\n", "has a column 'sede'"),
        ("person,garment\n", "has no rows"),
    ],
)
def test_a_table_that_is_none_is_refused_as_a_whole(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BatchError, match=sentence):
        csv_rows(tmp_path, text)


def test_two_folders_are_everybody_in_everything_or_zipped(tmp_path: Path) -> None:
    people, garments = tmp_path / "people", tmp_path / "garments"
    for path in (people / "ada.png", people / "ben.JPG", garments / "tee.webp", garments / "top.png"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (people / "notes.txt").write_text("")
    rows = rows_of_folders(people, garments, DEFAULTS, zipped=False)
    assert [row.name for row in rows] == ["1-ada-tee", "2-ada-top", "3-ben-tee", "4-ben-top"]
    assert [row.seed for row in rows] == [101, 102, 103, 104]
    assert [row.name for row in rows_of_folders(people, garments, DEFAULTS, zipped=True)] == ["1-ada-tee", "2-ben-top"]
    (garments / "top.png").unlink()
    with pytest.raises(BatchError, match="people has 2 pictures"):
        rows_of_folders(people, garments, DEFAULTS, zipped=True)


def test_one_source_is_named(tmp_path: Path) -> None:
    for source in (Source(), Source(table=tmp_path, dresscode=tmp_path), Source(people=tmp_path)):
        with pytest.raises(BatchError, match=r"Name one source|go together"):
            source.rows(DEFAULTS)


def viton_hd(root: Path) -> Path:
    for path in (
        *("image/1_00.jpg", "image/2_00.jpg", "cloth/1_00.jpg", "cloth/2_00.jpg", "agnostic-mask/1_00_mask.png"),
        *("image-densepose/1_00.jpg", "image-parse-v3/2_00.png", "openpose_json/2_00_keypoints.json"),
    ):
        (root / "test" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "test" / path).write_bytes(b"")
    (root / "test_pairs.txt").write_text("1_00.jpg 2_00.jpg\n2_00.jpg 1_00.jpg\n")
    return root


def test_viton_hd_pairs_are_each_with_their_own_garment_or_another_s(tmp_path: Path) -> None:
    root = viton_hd(tmp_path)
    paired, unpaired = (rows_of_viton_hd(root, pairs, DEFAULTS) for pairs in (Pairs.PAIRED, Pairs.UNPAIRED))
    assert [Path(row.garment).name for row in paired] == ["1_00.jpg", "2_00.jpg"]
    assert [Path(row.garment).name for row in unpaired] == ["2_00.jpg", "1_00.jpg"]
    first, second = paired
    test = root / "test"
    assert (first.person, first.garment) == (str(test / "image" / "1_00.jpg"), str(test / "cloth" / "1_00.jpg"))
    assert first.mask == str(test / "agnostic-mask" / "1_00_mask.png")
    assert first.densepose == str(test / "image-densepose" / "1_00.jpg")
    assert (first.parse, first.pose, second.mask, second.densepose) == ("", "", "", "")
    assert second.parse == str(test / "image-parse-v3" / "2_00.png")
    assert second.pose == str(test / "openpose_json" / "2_00_keypoints.json")
    with pytest.raises(BatchError, match="name the folder into which"):
        rows_of_viton_hd(root / "test", Pairs.PAIRED, DEFAULTS)


@pytest.mark.parametrize("by_folder", [True, False])
def test_dresscode_tells_how_each_garment_is_worn(tmp_path: Path, by_folder: bool) -> None:
    listed = {"upper_body": "1_0.jpg\t1_1.jpg", "lower_body": "2_0.jpg\t3_1.jpg", "dresses": "4_0.jpg\t4_1.jpg"}
    for folder, pair in listed.items():
        for kind in ("images", "dense", "label_maps", "keypoints"):
            (tmp_path / folder / kind).mkdir(parents=True)
        if by_folder:
            (tmp_path / folder / "test_pairs_unpaired.txt").write_text(f"{pair}\n")
    labelled = [f"{pair}\t{label}" for label, pair in enumerate(listed.values())]
    (tmp_path / "test_pairs_unpaired.txt").write_text("\n".join(labelled))
    legs = tmp_path / "lower_body"
    for path in (legs / "dense" / "2_5.png", legs / "label_maps" / "2_4.png", legs / "keypoints" / "2_2.json"):
        path.write_bytes(b"")
    rows = rows_of_dresscode(tmp_path, Pairs.UNPAIRED, DEFAULTS)
    assert [row.category for row in rows] == ["upper", "lower", "overall"]
    assert rows[1].person == str(legs / "images" / "2_0.jpg")
    assert rows[1].garment == str(legs / "images" / "3_1.jpg")
    beside = (legs / "dense" / "2_5.png", legs / "label_maps" / "2_4.png", legs / "keypoints" / "2_2.json")
    assert (rows[1].densepose, rows[1].parse, rows[1].pose) == tuple(map(str, beside))
    assert rows[0].parse == ""


def label_map(folder: Path, labels: dict[int, tuple[slice, slice]]) -> Path:
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    for label, place in labels.items():
        numbers[place] = label
    folder.mkdir()
    Image.fromarray(numbers).save(folder / "1.png")
    return folder / "1.png"


TOP, HEAD, LEGS = np.s_[40:70, 30:66], np.s_[8:30, 40:56], np.s_[80:120, 34:62]


@pytest.mark.parametrize(
    ("folder", "labels"),
    [("image-parse-v3", {5: TOP, 13: HEAD, 9: LEGS}), ("label_maps", {4: TOP, 11: HEAD, 6: LEGS})],
)
def test_a_label_map_of_either_data_set_becomes_a_mask_of_the_garment_and_never_of_the_head(
    tmp_path: Path, folder: str, labels: dict[int, tuple[slice, slice]]
) -> None:
    parse = label_map(tmp_path / folder, labels)
    upper = mask_of(parse, "", "upper", (HEIGHT, WIDTH))
    assert (upper[TOP] == 255).all()
    assert (upper[HEAD] == 0).all()
    assert (upper[100:, :] == 0).all()
    assert (mask_of(parse, "", "lower", (HEIGHT, WIDTH))[LEGS] == 255).all()
    with pytest.raises(ValueError, match="as large as the photograph"):
        mask_of(parse, "", "upper", (HEIGHT, WIDTH + 1))


def test_arms_that_the_joints_show_are_covered(tmp_path: Path) -> None:
    """In both data sets' files: OpenPose's 25 joints in pixels, and DressCode's 18 as of a picture of 384 x 512."""
    arm = {2: (30, 44), 3: (14, 60), 4: (8, 90)}  # right shoulder, elbow, wrist
    openpose = np.zeros((25, 3))
    dresscode = np.full((18, 4), -1.0)
    for joint, (x, y) in arm.items():
        openpose[joint] = (x, y, 0.9)
        dresscode[joint] = (x * 384 / WIDTH, y * 512 / HEIGHT, 0.9, joint)
    parse = label_map(tmp_path / "image-parse-v3", {5: TOP})
    told = (
        {"people": [{"pose_keypoints_2d": openpose.ravel().tolist()}]},
        {"keypoints": dresscode.tolist()},
    )
    masks = []
    for number, poses in enumerate(told):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(poses))
        masks.append(mask_of(parse, str(path), "upper", (HEIGHT, WIDTH)))
    without = mask_of(parse, "", "upper", (HEIGHT, WIDTH))
    assert (without[60, 14], masks[0][60, 14]) == (0, 255)
    assert (masks[0] == masks[1]).all()


def test_batches_follow_from_the_rows_alone() -> None:
    rows = [Row(number, steps=number % 2 or None, card="a" if number < 8 else "b") for number in range(1, 10)]
    rows[2] = Row(3, steps=1, card="a", problem="no")
    batches = batches_of(rows, "a", 2)
    assert [[row.number for row in batch.rows] for batch in batches] == [[1, 5], [2, 4], [6], [7]]
    assert {row.number for batch in batches_of(rows, "b", 2) for row in batch.rows} == {8, 9}
