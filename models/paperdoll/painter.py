"""The last stroke: the parts and the light that were found at 128x96, painted with full-size cloth at the person's own size."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from models.paperdoll.composition import Composition, Reading, full_size_layers
from models.paperdoll.denoising import compose

SHARPEST = 6.0


def paint_at_full_size(person: Reading, flat: Reading, small: Composition, logits: Tensor, brightness: Tensor) -> Tensor:
    """`[1, 3, H, W]` in [0, 1]. `person` and `flat` hold full-size pictures; the rest is at 128x96.

    Logits are steepened by the enlargement, so that an edge stays about a pixel wide at any size.
    """
    height, width = person.picture.shape[2:]
    steeper = min(SHARPEST, max(1.0, height / logits.shape[2]))

    def enlarged(field: Tensor) -> Tensor:
        return functional.interpolate(field, size=(height, width), mode="bicubic", align_corners=False)

    mask = (enlarged(small.mask) > 0.5).to(person.picture.dtype)
    parts = (enlarged(logits) * steeper).softmax(1)
    return compose(full_size_layers(person, flat), parts, enlarged(brightness), mask, person.picture)
