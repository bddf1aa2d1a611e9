"""Body coordinates: the closed form between a pixel and a place on a torso or an arm.

Twelve keypoints describe a body, a figure's or the imagined dummy's under a flat-lay, `[B, 12, 2]` (x, y) in frame
units: shoulders, chest, waist and hips (the torso's half-widths), elbows, wrists; image left first. The frame has y in
[-1, 1] downwards and x in [-.75, .75]. The torso has (u, v): u = offset / half-width, v = 0 at the shoulders and 1 at
the hips. An arm has (s, r): s = 0 shoulder, 1 elbow, 2 wrist; r = offset / arm radius. A garment is a function of these
alone, so that the flat and the worn copy agree, and so that keypoints give the whole warp.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NUM_KEYPOINTS = 12
LEVELS = (0.0, 0.28, 0.62, 1.0)  # v of shoulders, chest, waist and hips
ARM_RADIUS = 0.30  # at the shoulder, in shoulder half-widths
JOINT_U, JOINT_V = 0.95, 0.108  # where the arm hangs on the torso
TAPER = 0.19  # of the arm's radius for each unit of s


def frame_grid(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """`[height, width, 2]` (x, y) of the pixel centres."""
    x = (torch.arange(width, device=device) + 0.5) / width * 1.5 - 0.75
    y = (torch.arange(height, device=device) + 0.5) / height * 2 - 1
    return torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)], -1)


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, slots=True)
class Torso:
    """A torso's `origin`, `axis` (shoulders to hips), `normal` (unit, to the right) `[B, 2]` and `widths` `[B, 4]`."""

    origin: Tensor
    axis: Tensor
    normal: Tensor
    widths: Tensor

    @classmethod
    def of(cls, keypoints: Tensor) -> Torso:
        """The straight torso nearest to the eight outline points."""
        outline = keypoints[:, :8].reshape(-1, 4, 2, 2)
        middle, half = outline.mean(2), (outline[:, :, 1] - outline[:, :, 0]) / 2
        v = keypoints.new_tensor(LEVELS)
        centred = (v - v.mean())[None, :, None]
        axis = (centred * middle).sum(1) / (centred**2).sum(1)
        origin = middle.mean(1) - v.mean() * axis
        length = axis.norm(dim=1, keepdim=True).clamp_min(1e-3)
        normal = torch.stack([axis[:, 1], -axis[:, 0]], 1) / length
        widths = (half * normal[:, None]).sum(2).clamp_min(0.02)
        return cls(origin, axis, normal, widths)

    @property
    def shoulder(self) -> Tensor:
        """Half-width at the shoulders, `[B]`: the unit that arms are measured in."""
        return self.widths[:, 0]

    def half_width(self, v: Tensor) -> Tensor:
        """`[B, ...]` at each v, smooth between the levels and constant beyond."""
        shape = (-1,) + (1,) * (v.dim() - 1)
        width = self.widths[:, 0].reshape(shape)
        for k in range(3):
            step = (self.widths[:, k + 1] - self.widths[:, k]).reshape(shape)
            width = width + step * smoothstep(LEVELS[k], LEVELS[k + 1], v)
        return width

    def coordinates(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """(u, v) of each pixel, `[B, H, W]` each."""
        offset = grid[None] - self.origin[:, None, None]
        v = (offset * self.axis[:, None, None]).sum(-1) / (self.axis**2).sum(1).clamp_min(1e-6)[:, None, None]
        across = (offset * self.normal[:, None, None]).sum(-1)
        return across / self.half_width(v), v

    def place(self, u: Tensor, v: Tensor) -> Tensor:
        """The frame position of (u, v), `[B, ..., 2]`: the inverse of `coordinates`."""
        shape = (-1,) + (1,) * (v.dim() - 1) + (2,)
        across = (u * self.half_width(v)).unsqueeze(-1) * self.normal.reshape(shape)
        return self.origin.reshape(shape) + v.unsqueeze(-1) * self.axis.reshape(shape) + across


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: `joints` shoulder, elbow, wrist `[B, 3, 2]`; `radius` at the shoulder `[B]`; `side` -1 left, 1 right."""

    joints: Tensor
    radius: Tensor
    side: int

    @classmethod
    def of(cls, keypoints: Tensor, torso: Torso, side: int) -> Arm:
        at = torso.shoulder.new_ones(len(keypoints))
        shoulder = torso.place(at * (JOINT_U * side), at * JOINT_V)
        k = 0 if side < 0 else 1
        return cls(
            torch.stack([shoulder, keypoints[:, 8 + k], keypoints[:, 10 + k]], 1), torso.shoulder * ARM_RADIUS, side
        )

    def coordinates(self, grid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(s, r, distance) of each pixel, `[B, H, W]` each.

        s runs on below 0 and above 2; r is signed, to the arm's outer side; distance is to the bone, in local radii.
        """
        upper, lower = self._segment(grid, 0), self._segment(grid, 1)
        nearer = upper[2] <= lower[2]
        s, r, distance = (torch.where(nearer, a, b) for a, b in zip(upper, lower, strict=True))
        return s, r, distance

    def _segment(self, grid: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        start, bone = self.joints[:, k], self.joints[:, k + 1] - self.joints[:, k]
        offset = grid[None] - start[:, None, None]
        along = (offset * bone[:, None, None]).sum(-1) / (bone**2).sum(1).clamp_min(1e-6)[:, None, None]
        clamped = along.clamp(0, 1)
        cross = bone[:, 1, None, None] * offset[..., 0] - bone[:, 0, None, None] * offset[..., 1]
        radius = self.radius[:, None, None] * (1 - TAPER * (clamped + k))
        gap = (offset - clamped[..., None] * bone[:, None, None]).norm(dim=-1) / radius
        straight = cross / bone.norm(dim=1).clamp_min(1e-3)[:, None, None] / radius * self.side
        bend = along > 1 if k == 0 else along < 0
        r = torch.where(bend, gap * straight.sign(), straight)
        s = k + (along.clamp(max=1) if k == 0 else along.clamp(min=0))
        return s, r, gap

    def place(self, s: Tensor, r: Tensor) -> Tensor:
        """The frame position of (s, r), `[B, ..., 2]`."""
        shape = (-1,) + (1,) * (s.dim() - 1)
        parts = []
        for k in (0, 1):
            bone = self.joints[:, k + 1] - self.joints[:, k]
            normal = torch.stack([bone[:, 1], -bone[:, 0]], 1) / bone.norm(dim=1, keepdim=True).clamp_min(1e-3)
            radius = self.radius.reshape(shape) * (1 - TAPER * s.clamp(0, 2))
            across = (r * self.side * radius).unsqueeze(-1) * normal.reshape(*shape, 2)
            along = (s - k).unsqueeze(-1) * bone.reshape(*shape, 2)
            parts.append(self.joints[:, k].reshape(*shape, 2) + along + across)
        return torch.where((s < 1).unsqueeze(-1), parts[0], parts[1])


@dataclass(frozen=True, slots=True)
class BodyCoordinates:
    """Where each pixel lies on a body: `[B, H, W]` each, the arms stacked as `[B, 2, H, W]`."""

    torso: Torso
    arms: tuple[Arm, Arm]
    u: Tensor
    v: Tensor
    s: Tensor
    r: Tensor
    distance: Tensor

    @classmethod
    def of(cls, keypoints: Tensor, grid: Tensor) -> BodyCoordinates:
        torso = Torso.of(keypoints)
        arms = (Arm.of(keypoints, torso, -1), Arm.of(keypoints, torso, 1))
        u, v = torso.coordinates(grid)
        s, r, distance = (torch.stack(pair, 1) for pair in zip(*(arm.coordinates(grid) for arm in arms), strict=True))
        return cls(torso, arms, u, v, s, r, distance)

    def to(self, other: BodyCoordinates) -> Tensor:
        """Where this body's torso, left arm and right arm pixels lie on another body: `[B, 3, H, W, 2]` frame units."""
        places = [other.torso.place(self.u, self.v)]
        places += [arm.place(self.s[:, k], self.r[:, k]) for k, arm in enumerate(other.arms)]
        return torch.stack(places, 1)
