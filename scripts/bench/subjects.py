"""What the engine is measured on: eight people and a garment, from the samples that ship."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow

from api.settings import SAMPLES
from models.base import Image, Mask, TryOnInputs
from models.card import ModelCard

LARGER = 1.25  # a photograph's sides, in those of the canvas
DENSEPOSE = (  # BGR-ish colours of parts, as DensePose draws them
    (150, 30, 20),
    (200, 120, 10),
    (180, 180, 40),
    (90, 190, 120),
)


def people(card: ModelCard, count: int, garment: Image) -> list[TryOnInputs]:
    """`count` jobs of one garment: each its own person, with what the card needs from the caller."""
    height, width = _photograph(card)
    files = sorted((SAMPLES / "figures").glob("*.png"))
    jobs = []
    for number in range(count):
        person = _opened(files[number % len(files)], height, width)
        person = person[:, ::-1].copy() if number // len(files) % 2 else person
        jobs.append(
            TryOnInputs(
                person=person,
                garment=garment,
                category=card.categories[0],
                seed=number,
                mask=_middle(height, width) if "mask" in card.needs else None,
                densepose=_parts(height, width) if "densepose" in card.needs else None,
            )
        )
    return jobs


def garment_for(card: ModelCard, number: int) -> Image:
    """A garment; of each `number` another, of which nothing is remembered."""
    files = sorted((SAMPLES / "products").glob("*.png"))
    picture = _opened(files[number % len(files)], *_photograph(card))
    picture[0, 0] = (number % 256, number // 256 % 256, 0)
    return picture


def difference(ones: Sequence[Image], others: Sequence[Image]) -> float:
    """The largest mean difference of two pictures, as a share of their range."""
    return max(
        float(np.abs(one.astype(np.float64) - other).mean()) / 255 for one, other in zip(ones, others, strict=True)
    )


def _photograph(card: ModelCard) -> tuple[int, int]:
    return round(card.height * LARGER), round(card.width * LARGER)


def _opened(path: object, height: int, width: int) -> Image:
    with Pillow.open(str(path)) as picture:
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
