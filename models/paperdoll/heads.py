"""Heads: hair behind, face, hair in front. Drawn in the body's own axes, in frame units at scale 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.paperdoll.patterns import inside

if TYPE_CHECKING:
    from models.paperdoll.canvas import Canvas
    from models.paperdoll.figures import Figure
    from models.paperdoll.geometry import BodyCoordinates

CENTRE, WIDE, HIGH = -0.235, 0.098, 0.13  # of the face's ellipse


def _axes(figure: Figure, body: BodyCoordinates) -> tuple[Tensor, Tensor]:
    length = body.torso.axis.norm(dim=1)[:, None, None]
    return body.u * body.torso.half_width(body.v) / figure.scale, body.v * length / figure.scale


def _ellipse(x: Tensor, y: Tensor, wide: float, high: float) -> Tensor:
    return (torch.hypot(x / wide, y / high) - 1) * min(wide, high)


def _strands(figure: Figure, x: Tensor) -> Tensor:
    return (
        figure.hair
        * (1 + 0.1 * torch.sin(x * 130))[:, None]
        * (1 + 0.12 * figure.light * (x / 0.12).clamp(-1, 1))[:, None]
    ).clamp(0, 1)


def lay_back_hair(canvas: Canvas, figure: Figure, body: BodyCoordinates, pixel: float, label: int) -> None:
    """Bobs and long hair behind the shoulders, and buns."""
    x, y = _axes(figure, body)
    bottom = torch.where(figure.hair_style == 2, 0.12, -0.12)
    fall = torch.maximum(x.abs() - 0.118 - 0.06 * (y - CENTRE).clamp(0, 0.3), torch.maximum(CENTRE - y, y - bottom))
    fall = torch.where((figure.hair_style == 1) | (figure.hair_style == 2), fall, torch.ones_like(fall))
    bun = torch.where(figure.hair_style == 3, torch.hypot(x, y - CENTRE + 0.165) - 0.05, torch.ones_like(fall))
    shape = torch.minimum(torch.minimum(_ellipse(x, y - CENTRE + 0.012, 0.113, 0.142), fall), bun)
    canvas.lay(inside(shape, pixel), _strands(figure, x) * 0.82, label)


def lay_head(canvas: Canvas, figure: Figure, body: BodyCoordinates, pixel: float, label: int) -> None:
    """The face with its features, the fringe, and locks over the shoulders for some."""
    x, y = _axes(figure, body)
    face = _ellipse(x, y - CENTRE, WIDE, HIGH)
    shade = 1 - 0.16 * (x / WIDE).clamp(-1, 1).abs() ** 3 + 0.08 * figure.light * (x / WIDE).clamp(-1, 1)
    canvas.lay(inside(face, pixel), figure.skin * shade[:, None], label)
    _lay_features(canvas, figure, x, y - CENTRE, pixel, label)
    hairline = y - CENTRE + 0.052 - figure.fringe * x + 0.9 * (x / WIDE).clamp(-1.2, 1.2) ** 4 * -0.03
    cap = torch.maximum(_ellipse(x, y - CENTRE + 0.012, 0.111, 0.14), hairline)
    canvas.lay(inside(cap, pixel), _strands(figure, x), label)
    lock = torch.maximum((x.abs() - 0.112).abs() - 0.022, torch.maximum(CENTRE - y, y - 0.13))
    shown = (figure.hair_style == 2) & (figure.fringe > 0)
    canvas.lay(inside(lock, pixel) * shown, _strands(figure, x), label)


def _lay_features(canvas: Canvas, figure: Figure, x: Tensor, y: Tensor, pixel: float, label: int) -> None:
    blush = torch.exp(-(((x.abs() - 0.055) / 0.022) ** 2) - ((y - 0.042) / 0.018) ** 2)
    canvas.lay(0.25 * blush, figure.lips, label)
    side = x.abs() - 0.04
    canvas.lay(inside(_ellipse(side, y - 0.002, 0.019, 0.0125), pixel), torch.full_like(figure.skin, 0.96), label)
    canvas.lay(inside(torch.hypot(side, y - 0.002) - 0.0098, pixel), figure.eyes, label)
    brow = torch.maximum(side.abs() - 0.021, (y + 0.027 + 6 * side**2).abs() - 0.0045)
    canvas.lay(inside(brow, pixel), figure.hair * 0.55, label)
    nose = torch.maximum(x.abs() - 0.009, (y - 0.036 + 12 * x**2).abs() - 0.0035)
    canvas.lay(0.5 * inside(nose, pixel), figure.skin * 0.55, label)
    mouth = torch.maximum(x.abs() - 0.03, (y - 0.073 + 7 * x**2).abs() - 0.0065)
    canvas.lay(inside(mouth, pixel), figure.lips, label)
