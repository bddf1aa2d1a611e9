"""A pose as the gray picture that FASHN's network was trained with: one channel, lighter toward the later limbs."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from models.preprocess.pose import CONFIDENT, Points, Pose

LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)),
    *((1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
"""Joints that a limb joins, in the order they are drawn."""

FINGERS = tuple((0, *range(first, first + 4)) for first in (1, 5, 9, 13, 17))
"""Points along each finger, from the wrist."""

BODY_GRAYS = np.linspace(20, 240, 18)
HAND_GRAYS = np.linspace(160, 220, 20)
LIMB_DIM, JOINT_GAIN = 0.6, 1.3
HAND_DOT, FACE_DOT = 240, 200
HALF_WIDTH, JOINT_RADIUS, FACE_RADIUS, FINGER_WIDTH = 4, 4, 3, 2  # pixels


def gray_pose(pose: Pose | None, height: int, width: int) -> npt.NDArray[np.uint8]:
    """`uint8 [H, W]`, black where there is nothing; the pose is in this picture's pixels.

    Strokes are as wide on every size, so a picture that will be shrunk is drawn after it is.
    """
    if pose is None:
        return np.zeros((height, width), np.uint8)
    picture = Pillow.new("L", (width, height))
    _draw_limbs(ImageDraw.Draw(picture), pose.body)
    picture = picture.point([int(LIMB_DIM * gray) for gray in range(256)])
    draw = ImageDraw.Draw(picture)
    for gray, point in zip(BODY_GRAYS, pose.body, strict=True):
        _dot(draw, point, JOINT_RADIUS, min(255, int(gray * JOINT_GAIN)))
    for hand in pose.hands:
        _draw_hand(draw, hand)
    for point in pose.face:
        _dot(draw, point, FACE_RADIUS, FACE_DOT)
    return np.asarray(picture)


def _draw_limbs(draw: ImageDraw.ImageDraw, body: Points) -> None:
    for gray, (start, end) in zip(BODY_GRAYS, LIMBS, strict=False):
        if _are_seen(body[start], body[end]):
            draw.polygon(_ellipse(body[start], body[end]), fill=int(gray))


def _draw_hand(draw: ImageDraw.ImageDraw, hand: Points) -> None:
    bones = [bone for finger in FINGERS for bone in pairwise(finger)]
    for gray, (start, end) in zip(HAND_GRAYS, bones, strict=True):
        if _are_seen(hand[start], hand[end]):
            ends = [(float(x), float(y)) for x, y, _ in (hand[start], hand[end])]
            draw.line(ends, fill=int(gray), width=FINGER_WIDTH)
    for point in hand:
        _dot(draw, point, JOINT_RADIUS, HAND_DOT)


def _ellipse(start: Points, end: Points) -> list[tuple[float, float]]:
    """The outline of a limb: an ellipse from joint to joint."""
    x, y = (float(middle) for middle in (start[:2] + end[:2]) / 2)
    along_x, along_y = (float(half) for half in (end[:2] - start[:2]) / 2)
    length = math.hypot(along_x, along_y) or 1.0
    across_x, across_y = -along_y / length * HALF_WIDTH, along_x / length * HALF_WIDTH
    angles = [math.radians(degrees) for degrees in range(0, 360, 6)]
    return [
        (x + math.cos(a) * along_x + math.sin(a) * across_x, y + math.cos(a) * along_y + math.sin(a) * across_y)
        for a in angles
    ]


def _dot(draw: ImageDraw.ImageDraw, point: Points, radius: int, gray: int) -> None:
    if _are_seen(point):
        x, y = float(point[0]), float(point[1])
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=gray)


def _are_seen(*points: Points) -> bool:
    return all(point[2] >= CONFIDENT for point in points)
