"""Scores of pictures against drawn truths, gathered by name over many."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor
from torch.nn import functional

from models.paperdoll.canvas import HAND, LEFT_SLEEVE, RIGHT_SLEEVE, SKIN, TORSO
from models.paperdoll.drawings import Drawings
from models.paperdoll.geometry import BodyCoordinates, frame_grid
from models.paperdoll.metrics import decibels, kind_accuracy, region_mean, similarity
from models.paperdoll.patterns import NAMES
from models.paperdoll.training import border

FIGURES = ("db", "ssim", "limb_db", "edge_ssim", "kind")


@dataclass(frozen=True, slots=True)
class Regions:
    """Where to look, `bool [B, H, W]` each: garment, limbs (sleeves and bare arms), all skin, a band round borders."""

    garment: Tensor
    limbs: Tensor
    skin: Tensor
    edges: Tensor

    @classmethod
    def of(cls, drawings: Drawings) -> Regions:
        labels = drawings.truth_labels
        body = BodyCoordinates.of(drawings.person_keypoints, frame_grid(*labels.shape[1:]))
        garment = (labels >= TORSO) & (labels <= RIGHT_SLEEVE)
        on_arm = ((body.distance < 1.05) & (body.s > -0.2) & (body.s < 2.03)).any(1)
        limbs = (labels == LEFT_SLEEVE) | (labels == RIGHT_SLEEVE) | (on_arm & (labels == SKIN))
        near = functional.max_pool2d((garment | limbs)[:, None].float(), 3, 1, 1)[:, 0]
        return cls(garment, limbs, (labels == SKIN) | (labels == HAND), (border(labels) * near) > 0)


@dataclass
class Tally:
    """Figures of single pictures, by name."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """Keep `values` `[B]`, but for NaN."""
        self.values.setdefault(name, []).extend(v for v in values.tolist() if not math.isnan(v))

    def mean(self, name: str) -> float:
        return float(np.mean(self.values[name]))

    def means(self, source: str, figures: tuple[str, ...] = FIGURES) -> dict[str, float]:
        return {figure: round(self.mean(f"{source}/{figure}"), 4) for figure in figures}

    def score(self, source: str, picture: Tensor, drawings: Drawings, regions: Regions) -> None:
        """Keep all figures of a batch of pictures under the name of their source."""
        likeness, near = similarity(picture, drawings.truth), decibels(picture, drawings.truth, regions.garment)
        self.add(f"{source}/db", near)
        self.add(f"{source}/ssim", region_mean(likeness, regions.garment))
        self.add(f"{source}/limb_db", decibels(picture, drawings.truth, regions.limbs))
        self.add(f"{source}/edge_ssim", region_mean(likeness, regions.edges))
        kinds = kind_accuracy(picture, drawings.truth, regions.garment, regions.skin, regions.limbs)
        self.add(f"{source}/kind", kinds)
        for k, value in zip(drawings.pattern.tolist(), near, strict=True):
            self.add(f"{source}/db/{NAMES[k]}", value[None])
