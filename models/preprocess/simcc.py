"""A person's 133 points, by RTMPose's coordinate classification: what its network takes, and how its answer is read.

Sources: Li et al., SimCC (2022); Jiang et al., RTMPose (2023); Yang et al., DWPose (2023).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.Image import Resampling, Transform

from models.base import Image
from models.preprocess.pose import Points, Pose

Floats = npt.NDArray[np.float32]
Extent = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the picture, and beyond its borders."""

WIDTH, HEIGHT = 288, 384  # of the network's canvas
ROOM = 1.25  # what is shown, of the person's box
SPLIT = 2  # bins a pixel
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)

BODY, FEET, FACE = slice(0, 17), slice(17, 23), slice(23, 91)
HANDS = (slice(91, 112), slice(112, 133))  # left, right
SHOULDERS = [5, 6]
OPENPOSE = [0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
"""For each joint of OpenPose's order its place in COCO's, to which the neck is added as the last."""


def extent_around(box: Floats) -> Extent:
    """The box with room around it, in the canvas's shape."""
    x0, y0, x1, y1 = (float(side) for side in box)
    width, height = (x1 - x0) * ROOM, (y1 - y0) * ROOM
    width, height = max(width, height * WIDTH / HEIGHT), max(height, width * HEIGHT / WIDTH)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def estimator_input(image: Image, extent: Extent) -> Floats:
    """That part of the picture, black beyond its borders, `[1, 3, 384, 288]` normalised BGR.

    The published code applies the statistics of RGB to BGR, and so does this.
    """
    crop = Pillow.fromarray(image).transform((WIDTH, HEIGHT), Transform.EXTENT, extent, Resampling.BILINEAR)
    normal = (np.asarray(crop, np.float32)[..., ::-1] - MEAN) / DEVIATION
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def read_pose(columns: Floats, rows: Floats, extent: Extent) -> Pose:
    """The likeliest place of each point. `columns`: `[1, 133, 576]`, `rows`: `[1, 133, 768]`, a value for each bin."""
    x0, y0, x1, y1 = extent
    x = x0 + (columns[0].argmax(1) / SPLIT + 0.5) * (x1 - x0) / WIDTH
    y = y0 + (rows[0].argmax(1) / SPLIT + 0.5) * (y1 - y0) / HEIGHT
    scores = np.minimum(columns[0].max(1), rows[0].max(1)).clip(0, 1)
    points = np.stack([x - 0.5, y - 0.5, scores], 1).astype(np.float32)
    return Pose(_openpose(points[BODY]), points[FEET], np.stack([points[hand] for hand in HANDS]), points[FACE])


def _openpose(body: Points) -> Points:
    """COCO's 17 joints in OpenPose's order, with a neck between the shoulders that is as sure as the less sure one."""
    shoulders = body[SHOULDERS]
    neck = np.append(shoulders[:, :2].mean(0), shoulders[:, 2].min())
    return np.concatenate([body, neck[None]]).astype(np.float32)[OPENPOSE]
