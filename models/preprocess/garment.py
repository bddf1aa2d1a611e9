"""A garment cut out of the photograph of somebody who wears it."""

from __future__ import annotations

import numpy as np

from models.base import Image
from models.preprocess.agnostic import GARMENTS
from models.preprocess.helpers import Helpers
from models.preprocess.morphology import Region
from models.preprocess.pose import Joint, Points, Pose

GRAY = 127  # where the garment is not; in the middle of a network's range

NO_HELPERS = (
    "Somebody wears the garment in its picture, and no model that could cut it out is there: "
    "the picture was used as if the garment lay flat."
)
NOT_FOUND = (
    "Somebody wears the garment in its picture, but it could not be made out: "
    "the picture was used as if the garment lay flat."
)

TRUNK_LENGTH = 1.3  # from the neck to the hips, in widths of the shoulders


def isolate_worn(garment: Image, category: str, helpers: Helpers) -> tuple[Image, str | None]:
    """The picture with gray wherever it does not show the garment of the category (upper, lower, overall).

    By a parser, or else by a segmenter that is pointed to the garment by the wearer's pose. Where neither can, the
    picture as it is, and a sentence that says so.
    """
    if helpers.parser is not None:
        shown = np.isin(helpers.parser(garment), GARMENTS[category])
    elif helpers.pose is not None and helpers.segmenter is not None:
        pose = helpers.pose(garment)
        points = _points(pose, category, *garment.shape[:2]) if pose else []
        shown = helpers.segmenter(garment, np.stack(points)) > 0 if points else _nowhere(garment)
    else:
        return garment, NO_HELPERS
    if not shown.any():
        return garment, NOT_FOUND
    return np.where(shown[..., None], garment, np.uint8(GRAY)), None


def _nowhere(garment: Image) -> Region:
    return np.zeros(garment.shape[:2], np.bool_)


def _points(pose: Pose, category: str, height: int, width: int) -> list[Points]:
    """Places (x, y) within the picture where the garment most likely is."""
    places = []
    if category in ("upper", "overall"):
        places += _on_trunk(pose)
    if category in ("lower", "overall"):
        places += _on_thighs(pose)
    return [place for place in places if 0 <= place[0] < width and 0 <= place[1] < height]


def _on_trunk(pose: Pose) -> list[Points]:
    """The chest's middle, and a place toward each shoulder and each hip; hips that are not seen are guessed."""
    right, left = pose.joint(Joint.RIGHT_SHOULDER), pose.joint(Joint.LEFT_SHOULDER)
    if right is None or left is None:
        return []
    across = left - right
    down = np.array([-across[1], across[0]], np.float32) * TRUNK_LENGTH
    if down[1] < 0:  # seen from behind
        down = -down
    hips = [pose.joint(Joint.RIGHT_HIP), pose.joint(Joint.LEFT_HIP)]
    guessed = [right + across / 4 + down, left - across / 4 + down]
    corners = [right, left, *(guess if hip is None else hip for hip, guess in zip(hips, guessed, strict=True))]
    middle = _between(*corners)
    return [middle, *(_between(middle, corner) for corner in corners)]


def _on_thighs(pose: Pose) -> list[Points]:
    legs = ((Joint.RIGHT_HIP, Joint.RIGHT_KNEE), (Joint.LEFT_HIP, Joint.LEFT_KNEE))
    ends = [(pose.joint(hip), pose.joint(knee)) for hip, knee in legs]
    return [_between(hip, knee) for hip, knee in ends if hip is not None and knee is not None]


def _between(*places: Points) -> Points:
    middle: Points = np.mean(places, axis=0, dtype=np.float32)
    return middle
