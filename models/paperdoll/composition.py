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

from models.paperdoll.figures import arm_coverage, trousers_coverage, trunk_coverage
from models.paperdoll.filling import push_pull
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.painting import BACKGROUND, HAND, HEAD, LEFT_SLEEVE, RIGHT_SLEEVE, SKIN, TORSO, TROUSERS

NUM_PARTS = 7
CERTAIN = 0.015  # the least probability of a part


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture and what its reader saw: `picture` `[B, 3, H, W]` in [0, 1], `keypoints` `[B, 12, 2]`, `labels` `[B, L, h, w]` in [0, 1]."""

    picture: Tensor
    keypoints: Tensor
    labels: Tensor

    def sized(self, height: int, width: int) -> Tensor:
        """The labels at another size."""
        return functional.interpolate(self.labels, size=(height, width), mode="bilinear", align_corners=False)


def widen(field: Tensor, pixels: int) -> Tensor:
    """The greatest value within `pixels` of each place, `[B, 1, H, W]`."""
    return functional.max_pool2d(field, 2 * pixels + 1, 1, pixels)


def change_mask(person: Reading, body: BodyCoordinates) -> Tensor:
    """Where the picture may change, `[B, 1, h, w]` of 0 and 1 at the labels' size: what the old garment covers and the new might."""
    labels = person.labels
    y = body.v * 2.6
    torso = (body.u.abs() < 1.42) & (y < 3.3) & (y > -0.36 + 0.36 * ((body.u.abs() - 0.3) / 0.7).clamp(min=0) - 0.12)
    arms = ((body.distance < 1.6) & (body.s < 2.04)).any(1)
    cloth = labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True)
    kept = (labels[:, HAND] > 0.5) | (labels[:, HEAD] > 0.5)
    old = widen((cloth > 0.4).float(), 1) > 0
    return (old | ((torso | arms) & ~kept)[:, None]).float()


def cloth_layers(flat: Reading) -> Tensor:
    """The flat-lay's torso, left and right sleeve, each spread beyond its edges: `[B, 3, 3, H, W]`."""
    labels = flat.sized(*flat.picture.shape[2:])
    inner = [-widen(-(labels[:, k : k + 1] > 0.5).float(), 1) for k in (TORSO, LEFT_SLEEVE, RIGHT_SLEEVE)]
    return torch.stack([push_pull(flat.picture, weight) for weight in inner], 1)


def worn_cloth(flat: Reading, body: BodyCoordinates, flat_body: BodyCoordinates) -> tuple[Tensor, Tensor]:
    """Cloth on the body: colours `[B, 3, 3, H, W]` and coverage `[B, 3, H, W]` of torso, left and right sleeve."""
    flows = body.to(flat_body) / flat.picture.new_tensor([0.75, 1.0])
    layers, labels = cloth_layers(flat), flat.labels
    whole = labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1)
    sources = (whole, labels[:, LEFT_SLEEVE], labels[:, RIGHT_SLEEVE])
    colours, coverage = [], []
    for k, source in enumerate(sources):
        colours.append(functional.grid_sample(layers[:, k], flows[:, k], padding_mode="border", align_corners=False))
        coverage.append(functional.grid_sample(source[:, None], flows[:, k], align_corners=False)[:, 0])
    coverage[0] = coverage[0] * ((1.32 - body.u.abs()) * 20).clamp(0, 1)
    return torch.stack(colours, 1), torch.stack(coverage, 1)


def likely_parts(person: Reading, coverage: Tensor, body: BodyCoordinates, pixel: float) -> Tensor:
    """Probabilities of the parts in the new picture, `[B, 7, H, W]`, from the old picture's labels and the cloth's coverage."""
    labels = person.sized(*coverage.shape[2:])
    hidden = widen(labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True), 1)
    seen = torch.zeros_like(labels[:, :NUM_PARTS])
    for part, label in ((BACKGROUND, BACKGROUND), (SKIN, SKIN), (TROUSERS, TROUSERS), (HEAD, HEAD)):
        seen[:, part] = labels[:, label]
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


def person_layers(person: Reading) -> dict[int, Tensor]:
    """Colours of what the old picture shows, spread under the old garment: part to `[B, 3, H, W]`."""
    size = person.picture.shape[2], person.picture.shape[3]
    labels = person.sized(*size)
    margin = max(1, round(size[0] / person.labels.shape[2]))
    hidden = widen(labels[:, TORSO : RIGHT_SLEEVE + 1].sum(1, keepdim=True), margin)
    shown = 1 - hidden
    weights = {part: labels[:, part : part + 1] * shown for part in (BACKGROUND, SKIN, TROUSERS, HEAD)}
    weights[SKIN] = weights[SKIN] + labels[:, HAND : HAND + 1] * shown
    layers = {part: push_pull(person.picture, (weight * 3 - 2).clamp(0, 1)) for part, weight in weights.items()}
    return layers


@dataclass(frozen=True, slots=True)
class Composition:
    """All that the picture is made of. `mask` `[B, 1, H, W]`; `layers` `[B, 7, 3, H, W]`; `parts` `[B, 7, H, W]`; `hints` `[B, 8, H, W]`."""

    mask: Tensor
    layers: Tensor
    parts: Tensor
    hints: Tensor

    @classmethod
    def of(cls, person: Reading, flat: Reading) -> Composition:
        """At the size of the person's picture."""
        height, width = person.picture.shape[2:]
        body = BodyCoordinates.of(person.keypoints, frame_grid(height, width, person.picture.device))
        flat_body = BodyCoordinates.of(flat.keypoints, frame_grid(1, 1, person.picture.device))
        colours, coverage = worn_cloth(flat, body, flat_body)
        layers = _stacked(person_layers(person), colours)
        parts = likely_parts(person, coverage, body, 2 / height)
        return cls(change_mask(person, body), layers, parts, _hints(body))

    @property
    def logits(self) -> Tensor:
        return self.parts.clamp(CERTAIN, 1).log()

    @property
    def picture(self) -> Tensor:
        """The picture without the denoiser, `[B, 3, H, W]`."""
        return mix(self.layers, self.parts)

    def rows(self, chosen: Tensor) -> Composition:
        """Some of the batch, by index."""
        return Composition(self.mask[chosen], self.layers[chosen], self.parts[chosen], self.hints[chosen])


def full_size_layers(person: Reading, flat: Reading) -> Tensor:
    """The layers alone, `[B, 7, 3, H, W]`, from pictures larger than their labels."""
    grid = frame_grid(*person.picture.shape[2:], person.picture.device)
    body = BodyCoordinates.of(person.keypoints, grid)
    flat_body = BodyCoordinates.of(flat.keypoints, grid[:1, :1])
    return _stacked(person_layers(person), worn_cloth(flat, body, flat_body)[0])


def _stacked(own: dict[int, Tensor], cloth: Tensor) -> Tensor:
    return torch.stack([own[BACKGROUND], *cloth.unbind(1), own[SKIN], own[TROUSERS], own[HEAD]], 1)


def mix(layers: Tensor, parts: Tensor) -> Tensor:
    """Layers `[B, P, 3, H, W]` weighted by parts `[B, P, H, W]`."""
    return (layers * parts[:, :, None]).sum(1)


def _hints(body: BodyCoordinates) -> Tensor:
    flat = (body.u[:, None] / 2, body.v[:, None] - 0.5, body.s - 1, body.r / 3, body.distance / 3 - 0.5)
    return torch.cat([hint.clamp(-1, 1) for hint in flat], 1)
