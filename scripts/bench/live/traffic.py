"""Who comes when, and wants what: seeded, so that two runs ask for the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

LIGHTS = (0.8, 0.9, 1.0, 1.1, 1.2)  # brightness: each figure is as many people


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who wants a picture `at_s` seconds after the start; `person` and `garment` are indices."""

    at_s: float
    person: int
    garment: int


@dataclass(frozen=True, slots=True)
class Mix:
    """Persons come equally often; garments as Zipf found words to: the k-th most wanted 1/k as often as the first."""

    num_persons: int
    num_garments: int

    def visits(self, chance: np.random.Generator, at_s: float = 0.0) -> Iterator[Visit]:
        """Visits without end, all at the same time."""
        weights = 1 / np.arange(1, self.num_garments + 1)
        shares = weights / weights.sum()
        while True:
            garment = int(chance.choice(self.num_garments, p=shares))
            yield Visit(at_s, int(chance.integers(self.num_persons)), garment)

    def poisson(self, chance: np.random.Generator, rate: float, seconds: float) -> list[Visit]:
        """Arrivals that know nothing of each other, `rate` a second on average, for `seconds`."""
        found, at_s = [], float(chance.exponential(1 / rate))
        for visit in self.visits(chance):
            if at_s >= seconds:
                break
            found.append(Visit(at_s, visit.person, visit.garment))
            at_s += float(chance.exponential(1 / rate))
        return found


def photographs(folder: Path) -> list[bytes]:
    """PNG of each figure in `folder`, under several lights."""
    return [_lit(path, light) for light in LIGHTS for path in sorted(folder.glob("*.png"))]


def _lit(path: Path, light: float) -> bytes:
    buffer = io.BytesIO()
    with Image.open(path) as figure:
        ImageEnhance.Brightness(figure.convert("RGB")).enhance(light).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
