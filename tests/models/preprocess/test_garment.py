from __future__ import annotations

import numpy as np
import pytest
from people import dressed, mirrored, standing

from models.base import Image, Mask
from models.preprocess.garment import NO_HELPERS, NOT_FOUND, isolate_worn
from models.preprocess.helpers import Helpers
from models.preprocess.parts import Part
from models.preprocess.pose import Pose

HEIGHT, WIDTH = 300, 200
LABELS, POSE = dressed(HEIGHT, WIDTH), standing(HEIGHT, WIDTH)
WORN = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


class Pointed:
    """A segmenter that shows which things were pointed to: all pixels of the labels under the points."""

    def __init__(self, labels: np.ndarray = LABELS) -> None:
        self.labels, self.points = labels, np.zeros((0, 2))

    def __call__(self, image: Image, points: np.ndarray) -> Mask:
        assert points.dtype == np.float32
        self.points = points
        x, y = points.astype(int).T
        return np.isin(self.labels, self.labels[y, x]).astype(np.uint8) * 255


@pytest.mark.parametrize(
    ("category", "kept"),
    [("upper", [Part.TOP]), ("lower", [Part.PANTS]), ("overall", [Part.TOP, Part.PANTS])],
)
@pytest.mark.parametrize("by", ["parser", "segmenter"])
def test_all_but_the_garment_becomes_gray(category: str, kept: list[Part], by: str) -> None:
    labels = np.where(LABELS == Part.LEGS, Part.BACKGROUND, LABELS).astype(np.uint8)
    if by == "parser":
        helpers = Helpers(parser=lambda image: labels)
    else:
        helpers = Helpers(pose=lambda image: POSE, segmenter=Pointed(labels))
    before = WORN.copy()
    alone, warning = isolate_worn(WORN, category, helpers)
    assert warning is None
    garment = np.isin(labels, kept)
    np.testing.assert_array_equal(alone[garment], WORN[garment])
    assert (alone[~garment] == 127).all()
    np.testing.assert_array_equal(WORN, before)


@pytest.mark.parametrize("pose", [POSE, mirrored(POSE, WIDTH)], ids=["standing", "mirrored"])
def test_hips_outside_the_picture_are_guessed_from_the_shoulders(pose: Pose) -> None:
    body = pose.body.copy()
    body[8:14, 2] = 0
    pointed = Pointed()
    isolate_worn(
        WORN, "upper", Helpers(pose=lambda image: Pose(body, pose.feet, pose.hands, pose.face), segmenter=pointed)
    )
    assert len(pointed.points) == 5
    x, y = pointed.points.astype(int).T
    assert (LABELS[y, x] == Part.TOP).all()


@pytest.mark.parametrize("helpers", [Helpers(), Helpers(pose=lambda image: POSE), Helpers(segmenter=Pointed())])
def test_without_what_it_takes_the_picture_stays_and_a_sentence_says_so(helpers: Helpers) -> None:
    alone, warning = isolate_worn(WORN, "upper", helpers)
    assert warning == NO_HELPERS
    np.testing.assert_array_equal(alone, WORN)


@pytest.mark.parametrize(
    "helpers",
    [
        Helpers(parser=lambda image: np.zeros((HEIGHT, WIDTH), np.uint8)),
        Helpers(pose=lambda image: None, segmenter=Pointed()),
        Helpers(pose=lambda image: standing(HEIGHT, WIDTH, score=0.1), segmenter=Pointed()),
        Helpers(pose=lambda image: POSE.moved(1, 1, 900, 0), segmenter=Pointed()),
    ],
    ids=["no garment", "nobody", "unsure", "outside"],
)
def test_a_garment_that_is_not_made_out_leaves_the_picture_as_it_is(helpers: Helpers) -> None:
    alone, warning = isolate_worn(WORN, "upper", helpers)
    assert warning == NOT_FOUND
    np.testing.assert_array_equal(alone, WORN)
