"""Drawn examples: the same person in one garment and in another, and the other garment lying flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from models.paperdoll.canvas import Scene
from models.paperdoll.dice import Dice
from models.paperdoll.dummy import random_dummy
from models.paperdoll.figures import Figure
from models.paperdoll.garments import Garment
from models.paperdoll.geometry import frame_grid
from models.paperdoll.painting import paint_flat, paint_worn
from models.paperdoll.patterns import SEEN


@dataclass(frozen=True, slots=True)
class Drawings:
    """Pictures `[B, 3, H, W]` in [0, 1], labels `int64 [B, H, W]`, keypoints `[B, 12, 2]`, `pattern` an index `[B]`."""

    person: Tensor
    flat: Tensor
    truth: Tensor
    person_labels: Tensor
    flat_labels: Tensor
    truth_labels: Tensor
    person_keypoints: Tensor
    flat_keypoints: Tensor
    pattern: Tensor

    @classmethod
    def draw(cls, seed: int, num: int, height: int, width: int, patterns: Sequence[str] = SEEN) -> Drawings:
        """`num` examples of one seed; the garment to try on has one of `patterns`."""
        dice, grid, pixel = Dice(seed, num), frame_grid(height, width), 2 / height
        figure, scene = Figure.draw(dice), Scene.draw(dice)
        before, after = Garment.draw(dice, SEEN), Garment.draw(dice, patterns)
        flat_keypoints = random_dummy(dice)
        person = paint_worn(figure, before, scene, grid, pixel)
        truth = paint_worn(figure, after, scene, grid, pixel)
        flat = paint_flat(after, flat_keypoints, dice.uniform(0.82, 1.0), grid, pixel)
        return cls(
            person.colours, flat.colours, truth.colours, person.labels, flat.labels, truth.labels,
            figure.keypoints, flat_keypoints, after.pattern.flatten(),
        )  # fmt: skip
