"""The mask under which a new garment is drawn: the worn one and the limbs it may bare or cover, with room around."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from models.base import Mask
from models.preprocess.morphology import Region, filled, widened
from models.preprocess.parts import Part
from models.preprocess.pose import CONFIDENT, Joint, Points, Pose
from models.preprocess.pose_raster import FINGERS

GARMENTS = {
    "upper": (Part.TOP, Part.DRESS, Part.SCARF),
    "lower": (Part.SKIRT, Part.PANTS, Part.BELT),
    "overall": (Part.TOP, Part.DRESS, Part.SCARF, Part.SKIRT, Part.PANTS, Part.BELT),
}
"""What a garment of a category replaces."""

SKIN = {"upper": (Part.ARMS, Part.TORSO), "lower": (Part.LEGS,), "overall": (Part.ARMS, Part.TORSO, Part.LEGS)}
IDENTITY = (Part.FACE, Part.HAIR, Part.JEWELRY, Part.BAG, Part.GLASSES, Part.HAT)

ARMS = (
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
)
TRUNK = (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP)
LEGS = (
    *(Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
    *(Joint.LEFT_ANKLE, Joint.LEFT_KNEE, Joint.LEFT_HIP),
)

HEIGHT = 864  # of the picture for which the next are pixels; they grow with it
BRUSH = 18  # radius of a limb
FINGER_BRUSH = 7
SIDEWAYS, UPRIGHT = 4 + 33, 4 + 16  # a buffer, and room for a wider garment more than for a longer one


def agnostic_mask(labels: npt.NDArray[np.uint8], pose: Pose | None, category: str) -> Mask:
    """255 where a garment of the category (upper, lower, overall) may be drawn, of the size of `labels`.

    `labels`: `uint8 [H, W]` of `Part`; `pose` in the same pixels; without it, limbs under clothes are not covered.
    All of the worn garment is in; face, hair, what is worn on the head, jewellery, bags, hands and feet are not.
    """
    height, width = labels.shape
    scale = height / HEIGHT
    garment = np.isin(labels, GARMENTS[category])
    covered = garment | np.isin(labels, SKIN[category])
    kept = np.isin(labels, (*IDENTITY, Part.HANDS, Part.FEET))
    if pose is not None:
        covered |= _limbs(pose, category, height, width, BRUSH * scale)
        kept |= _hands(pose, height, width, FINGER_BRUSH * scale)
    room = filled(widened(covered, round(SIDEWAYS * scale), round(UPRIGHT * scale)))
    return np.where(room & ~(kept & ~garment), np.uint8(255), np.uint8(0))


def _limbs(pose: Pose, category: str, height: int, width: int, brush: float) -> Region:
    """Where the limbs are that a garment of the category may cover, dressed or not."""
    picture = Pillow.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    if category in ("upper", "overall"):
        _area(draw, [pose.body[joint] for joint in TRUNK], brush)
        for arm in ARMS:
            _stroke(draw, [pose.body[joint] for joint in arm], brush)
    if category in ("lower", "overall"):
        _area(draw, [pose.body[joint] for joint in LEGS], brush)
    return np.asarray(picture)


def _hands(pose: Pose, height: int, width: int, brush: float) -> Region:
    picture = Pillow.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    for hand in pose.hands:
        for finger in FINGERS:
            _stroke(draw, [hand[point] for point in finger], brush)
    return np.asarray(picture)


def _area(draw: ImageDraw.ImageDraw, corners: list[Points], brush: float) -> None:
    """All that the seen corners enclose, with an outline."""
    seen = [corner for corner in corners if corner[2] >= CONFIDENT]
    if len(seen) > 2:
        draw.polygon([_place(corner) for corner in seen], fill=1)
    _stroke(draw, [*seen, *seen[:1]], brush)


def _stroke(draw: ImageDraw.ImageDraw, points: list[Points], brush: float) -> None:
    """A line of round ends, broken where a point is not seen."""
    for start, end in pairwise(points):
        if min(start[2], end[2]) < CONFIDENT:
            continue
        draw.line([_place(start), _place(end)], fill=1, width=max(1, round(2 * brush)))
        for x, y in (_place(start), _place(end)):
            draw.ellipse((x - brush, y - brush, x + brush, y + brush), fill=1)


def _place(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
