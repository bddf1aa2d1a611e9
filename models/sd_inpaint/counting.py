"""How much work a picture is, part by part, on the meta device."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from models.base import SamplingSettings
from models.catalog import ModelCard
from models.flops import FlopCount, count
from models.plan import Step, source_of
from models.sd_inpaint.ancestral import Schedule
from models.sd_inpaint.architecture import LATENT_CHANNELS, make_unet, make_vae
from models.sd_inpaint.concatenation import Concatenation
from models.sd_inpaint.core import Core
from models.sd_inpaint.doubling import double_in_one_step
from models.sd_inpaint.options import Options
from models.sd_inpaint.reference import Reference
from models.sd_inpaint.scene import Garment, Sampling, Scene
from models.sd_inpaint.unet import Reader, UNet
from models.sd_inpaint.vae import decoded

META = torch.device("meta")

SHARED = (
    "Upsampling and the convolution after it are one step with four of nine multiplications, in UNets and VAE.",
    "What the first convolution makes of the mask and what is known is computed once, not in each step.",
)
REFERENCE = (
    "The generator's self-attention has queries for its own tokens only, not for the garment's.",
    "The reference UNet stops at the last tokens that the generator attends to.",
    "What the reference UNet sees of no garment, for the unconditional half, is the same in every picture. It is not "
    "in this count: {nothing:.3g} TFLOP for these steps, once, and again when the garment cache had no room for it.",
    "Both halves of the guidance are computed as one until they see the garment or none.",
)


def counted(card: ModelCard) -> FlopCount:
    """Of one picture at the card's defaults. A card that reads its garment has a garment to remember."""
    ours, published = (Counting(card, Options.of(card), exact=exact) for exact in (True, False))
    parts = {"encode": ours.encode(), "denoise": ours.steps(), "decode": ours.decode()}
    if not isinstance(ours.conditioner, Reference):
        return FlopCount(parts, denoise_published=published.steps(), savings=SHARED)
    reading, nothing = (ours.readings(ours.conditioner, of_nothing=of_nothing) for of_nothing in (False, True))
    parts["denoise"] -= nothing
    return FlopCount(
        parts,
        denoise_published=published.steps(),
        denoise_garment_cached=parts["denoise"] - reading,
        savings=(*SHARED, *(saving.format(nothing=nothing) for saving in REFERENCE)),
    )


class Counting:
    """The conditioner of a card with networks that hold nothing. TFLOP."""

    def __init__(self, card: ModelCard, options: Options, *, exact: bool) -> None:
        self._exact = exact
        unet, vae = UNet(self._network(make_unet, options.unet_config, options.in_channels)), make_vae
        core = Core(unet, self._network(vae, options.vae_config), META, exact=exact)
        self.conditioner: Concatenation | Reference = Concatenation(core)
        if options.conditioning == "reference":
            reader = Reader(self._network(make_unet, options.unet_config, LATENT_CHANNELS))
            self.conditioner = Reference(core, reader, reuse=options.reuse_garment_features)
        settings = SamplingSettings.of(card)
        schedule = Schedule.of(settings.num_inference_steps, ends_clean=self.conditioner.ends_clean)
        scale = settings.guidance_scale
        self.sampling = Sampling(schedule, scale, self.conditioner.rescale(scale), settings.approximations)
        picture = torch.empty(1, 3, card.height, card.width, device=META)
        self.scene = Scene(picture, picture[:, :1], [Garment("", picture)], picture)
        size = self.conditioner.latent_size(card.height, card.width)
        self.latents = torch.empty(1, LATENT_CHANNELS, *size, device=META)

    def _network(self, make: Any, *arguments: Any) -> Any:
        with META:
            network = make(*arguments)
            if self._exact:
                double_in_one_step(network)
        return network.eval().requires_grad_(False)

    def encode(self) -> float:
        """All that is done once, before the steps or in the first of them."""
        return count(lambda: self.conditioner.begin(self.scene, self.sampling)) + self._encoded_later()

    def steps(self) -> float:
        """Those of one kind are alike, but for the first of all."""
        plan, counted = self.sampling.plan, dict[tuple[Step, bool], float]()
        with torch.inference_mode():
            predict = self.conditioner.begin(self.scene, self.sampling)
        kinds = [(step, number == 0) for number, step in enumerate(plan)]
        for number, kind in enumerate(kinds):
            if kind in counted:
                continue
            if not kind[0].is_fresh:
                with torch.inference_mode():
                    predict(self.latents, source_of(plan, number))
            counted[kind] = count(partial(predict, self.latents, number))
        return sum(counted[kind] for kind in kinds) - self._encoded_later()

    def decode(self) -> float:
        return count(lambda: decoded(self.conditioner.core.vae, self.conditioner.person_part(self.latents)))

    def readings(self, reference: Reference, *, of_nothing: bool = False) -> float:
        """What the reference UNet does for one garment, or for none, in all steps."""
        plan = self.sampling.plan
        reads = zip(reference.reads(plan), plan, strict=True)
        num_reads = len({read for read, step in reads if step.is_guided or not of_nothing})
        embedding = torch.empty(1, reference.reader.network.time_embedding.linear_2.out_features, device=META)
        size = self.scene.latent_size
        return num_reads * count(lambda: reference.read(torch.empty(1, LATENT_CHANNELS, *size, device=META), embedding))

    def _encoded_later(self) -> float:
        """The garment, which a reference UNet's first step encodes, as its features may be remembered."""
        if not isinstance(self.conditioner, Reference):
            return 0.0
        return count(lambda: self.conditioner.core.garment_latents(self.scene.garments[0]))
