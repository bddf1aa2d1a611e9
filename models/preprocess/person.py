"""The part of a photograph that is worth the model's pixels."""

from __future__ import annotations

from models.preprocess.fitting import Box
from models.preprocess.pose import Pose

MARGIN = 0.25  # on each side, of the longer side of the box around the joints: room for hair, hat, shoes and clothes
LEAST_GAIN = 1.25  # how much larger the person must become, or the whole photograph is taken


def person_crop(pose: Pose | None, height: int, width: int, aspect: float) -> Box:
    """The box around the person, in the shape of the canvas (`aspect`: width / height) as far as the photograph goes.

    The whole photograph, `height` x `width`, when nobody is found in it or a crop would hardly show them larger.
    """
    whole = Box(0, 0, width, height)
    if pose is None or len(seen := pose.seen) < 2:
        return whole
    (left, top), (right, bottom) = seen.min(0).tolist(), seen.max(0).tolist()
    margin = MARGIN * max(right - left, bottom - top)
    wide, high = right - left + 2 * margin, bottom - top + 2 * margin
    wide, high = max(wide, high * aspect), max(high, wide / aspect)
    x0, x1 = _span((left + right) / 2, wide, width)
    y0, y1 = _span((top + bottom) / 2, high, height)
    crop = Box(x0, y0, x1, y1)
    return crop if _scale(crop, aspect) >= LEAST_GAIN * _scale(whole, aspect) else whole


def _span(middle: float, length: float, end: int) -> tuple[int, int]:
    """Whole pixels of a stretch, moved to lie within [0, end] and cut where it is longer."""
    length = min(max(round(length), 1), end)
    start = min(max(round(middle - length / 2), 0), end - int(length))
    return start, start + int(length)


def _scale(box: Box, aspect: float) -> float:
    """How large the box appears on a canvas of height 1."""
    return min(1 / box.height, aspect / box.width)
