"""Stable Diffusion's inpainting network as a try-on family: under a mask, by either of two conditioners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import nn

from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs
from models.catalog import ModelCard
from models.developed import Developed
from models.exactness import Optimisation
from models.flops import FlopCount
from models.preprocess.compositing import restore
from models.preprocess.helpers import Helpers
from models.preprocess.inputs import checked_inputs
from models.registry import APPROXIMATIONS
from models.reuse import Memory
from models.sd_inpaint.ancestral import Schedule, Walk, job_draws
from models.sd_inpaint.architecture import LATENT_CHANNELS
from models.sd_inpaint.checkpoint import Builder
from models.sd_inpaint.concatenation import Concatenation
from models.sd_inpaint.core import Core
from models.sd_inpaint.counting import counted
from models.sd_inpaint.options import Options
from models.sd_inpaint.pictures import Preparation, Prepared, scene_of, to_levels
from models.sd_inpaint.reference import Reference
from models.sd_inpaint.scene import Predict, Sampling
from models.sd_inpaint.unet import UNet
from models.sd_inpaint.vae import decoded
from models.weights import precision_on


@dataclass(slots=True)
class State:
    """A batch under way."""

    prepared: Sequence[Prepared]
    walk: Walk
    predict: Predict


class SdInpaint(TryOnFamily[Prepared, State, Developed]):
    """CatVTON and Leffa. A guidance scale of 1 or less is no guidance, as published."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper", "lower", "overall"})
    approximations = APPROXIMATIONS["sd_inpaint"]

    def __init__(self, conditioner: Concatenation | Reference, preparation: Preparation, card: ModelCard) -> None:
        self._conditioner, self._preparation = conditioner, preparation
        self._worn = frozenset(card.categories)
        if not conditioner.can_reuse(card.height):
            self.approximations -= {"garment_reuse_steps"}

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        options = Options.of(card)
        builder = Builder(card, device, precision_on(card, device), loading.exact_savings)
        load = _reference if options.conditioning == "reference" else _concatenation
        store = loading.reuse if loading.exact_savings else None
        memory = Memory.of(store, card, device, str(builder.dtype))
        preparation = Preparation(card.height, card.width, options, loading.helpers or Helpers(), memory)
        return cls(load(builder, options, memory), preparation, card)

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        return counted(card)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        core = self._conditioner.core
        reader = {"reference": self._conditioner.reader} if isinstance(self._conditioner, Reference) else {}
        return {"denoiser": core.unet, **reader, "vae_encoder": core.vae.encoder, "vae_decoder": core.vae.decoder}

    def prepare(self, inputs: TryOnInputs) -> Prepared:
        return self._preparation(checked_inputs(inputs, self._worn)).pinned_for(self._conditioner.core.device)

    def warnings(self, prepared: Prepared) -> tuple[str, ...]:
        return prepared.warnings

    def optimisations(self, settings: SamplingSettings) -> tuple[Optimisation, ...]:
        return self._conditioner.optimisations + self._sampling(settings).approximated

    def _sampling(self, settings: SamplingSettings) -> Sampling:
        conditioner, scale = self._conditioner, settings.guidance_scale
        schedule = Schedule.of(settings.num_inference_steps, ends_clean=conditioner.ends_clean)
        return Sampling(schedule, scale, conditioner.rescale(scale), settings.approximations)

    @torch.inference_mode()
    def begin(self, prepared: Sequence[Prepared], settings: SamplingSettings) -> State:
        conditioner, core = self._conditioner, self._conditioner.core
        sampling = self._sampling(settings)
        predict = conditioner.begin(scene_of(prepared, core.device, core.dtype), sampling)
        draw = job_draws([one.inputs.seed for one in prepared])
        size = conditioner.latent_size(self._preparation.height, self._preparation.width)
        start = draw((len(prepared), LATENT_CHANNELS, *size))
        return State(prepared, Walk.of(sampling.schedule, start, draw, core.device, core.working_dtype), predict)

    @torch.inference_mode()
    def step(self, state: State) -> None:
        walk = state.walk
        walk.step(state.predict(walk.latents, walk.num_done))

    @torch.inference_mode()
    def decode(self, state: State) -> list[Developed]:
        latents = self._conditioner.person_part(state.walk.latents)
        pictures = decoded(self._conditioner.core.vae, latents)
        return Developed.each(to_levels(pictures), pictures)

    def finish(self, prepared: Prepared, canvas: Developed) -> Image:
        return restore(prepared.inputs.person, canvas.image, prepared.fit, prepared.inputs.mask)


def _concatenation(builder: Builder, options: Options, memory: Memory) -> Concatenation:
    """From CatVTON's attentions, the inpainting UNet they belong in, and a VAE, each in a folder of the card."""
    base, attention, vae = (builder.tensors(folder) for folder in ("unet/", "attention/", "vae/"))
    unet = builder.catvton_unet(base, attention, options.unet_config, options.in_channels)
    return Concatenation(_core(builder, unet, builder.vae(vae, options.vae_config), memory))


def _reference(builder: Builder, options: Options, memory: Memory) -> Reference:
    """From Leffa's one file."""
    networks = builder.leffa_networks(builder.tensors(), options.unet_config, options.vae_config, options.in_channels)
    core = _core(builder, networks.generator, networks.vae, memory)
    return Reference(core, networks.reader, reuse=options.reuse_garment_features)


def _core(builder: Builder, unet: UNet, vae: Any, memory: Memory) -> Core:
    return Core(unet, vae, builder.device, memory, exact=builder.exact)
