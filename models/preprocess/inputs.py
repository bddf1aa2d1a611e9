"""A job's inputs, checked: what every family refuses for the same reasons, in the same sentences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from models.base import Image, TryOnInputs, UnusableInput
from models.preprocess.masks import checked_mask

NAMES = {"person": "photograph", "garment": "garment's picture"}
SMALLEST = 16  # pixels of a side
MOST_STRETCHED = 6  # times as long as wide


def checked_inputs(
    inputs: TryOnInputs,
    categories: Collection[str],
    *,
    smallest: int = SMALLEST,
    most_stretched: int = MOST_STRETCHED,
) -> TryOnInputs:
    """The inputs, with a mask of 0 and 255 if they have one.

    Raises:
        UnusableInput: the garment is worn as none of `categories`, nothing can be seen in a picture, or the mask is
            not of the photograph's size or leaves nothing to draw.
    """
    if inputs.category not in categories:
        kinds = ", ".join(sorted(categories))
        raise UnusableInput("garment", f"This model knows garments of the kind {kinds}, not {inputs.category!r}.")
    for which, picture in (("person", inputs.person), ("garment", inputs.garment)):
        _check(picture, which, smallest, most_stretched)
    if inputs.mask is None:
        return inputs
    return replace(inputs, mask=checked_mask(inputs.mask, inputs.person.shape[:2]))


def _check(picture: Image, which: str, smallest: int, most_stretched: int) -> None:
    short, long = sorted(picture.shape[:2])
    if short < smallest:
        raise UnusableInput(
            which, f"The {NAMES[which]} is too small. Please use one of at least {smallest} pixels a side."
        )
    if long > most_stretched * short:
        raise UnusableInput(which, f"The {NAMES[which]} is too narrow. Please use one that is less stretched.")
