"""The paper doll's own card, which is small and ships, and pictures that it knows: random ones it takes for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from api.settings import SAMPLES
from models.catalog import ModelCard, load_card

if TYPE_CHECKING:
    from pathlib import Path

    from models.base import Image


def small_card(folder: Path) -> ModelCard:
    return load_card("paperdoll", folder)


def person(seed: int, height: int, width: int) -> Image:
    """One of the figures, stretched to this size."""
    return _picture("figures", seed, height, width)


def garment(seed: int, height: int, width: int) -> Image:
    """One of the products, stretched to this size."""
    return _picture("products", seed, height, width)


def _picture(folder: str, seed: int, height: int, width: int) -> Image:
    files = sorted((SAMPLES / folder).glob("*.png"))
    with Pillow.open(files[seed % len(files)]) as picture:
        return np.array(picture.convert("RGB").resize((width, height), Pillow.Resampling.LANCZOS))
