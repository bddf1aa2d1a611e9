"""A row's files, as a model's inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from api.errors import ApiError
from api.photos import whole_picture
from inference import pictures
from models.base import Image, Mask, TryOnInputs
from scripts.batch.parses import mask_of
from scripts.batch.rows import Row

MOST_PICTURES = 32  # up to 12 MB each


class RowError(Exception):
    """This row cannot be made; the message is a sentence for its line of the manifest."""


@dataclass(frozen=True, slots=True)
class Read:
    """`sha256`: column -> digest of the file's bytes."""

    inputs: TryOnInputs
    sha256: dict[str, str]


def read(row: Row, *, needs_mask: bool, uses_masks: bool) -> Read:
    """Whole pictures, upright and in sRGB, at most 2048 pixels a side: no crop, as `fitting-room tryon`.

    Raises:
        RowError: a file is not there, or cannot be used.
    """
    sha256: dict[str, str] = {}

    def data(column: str) -> bytes:
        found = bytes_of(Path(getattr(row, column)))
        sha256[column] = hashlib.sha256(found).hexdigest()
        return found

    def pixels(column: str) -> Image:
        found, sha256[column] = picture_of(Path(getattr(row, column)))
        return found

    person = pixels("person")
    inputs = TryOnInputs(
        person=person,
        garment=pixels("garment"),
        category=row.category,
        seed=row.seed,
        mask=_mask(row, person, pixels, data, needs_mask=needs_mask) if uses_masks else None,
        densepose=pixels("densepose") if row.densepose else None,
        garment_is_worn=row.worn,
    )
    return Read(inputs, sha256)


def bytes_of(path: Path) -> bytes:
    """
    Raises:
        RowError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RowError(f"{path} cannot be read: {error.strerror}.") from None


@lru_cache(MOST_PICTURES)
def picture_of(path: Path) -> tuple[Image, str]:
    """Its pixels, and the SHA-256 of its bytes; kept, as one person often is in many rows, and one garment.

    Raises:
        RowError: it is not there, or no picture.
    """
    data = bytes_of(path)
    try:
        pixels = np.asarray(whole_picture(data))
    except ApiError as error:
        raise RowError(f"{path}: {error.message}") from None
    return pixels, hashlib.sha256(data).hexdigest()


def _mask(
    row: Row, person: Image, pixels: Callable[[str], Image], data: Callable[[str], bytes], *, needs_mask: bool
) -> Mask | None:
    """The row's own; else, for a card that needs one, from its label map and joints."""
    if row.mask:
        return pictures.to_mask(pixels("mask"))
    if not (row.parse and needs_mask):
        return None
    data("parse")
    if row.pose:
        data("pose")
    try:
        return mask_of(Path(row.parse), row.pose, row.category, (person.shape[0], person.shape[1]))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise RowError(f"{row.parse}: no mask can be made of it and its joints: {error}") from None
