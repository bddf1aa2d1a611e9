"""Drawn people: random bodies, poses, heads and trousers, painted in layers over a background."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.paperdoll.dice import Dice
from models.paperdoll.geometry import ARM_RADIUS, LEVELS, TAPER, BodyCoordinates
from models.paperdoll.patterns import inside

POSES = (0.34, 0.26, 0.16, 0.12, 0.12)  # arms down, A, hand on hip, across the front, raised
UPPER_ANGLES = ((6, 17), (24, 46), (36, 48), (8, 22), (95, 135))  # degrees outwards from straight down
FORE_ANGLES = ((-4, 14), (18, 50), (-52, -32), (-98, -66), (135, 178))
WAISTLINE = 0.80  # v of the trousers' top


@dataclass(frozen=True, slots=True)
class Figure:
    """A person to draw. `keypoints` `[B, 12, 2]`; numbers `[B, 1, 1]`; colours `[B, 3, 1, 1]` in [0, 1]."""

    keypoints: Tensor
    scale: Tensor
    skin: Tensor
    hair: Tensor
    hair_style: Tensor  # 0 cropped, 1 bob, 2 long, 3 bun
    fringe: Tensor
    eyes: Tensor
    lips: Tensor
    trousers: Tensor
    belt: Tensor
    leg_length: Tensor
    light: Tensor  # from image left (-1) to right (1)

    @classmethod
    def draw(cls, dice: Dice) -> Figure:
        scale = dice.uniform(1.08, 1.34)
        return cls(
            keypoints=_keypoints(dice, scale),
            scale=scale,
            skin=dice.colour((0.02, 0.09), (0.22, 0.6), (0.32, 1.0)),
            hair=torch.where(
                dice.flag(0.85)[:, None],
                dice.colour((0.02, 0.12), (0.1, 0.8), (0.08, 0.8)),
                dice.colour((0, 1), (0.1, 0.8), (0.4, 0.9)),
            ),
            hair_style=dice.choice((0.28, 0.26, 0.28, 0.18)),
            fringe=dice.uniform(-0.35, 0.35),
            eyes=dice.colour((0, 0.6), (0.2, 0.7), (0.08, 0.35)),
            lips=dice.colour((0.95, 1.02), (0.35, 0.7), (0.4, 0.85)),
            trousers=dice.colour((0, 1), (0.05, 0.7), (0.12, 0.75)),
            belt=dice.flag(0.3),
            leg_length=torch.where(dice.flag(0.75), dice.uniform(3, 3), dice.uniform(0.42, 0.62)),
            light=dice.uniform(-1, 1),
        )


def _keypoints(dice: Dice, scale: Tensor) -> Tensor:
    """Twelve points of random bodies in random poses, `[B, 12, 2]`."""
    shoulder = dice.uniform(0.212, 0.262)
    chest = shoulder * dice.uniform(0.90, 1.0)
    waist = shoulder * dice.uniform(0.72, 0.98)
    hip = shoulder * dice.uniform(0.86, 1.06)
    length = dice.uniform(0.57, 0.65)
    points = [
        (sign * width, v * length)
        for width, v in zip((shoulder, chest, waist, hip), LEVELS, strict=True)
        for sign in (-1, 1)
    ]
    pose = dice.choice(POSES)
    arms = [
        _arm(dice, side, shoulder, length, torch.where(dice.flag(0.62), pose, dice.choice(POSES))) for side in (-1, 1)
    ]
    points += [arm[0] for arm in arms] + [arm[1] for arm in arms]
    x, y = (torch.cat([torch.broadcast_to(point[k], (dice.num, 1, 1)) for point in points], 1)[..., 0] for k in (0, 1))
    lean = dice.uniform(-3.4, 3.4)[..., 0] * math.pi / 180
    turned = torch.stack([x * lean.cos() - y * lean.sin(), x * lean.sin() + y * lean.cos()], -1) * scale
    centre = torch.cat([dice.uniform(-0.1, 0.1), dice.uniform(-0.4, -0.28)], 2)
    return turned + centre


def _arm(dice: Dice, side: int, shoulder: Tensor, length: Tensor, pose: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Elbow and wrist, (x, y) each."""
    upper = dice.between(pose, UPPER_ANGLES) * math.pi / 180
    fore = dice.between(pose, FORE_ANGLES) * math.pi / 180
    upper_length, fore_length = 0.32 * dice.uniform(0.93, 1.07), 0.29 * dice.uniform(0.93, 1.07)
    x, y = side * 0.95 * shoulder, 0.108 * length
    elbow = (x + side * upper_length * upper.sin(), y + upper_length * upper.cos())
    wrist = (elbow[0] + side * fore_length * fore.sin(), elbow[1] + fore_length * fore.cos())
    return elbow, wrist


def hand_coverage(body: BodyCoordinates, grid: Tensor, k: int, pixel: float) -> Tensor:
    """Coverage of one hand, a mitten with a thumb beyond the wrist, `[B, H, W]`."""
    wrist, elbow = body.arms[k].joints[:, 2], body.arms[k].joints[:, 1]
    unit = body.torso.shoulder[:, None, None]
    along = (wrist - elbow) / (wrist - elbow).norm(dim=1, keepdim=True).clamp_min(1e-3)
    offset = grid[None] - wrist[:, None, None]
    forward = (offset * along[:, None, None]).sum(-1) / unit
    across = (
        (offset[..., 0] * along[:, 1, None, None] - offset[..., 1] * along[:, 0, None, None]) / unit * (1 if k else -1)
    )
    palm = torch.hypot(forward - forward.clamp(0.06, 0.3), across) - 0.185 + 0.12 * (forward - 0.2).clamp(min=0)
    along_thumb = ((forward - 0.08) * 0.83 - (across + 0.1) * 0.55).clamp(0, 0.24)
    thumb = torch.hypot(forward - 0.08 - 0.83 * along_thumb, across + 0.1 + 0.55 * along_thumb) - 0.066
    return inside(torch.minimum(palm, thumb), pixel / 0.25)


def arm_coverage(body: BodyCoordinates, k: int, pixel: float) -> Tensor:
    """Coverage of one bare arm, shoulder to wrist, `[B, H, W]`."""
    radius = ARM_RADIUS * (1 - TAPER * body.s[:, k].clamp(0, 2))
    edge = torch.maximum((body.distance[:, k] - 1) * radius, (body.s[:, k] - 2.03) * 1.2)
    return inside(edge, pixel / 0.25)


def trunk_coverage(body: BodyCoordinates, pixel: float) -> Tensor:
    """Coverage of neck, shoulders, chest and belly down to the waistline, `[B, H, W]`."""
    y = body.v * 2.6
    slope = -0.36 + 0.36 * ((body.u.abs() - 0.3) / 0.7).clamp(min=0) - y
    trunk = torch.stack([body.u.abs() - 1, slope, y - 2.15]).amax(0)
    neck = torch.maximum(body.u.abs() - 0.3, torch.maximum(-0.95 - y, y - 0.2))
    return inside(torch.minimum(trunk, neck), pixel / 0.25)


def trousers_coverage(body: BodyCoordinates, leg_length: Tensor, pixel: float) -> tuple[Tensor, Tensor]:
    """Coverage of the trousers, and of the legs that they may leave bare, `[B, H, W]` each."""
    y, hips = (body.v - WAISTLINE) * 2.6, body.v.clamp(max=1.02)
    wide = 1.015 + 0 * hips
    pelvis = torch.maximum(body.u.abs() - wide, torch.maximum(-y, y - 0.75))
    down = (body.v - 1.02).clamp(min=0)
    leg = (body.u.abs() - 0.52 - 0.02 * down).abs() - (0.48 - 0.10 * down)
    legs = torch.maximum(leg, -y + 0.5)
    cloth = torch.minimum(pelvis, torch.maximum(legs, (body.v - 1 - leg_length) * 2.6))
    return inside(cloth, pixel / 0.25), inside(torch.maximum(legs + 0.06, 0.5 - y), pixel / 0.25)
