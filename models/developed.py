"""A generated picture on its way to host memory, and whether it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from models.base import Image
from models.catalog import CardError
from models.transfer import to_host


class NotNumbersError(CardError):
    """A network made what is no picture; the message says what to mend."""

    def __init__(self) -> None:
        super().__init__(
            "The network made a picture of what are not numbers (NaN): values in its weights are damaged, or leave the "
            "range of its precision. Use other files, or write another precision into the card: bfloat16 and float32 "
            "have more range than float16."
        )


@dataclass(frozen=True, slots=True)
class Developed:
    """`levels`: `uint8 [H, W, 3]`; `is_picture`: `bool []`. Both may be read when the device's stream has come so far.

    Cast to levels, what is not a number would be black, and nobody would notice.
    """

    levels: Tensor
    is_picture: Tensor

    @classmethod
    def of(cls, levels: Tensor, numbers: Tensor) -> Self:
        """`levels`, which were made of `numbers`, both still on the device; nobody waits."""
        return cls(to_host(levels), to_host(numbers.isfinite().all()))

    @classmethod
    def each(cls, levels: Tensor, numbers: Tensor) -> list[Self]:
        """The same of a batch `[B, ...]`, in one copy."""
        are_pictures = to_host(numbers.isfinite().flatten(1).all(1))
        return [cls(*pair) for pair in zip(to_host(levels), are_pictures, strict=True)]

    @property
    def image(self) -> Image:
        """
        Raises:
            NotNumbersError: it is none.
        """
        if not self.is_picture:
            raise NotNumbersError
        image: Image = self.levels.numpy()
        return image
