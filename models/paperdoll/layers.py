"""A colour layer for each part of the new picture.

What is known - the person's own pixels where a part shows, the cloth of the flat-lay - comes from the pictures given;
the rest is spread from it once, at the readers' size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from models.paperdoll.canvas import BACKGROUND, HAND, HEAD, LEFT_SLEEVE, RIGHT_SLEEVE, SKIN, TORSO, TROUSERS
from models.paperdoll.filling import push_pull
from models.paperdoll.geometry import BodyCoordinates

OWN = (BACKGROUND, SKIN, TROUSERS, HEAD)
CLOTH = (TORSO, LEFT_SLEEVE, RIGHT_SLEEVE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture and what its reader saw: `[B, 3, h, w]` in [0, 1], `[B, 12, 2]`, and `[B, L, h, w]` in [0, 1]."""

    picture: Tensor
    keypoints: Tensor
    labels: Tensor

    def rows(self, chosen: slice) -> Reading:
        return Reading(self.picture[chosen], self.keypoints[chosen], self.labels[chosen])


def widen(field: Tensor, pixels: int) -> Tensor:
    """The greatest value within `pixels` of each place, `[B, C, H, W]`."""
    return functional.max_pool2d(field, 2 * pixels + 1, 1, pixels)


@dataclass(frozen=True, slots=True)
class Spread:
    """Parts of a picture: how far each shows, `known` `[B, N, 1, h, w]`; `colours` `[B, N, 3, h, w]` spread from it."""

    known: Tensor
    colours: Tensor

    @classmethod
    def of(cls, picture: Tensor, known: Tensor) -> Self:
        """`picture` `[B, 3, h, w]`, `known` `[B, N, h, w]`."""
        num = known.shape[1]
        colours = push_pull(picture.repeat_interleave(num, 0), known.flatten(0, 1)[:, None])
        return cls(known[:, :, None], colours.view(-1, num, *picture.shape[1:]))

    def over(self, picture: Tensor) -> Tensor:
        """The layers, `picture`'s own pixels `[B, 3, h, w]` where known: `[B, N, 3, h, w]`."""
        return self.colours + (picture[:, None] - self.colours) * self.known


@dataclass(frozen=True, slots=True)
class Layers:
    """The person's parts and the garment's."""

    own: Spread
    cloth: Spread

    @classmethod
    def of(cls, person: Reading, flat: Reading) -> Self:
        cloth_worn = person.labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True)
        hidden = torch.cat([widen(cloth_worn, 2 if part == SKIN else 1) for part in OWN], 1)
        shown = torch.stack([person.labels[:, part] for part in OWN], 1)
        shown[:, OWN.index(SKIN)] += person.labels[:, HAND]
        shown[:, OWN.index(SKIN)] *= _skin_coloured(person)
        own = (shown * (1 - hidden) * 3 - 2).clamp(0, 1)
        cloth = (flat.labels[:, TORSO : RIGHT_SLEEVE + 1] * 4 - 3).clamp(0, 1)
        return cls(Spread.of(person.picture, own), Spread.of(flat.picture, cloth))

    def rows(self, chosen: slice | Tensor) -> Layers:
        own, cloth = (Spread(s.known[chosen], s.colours[chosen]) for s in (self.own, self.cloth))
        return Layers(own, cloth)

    def at(self, person: Tensor, flat: Tensor, body: BodyCoordinates, flat_body: BodyCoordinates) -> Tensor:
        """Seven layers `[B, 7, 3, h, w]` for the pictures read."""
        flows = body.to(flat_body) / person.new_tensor([0.75, 1.0])
        cloth = self.cloth.over(flat)
        worn = functional.grid_sample(
            cloth.flatten(0, 1), flows.flatten(0, 1), padding_mode="border", align_corners=False
        )
        torso, left, right = worn.view(len(person), len(CLOTH), 3, *body.u.shape[1:]).unbind(1)
        background, skin, trousers, head = self.own.over(person).unbind(1)
        return torch.stack([background, torso, left, right, skin, trousers, head], 1)


def _skin_coloured(person: Reading) -> Tensor:
    """Whether each pixel has the hue of the hands (of all skin where none shows), `[B, h, w]` in [0, 1].

    A pale sleeve that the reader takes for skin would bleed into bared arms.
    """
    sure = (person.labels[:, HAND] ** 4 + 1e-3 * person.labels[:, SKIN] ** 4)[:, None]
    mean = (person.picture * sure).sum((2, 3), keepdim=True) / sure.sum((2, 3), keepdim=True).clamp_min(1e-6)
    gap = functional.normalize(person.picture, dim=1) - functional.normalize(mean, dim=1)
    alike: Tensor = (2 - gap.norm(dim=1) / 0.06).clamp(0, 1)
    return alike
