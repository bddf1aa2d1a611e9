"""What is printed on a cloth: each pattern is a function of the garment's own coordinates.

Coordinates x (across) and y (down) `[B, H, W]` are in shoulder half-widths of the garment. A pattern answers how much
of the second colour and of the third lies at a place, in [0, 1]. `soft` is a pixel in the same unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SEEN = ("plain", "horizontal", "vertical", "diagonal", "plaid", "dots", "logo", "block", "raglan", "gradient", "text")
UNSEEN = ("zigzag", "argyle", "camouflage")
NAMES = SEEN + UNSEEN


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cloth is asked: `x`, `y` `[B, H, W]`, on a sleeve or not; `period`, `phase`, `variant` `[B, 1, 1]`."""

    x: Tensor
    y: Tensor
    sleeve: bool
    period: Tensor
    phase: Tensor
    variant: Tensor
    soft: float

    def rows(self, chosen: Tensor) -> Place:
        own = (t[chosen] for t in (self.x, self.y, self.period, self.phase, self.variant))
        x, y, period, phase, variant = own
        return Place(x, y, self.sleeve, period, phase, variant, self.soft)


def inside(distance: Tensor, soft: float) -> Tensor:
    """Coverage of a signed distance (negative inside), antialiased over one pixel."""
    return (0.5 - distance / soft).clamp(0, 1)


def _wave(x: Tensor, place: Place) -> Tensor:
    """Distance to the bands of a period, half of it covered."""
    cycle = ((x / place.period + place.phase) % 1 - 0.5).abs()
    return (cycle - 0.25) * place.period


def _horizontal(place: Place) -> tuple[Tensor, Tensor]:
    return inside(_wave(place.y, place), place.soft), torch.zeros_like(place.x)


def _vertical(place: Place) -> tuple[Tensor, Tensor]:
    return inside(_wave(place.x, place), place.soft), torch.zeros_like(place.x)


def _diagonal(place: Place) -> tuple[Tensor, Tensor]:
    return inside(_wave((place.x + place.y) * math.sqrt(0.5), place), place.soft), torch.zeros_like(place.x)


def _plaid(place: Place) -> tuple[Tensor, Tensor]:
    across, down = (inside(_wave(axis, place), place.soft) for axis in (place.x, place.y))
    return (across + down) / 2, torch.zeros_like(place.x)


def _dots(place: Place) -> tuple[Tensor, Tensor]:
    row = torch.floor(place.y / place.period)
    x = ((place.x / place.period + row % 2 / 2) % 1 - 0.5) * place.period
    y = ((place.y / place.period) % 1 - 0.5) * place.period
    return inside(torch.hypot(x, y) - 0.28 * place.period, place.soft), torch.zeros_like(x)


def _logo(place: Place) -> tuple[Tensor, Tensor]:
    zero = torch.zeros_like(place.x)
    if place.sleeve:
        return zero, zero
    x, y = place.x - (place.phase - 0.5) * 0.9, place.y - 0.95
    size = 0.17 + place.period * 0.35
    disc, square = torch.hypot(x, y) - size, torch.maximum(x.abs(), y.abs()) - size
    diamond = (x.abs() + y.abs()) / math.sqrt(2) - size * 0.8
    cross = torch.minimum(
        torch.maximum(x.abs() - size, y.abs() - size / 3), torch.maximum(x.abs() - size / 3, y.abs() - size)
    )
    ring = (torch.hypot(x, y) - size * 0.75).abs() - size * 0.25
    triangle = torch.maximum(x.abs() * 0.87 + y * 0.5, -y) - size * 0.6
    shapes = torch.stack([disc, square, diamond, cross, ring, triangle])
    index = (place.variant * 6).long().clamp(0, 5).expand_as(x)[None]
    heart = inside(torch.hypot(x, y) - size * 0.4, place.soft) * ((place.variant * 6) < 2)
    return inside(shapes.gather(0, index)[0], place.soft), heart


def _block(place: Place) -> tuple[Tensor, Tensor]:
    if place.sleeve:
        return (place.variant > 0.5) * torch.ones_like(place.x), torch.zeros_like(place.x)
    edge = 0.7 + place.phase * 0.9
    return inside(edge - place.y, place.soft), torch.zeros_like(place.x)


def _raglan(place: Place) -> tuple[Tensor, Tensor]:
    return torch.full_like(place.x, float(place.sleeve)), torch.zeros_like(place.x)


def _gradient(place: Place) -> tuple[Tensor, Tensor]:
    return ((place.y - 0.2) / 2.2).clamp(0, 1), torch.zeros_like(place.x)


def _text(place: Place) -> tuple[Tensor, Tensor]:
    zero = torch.zeros_like(place.x)
    if place.sleeve:
        return zero, zero
    row = torch.floor((place.y - 0.7) / 0.2)
    letter = torch.floor((place.x + 0.6) / 0.11)
    drawn = torch.sin(letter * 12.9 + row * 78.2 + place.variant * 40) > -0.55
    x = ((place.x + 0.6) % 0.11 - 0.055).abs() - 0.04
    y = ((place.y - 0.7) % 0.2 - 0.1).abs() - 0.06
    within = (place.x.abs() < 0.6) & (row >= 0) & (row < 1 + (place.variant * 3).floor())
    return inside(torch.maximum(x, y), place.soft) * (drawn & within), zero


def _zigzag(place: Place) -> tuple[Tensor, Tensor]:
    tooth = ((place.x / place.period) % 1 - 0.5).abs() * place.period
    return inside(_wave(place.y + tooth, place) * 0.8, place.soft), torch.zeros_like(place.x)


def _argyle(place: Place) -> tuple[Tensor, Tensor]:
    size = place.period * 1.5
    x, y = ((axis / size) % 1 - 0.5 for axis in (place.x, place.y * 0.7))
    diamond = (x.abs() + y.abs() - 0.36) * size
    line = ((x.abs() - y.abs()).abs() - 0.03) * size * 0.7
    return inside(diamond, place.soft), inside(line, place.soft)


def _camouflage(place: Place) -> tuple[Tensor, Tensor]:
    k, shift = 4.2 / (place.period + 0.25), place.phase * 6

    def blob(a: float, b: float, c: float) -> Tensor:
        return torch.sin(place.x * k * a + shift + 1.3 * torch.sin(place.y * k * b + c)) + torch.sin(
            place.y * k * b - shift + 1.7 * torch.sin(place.x * k * c + a)
        )

    return inside(0.25 - blob(1.0, 0.9, 0.6), place.soft * 3), inside(0.55 - blob(0.8, 1.2, 1.1), place.soft * 3)


def _plain(place: Place) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(place.x), torch.zeros_like(place.x)


PATTERNS: dict[str, Callable[[Place], tuple[Tensor, Tensor]]] = {
    "plain": _plain, "horizontal": _horizontal, "vertical": _vertical, "diagonal": _diagonal, "plaid": _plaid,
    "dots": _dots, "logo": _logo, "block": _block, "raglan": _raglan, "gradient": _gradient, "text": _text,
    "zigzag": _zigzag, "argyle": _argyle, "camouflage": _camouflage,
}  # fmt: skip
