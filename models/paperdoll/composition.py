"""From what the readers saw to a picture: the mask, a colour layer for each part, and what part each pixel likely is.

Parts in order: background, torso cloth, left sleeve, right sleeve, skin, trousers, head. A picture is the parts' layers
mixed by the softmax of part logits. The likely parts follow from body coordinates in closed form; the denoiser corrects
them and lays light over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.paperdoll.canvas import BACKGROUND, HAND, HEAD, LEFT_SLEEVE, RIGHT_SLEEVE, SKIN, TORSO, TROUSERS
from models.paperdoll.figures import arm_coverage, trousers_coverage, trunk_coverage
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.layers import Layers, Reading, widen

NUM_PARTS = 7
CERTAIN = 0.015  # the least probability of a part


def change_mask(labels: Tensor, body: BodyCoordinates) -> Tensor:
    """Where the picture may change, `[B, 1, h, w]` of 0 and 1: what the old garment covers and the new one might."""
    y = body.v * 2.6
    torso = (body.u.abs() < 1.42) & (y < 3.3) & (y > -0.36 + 0.36 * ((body.u.abs() - 0.3) / 0.7).clamp(min=0) - 0.12)
    arms = ((body.distance < 1.6) & (body.s < 2.04)).any(1)
    cloth = labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True)
    kept = (labels[:, HAND] > 0.5) | (labels[:, HEAD] > 0.5)
    old = (widen((cloth > 0.4).float(), 1) > 0) | (
        (widen((cloth > 0.2).float(), 2) > 0) & (labels[:, HAND, None] > 0.2)
    )
    return (old | ((torso | arms) & ~kept)[:, None]).float()


def cloth_coverage(labels: Tensor, body: BodyCoordinates, flat_body: BodyCoordinates) -> Tensor:
    """How far torso, left and right sleeve of a flat-lay with `labels` cover each pixel of the body, `[B, 3, H, W]`."""
    flows = body.to(flat_body) / labels.new_tensor([0.75, 1.0])
    sleeves = labels[:, LEFT_SLEEVE : RIGHT_SLEEVE + 1]
    sources = torch.stack([labels[:, TORSO], sleeves[:, 0], sleeves[:, 1], sleeves.sum(1)], 1)
    flows = torch.cat([flows, flows[:, :1]], 1).flatten(0, 1)
    worn = functional.grid_sample(sources.flatten(0, 1)[:, None], flows, align_corners=False)
    torso, left, right, under_sleeves = worn.view(-1, 4, *body.u.shape[1:]).unbind(1)
    torso = torso + under_sleeves * ((1.1 - body.u.abs()) * 20).clamp(0, 1)
    return torch.stack([torso, left, right], 1)


def likely_parts(labels: Tensor, coverage: Tensor, body: BodyCoordinates, pixel: float) -> Tensor:
    """Probabilities of the new picture's parts, `[B, 7, H, W]`, from the old one's labels and the cloth's coverage."""
    hidden = widen(labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True), 1)
    seen = torch.zeros_like(labels[:, :NUM_PARTS])
    for label in (BACKGROUND, SKIN, TROUSERS, HEAD):
        seen[:, label] = labels[:, label]
    seen[:, SKIN] += labels[:, HAND]
    seen = seen / seen.sum(1, keepdim=True).clamp_min(1e-3)
    guessed = torch.zeros_like(seen)
    guessed[:, BACKGROUND] = 1
    guessed = _over(guessed, trunk_coverage(body, pixel), SKIN)
    guessed = _over(guessed, trousers_coverage(body, 3 * torch.ones_like(body.u), pixel)[0], TROUSERS)
    parts = torch.lerp(seen, guessed, hidden)
    parts = _over(parts, coverage[:, 0], TORSO)
    parts = _over(parts, labels[:, HEAD] * (1 - hidden[:, 0]), HEAD)
    for k in (0, 1):
        parts = _over(parts, arm_coverage(body, k, pixel), SKIN)
        parts = _over(parts, coverage[:, 1 + k], LEFT_SLEEVE + k)
    return parts


def _over(parts: Tensor, coverage: Tensor, part: int) -> Tensor:
    """Lay a part over the others."""
    above = torch.zeros_like(parts)
    above[:, part] = 1
    return torch.lerp(parts, above, coverage[:, None])


@dataclass(frozen=True, slots=True)
class Composition:
    """All that the small picture is made of.

    `mask` `[B, 1, h, w]`; `layers` `[B, 7, 3, h, w]`, to be had at other sizes from `sources`; `parts` `[B, 7, h, w]`;
    `hints` `[B, 8, h, w]` about [-1, 1].
    """

    mask: Tensor
    sources: Layers
    layers: Tensor
    parts: Tensor
    hints: Tensor

    @classmethod
    def of(cls, person: Reading, flat: Reading) -> Composition:
        """At the size of the person's reading."""
        height, width = person.picture.shape[2:]
        body = BodyCoordinates.of(person.keypoints, frame_grid(height, width, person.picture.device))
        flat_body = BodyCoordinates.of(flat.keypoints, frame_grid(1, 1, person.picture.device))
        sources = Layers.of(person, flat)
        coverage = cloth_coverage(flat.labels, body, flat_body)
        return cls(
            mask=change_mask(person.labels, body),
            sources=sources,
            layers=sources.at(person.picture, flat.picture, body, flat_body),
            parts=likely_parts(person.labels, coverage, body, 2 / height),
            hints=_hints(body),
        )

    @property
    def logits(self) -> Tensor:
        return self.parts.clamp(CERTAIN, 1).log()

    @property
    def picture(self) -> Tensor:
        """The picture without the denoiser, `[B, 3, h, w]`."""
        return mix(self.layers, self.parts)

    def rows(self, chosen: slice | Tensor) -> Composition:
        """Some of the batch."""
        return Composition(
            self.mask[chosen], self.sources.rows(chosen), self.layers[chosen], self.parts[chosen], self.hints[chosen]
        )


def mix(layers: Tensor, parts: Tensor) -> Tensor:
    """Layers `[B, P, 3, H, W]` weighted by parts `[B, P, H, W]`."""
    return (layers * parts[:, :, None]).sum(1)


def _hints(body: BodyCoordinates) -> Tensor:
    hints = (body.u[:, None] / 2, body.v[:, None] - 0.5, body.s - 1, body.r / 3, body.distance / 3 - 0.5)
    return torch.cat([hint.clamp(-1, 1) for hint in hints], 1)
