"""The part of a photograph that is worth the model's pixels."""

from __future__ import annotations

import math

import numpy as np

from models.base import Mask
from models.preprocess.fitting import Box
from models.preprocess.pose import Joint, Pose

MARGIN = 0.25  # on each side, of the longer side of the box around the joints: room for hair, hat, shoes and clothes
SMALLEST = 64  # pixels of a crop's side: in fewer there are no clothes to see
LEAST_GAIN = 1.25  # how much larger the person must become, or the whole photograph is taken

Extent = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


def person_crop(pose: Pose | None, height: int, width: int, aspect: float, mask: Mask | None = None) -> Box:
    """The box around the person, in the shape of the canvas (`aspect`: width / height) as far as the photograph goes.

    A caller's `mask`, of the photograph's size, lies in it whole. The whole photograph, `height` x `width`, when
    nobody's trunk is found in it or a crop would hardly show them larger.
    """
    whole = Box(0, 0, width, height)
    if pose is None or not _has_trunk(pose):
        return whole
    x0, y0, x1, y1 = _joined(_around(pose, height), _white(mask))
    wide, high = max(x1 - x0, SMALLEST), max(y1 - y0, SMALLEST)
    wide, high = max(wide, high * aspect), max(high, wide / aspect)
    left, right = _span((x0 + x1) / 2, wide, width)
    top, bottom = _span((y0 + y1) / 2, high, height)
    crop = Box(left, top, right, bottom)
    return crop if _scale(crop, aspect) >= LEAST_GAIN * _scale(whole, aspect) else whole


def _has_trunk(pose: Pose) -> bool:
    """Whether shoulders and hips are seen; around a face or a hand alone a crop would leave out the clothes."""
    shoulders, hips = (Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER), (Joint.RIGHT_HIP, Joint.LEFT_HIP)
    return all(any(pose.joint(one) is not None for one in pair) for pair in (shoulders, hips))


def _around(pose: Pose, height: int) -> Extent:
    """The joints with room around; down to the photograph's end, where no ankle says how far the legs go."""
    (left, top), (right, bottom) = pose.seen.min(0).tolist(), pose.seen.max(0).tolist()
    if all(pose.joint(ankle) is None for ankle in (Joint.RIGHT_ANKLE, Joint.LEFT_ANKLE)):
        bottom = max(bottom, height)
    margin = MARGIN * max(right - left, bottom - top)
    return left - margin, top - margin, right + margin, bottom + margin


def _white(mask: Mask | None) -> Extent | None:
    if mask is None or not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _joined(one: Extent, other: Extent | None) -> Extent:
    if other is None:
        return one
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _span(middle: float, length: float, end: int) -> tuple[int, int]:
    """The whole pixels that a stretch touches, moved to lie within [0, end] and cut where it is longer."""
    first, last = math.floor(middle - length / 2), math.ceil(middle + length / 2)
    whole = min(last - first, end)
    start = min(max(first, 0), end - whole)
    return start, start + whole


def _scale(box: Box, aspect: float) -> float:
    """How large the box appears on a canvas of height 1."""
    return min(1 / box.height, aspect / box.width)
