"""FLUX.2 klein as a try-on family: the person and the garment are references, the prompt says what to do with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Self

import torch
from diffusers.models.transformers.transformer_flux2 import Flux2SingleTransformerBlock, Flux2TransformerBlock
from torch import Tensor, nn

from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs
from models.catalog import ModelCard
from models.developed import Developed
from models.exactness import Optimisation, exactly
from models.flops import FlopCount
from models.flux2_klein import latents, pictures
from models.flux2_klein.batch import Group, Prepared, State
from models.flux2_klein.denoiser import Condition, Denoiser, LeanDenoiser, PublishedDenoiser, Walk
from models.flux2_klein.latents import Grid
from models.flux2_klein.networks import Networks
from models.flux2_klein.prompts import NO_PROMPT
from models.flux2_klein.schedule import Schedule, approximated, plan_of
from models.flux2_klein.work import count_flops
from models.pixels import to_levels, to_tensor
from models.preprocess.compositing import restore
from models.preprocess.digest import digest_of
from models.preprocess.fitting import Fit
from models.preprocess.inputs import checked_inputs
from models.preprocess.person import person_crop
from models.prompts import prompts_of
from models.registry import APPROXIMATIONS
from models.reuse import Kind, Memory
from models.sampling import job_noise
from models.transfer import uploaded

SAVED = exactly(
    "last block computed for the canvas only",
    "references, prompt, positions and times projected once a picture",
    "prompts read once for all pictures",
)


class Flux2Klein(TryOnFamily[Prepared, State, Developed]):
    """Try-on by instruction: it needs no mask, and a given one bounds what may change."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper", "lower", "overall"})
    has_one_canvas: ClassVar[bool] = False
    approximations = APPROXIMATIONS["flux2_klein"]
    repeated = (Flux2TransformerBlock, Flux2SingleTransformerBlock)

    def __init__(self, networks: Networks, card: ModelCard, loading: Loading) -> None:
        self._networks, self._card, self._prompts = networks, card, prompts_of(card)
        self._pose = loading.helpers.pose if loading.helpers else None
        self._memory = Memory.of(loading.reuse, card, networks.device, str(networks.dtype), loading.exact_savings)
        self._walk, self._exact_savings = Walk(networks.transformer), loading.exact_savings
        self._cell = latents.cell(networks.vae)

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        return cls(Networks.load(card, device, exact_savings=loading.exact_savings, store=loading.reuse), card, loading)

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        return count_flops(card)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        vae = self._networks.vae
        return {"denoiser": self._walk, "vae_encoder": vae.encoder, "vae_decoder": vae.decoder}

    def optimisations(self, settings: SamplingSettings) -> tuple[Optimisation, ...]:
        saved = SAVED if self._exact_savings else ()
        return saved + approximated(settings, is_distilled=self._networks.is_distilled)

    def prepare(self, inputs: TryOnInputs) -> Prepared:
        inputs = checked_inputs(inputs, self._prompts, smallest=pictures.SMALLEST_SIDE)
        person, mask = digest_of(inputs.person), inputs.mask
        key = self._memory.key(Kind.PHOTOGRAPH, person, None if mask is None else digest_of(mask), persons=(person,))
        fit, canvas, shown = self._memory.remembered(key, lambda: self._photograph(inputs))
        garment_key = self._memory.key(Kind.GARMENT, digest_of(inputs.garment))
        garment = self._memory.remembered(garment_key, lambda: pictures.reference(inputs.garment, self._cell))
        return Prepared(inputs, fit, canvas, shown, garment, key, self._grid(shown), self._grid(garment))

    def _photograph(self, inputs: TryOnInputs) -> tuple[Fit, Grid, Image]:
        """Where the canvas lies in it, its size in tokens, and the reference that it makes."""
        height, width = inputs.person.shape[:2]
        pose, card = self._pose(inputs.person) if self._pose else None, self._card
        part = person_crop(pose, height, width, card.width / card.height, inputs.mask)
        canvas, fit = pictures.on_canvas(inputs.person, part, card.height * card.width, self._cell)
        return fit, self._grid(canvas), pictures.reference(canvas, self._cell)

    @torch.inference_mode()
    def begin(self, prepared: Sequence[Prepared], settings: SamplingSettings) -> State:
        alike: defaultdict[tuple[Grid, ...], list[int]] = defaultdict(list)
        for index, one in enumerate(prepared):
            alike[one.shapes].append(index)
        return State(prepared, [self._group(prepared, jobs, settings) for jobs in alike.values()])

    @torch.inference_mode()
    def step(self, state: State) -> None:
        for group in state.groups:
            group.step(state.num_steps_done)
        state.num_steps_done += 1

    @torch.inference_mode()
    def decode(self, state: State) -> list[Developed]:
        return [Developed.of(to_levels(picture), picture) for picture in self.canvases(state)]

    def finish(self, prepared: Prepared, canvas: Developed) -> Image:
        return restore(prepared.inputs.person, canvas.image, prepared.fit, prepared.inputs.mask)

    @torch.inference_mode()
    def canvases(self, state: State) -> list[Tensor]:
        """What was generated, `[3, h, w]` in [0, 1] each, in the order of the batch; decoded one at a time."""
        decoded: dict[int, Tensor] = {}
        for group in state.groups:
            for row, job in enumerate(group.jobs):
                picture = latents.decode(self._networks.vae, group.latents[row : row + 1], group.canvas)[0]
                decoded[job] = (picture / 2 + 0.5).clamp(0, 1)
        return [decoded[job] for job in range(len(state.prepared))]

    def _group(self, prepared: Sequence[Prepared], jobs: list[int], settings: SamplingSettings) -> Group:
        networks, batch = self._networks, [prepared[job] for job in jobs]
        canvas, *references = batch[0].shapes
        schedule = Schedule.of(
            networks.scheduler, canvas.num_tokens, settings.num_inference_steps, networks.device, networks.dtype
        )
        text = torch.cat([networks.text(self._prompts[one.inputs.category]) for one in batch])
        condition = Condition(
            text,
            torch.cat([self._references(one) for one in batch]),
            latents.positions(text.shape[1], canvas, tuple(references), networks.device),
            schedule.times,
        )
        plan, unprompted = plan_of(settings, is_distilled=networks.is_distilled), None
        if any(step.is_guided for step in plan):
            unprompted = self._denoiser(condition.reading(networks.text(NO_PROMPT)))
        denoiser = self._denoiser(condition)
        noise = torch.stack([self._noise(one) for one in batch])
        noise = uploaded(noise, networks.device, networks.dtype)
        scale = settings.guidance_scale
        return Group(jobs, canvas, latents.packed(noise), schedule, denoiser, unprompted, scale, plan)

    def _denoiser(self, condition: Condition) -> Denoiser:
        if self._exact_savings:
            return LeanDenoiser.of(self._walk, condition)
        return PublishedDenoiser(self._networks.transformer, condition)

    def _noise(self, one: Prepared) -> Tensor:
        return job_noise(one.inputs.seed, (self._networks.transformer.config.in_channels, *one.canvas))

    def _references(self, one: Prepared) -> Tensor:
        """Both references as tokens `[1, R, C]`."""
        person = self._memory.key(Kind.LATENTS, one.shown.name, persons=one.shown.persons)
        garment = self._memory.key(Kind.LATENTS, digest_of(one.garment))
        both = ((person, one.person), (garment, one.garment))
        return torch.cat([self._memory.remembered(key, partial(self._encoded, picture)) for key, picture in both], 1)

    def _encoded(self, picture: Image) -> Tensor:
        networks = self._networks
        tensor = uploaded(to_tensor(picture), networks.device, networks.dtype)
        return latents.encode(networks.vae, tensor.to(networks.vae.dtype)).to(networks.dtype)

    def _grid(self, picture: Image) -> Grid:
        return Grid(picture.shape[0] // self._cell, picture.shape[1] // self._cell)
