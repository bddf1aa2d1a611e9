"""The `network` table of a card of this family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from models.catalog import ModelCard
from models.sd_inpaint import concatenation, reference
from models.sd_inpaint.architecture import LATENT_CHANNELS, LATENT_SCALE, UNET, VAE, Config
from models.weights import WeightsError

CONDITIONERS = {"concatenation": concatenation.EXTRA_CHANNELS, "reference": reference.EXTRA_CHANNELS}
DENSEPOSES = ("colours", "parts")


@dataclass(frozen=True, slots=True)
class Options:
    """What differs between the family's cards.

    `mask_blur`: the deviation of the Gauss that rounds the mask off before it is cut at a half, in pixels of the
    canvas. `densepose`: the caller's picture shows DensePose's colours or, in each channel, its part numbers.
    `reuse_garment_features`: read the garment at the middle timestep only, which is approximate. `unet`, `vae`:
    what differs from `models.sd_inpaint.architecture`'s configurations.
    """

    conditioning: str
    mask_blur: float = 0.0
    densepose: str = "colours"
    reuse_garment_features: bool = False
    unet: Config = field(default_factory=dict)
    vae: Config = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.conditioning not in CONDITIONERS:
            raise ValueError(f"conditioning must be {' or '.join(CONDITIONERS)}, not {self.conditioning!r}")
        if self.densepose not in DENSEPOSES:
            raise ValueError(f"densepose must be {' or '.join(DENSEPOSES)}, not {self.densepose!r}")

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """
        Raises:
            WeightsError: the table or the size does not fit the family.
        """
        if card.height % LATENT_SCALE or card.width % LATENT_SCALE:
            raise WeightsError(f"Height and width of the card {card.name} must be multiples of {LATENT_SCALE}.")
        try:
            return cls(**card.network)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"The network table of the card {card.name} is malformed: {error}.") from error

    @property
    def in_channels(self) -> int:
        """Of the UNet that denoises."""
        return LATENT_CHANNELS + CONDITIONERS[self.conditioning]

    @property
    def unet_config(self) -> Mapping[str, Any]:
        return {**UNET, **self.unet}

    @property
    def vae_config(self) -> Mapping[str, Any]:
        return {**VAE, **self.vae}
