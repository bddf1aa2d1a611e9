"""People in a picture, by YOLOX: what its network takes, and how its answer is read.

Source: Ge et al., YOLOX (2021). Boxes are (x0, y0, x1, y1) in pixels of the picture.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.Image import Resampling

from models.base import Image

Floats = npt.NDArray[np.float32]

SIDE = 640  # of the network's square canvas
STRIDES = (8, 16, 32)  # of the grids whose cells answer
PADDING = 114
PERSON = 0  # among the classes of COCO
LEAST_SCORE, MOST_OVERLAP = 0.3, 0.45


def detector_input(image: Image) -> tuple[Floats, float]:
    """The picture in the canvas's upper left corner, `[1, 3, 640, 640]` BGR in [0, 255], and its scale."""
    height, width = image.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    canvas = np.full((SIDE, SIDE, 3), PADDING, np.float32)
    canvas[: size[1], : size[0]] = np.asarray(Pillow.fromarray(image).resize(size, Resampling.BILINEAR))
    return np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1)[None]), scale


def most_prominent(answer: Floats, scale: float) -> Floats | None:
    """The box of the person with the largest score times area, `[4]`; None when there is nobody.

    `answer`: `[1, 8400, 85]`, for each cell of the grids its box, whether there is anything, and the 80 classes.
    """
    boxes, scores = _decoded(answer[0])
    chosen = scores > LEAST_SCORE
    boxes, scores = boxes[chosen], scores[chosen]
    kept = _without_overlaps(boxes, scores)
    if not kept:
        return None
    boxes, scores = boxes[kept], scores[kept]
    best: Floats = boxes[np.argmax(scores * _areas(boxes))] / scale
    return best


def _decoded(answer: Floats) -> tuple[Floats, Floats]:
    """Boxes `[N, 4]` in pixels of the canvas, and the scores of persons `[N]`."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: SIDE // stride, : SIDE // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((x.size, 1), stride, np.float32))
    stride_of = np.concatenate(strides)
    middle = (answer[:, :2] + np.concatenate(cells)) * stride_of
    half = np.exp(answer[:, 2:4]) * stride_of / 2
    boxes = np.concatenate([middle - half, middle + half], 1).astype(np.float32)
    return boxes, answer[:, 4] * answer[:, 5 + PERSON]


def _without_overlaps(boxes: Floats, scores: Floats) -> list[int]:
    """The indices of boxes that no better one overlaps too much, best first."""
    left = np.argsort(-scores, kind="stable")
    kept = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        low, high = np.maximum(boxes[best, :2], boxes[left, :2]), np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        union = _areas(boxes[best : best + 1]) + _areas(boxes[left]) - shared
        left = left[shared <= MOST_OVERLAP * union]
    return kept


def _areas(boxes: Floats) -> Floats:
    areas: Floats = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas
