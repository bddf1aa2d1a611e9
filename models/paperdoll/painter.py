"""The last stroke: parts and light found at 128x96, painted with full-size cloth at the person's own size.

Almost every pixel is of one part, so a part's colours are made for a list of those pixels that show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.base import Image
from models.paperdoll.enlarging import Enlargement, centres
from models.paperdoll.layers import Layers, Spread
from models.paperdoll.points import Worn
from models.transfer import to_host

STEEPEST = 6.0
UNSEEN = 1e-4  # of a pixel: all parts together stay below a quarter of a level


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one picture at 128x96: keypoints `[1, 12, 2]` each, `logits` and `brightness` `[1, 7, h, w]`."""

    mask: Tensor
    sources: Layers
    person_keypoints: Tensor
    flat_keypoints: Tensor
    logits: Tensor
    brightness: Tensor

    def on_host(self) -> Finding:
        """In host memory, when the device has come this far."""
        own, cloth = (
            Spread(to_host(one.known), to_host(one.colours)) for one in (self.sources.own, self.sources.cloth)
        )
        return Finding(
            to_host(self.mask),
            Layers(own, cloth),
            to_host(self.person_keypoints),
            to_host(self.flat_keypoints),
            to_host(self.logits),
            to_host(self.brightness),
        )


def paint(finding: Finding, person: Image, flat: Image) -> Image:
    """The new picture, from full-size pictures `person` and `flat`.

    Logits are smoothed, for outlines without steps, and steepened by the enlargement, so that an edge stays about a
    pixel wide at any size.
    """
    size = person.shape[0], person.shape[1]
    enlarged = Enlargement.around(finding.mask[0, 0], size)
    mask = _mask(finding.mask, enlarged)
    steeper = min(STEEPEST, max(1.0, size[0] / finding.logits.shape[2]))
    parts = enlarged(_smoothed(finding.logits)[0] * steeper).softmax(0).mul_(mask)
    kept = torch.from_numpy(person[enlarged.window])
    pixels = kept.permute(2, 0, 1).contiguous().flatten(1) / 255
    worn = Worn(finding.sources, finding.person_keypoints, finding.flat_keypoints, flat)
    mixed = _mixed(worn, parts, enlarged(finding.brightness[0]), centres(enlarged.window, size), pixels)
    levels = mixed.clamp_(0, 1).mul_(255).round_().byte().view(3, *mask.shape).permute(1, 2, 0)
    picture = person.copy()
    picture[enlarged.window] = torch.where(mask[..., None], levels, kept).numpy()
    return picture


def _mixed(worn: Worn, parts: Tensor, brightness: Tensor, points: Tensor, pixels: Tensor) -> Tensor:
    """The parts' lit layers together, `[3, h * w]` of a window of which all is told, each only where it shows."""
    points = points.flatten(0, 1)
    mixed = torch.zeros_like(pixels)
    for part, (share, light) in enumerate(zip(parts.flatten(1), brightness.flatten(1), strict=True)):
        shown = (share > UNSEEN).nonzero()[:, 0]
        if len(shown):
            colours = worn.colours(part, points.index_select(0, shown), pixels.index_select(1, shown))
            mixed.index_add_(1, shown, colours * (share.index_select(0, shown) * light.index_select(0, shown)))
    return mixed


def full_size_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """The small mask `[1, 1, h, w]` at another size, `bool`."""
    enlarged = Enlargement.around(mask[0, 0], (height, width))
    large = torch.zeros(1, 1, height, width, dtype=torch.bool)
    large[(..., *enlarged.window)] = _mask(mask, enlarged)
    return large


def _mask(mask: Tensor, enlarged: Enlargement) -> Tensor:
    return enlarged(mask[0])[0] > 0.5


def _smoothed(field: Tensor) -> Tensor:
    """`[B, C, h, w]` under a small bell."""
    bell = field.new_tensor([0.25, 0.5, 0.25])
    padded = functional.pad(field.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, torch.outer(bell, bell)[None, None]).view_as(field)
