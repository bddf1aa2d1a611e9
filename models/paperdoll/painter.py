"""The last stroke: parts and light found at 128x96, painted with full-size cloth at the person's own size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.paperdoll.denoising import compose
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.layers import Layers, Spread, Window
from models.transfer import to_host

STEEPEST = 6.0


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


def paint(finding: Finding, person: Tensor, flat: Tensor) -> Tensor:
    """`[1, 3, H, W]` in [0, 1], from full-size pictures `person` and `flat`.

    Logits are smoothed, for outlines without steps, and steepened by the enlargement, so that an edge stays about a
    pixel wide at any size.
    """
    height, width = person.shape[2:]
    steeper = min(STEEPEST, max(1.0, height / finding.logits.shape[2]))
    mask = full_size_mask(finding.mask, height, width)
    window = _window(mask)
    grid = frame_grid(height, width, person.device)[window]
    body = BodyCoordinates.of(finding.person_keypoints, grid)
    flat_body = BodyCoordinates.of(finding.flat_keypoints, grid[:1, :1])
    layers = finding.sources.at(person, flat, body, flat_body, window)
    parts = (_enlarged_in(window, _smoothed(finding.logits), height, width) * steeper).softmax(1)
    brightness = _enlarged_in(window, finding.brightness, height, width)
    painted = person.clone()
    painted[(..., *window)] = compose(layers, parts, brightness, mask[(..., *window)], person[(..., *window)])
    return painted


def _window(mask: Tensor) -> Window:
    """The smallest window that holds the mask; some pixels where there is none."""
    rows, columns = mask[0, 0].any(1).nonzero().flatten().tolist(), mask[0, 0].any(0).nonzero().flatten().tolist()
    if not rows:
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def full_size_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """The small mask at another size, `bool`."""
    return _enlarged(mask, height, width) > 0.5


def _smoothed(field: Tensor) -> Tensor:
    """`[B, C, h, w]` under a small bell."""
    bell = field.new_tensor([0.25, 0.5, 0.25])
    padded = functional.pad(field.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, torch.outer(bell, bell)[None, None]).view_as(field)


def _enlarged_in(window: Window, field: Tensor, height: int, width: int) -> Tensor:
    """`_enlarged` in the window alone: bicubic weights of rows and of columns are a matrix each."""
    rows, columns = (
        functional.interpolate(torch.eye(old, device=field.device)[None, None], size=(new, old), mode="bicubic")[
            0, 0, part
        ]
        for part, old, new in zip(window, field.shape[-2:], (height, width), strict=True)
    )
    return rows @ field @ columns.T


def _enlarged(field: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(field, size=(height, width), mode="bicubic", align_corners=False)
