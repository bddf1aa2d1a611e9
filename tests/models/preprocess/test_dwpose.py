"""DWPose end to end on graphs of the published signatures whose answers are known."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="builds its networks with onnx")
pytest.importorskip("onnxruntime", reason="runs them with onnxruntime")

from helper_checkpoints.cards import card_of
from helper_checkpoints.dwpose import BLUEST, HIGH, SHIFTS, WIDE, small_card

from models.catalog import CardError, ModelCard, read_card
from models.preprocess.detection import SIDE, most_prominent
from models.preprocess.dwpose import DWPose
from models.preprocess.pose import Joint, Pose
from models.preprocess.simcc import HEIGHT, ROOM, WIDTH, extent_around, read_pose
from models.weights import WeightsError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("dwpose"))


@pytest.fixture(scope="module")
def estimator(card: ModelCard) -> DWPose:
    return DWPose.load(card, CPU)


def spot(height: int, width: int, *places: tuple[float, float], blue: int = 255, radius: float = 60) -> np.ndarray:
    """A dark picture with round spots, bluest in their middle."""
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width, 3), np.uint8)
    for place in places:
        light = 1 - 0.2 * np.hypot(x - place[0], y - place[1]) / radius
        image[..., 2] = np.maximum(image[..., 2], np.where(light > 0.8, light * blue, 0))
    return image


def expected(place: tuple[float, float], box: tuple[float, float]) -> np.ndarray:
    """Where the 133 points must lie, if the person at `place` has a box of that width and height, all in pixels."""
    high = max(box[1], box[0] * HEIGHT / WIDTH) * ROOM
    return np.array(place) + SHIFTS * high / HEIGHT


def all_points(pose: Pose) -> np.ndarray:
    return np.concatenate([pose.feet, pose.face, pose.hands.reshape(-1, 3)])


@pytest.mark.parametrize("size", [(640, 640), (480, 320), (300, 640), (1280, 960), (3200, 2400)])
def test_the_points_of_a_person_come_back_to_their_pixels(estimator: DWPose, size: tuple[int, int]) -> None:
    scale = SIDE / max(size)
    place = (4.5 * 32 / scale, 7.5 * 32 / scale)  # the middle of a cell of the coarsest grid
    pose = estimator(spot(*size, place, radius=60 / scale))
    assert pose is not None
    points = expected(place, (WIDE / scale, HIGH / scale))
    pixel = 2.5 / scale  # a pixel of the estimator's crop, and one of what it was shrunk to
    np.testing.assert_allclose(all_points(pose)[:, :2], points[17:][np.r_[:6, 6:74, 74:116]], atol=pixel)
    np.testing.assert_allclose(pose.body[Joint.NOSE, :2], points[0], atol=pixel)
    np.testing.assert_allclose(pose.body[Joint.RIGHT_WRIST, :2], points[10], atol=pixel)
    np.testing.assert_allclose(pose.body[Joint.LEFT_ANKLE, :2], points[15], atol=pixel)
    np.testing.assert_allclose(pose.body[Joint.LEFT_EAR, :2], points[3], atol=pixel)
    np.testing.assert_allclose(pose.body[:, 2], BLUEST, atol=0.05)


def test_the_neck_lies_between_the_shoulders(estimator: DWPose) -> None:
    pose = estimator(spot(640, 640, (144, 240)))
    assert pose is not None
    shoulders = pose.body[[Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER]]
    np.testing.assert_allclose(pose.body[Joint.NECK], [*shoulders[:, :2].mean(0), shoulders[:, 2].min()], rtol=1e-5)


def test_the_person_of_the_largest_score_times_area_is_taken(estimator: DWPose) -> None:
    small, large = (144.0, 240.0), (496.0, 304.0)  # cells in the left and the right half
    image = np.maximum(spot(640, 640, small), spot(640, 640, large, blue=200))
    pose = estimator(image)
    assert pose is not None
    assert np.hypot(*(pose.body[Joint.NECK, :2] - large)) < 40


def test_nobody_is_found_where_nothing_is_sure(estimator: DWPose) -> None:
    assert estimator(np.zeros((320, 200, 3), np.uint8)) is None
    assert estimator(spot(640, 640, (144, 240), blue=160)) is None
    red = spot(640, 640, (144, 240))[..., ::-1].copy()
    assert estimator(red) is None  # the networks take BGR


def test_a_person_at_the_edge_is_seen_beyond_it(estimator: DWPose) -> None:
    pose = estimator(spot(640, 640, (16.0, 16.0), radius=40))
    assert pose is not None
    np.testing.assert_allclose(pose.body[Joint.NOSE, :2], expected((16, 16), (WIDE, HIGH))[0], atol=2.5)


def test_the_picture_is_left_alone(estimator: DWPose) -> None:
    image = spot(640, 640, (144, 240))
    before = image.copy()
    estimator(image)
    np.testing.assert_array_equal(image, before)


def answer(*cells: tuple[int, float, float]) -> np.ndarray:
    """The detector's answer with boxes of 100x100 in cells of its finest grid: (cell, score, shift in pixels)."""
    raw = np.zeros((1, 8400, 85), np.float32)
    for cell, score, shift in cells:
        raw[0, cell, :6] = (shift / 8, 0, np.log(100 / 8), np.log(100 / 8), score, 1)
    return raw


def test_a_worse_box_that_overlaps_is_the_same_person() -> None:
    """Were it not dropped, the larger one would win by its area."""
    raw = answer((80 * 40 + 40, 0.9, 0), (80 * 40 + 41, 0.8, 0))
    raw[0, 80 * 40 + 41, 2:4] = np.log(120 / 8)
    np.testing.assert_allclose(most_prominent(raw, 1), [270, 270, 370, 370], rtol=1e-5)
    raw[0, 80 * 40 + 41, 0] = 60  # far to the right
    np.testing.assert_allclose(most_prominent(raw, 1), [748, 260, 868, 380], rtol=1e-5)


def test_boxes_grow_back_to_the_picture_and_only_persons_count() -> None:
    raw = answer((80 * 40 + 40, 0.5, 0))
    np.testing.assert_allclose(most_prominent(raw, 0.5), [540, 540, 740, 740], rtol=1e-5)
    raw[0, 80 * 40 + 40, 5:7] = (0, 1)
    assert most_prominent(raw, 1) is None


@pytest.mark.parametrize("box", [(10, 20, 50, 220), (10, 20, 310, 60)])
def test_the_crop_has_room_and_the_canvas_shape(box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = extent_around(np.array(box, np.float32))
    assert (x1 - x0) / (y1 - y0) == pytest.approx(WIDTH / HEIGHT)
    assert min((x1 - x0) / (box[2] - box[0]), (y1 - y0) / (box[3] - box[1])) == pytest.approx(ROOM)
    assert (x0 + x1, y0 + y1) == pytest.approx((box[0] + box[2], box[1] + box[3]))


def test_a_point_is_as_sure_as_the_less_sure_of_its_coordinates() -> None:
    columns, rows = np.zeros((1, 133, 2 * WIDTH), np.float32), np.zeros((1, 133, 2 * HEIGHT), np.float32)
    columns[..., 100], rows[..., 200] = 0.9, 0.4
    pose = read_pose(columns, rows, (0, 0, WIDTH, HEIGHT))
    np.testing.assert_allclose(all_points(pose), np.tile(np.float32([50, 100, 0.4]), (116, 1)), rtol=1e-6)
    np.testing.assert_allclose(pose.body[:, 2], 0.4, rtol=1e-6)


def test_without_onnxruntime_one_sentence_says_what_to_install(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WeightsError, match="pip install onnxruntime"):
        DWPose.load(card, CPU)


def test_a_damaged_network_is_named_with_what_to_correct(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    card.path("detector.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"detector\.onnx.*correct the files"):
        DWPose.load(card_of(tmp_path, "dwpose", network=card.network), CPU)


def test_a_card_that_names_no_detector_is_refused(card: ModelCard) -> None:
    with pytest.raises(CardError, match="detector"):
        DWPose.load(dataclasses.replace(card, network={}), CPU)


def test_the_card_that_ships_names_its_two_networks() -> None:
    card = read_card("dwpose")
    assert set(card.network.values()) == {file.path for file in card.files}
    assert card.licence.commercial == "yes"
