"""Poses for tests: a standing figure, at any size."""

from __future__ import annotations

import numpy as np

from models.preprocess.parts import Part
from models.preprocess.pose import Points, Pose

# (x, y) of OpenPose's joints on a picture of 100x150, arms a little away from the body.
STANDING = (
    *((50, 24), (50, 38), (38, 38), (33, 54), (29, 69), (62, 38), (67, 54), (71, 69)),
    *((43, 74), (42, 100), (42, 126), (57, 74), (58, 100), (58, 126)),
    *((47, 21), (53, 21), (44, 23), (56, 23)),
)
FEET = ((38, 133), (35, 132), (42, 130), (62, 133), (65, 132), (58, 130))


def standing(height: int, width: int, score: float = 0.9) -> Pose:
    """A standing figure whose hands hang at its sides; its left is on the right of the picture."""
    scale = np.array([width / 100, height / 150])
    body, feet = _points(STANDING, scale, score), _points(FEET, scale, score)
    left = [(72 + 0.4 * (k % 4), 71 + 0.4 * k) for k in range(21)]
    right = [(100 - x, y) for x, y in left]
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = [(50 + 5 * np.cos(angle), 25 + 7 * np.sin(angle)) for angle in angles]
    hands = np.stack([_points(left, scale, score), _points(right, scale, score)])
    return Pose(body, feet, hands, _points(face, scale, score))


def dressed(height: int, width: int) -> np.ndarray:
    """The labels of that figure in a T-shirt, trousers and shoes, `uint8 [H, W]` of `Part`."""
    y, x = np.mgrid[:height, :width]
    x, y = (x + 0.5) * 100 / width, (y + 0.5) * 150 / height
    labels = np.zeros((height, width), np.uint8)

    def paint(part: Part, where: np.ndarray) -> None:
        labels[where] = part

    away = np.abs(x - 50)
    arm = 12 + (y - 38) * 9 / 31  # distance of an arm from the middle, going down
    paint(Part.LEGS, (away < 14) & (away > 2) & (y > 74) & (y < 128))
    paint(Part.PANTS, (away < 15) & (y > 72) & (y < 122) & ((away > 2) | (y < 80)))
    paint(Part.FEET, (away > 4) & (away < 17) & (y >= 126) & (y < 135))
    paint(Part.ARMS, (np.abs(away - arm) < 4) & (y > 38) & (y < 69))
    paint(Part.HANDS, (np.abs(away - 22) < 4) & (y >= 69) & (y < 80))
    paint(Part.TOP, ((away < 13) & (y > 35) & (y < 74)) | ((np.abs(away - arm) < 5) & (y > 36) & (y < 50)))
    paint(Part.TORSO, (away < 4) & (y > 30) & (y <= 37))
    paint(Part.HAIR, (away / 9) ** 2 + ((y - 22) / 13) ** 2 < 1)
    paint(Part.FACE, (away / 6) ** 2 + ((y - 25) / 8) ** 2 < 1)
    return labels


def mirrored(pose: Pose, width: int) -> Pose:
    """The pose of the picture flipped left to right."""
    order = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]
    body, feet, hands, face = (_flipped(points, width) for points in (pose.body, pose.feet, pose.hands, pose.face))
    return Pose(body[order], feet[[3, 4, 5, 0, 1, 2]], hands[::-1].copy(), face)


def _flipped(points: Points, width: int) -> Points:
    flipped = points.copy()
    flipped[..., 0] = width - points[..., 0]
    return flipped


def _points(places: object, scale: np.ndarray, score: float) -> Points:
    places = np.array(places, np.float32) * scale
    return np.concatenate([places, np.full((len(places), 1), score)], 1).astype(np.float32)
