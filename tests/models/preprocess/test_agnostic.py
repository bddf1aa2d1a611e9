from __future__ import annotations

import numpy as np
import pytest
from people import dressed, mirrored, standing

from models.preprocess.agnostic import GARMENTS, IDENTITY, agnostic_mask
from models.preprocess.parts import Part
from models.preprocess.pose import Joint

HEIGHT, WIDTH = 432, 288
LABELS, POSE = dressed(HEIGHT, WIDTH), standing(HEIGHT, WIDTH)
CATEGORIES = sorted(GARMENTS)


@pytest.mark.parametrize("pose", [POSE, None])
@pytest.mark.parametrize("category", CATEGORIES)
def test_all_of_the_worn_garment_is_in_and_no_identity_hand_or_foot(category: str, pose) -> None:  # type: ignore[no-untyped-def]
    mask = agnostic_mask(LABELS, pose, category)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[np.isin(LABELS, GARMENTS[category])] == 255).all()
    assert (mask[np.isin(LABELS, (*IDENTITY, Part.HANDS, Part.FEET))] == 0).all()


def test_each_category_covers_its_own_limbs() -> None:
    upper, lower, overall = (agnostic_mask(LABELS, POSE, category) > 0 for category in ("upper", "lower", "overall"))
    assert upper[LABELS == Part.ARMS].all()
    assert not upper[LABELS == Part.LEGS].any()
    assert lower[LABELS == Part.LEGS].mean() > 0.95  # but what lies at the shoes
    assert not lower[LABELS == Part.TORSO].any()
    np.testing.assert_array_equal(overall & (upper | lower), upper | lower)


def test_bare_limbs_are_covered_where_only_the_pose_knows_them() -> None:
    bare = np.where(LABELS == Part.ARMS, Part.BACKGROUND, LABELS).astype(np.uint8)
    x, y = POSE.joint(Joint.LEFT_WRIST).astype(int)  # type: ignore[union-attr]
    assert agnostic_mask(bare, POSE, "upper")[y - 8, x] == 255
    assert agnostic_mask(bare, None, "upper")[y - 8, x] == 0


def test_a_skirt_has_room_between_the_legs() -> None:
    x, y = WIDTH // 2, int(0.7 * HEIGHT)
    assert LABELS[y, x] == Part.BACKGROUND
    assert agnostic_mask(LABELS, POSE, "lower")[y, x] == 255


def test_hands_that_only_the_pose_knows_are_kept() -> None:
    arms = np.where(LABELS == Part.HANDS, Part.ARMS, LABELS).astype(np.uint8)
    points = POSE.hands[..., :2].astype(int).reshape(-1, 2)
    assert (agnostic_mask(arms, POSE, "upper")[points[:, 1], points[:, 0]] == 0).all()
    assert (agnostic_mask(arms, None, "upper")[points[:, 1], points[:, 0]] == 255).all()


def test_a_hand_over_the_garment_does_not_cut_it() -> None:
    everywhere = np.full_like(LABELS, Part.TOP)
    assert (agnostic_mask(everywhere, POSE, "upper") == 255).all()


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_mirrored_photograph_has_the_mirrored_mask(category: str) -> None:
    lopsided = LABELS.copy()
    lopsided[200:240, 120:200] = Part.BAG
    mask = agnostic_mask(lopsided, POSE, category)
    flipped = agnostic_mask(lopsided[:, ::-1].copy(), mirrored(POSE, WIDTH - 1), category)
    assert (mask[:, ::-1] != flipped).mean() < 0.004  # strokes round to whole pixels


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_mask_scales_with_the_photograph(category: str) -> None:
    mask = agnostic_mask(LABELS, POSE, category)
    double = agnostic_mask(dressed(2 * HEIGHT, 2 * WIDTH), standing(2 * HEIGHT, 2 * WIDTH), category)
    assert (double[::2, ::2] != mask).mean() < 0.01


def test_inputs_are_left_alone() -> None:
    before = LABELS.copy()
    agnostic_mask(LABELS, POSE, "overall")
    np.testing.assert_array_equal(LABELS, before)
