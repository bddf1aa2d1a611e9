"""A claim's stored photographs, as a model's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inference import pictures
from inference.jobs import ErrorCode, GenerationError, GenerationRequest
from models.base import TryOnInputs

if TYPE_CHECKING:
    from models.base import Image

NO_PHOTO = GenerationError(ErrorCode.PHOTO_UNUSABLE, "Your photograph can't be read any more. Please upload it again.")
NO_MASK = GenerationError(ErrorCode.PHOTO_UNUSABLE, "The mask can't be read any more. Please upload it again.")
NO_GARMENT = GenerationError(
    ErrorCode.GARMENT_UNUSABLE, "The picture of this product can't be read. Please choose another product."
)


class Blobs(Protocol):
    """Bytes by key."""

    def get(self, key: str) -> bytes:
        """Raises FileNotFoundError when there are none."""

    def put(self, key: str, data: bytes) -> None:
        """Write all or nothing."""

    def delete(self, key: str) -> None:
        """That there is nothing is no error."""


def read_inputs(blobs: Blobs, request: GenerationRequest) -> TryOnInputs:
    """
    Raises:
        GenerationError: a picture is gone, or is none.
    """
    return TryOnInputs(
        person=_picture(blobs, request.person_key, NO_PHOTO),
        garment=_picture(blobs, request.garment_key, NO_GARMENT),
        category=request.category,
        seed=request.seed,
        mask=pictures.to_mask(_picture(blobs, request.mask_key, NO_MASK)) if request.mask_key else None,
        densepose=_picture(blobs, request.densepose_key, NO_PHOTO) if request.densepose_key else None,
        garment_is_worn=request.garment_is_worn,
    )


def _picture(blobs: Blobs, key: str, otherwise: GenerationError) -> Image:
    try:
        data = blobs.get(key)
    except FileNotFoundError:
        raise otherwise from None
    try:
        return pictures.decode(data)
    except (OSError, ValueError, SyntaxError):
        raise otherwise from None
