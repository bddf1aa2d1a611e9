"""A mask from the label map and the joints that VITON-HD and DressCode publish of each person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from models.base import Mask
from models.preprocess.agnostic import agnostic_mask
from models.preprocess.parts import Part
from models.preprocess.pose import Pose

LIP = (
    *(Part.BACKGROUND, Part.HAT, Part.HAIR, Part.HANDS, Part.GLASSES, Part.TOP, Part.DRESS, Part.TOP, Part.FEET),
    *(Part.PANTS, Part.TORSO, Part.SCARF, Part.SKIRT, Part.FACE, Part.ARMS, Part.ARMS, Part.LEGS, Part.LEGS),
    *(Part.FEET, Part.FEET),
)
"""VITON-HD's `image-parse-v3`: the twenty labels of CIHP, whose eleventh is the skin of neck and trunk."""

ATR = (
    *(Part.BACKGROUND, Part.HAT, Part.HAIR, Part.GLASSES, Part.TOP, Part.SKIRT, Part.PANTS, Part.DRESS, Part.BELT),
    *(Part.FEET, Part.FEET, Part.FACE, Part.LEGS, Part.LEGS, Part.ARMS, Part.ARMS, Part.BAG, Part.SCARF),
)
"""DressCode's `label_maps`."""

BODY_25 = (*range(8), 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Which of OpenPose's 25 joints are the 18 of `Pose.body`: without the middle of the hips and the feet."""

DRESSCODE_SIZE = (384, 512)  # width and height of the pictures in which its joints were found


def mask_of(parse: Path, pose: str, category: str, size: tuple[int, int]) -> Mask:
    """255 where a garment of the category may be drawn. `size`: (height, width) of the photograph; `pose`: may be "".

    Raises:
        OSError, ValueError, KeyError: a file cannot be read; ValueError's sentence says how it differs.
    """
    with Pillow.open(parse) as picture:
        numbers = np.asarray(picture)
    if numbers.ndim != 2:
        raise ValueError(f"The label map {parse.name} must have one channel of label numbers.")
    if numbers.shape != size:
        raise ValueError(f"The label map {parse.name} must be as large as the photograph.")
    labels = _table(parse)
    if numbers.max() >= len(labels):
        raise ValueError(f"The label map {parse.name} has the label {numbers.max()}: there are {len(labels)}.")
    mask = agnostic_mask(np.array(labels, np.uint8)[numbers], _pose(Path(pose), size) if pose else None, category)
    if not mask.any():
        raise ValueError(f"The label map {parse.name} shows no garment to replace.")
    return mask


def _table(parse: Path) -> tuple[Part, ...]:
    """By the folder in which its data set has it."""
    return ATR if parse.parent.name == "label_maps" else LIP


def _pose(path: Path, size: tuple[int, int]) -> Pose | None:
    told = json.loads(path.read_text(encoding="utf-8"))
    body = _of_dresscode(told, size) if "keypoints" in told else _of_openpose(told)
    if body is None:
        return None
    return Pose(body, _nothing(6), np.stack([_nothing(21)] * 2), _nothing(68))


def _of_openpose(told: dict[str, Any]) -> npt.NDArray[np.float32] | None:
    """The first of its people; 25 joints as x, y, score in the photograph's pixels."""
    if not told["people"]:
        return None
    joints = np.array(told["people"][0]["pose_keypoints_2d"], np.float32).reshape(-1, 3)
    return joints[list(BODY_25)] if len(joints) == 25 else joints[:18]


def _of_dresscode(told: dict[str, Any], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """18 joints as x, y, score, number, in the pixels of a picture of 384 x 512; those not seen lie at -1."""
    joints = np.array(told["keypoints"], np.float32).reshape(-1, 4)[:18]
    scale = np.array([size[1] / DRESSCODE_SIZE[0], size[0] / DRESSCODE_SIZE[1]], np.float32)
    seen = (joints[:, :2] > 0).all(1)
    return np.column_stack([joints[:, :2] * scale, seen]).astype(np.float32)


def _nothing(num: int) -> npt.NDArray[np.float32]:
    return np.zeros((num, 3), np.float32)
