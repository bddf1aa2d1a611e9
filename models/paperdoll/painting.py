"""Layers of paint: a figure wearing a garment, and a garment lying flat, each with exact labels."""

from __future__ import annotations

import torch
from torch import Tensor

from models.paperdoll import heads
from models.paperdoll.canvas import BACKGROUND, HAND, HEAD, LEFT_SLEEVE, SKIN, TORSO, TROUSERS, Canvas, Scene
from models.paperdoll.figures import Figure, arm_coverage, hand_coverage, trousers_coverage, trunk_coverage
from models.paperdoll.garments import Cloth, Garment
from models.paperdoll.geometry import BodyCoordinates, smoothstep
from models.paperdoll.patterns import inside


def side_shade(across: Tensor, light: Tensor) -> Tensor:
    """Brightness of a round thing at `across` in [-1, 1] (image left to right), lit from `light`, `[B, H, W]`."""
    edge = across.clamp(-1.2, 1.2)
    return 1 - 0.26 * edge.abs() ** 3 + 0.1 * light * edge


def torso_shade(garment: Garment, body: BodyCoordinates, light: Tensor) -> Tensor:
    """Side shading and folds of a worn torso: drag lines to the armpits, pleats where the hem is wide."""
    u, v = body.u, body.v
    drag = 0.045 * torch.sin(16 * v - 7 * u.abs()) * smoothstep(0.25, 0.9, u.abs()) * smoothstep(0.02, 0.25, v)
    pleats = 0.35 * garment.flare * torch.sin(11 * u) * smoothstep(0.4, 1.05, v)
    return side_shade(u / garment.ease, light) + drag + pleats


def arm_shade(body: BodyCoordinates, k: int, light: Tensor, width: Tensor | float) -> Tensor:
    """Side shading of an arm whose radius is `width` times the bare one, creased where the elbow bends."""
    arm, s = body.arms[k], body.s[:, k]
    bones = arm.joints.diff(dim=1)
    bend = 1 - torch.cosine_similarity(bones[:, 0], bones[:, 1], dim=1)[:, None, None]
    crease = 0.09 * bend.clamp(max=1) * torch.sin(26 * (s - 1)) * torch.exp(-(((s - 1) / 0.28) ** 2))
    return side_shade(body.r[:, k] / width * arm.side, light) + crease * torch.as_tensor(width > 1.01)


def paint_worn(figure: Figure, garment: Garment, scene: Scene, grid: Tensor, pixel: float) -> Canvas:
    """The figure in the garment. `pixel`: the size of one in frame units."""
    body = BodyCoordinates.of(figure.keypoints, grid)
    cloth = Cloth.on(garment, body, pixel)
    canvas = scene.paint(grid, pixel)
    heads.lay_back_hair(canvas, figure, body, pixel, HEAD)
    _lay_lower_body(canvas, figure, body, pixel)
    canvas.lay(cloth.coverage[:, 0], cloth.colours[:, 0] * torso_shade(garment, body, figure.light)[:, None], TORSO)
    heads.lay_head(canvas, figure, body, pixel, HEAD)
    for k in (0, 1):
        _lay_arm(canvas, figure, garment, cloth, body, grid, k, pixel)
    canvas.colours = canvas.colours.clamp(0, 1)
    return canvas


def _lay_lower_body(canvas: Canvas, figure: Figure, body: BodyCoordinates, pixel: float) -> None:
    shade = side_shade(body.u, figure.light)[:, None]
    trousers, legs = trousers_coverage(body, figure.leg_length, pixel)
    thigh = side_shade((body.u.abs() - 0.5) / 0.5, figure.light * 0)[:, None]
    canvas.lay(legs, figure.skin * thigh, SKIN)
    canvas.lay(trunk_coverage(body, pixel), figure.skin * shade, SKIN)
    canvas.lay(trousers, figure.trousers * torch.where(body.v[:, None] > 1.05, thigh, shade), TROUSERS)
    belt = inside((body.v - 0.825).abs() * 2.6 - 0.06, pixel / 0.25) * trousers * figure.belt
    canvas.lay(belt, figure.trousers * 0.45, TROUSERS)
    chin = torch.hypot(body.u / 0.42, (body.v * 2.6 + 0.42) / 0.24)
    canvas.darken(0.22 * smoothstep(1.0, 0.4, chin) * (canvas.labels == SKIN))


def _lay_arm(
    canvas: Canvas,
    figure: Figure,
    garment: Garment,
    cloth: Cloth,
    body: BodyCoordinates,
    grid: Tensor,
    k: int,
    pixel: float,
) -> None:
    near = (body.distance[:, k] - 1.0).clamp(min=0) * smoothstep(-0.1, 0.3, body.s[:, k]) + 3 * (body.s[:, k] < 0)
    canvas.darken(0.3 * torch.exp(-near / 0.4))
    skin = figure.skin * arm_shade(body, k, figure.light, 1.0)[:, None]
    canvas.lay(arm_coverage(body, k, pixel), skin, SKIN)
    canvas.lay(
        hand_coverage(body, grid, k, pixel),
        figure.skin * (1 - 0.12 * (body.r[:, k] / 0.8).abs().clamp(max=1) ** 2)[:, None],
        HAND,
    )
    shade = arm_shade(body, k, figure.light, garment.sleeve_ease)[:, None]
    canvas.lay(cloth.coverage[:, 1 + k], cloth.colours[:, 1 + k] * shade, LEFT_SLEEVE + k)


def paint_flat(garment: Garment, keypoints: Tensor, ground: Tensor, grid: Tensor, pixel: float) -> Canvas:
    """The garment lying on a plain ground, `ground` `[B, 1, 1]` its grey in [0, 1]."""
    body = BodyCoordinates.of(keypoints, grid)
    cloth = Cloth.on(garment, body, pixel)
    canvas = Canvas(ground[:, None] + 0 * cloth.colours[:, 0], torch.zeros_like(body.u, dtype=torch.int64))
    back = torch.maximum(body.u.abs() - 0.5, (body.v * 2.6 - 0.02 + 0.25 * (body.u / 0.5) ** 2).abs() - 0.2)
    back = torch.maximum(back, -0.33 + 0.36 * ((body.u.abs() - 0.3) / 0.7).clamp(min=0) - body.v * 2.6)
    canvas.lay(inside(back, pixel / 0.25), garment.colours[0] * 0.42, BACKGROUND)
    canvas.lay(cloth.coverage[:, 0], cloth.colours[:, 0] * (1 - 0.06 * body.u[:, None].abs() ** 3), TORSO)
    for k in (0, 1):
        canvas.lay(cloth.coverage[:, 1 + k], cloth.colours[:, 1 + k], LEFT_SLEEVE + k)
    canvas.colours = canvas.colours.clamp(0, 1)
    return canvas
