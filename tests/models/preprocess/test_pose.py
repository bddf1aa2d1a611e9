from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import standing

from models.preprocess.fitting import Box
from models.preprocess.person import person_crop
from models.preprocess.pose import Joint, Pose
from models.preprocess.pose_raster import gray_pose

FIGURE = standing(300, 200)


def test_a_pose_moves_as_a_whole_and_stays_as_sure() -> None:
    moved = FIGURE.moved(0.5, 2, 50)
    np.testing.assert_allclose(moved.body[:, 0], FIGURE.body[:, 0] / 2 + 50)
    np.testing.assert_allclose(moved.hands[..., 1], FIGURE.hands[..., 1] * 2)
    np.testing.assert_array_equal(moved.face[:, 2], FIGURE.face[:, 2])


def test_unsure_joints_are_not_seen() -> None:
    unsure = standing(300, 200, score=0.29)
    assert unsure.joint(Joint.NECK) is None
    assert len(unsure.seen) == 0
    np.testing.assert_allclose(FIGURE.joint(Joint.NECK), [100, 76])
    assert len(FIGURE.seen) == 18 + 6 + 42 + 68


@settings(max_examples=60, deadline=None)
@given(st.integers(100, 900), st.integers(100, 900), st.floats(0.1, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_crop_holds_the_person_and_lies_in_the_photograph(
    height: int, width: int, scale: float, right: float, down: float
) -> None:
    figure = standing(150, 100)
    size = scale * min(height / 150, width / 100)
    pose = figure.moved(size, size, right * (width - 100 * size), down * (height - 150 * size))
    crop = person_crop(pose, height, width, 2 / 3)
    assert 0 <= crop.x0 < crop.x1 <= width
    assert 0 <= crop.y0 < crop.y1 <= height
    low, high = pose.seen.min(0), pose.seen.max(0)
    assert (low >= np.array(crop[:2]) - 0.5).all()
    assert (high <= np.array(crop[2:]) + 0.5).all()


def test_a_small_person_is_cropped_in_the_canvas_shape_with_room_around() -> None:
    crop = person_crop(standing(300, 200).moved(1, 1, 400, 350), 1000, 1000, 2 / 3)
    assert abs(crop.width / crop.height - 2 / 3) < 0.01
    seen = FIGURE.seen + np.array([400, 350])
    assert (seen.min(0) - crop[:2] >= 40).all()
    assert (crop[2:] - seen.max(0) >= 40).all()


@pytest.mark.parametrize("pose", [None, standing(900, 600), standing(300, 200, score=0.1)])
def test_the_whole_photograph_is_taken_when_the_person_fills_it_or_nobody_is_seen(pose: Pose | None) -> None:
    assert person_crop(pose, 900, 600, 2 / 3) == Box(0, 0, 600, 900)


def test_a_crop_of_somebody_far_away_is_never_tiny() -> None:
    crop = person_crop(standing(15, 10).moved(1, 1, 400, 350), 1000, 1000, 2 / 3)
    assert crop.width in (64, 65)
    assert crop.height in (96, 97)


@pytest.mark.parametrize(("height", "is_cropped"), [(680, False), (560, True)])
def test_a_crop_that_would_hardly_show_the_person_larger_is_not_worth_it(height: int, is_cropped: bool) -> None:
    pose = standing(height, height * 2 // 3).moved(1, 1, 300 - height / 3, 450 - height / 2)
    crop = person_crop(pose, 900, 600, 2 / 3)
    assert (crop != Box(0, 0, 600, 900)) == is_cropped
    assert crop.height > 900 / 1.6


def test_a_crop_holds_the_mask_whole_however_far_it_lies() -> None:
    pose, mask = standing(300, 200).moved(1, 1, 400, 350), np.zeros((1000, 1500), np.uint8)
    alone = person_crop(pose, 1000, 1500, 2 / 3)
    for y, x in ((350, 700), (999, 500), (120, 1499)):
        mask[:] = 0
        mask[y, x] = 255
        crop = person_crop(pose, 1000, 1500, 2 / 3, mask)
        assert mask[crop.slices].any()
        assert crop != Box(0, 0, 1500, 1000)
        assert (pose.seen >= crop[:2]).all()
        assert (pose.seen <= crop[2:]).all()
    mask[:] = 0
    mask[500, 500] = 255
    assert person_crop(pose, 1000, 1500, 2 / 3, mask) == alone


def unseen(pose: Pose, *joints: Joint) -> Pose:
    """Without these joints, and without feet."""
    body, feet = pose.body.copy(), pose.feet.copy()
    body[list(joints), 2] = feet[:, 2] = 0
    return Pose(body, feet, pose.hands, pose.face)


def test_nothing_is_cropped_around_a_face_and_hands_alone() -> None:
    pose = standing(300, 200).moved(1, 1, 400, 350)
    for pair in ((Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER), (Joint.RIGHT_HIP, Joint.LEFT_HIP)):
        assert person_crop(unseen(pose, *pair), 1000, 1000, 2 / 3) == Box(0, 0, 1000, 1000)
        assert person_crop(unseen(pose, pair[0]), 1000, 1000, 2 / 3) != Box(0, 0, 1000, 1000)


def test_a_crop_reaches_the_photographs_end_when_no_ankle_is_seen() -> None:
    pose = standing(300, 200).moved(1, 1, 400, 350)
    assert person_crop(unseen(pose, Joint.RIGHT_ANKLE), 1400, 3000, 2 / 3).y1 < 1000
    assert person_crop(unseen(pose, Joint.RIGHT_ANKLE, Joint.LEFT_ANKLE), 1400, 3000, 2 / 3).y1 == 1400


def test_the_raster_shows_limbs_dim_joints_bright_and_hands_and_face_in_their_grays() -> None:
    figure = standing(864, 576)
    raster = gray_pose(figure, 864, 576)
    assert raster.shape == (864, 576)
    assert raster.dtype == np.uint8

    def gray_at(x: float, y: float) -> int:
        return int(raster[round(y), round(x)])

    def between(first: Joint, second: Joint) -> int:
        return gray_at(*((figure.body[first, :2] + figure.body[second, :2]) / 2))

    grays = np.linspace(20, 240, 18)
    assert between(Joint.NECK, Joint.RIGHT_SHOULDER) == int(0.6 * int(grays[0]))
    assert between(Joint.LEFT_KNEE, Joint.LEFT_ANKLE) == int(0.6 * int(grays[11]))
    assert gray_at(*figure.body[Joint.RIGHT_KNEE, :2]) == int(grays[9] * 1.3) == 177
    assert gray_at(*figure.body[Joint.LEFT_EAR, :2]) == 255
    assert gray_at(*figure.hands[0, 8, :2]) == 240
    assert gray_at(*figure.face[17, :2]) == 200
    assert raster[:100].max() == 0


def test_joints_are_dots_of_four_pixels() -> None:
    points = np.zeros((18, 3), np.float32)
    points[Joint.LEFT_EAR] = (20, 20, 1)
    pose = Pose(points, np.zeros((6, 3), np.float32), np.zeros((2, 21, 3), np.float32), np.zeros((68, 3), np.float32))
    ys, xs = np.nonzero(gray_pose(pose, 40, 40))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (16, 24, 16, 24)


def test_nobody_and_the_unsure_are_black() -> None:
    assert gray_pose(None, 30, 20).max() == 0
    assert gray_pose(standing(30, 20, score=0.2), 30, 20).max() == 0


def test_a_pose_beyond_the_picture_is_drawn_as_far_as_it_goes() -> None:
    assert gray_pose(FIGURE.moved(1, 1, -90, 0), 300, 200)[:, 20:].max() > 0
    assert gray_pose(FIGURE.moved(1, 1, 900, 900), 300, 200).max() == 0
