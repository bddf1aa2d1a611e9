"""Upper garments: one set of parameters, drawn on any body - a figure's, or the dummy's under the flat-lay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.paperdoll.dice import Dice
from models.paperdoll.geometry import TAPER, BodyCoordinates, smoothstep
from models.paperdoll.patterns import NAMES, PATTERNS, Place, inside

LENGTH = 2.6  # shoulders to hips in shoulder half-widths, on the cloth's own ruler
ARM_RULER = (1.3, 0.3)  # a unit of s and of r in shoulder half-widths, on the cloth's own ruler
NECKS = ((0.42, 0.15), (0.40, 0.62), (0.56, 0.42), (0.70, 0.08))  # crew, V, scoop, boat: half-width u, depth
SLEEVES = ((0.0, 0.0), (0.42, 0.78), (0.95, 1.35), (1.75, 1.97))  # none, short, elbow, long


@dataclass(frozen=True, slots=True)
class Garment:
    """A garment's cut and print, `[B, 1, 1]` each; colours `[B, 3, 1, 1]` in [0, 1]."""

    ease: Tensor
    flare: Tensor
    hem: Tensor
    neck: Tensor
    neck_depth: Tensor
    sleeve: Tensor  # length in s; 0 is sleeveless
    sleeve_ease: Tensor
    cuff_flare: Tensor
    trim: Tensor
    zip: Tensor
    pattern: Tensor
    period: Tensor
    phase: Tensor
    variant: Tensor
    colours: tuple[Tensor, Tensor, Tensor, Tensor]

    @classmethod
    def draw(cls, dice: Dice, patterns: Sequence[str]) -> Garment:
        """Random garments with one of `patterns`."""
        neck, sleeve = dice.choice((0.34, 0.24, 0.24, 0.18)), dice.choice((0.2, 0.34, 0.16, 0.3))
        kinds = torch.tensor([NAMES.index(name) for name in patterns])
        base = dice.colour((0, 1), (0, 0.95), (0.12, 1))
        shift = torch.where(dice.flag(0.5)[:, None], 0.95, 0.1)  # towards white or towards black
        print_ = torch.where(dice.flag(0.6)[:, None], dice.colour((0, 1), (0, 1), (0.1, 1)), shift.expand_as(base))
        far = (print_ - base).abs().sum(1, keepdim=True) > 0.55
        print_ = torch.where(
            far, print_, torch.where(base.mean(1, keepdim=True) > 0.45, base * 0.25, base * 0.3 + 0.68)
        )
        return cls(
            ease=dice.uniform(1.06, 1.08),
            flare=torch.where(dice.flag(0.5), dice.uniform(0.0, 0.06), dice.uniform(0.06, 0.28)),
            hem=dice.uniform(0.74, 1.2),
            neck=neck,
            neck_depth=dice.uniform(0.85, 1.2),
            sleeve=dice.between(sleeve, SLEEVES),
            sleeve_ease=dice.uniform(1.14, 1.36),
            cuff_flare=dice.uniform(-0.02, 0.1),
            trim=dice.flag(0.3),
            zip=dice.flag(0.1),
            pattern=kinds[dice.choice([1.0] * len(kinds))],
            period=dice.uniform(0.38, 0.78),
            phase=dice.uniform(0, 1),
            variant=dice.uniform(0, 1),
            colours=(base, print_, dice.colour((0, 1), (0.2, 1), (0.2, 1)), dice.colour((0, 1), (0, 1), (0.05, 1))),
        )

    def torso_edges(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Signed distances in shoulder half-widths, negative inside: to the outline, and to trimmed edges."""
        y = v * LENGTH
        reach = self.ease + self.flare * smoothstep(0.25, 1.1, v)
        armhole = 0.76 + (reach - 0.76) * smoothstep(0.02, 0.34, v)
        side = u.abs() - torch.where(self.sleeve > 0, reach, armhole)
        top = (-0.36 + 0.36 * ((u.abs() - 0.3) / 0.7).clamp(min=0)) - 0.04 - y
        neck, hem = self._neckline(u, y), y - self.hem * LENGTH - 0.05 * (u * u - 1)
        outline = torch.stack([side, top, hem, neck]).amax(0)
        trimmed = torch.maximum(hem, neck)
        return outline, torch.where(self.sleeve > 0, trimmed, torch.maximum(trimmed, side))

    def _neckline(self, u: Tensor, y: Tensor) -> Tensor:
        """Distance into the hole for the neck (positive in the hole)."""
        sizes = torch.tensor(NECKS)[self.neck]
        wide, deep = sizes[..., 0], sizes[..., 1] * self.neck_depth
        from_top = y + 0.4
        ellipse = (1 - torch.hypot(u / wide, from_top / (deep + 0.4))) * torch.minimum(wide, deep + 0.4)
        vee = (wide * (1 - (from_top - 0.05) / (deep + 0.35)) - u.abs()) * 0.8
        return torch.where(self.neck == 1, vee, ellipse)

    def sleeve_edges(self, s: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
        """As `torso_edges`, for one sleeve; `s` `[B, H, W]`, `distance` in arm radii."""
        radius = ARM_RULER[1] * (1 - TAPER * s.clamp(0, 2))
        side = (distance - self.sleeve_ease - self.cuff_flare * s.clamp(0, 2)) * radius
        cuff = (s - self.sleeve) * ARM_RULER[0]
        outline = torch.where(self.sleeve > 0, torch.maximum(side, cuff), torch.ones_like(s))
        return outline, cuff

    def paint(self, x: Tensor, y: Tensor, edges: Tensor, soft: float, *, sleeve: bool) -> Tensor:
        """Colours `[B, 3, H, W]` at (x, y) on the cloth's ruler; `edges` is the distance to trimmed edges."""
        place = Place(x, y, sleeve, self.period, self.phase, self.variant, soft)
        second, third = torch.zeros_like(x), torch.zeros_like(x)
        for index in sorted(set(self.pattern.flatten().tolist())):
            chosen = (self.pattern == index).flatten()
            second[chosen], third[chosen] = PATTERNS[NAMES[index]](place.rows(chosen))
        base, print_, extra, trim = self.colours
        colour = torch.lerp(base, print_, second[:, None])
        colour = torch.lerp(colour, extra, third[:, None])
        band = inside(-0.1 - edges, place.soft) * self.trim
        if not sleeve:
            band = torch.maximum(band, inside(x.abs() - 0.03, place.soft) * self.zip)
        return torch.lerp(colour, trim, band[:, None])


@dataclass(frozen=True, slots=True)
class Cloth:
    """A garment on a body: coverage `[B, 3, H, W]` and colours `[B, 3, 3, H, W]` of torso, left and right sleeve."""

    coverage: Tensor
    colours: Tensor

    @classmethod
    def on(cls, garment: Garment, body: BodyCoordinates, pixel: float) -> Cloth:
        """`pixel` is the size of one in frame units."""
        soft = pixel / 0.25
        outline, edges = garment.torso_edges(body.u, body.v)
        coverage = [inside(outline, soft)]
        colours = [garment.paint(body.u, body.v * LENGTH, edges, soft, sleeve=False)]
        for k in (0, 1):
            s, r = body.s[:, k], body.r[:, k]
            outline, edges = garment.sleeve_edges(s, body.distance[:, k])
            coverage.append(inside(outline, soft))
            seam = 1 - 0.3 * inside(-0.06 - outline, soft) * smoothstep(0.45, 0.25, s)
            painted = garment.paint(r * ARM_RULER[1], s * ARM_RULER[0], edges, soft, sleeve=True)
            colours.append(painted * seam[:, None])
        return cls(torch.stack(coverage, 1), torch.stack(colours, 1))
