"""Bytes of a stored picture <-> `uint8 [H, W, 3] RGB`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

if TYPE_CHECKING:
    from models.base import Image, Mask

WHITE = 128
RUN_LENGTHS = 3  # of zlib: a third of the time of its usual way for files that are hardly larger


def decode(data: bytes) -> Image:
    """The picture, transparency on white.

    Raises:
        OSError, ValueError, SyntaxError: the bytes are not a whole picture.
    """
    with Pillow.open(io.BytesIO(data)) as picture:
        if not picture.has_transparency_data:
            return np.asarray(picture.convert("RGB"))
        layer = picture.convert("RGBA")
        return np.asarray(Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer).convert("RGB"))


def encode(image: Image) -> bytes:
    """PNG, without metadata."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG", compress_level=1, compress_type=RUN_LENGTHS)
    return buffer.getvalue()


def to_mask(image: Image) -> Mask:
    """What is rather white than black is 255, the rest 0: a mask may have gone through JPEG."""
    return np.where(image.mean(axis=-1) >= WHITE, 255, 0).astype(np.uint8)
