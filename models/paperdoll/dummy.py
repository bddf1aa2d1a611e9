"""The dummy that every flat-lay is imagined to lie on: one shape, anywhere in the frame, its arms held out alike."""

from __future__ import annotations

import torch
from torch import Tensor

from models.paperdoll.dice import Dice
from models.paperdoll.geometry import JOINT_U, JOINT_V, LEVELS

LENGTH = 2.6  # shoulders to hips, in shoulder half-widths, as is all here
WIDTHS = (1.0, 0.98, 0.95, 0.99)
BONE = 1.3
OUTLINE = torch.tensor(
    [(side * width, v * LENGTH) for width, v in zip(WIDTHS, LEVELS, strict=True) for side in (-1, 1)]
)
JOINT = (JOINT_U, JOINT_V * LENGTH)


def dummy_keypoints(unit: Tensor, tilt: Tensor, arm: Tensor, centre: Tensor) -> Tensor:
    """`[B, 12, 2]` from shoulder half-width, tilt, arm angle (radians) `[B]` and the shoulders' middle `[B, 2]`."""
    reach = torch.stack([arm.sin(), arm.cos()], 1)
    mirror = unit.new_tensor([-1.0, 1.0])
    right = unit.new_tensor(JOINT) + reach * BONE
    arms = torch.stack([right * mirror, right, (right + reach * BONE) * mirror, right + reach * BONE], 1)
    points = torch.cat([OUTLINE.to(unit).expand(len(unit), -1, -1), arms], 1) * unit[:, None, None]
    return _turned(points, tilt) + centre[:, None]


def random_dummy(dice: Dice) -> Tensor:
    """The keypoints of dummies lying about, `[B, 12, 2]`."""
    unit, tilt = dice.uniform(0.25, 0.31).flatten(), dice.uniform(-0.052, 0.052).flatten()
    arm = dice.uniform(0.3, 0.94).flatten()
    centre = torch.cat([dice.uniform(-0.05, 0.05), dice.uniform(-0.46, -0.28)], 2)[:, 0]
    return dummy_keypoints(unit, tilt, arm, centre)


def nearest_dummy(keypoints: Tensor) -> Tensor:
    """The dummy that lies best on keypoints that were read, `[B, 12, 2]` to the same."""
    outline = keypoints[:, :8]
    shape = OUTLINE.to(keypoints) - OUTLINE.mean(0).to(keypoints)
    offset = outline - outline.mean(1, keepdim=True)
    along = (offset * shape).sum((1, 2))
    across = (shape[:, 0] * offset[..., 1] - shape[:, 1] * offset[..., 0]).sum(1)
    unit, tilt = torch.hypot(along, across) / (shape**2).sum(), torch.atan2(across, along)
    middle = OUTLINE.mean(0).to(keypoints).expand(len(keypoints), 1, 2) * unit[:, None, None]
    centre = outline.mean(1) - _turned(middle, tilt)[:, 0]
    arms = _turned(keypoints[:, 8:] - centre[:, None], -tilt) / unit[:, None, None]
    mirrored = arms * arms.new_tensor([[-1.0, 1.0], [1.0, 1.0]]).repeat(2, 1)
    reach = (mirrored - arms.new_tensor(JOINT)).sum(1)
    return dummy_keypoints(unit, tilt, torch.atan2(reach[:, 0], reach[:, 1]), centre)


def _turned(points: Tensor, angle: Tensor) -> Tensor:
    """`[B, N, 2]` turned about the origin by `angle` `[B]`."""
    x, y, cos, sin = points[..., 0], points[..., 1], angle.cos()[:, None], angle.sin()[:, None]
    return torch.stack([x * cos - y * sin, x * sin + y * cos], -1)
