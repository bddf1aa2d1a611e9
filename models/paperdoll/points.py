"""Colours of the layers in a list of places, at the pictures' own sizes.

A list of `points` `[n, 2]` has (x, y) in [-1, 1] of the picture that they lie in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.base import Image
from models.paperdoll.canvas import LEFT_SLEEVE, TORSO
from models.paperdoll.enlarging import centres
from models.paperdoll.geometry import Arm, Torso
from models.paperdoll.layers import CLOTH, OWN, Layers, Spread

FRAME = (0.75, 1.0)  # the frame's right and lower edge


@dataclass(frozen=True, slots=True)
class Worn:
    """One person and one garment, whose full-size picture is `flat`; keypoints `[1, 12, 2]`."""

    sources: Layers
    person_keypoints: Tensor
    flat_keypoints: Tensor
    flat: Image

    def colours(self, part: int, points: Tensor, pixels: Tensor) -> Tensor:
        """`[3, n]` of a part at `points` of the person's picture, which has `pixels` `[3, n]` there."""
        if part in OWN:
            return _own_colours(self.sources.own, OWN.index(part), points, pixels)
        return _cloth_colours(self.sources.cloth, CLOTH.index(part), self._on_flat(part, points), self.flat)

    def _on_flat(self, part: int, points: Tensor) -> Tensor:
        """Where what is seen of a cloth at `points` lies in the garment's picture, `[n, 2]`."""
        frame = points.new_tensor(FRAME)
        grid = (points * frame)[None]
        torso, flat_torso = Torso.of(self.person_keypoints), Torso.of(self.flat_keypoints)
        if part == TORSO:
            return flat_torso.place(*torso.coordinates(grid))[0, 0] / frame
        side = -1 if part == LEFT_SLEEVE else 1
        arm, flat_arm = Arm.of(self.person_keypoints, torso, side), Arm.of(self.flat_keypoints, flat_torso, side)
        s, r, _ = arm.coordinates(grid)
        return flat_arm.place(s, r)[0, 0] / frame


def _own_colours(own: Spread, k: int, points: Tensor, pixels: Tensor) -> Tensor:
    """`[3, n]`: of the person's k-th layer, whose picture has `pixels` `[3, n]` there."""
    small = torch.cat([own.colours[0, k], own.known[0, k]])
    return _over(_sampled(small, points), pixels)


def _cloth_colours(cloth: Spread, k: int, points: Tensor, flat: Image) -> Tensor:
    """`[3, n]`: of the garment's k-th layer over its full-size picture, of which only what is around is looked at."""
    height, width = flat.shape[:2]
    size = points.new_tensor([width, height])
    places = ((points + 1) * size / 2 - 0.5).clamp(min=0).minimum(size - 1)  # in pixels
    left, top = places.amin(0).floor().int().tolist()
    right, bottom = (places.amax(0).ceil().int() + 1).tolist()
    around = slice(top, bottom), slice(left, right)
    picture = torch.from_numpy(flat[around]).permute(2, 0, 1) / 255
    small = torch.cat([cloth.colours[0, k], cloth.known[0, k]])
    grid = centres(around, (height, width))
    layer = _over(_sampled(small, grid.flatten(0, 1)).view(4, *grid.shape[:2]), picture)
    corner, extent = points.new_tensor([left, top]), points.new_tensor([right - left, bottom - top])
    return _sampled(layer, (places - corner + 0.5) / extent * 2 - 1)


def _over(small: Tensor, picture: Tensor) -> Tensor:
    """The picture's own colours where known: `small` has the spread ones and, last, how far they are."""
    spread, known = small[:3], small[3:]
    return spread + (picture - spread) * known


def _sampled(field: Tensor, points: Tensor) -> Tensor:
    """`[C, h, w]` at the points, bilinear, `[C, n]`."""
    return functional.grid_sample(field[None], points[None, None], padding_mode="border", align_corners=False)[0, :, 0]
