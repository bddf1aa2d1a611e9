"""The paper doll as a try-on family: read both pictures, compose, denoise at 128x96, paint at the person's own size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from models import sampling
from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs
from models.catalog import ModelCard
from models.developed import NotNumbersError
from models.flops import FlopCount, count
from models.paperdoll.composition import Composition
from models.paperdoll.denoising import NUM_CONDITIONS, Look, Scene, look
from models.paperdoll.framing import Frame
from models.paperdoll.layers import Reading
from models.paperdoll.networks import HEIGHT, WIDTH, Networks
from models.paperdoll.painter import Finding, full_size_mask, paint
from models.preprocess.inputs import checked_inputs
from models.registry import APPROXIMATIONS
from models.transfer import all_to_device, pinned, uploaded
from models.weights import load_tensors

SMALLEST = 64  # pixels of a side


@dataclass(frozen=True, slots=True)
class Prepared:
    """One job's pictures, framed. `person`, `garment`: `[1, 3, 128, 96]` in [0, 1]; the rest as given."""

    inputs: TryOnInputs
    person_frame: Frame
    garment_frame: Frame
    person: Tensor
    garment: Tensor


@dataclass(slots=True)
class State:
    """A batch under way. `noisy`: `[B, 3, 128, 96]`; `steps`: those still to walk; `last`: what the last step saw."""

    prepared: Sequence[Prepared]
    person: Reading
    flat: Reading
    scene: Scene
    noisy: Tensor
    steps: list[tuple[float, float]]
    last: Look | None = None


class PaperDoll(TryOnFamily[Prepared, State, Finding]):
    """Try-on for drawn figures, small enough for any CPU."""

    categories: ClassVar[frozenset[str]] = frozenset({"upper"})
    approximations = APPROXIMATIONS["paperdoll"]

    def __init__(self, networks: Networks, device: torch.device, num_bytes: int) -> None:
        self._networks, self._device, self.num_bytes = networks, device, num_bytes

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        num_bytes = sum(file.size for file in card.files)
        return cls(Networks.loaded(load_tensors(card), card, device), device, num_bytes)

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        with torch.device("meta"):
            networks = Networks().eval()
            picture = torch.empty(1, 3, HEIGHT, WIDTH)
            conditions = torch.empty(1, NUM_CONDITIONS, HEIGHT, WIDTH)
            times = torch.empty(1)
        encode = count(lambda: (networks.person(picture), networks.flat(picture)))
        denoise = SamplingSettings.of(card).num_inference_steps * count(
            lambda: networks.denoiser(picture, conditions, times)
        )
        return FlopCount({"encode": encode, "denoise": denoise}, denoise_published=denoise)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"denoiser": self._networks.denoiser}

    def prepare(self, inputs: TryOnInputs) -> Prepared:
        inputs = checked_inputs(inputs, self.categories, smallest=SMALLEST)
        person_frame, garment_frame = Frame.around(inputs.person), Frame.around(inputs.garment)
        return Prepared(
            inputs,
            person_frame,
            garment_frame,
            pinned(person_frame.small(inputs.person, HEIGHT, WIDTH), self._device),
            pinned(garment_frame.small(inputs.garment, HEIGHT, WIDTH), self._device),
        )

    @torch.inference_mode()
    def begin(self, prepared: Sequence[Prepared], settings: SamplingSettings) -> State:
        person = self._networks.read_person(all_to_device([one.person for one in prepared], self._device))
        flat = self._networks.read_flat(all_to_device([one.garment for one in prepared], self._device))
        noise = [sampling.job_noise(one.inputs.seed, (3, HEIGHT, WIDTH)) for one in prepared]
        scene = Scene.of(person.picture, Composition.of(person, flat))
        steps = sampling.schedule(settings.num_inference_steps)
        return State(prepared, person, flat, scene, uploaded(torch.stack(noise), self._device), steps)

    @torch.inference_mode()
    def step(self, state: State) -> None:
        time, next_time = state.steps.pop(0)
        times = torch.full((len(state.noisy),), time, device=self._device)
        state.last = look(self._networks.denoiser, state.scene, state.noisy, times)
        state.noisy = sampling.step(state.noisy, state.last.picture * 2 - 1, time, next_time)

    @torch.inference_mode()
    def decode(self, state: State) -> list[Finding]:
        assert state.last is not None, "decode is called after the steps"
        return [_found(state, state.last, k).on_host() for k in range(len(state.prepared))]

    @torch.inference_mode()
    def finish(self, prepared: Prepared, canvas: Finding) -> Image:
        if not canvas.logits.isfinite().all():
            raise NotNumbersError
        pictures = prepared.inputs
        person = prepared.person_frame.padded(pictures.person)
        garment = prepared.garment_frame.padded(pictures.garment)
        picture = prepared.person_frame.cropped(paint(canvas, person, garment), pictures.person)
        if pictures.mask is None:
            return picture
        return np.where(pictures.mask[..., None] > 0, picture, pictures.person)

    @torch.inference_mode()
    def composite(self, state: State) -> list[Finding]:
        """The canvases as they are without the denoiser, to measure what it adds."""
        parts = state.scene.composition.logits
        without = Look(parts, torch.ones_like(parts), state.noisy)
        return [_found(state, without, k).on_host() for k in range(len(state.prepared))]

    def masks(self, state: State) -> list[Tensor]:
        """Where each picture may differ from its person, `bool [1, H, W]` at the person's size."""
        masks = []
        for one, mask in zip(state.prepared, state.scene.composition.mask, strict=True):
            height, width = one.person_frame.padded(one.inputs.person).shape[:2]
            masks.append(one.person_frame.inner(full_size_mask(mask[None], height, width)[0], one.inputs.person))
        return masks


def _found(state: State, last: Look, k: int) -> Finding:
    row = slice(k, k + 1)
    composition = state.scene.composition
    return Finding(
        composition.mask[row],
        composition.sources.rows(row),
        state.person.keypoints[row],
        state.flat.keypoints[row],
        last.logits[row],
        last.brightness[row],
    )
