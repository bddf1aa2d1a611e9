"""What the engine is measured on: people and garments from the samples that ship, never twice the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from api.settings import SAMPLES
from models.base import Image, Mask, TryOnInputs
from models.card import ModelCard

LARGER = 1.25  # a photograph's sides, in those of the canvas
DENSEPOSE = ((150, 30, 20), (200, 120, 10), (180, 180, 40), (90, 190, 120))  # some of its parts' colours


def people(card: ModelCard, count: int, visit: int, garment: Image) -> list[TryOnInputs]:
    """`count` jobs of one garment, each its own person, and with what the card needs from the caller.

    Photographs of another `visit` are others, of which nothing is remembered.
    """
    height, width = _photograph(card)
    return [
        TryOnInputs(
            person=_sample("figures", number, visit, height, width),
            garment=garment,
            category=card.categories[0],
            seed=number,
            mask=_middle(height, width) if "mask" in card.needs else None,
            densepose=_parts(height, width) if "densepose" in card.needs else None,
        )
        for number in range(count)
    ]


def garment_for(card: ModelCard, visit: int) -> Image:
    """A garment; in another `visit` another, of which nothing is remembered."""
    return _sample("products", visit, visit, *_photograph(card))


def difference(ones: Sequence[Image], others: Sequence[Image]) -> float:
    """The largest mean difference of two pictures, as a share of their range."""
    return max(
        float(np.abs(one.astype(np.float64) - other).mean()) / 255 for one, other in zip(ones, others, strict=True)
    )


def _photograph(card: ModelCard) -> tuple[int, int]:
    return round(card.height * LARGER), round(card.width * LARGER)


def _sample(folder: str, number: int, visit: int, height: int, width: int) -> Image:
    """A sample, every second time mirrored, with the visit's number in a corner."""
    files = sorted((SAMPLES / folder).glob("*.png"))
    picture = _opened(files[number % len(files)], height, width)
    if number // len(files) % 2:
        picture = picture[:, ::-1].copy()
    picture[0, 0] = (visit % 256, visit // 256 % 256, visit // 256**2 % 256)
    return picture


def _opened(path: Path, height: int, width: int) -> Image:
    with Pillow.open(path) as picture:
        return np.array(picture.convert("RGB").resize((width, height), Pillow.Resampling.LANCZOS))


def _middle(height: int, width: int) -> Mask:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 5 : 3 * height // 5, width // 5 : 4 * width // 5] = 255
    return mask


def _parts(height: int, width: int) -> Image:
    parts = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(DENSEPOSE):
        top = height // 10 + number * height // 5
        parts[top : top + height // 5, width // 4 : 3 * width // 4] = colour
    return parts
