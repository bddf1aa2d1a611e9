"""Qwen-Image-Edit as a try-on family: an instruction, the person as Picture 1, the garment as Picture 2.

Law: for one request, what diffusers' QwenImageEditPlusPipeline computes at the person's size; for a batch, each
request by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs
from models.card import PLACEMENTS, ModelCard
from models.developed import Developed
from models.exactness import Optimisation, exactly
from models.flops import FlopCount
from models.pixels import to_levels
from models.plan import Step
from models.preprocess.digest import digest_of
from models.preprocess.inputs import checked_inputs
from models.prompts import prompts_of
from models.qwen_edit import pictures
from models.qwen_edit.coder import PIXELS_A_TOKEN
from models.qwen_edit.denoiser import Scene
from models.qwen_edit.job import Prepared
from models.qwen_edit.networks import Networks
from models.qwen_edit.options import Options
from models.qwen_edit.pictures import Picture
from models.qwen_edit.reader import tokens_of
from models.qwen_edit.schedule import approximated, combined, noise_levels, plan_of
from models.qwen_edit.work import counted
from models.registry import APPROXIMATIONS
from models.reuse import Kind, Memory
from models.transfer import pinned, uploaded


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the networks make of a job before the first step. `texts`: `[1, T, F]` of each branch."""

    references: Tensor  # tokens [1, R, C] of the person, then of the garment
    texts: list[Tensor]


@dataclass(slots=True)
class Group:
    """Jobs of equal shapes. `noisy`: tokens `[B, N, C]`; `levels`: `[steps + 1]` of noise, from 1 down to 0."""

    jobs: list[int]
    scene: Scene
    noisy: Tensor
    levels: Tensor


@dataclass(slots=True)
class State:
    """A batch under way."""

    prepared: Sequence[Prepared]
    groups: list[Group]
    guidance_scale: float
    plan: Sequence[Step]
    num_steps_done: int = 0


SAVED = exactly(
    "last block computed for the canvas only",
    "modulations and first heads of the references computed once",
    "first block of the image stream shared by both halves of guidance",
    "beginning of the chat and pictures read once for both instructions",
    "convolutions of the autoencoder in one slice of time",
)


class QwenEdit(TryOnFamily[Prepared, State, Developed]):
    """Qwen-Image-Edit-2511 and its kin."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper", "lower", "overall"})
    has_one_canvas: ClassVar[bool] = False
    placements: ClassVar[frozenset[str]] = frozenset(PLACEMENTS)
    approximations = APPROXIMATIONS["qwen_edit"]

    def __init__(self, networks: Networks, card: ModelCard, memory: Memory) -> None:
        self._networks, self._memory, self._prompts = networks, memory, prompts_of(card)
        self._is_on_device, options = card.placement == "device", Options.of(card)
        self._negative_prompt, self._areas = options.negative_prompt, options.areas

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        prompts_of(card)  # before forty gigabytes are read
        networks = Networks.load(card, device, exact_savings=loading.exact_savings)
        return cls(networks, card, Memory.of(loading.reuse, card, device, str(networks.dtype), loading.exact_savings))

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        return counted(card)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        denoiser = {"denoiser": self._networks.denoiser} if self._is_on_device else {}
        return {**denoiser, **self._networks.coder.networks}

    def optimisations(self, settings: SamplingSettings) -> tuple[Optimisation, ...]:
        return (SAVED if self._networks.denoiser.exact_savings else ()) + approximated(settings)

    def prepare(self, inputs: TryOnInputs) -> Prepared:
        inputs = checked_inputs(inputs, self._prompts)
        person, garment = self._picture(inputs.person, shows_person=True), self._picture(inputs.garment)
        prompts = (self._prompts[inputs.category], self._negative_prompt)
        grids = (person.grid, garment.grid)
        positive, negative = (tokens_of(self._networks.tokenizer, prompt, grids) for prompt in prompts)
        return Prepared(inputs, person, garment, (positive, negative))

    @torch.inference_mode()
    def begin(self, prepared: Sequence[Prepared], settings: SamplingSettings) -> State:
        plan = plan_of(settings)
        num_branches = 2 if any(step.is_guided for step in plan) else 1
        conditions = [self._conditions(one, num_branches) for one in prepared]
        alike: dict[Hashable, list[int]] = {}
        for job, (one, its) in enumerate(zip(prepared, conditions, strict=True)):
            shapes = (one.person.size, one.garment.size, *(text.shape[1] for text in its.texts))
            alike.setdefault(shapes, []).append(job)
        groups = [self._group(jobs, prepared, conditions, settings) for jobs in alike.values()]
        return State(prepared, groups, settings.guidance_scale, plan)

    @torch.inference_mode()
    def step(self, state: State) -> None:
        for group in state.groups:
            level, next_level = group.levels[state.num_steps_done], group.levels[state.num_steps_done + 1]
            dtype = self._networks.dtype
            # Published: the time is rounded to the network's precision while it still counts to 1000.
            time = (level * 1000).to(dtype) / 1000
            scene = group.scene if state.plan[state.num_steps_done].is_guided else group.scene.unguided
            branches = self._networks.denoiser.velocities(scene, group.noisy.to(dtype), time)
            velocity, *negative = (branch.to(group.noisy.dtype) for branch in branches)
            if negative:
                velocity = combined(velocity, negative[0], state.guidance_scale)
            group.noisy = group.noisy + (next_level - level) * velocity
        state.num_steps_done += 1

    @torch.inference_mode()
    def decode(self, state: State) -> list[Developed]:
        canvases: dict[int, Developed] = {}
        for group in state.groups:
            for row, job in enumerate(group.jobs):
                size = state.prepared[job].person.size
                pixels = self._networks.coder.decoded(group.noisy[row : row + 1], *size)
                picture = (pixels[0].float() / 2 + 0.5).clamp(0, 1)
                canvases[job] = Developed.of(to_levels(picture), picture)
        return [canvases[job] for job in range(len(state.prepared))]

    def finish(self, prepared: Prepared, canvas: Developed) -> Image:
        return prepared.in_photograph(canvas.image)

    def _picture(self, image: Image, *, shows_person: bool = False) -> Picture:
        digest = digest_of(image)
        kind, persons = (Kind.PHOTOGRAPH, (digest,)) if shows_person else (Kind.GARMENT, ())
        pixels, patches, grid = self._memory.remembered(
            self._memory.key(kind, digest, persons=persons),
            lambda: pictures.shown(image, self._areas, self._networks.processor),
        )
        device = self._networks.device
        return Picture(pinned(pixels, device), pinned(patches, device), grid, digest)

    def _conditions(self, one: Prepared, num_branches: int) -> Conditions:
        """What the text encoder makes of the chat depends on both pictures; what the autoencoder makes, on one."""
        tokens = [self._tokens(one.person, one.persons), self._tokens(one.garment, ())]
        chats = one.chats[:num_branches]
        key = self._memory.key(Kind.READING, one.person.digest, one.garment.digest, *chats, persons=one.persons)
        texts = self._memory.remembered(key, lambda: self._read(one, chats))
        return Conditions(torch.cat(tokens, 1), list(texts))

    def _read(self, one: Prepared, chats: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        features = torch.cat([self._seen(one.person, one.persons), self._seen(one.garment, ())])
        return tuple(self._networks.reader.read(chats, features, (one.person.grid, one.garment.grid)))

    def _seen(self, picture: Picture, persons: tuple[str, ...]) -> Tensor:
        """Qwen2.5-VL's features of a picture, `[n, F]`."""
        key = self._memory.key(Kind.FEATURES, picture.digest, persons=persons)
        return self._memory.remembered(key, lambda: self._networks.reader.seen(picture))

    def _tokens(self, picture: Picture, persons: tuple[str, ...]) -> Tensor:
        """The autoencoder's tokens of a picture, `[1, R, C]`."""
        key = self._memory.key(Kind.LATENTS, picture.digest, persons=persons)
        return self._memory.remembered(key, lambda: self._networks.coder.encoded(picture.pixels))

    def _group(
        self,
        jobs: list[int],
        prepared: Sequence[Prepared],
        conditions: Sequence[Conditions],
        settings: SamplingSettings,
    ) -> Group:
        device, dtype = self._networks.device, self._networks.dtype
        first = prepared[jobs[0]]
        canvas, *references = (
            (height // PIXELS_A_TOKEN, width // PIXELS_A_TOKEN)
            for height, width in (first.person.size, first.person.size, first.garment.size)
        )
        references_of = torch.cat([conditions[job].references for job in jobs]).to(dtype)
        texts = [torch.cat(branch) for branch in zip(*(conditions[job].texts for job in jobs), strict=True)]
        scene = self._networks.denoiser.scene([canvas, *references], references_of, texts)
        noise = torch.cat([prepared[job].noise(references_of.shape[2]) for job in jobs])
        levels = noise_levels(self._networks.scheduler, settings.num_inference_steps, noise.shape[1])
        # Between steps pictures are never rounder than float32.
        kept = torch.promote_types(dtype, torch.float32)
        return Group(jobs, scene, uploaded(noise, device, kept), levels.to(device))
