"""FASHN VTON as a try-on family: photographs on one canvas, denoised as pixels, and back in the photograph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from models.base import Image, Loading, SamplingSettings, TryOnFamily, TryOnInputs
from models.catalog import CardError, ModelCard
from models.developed import Developed
from models.exactness import Optimisation, exactly
from models.fashn_vton.blocks import DoubleBlock, SingleBlock
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.denoising import Conditions
from models.fashn_vton.flops import counted
from models.fashn_vton.network import TryOnNetwork
from models.fashn_vton.pictures import PosedPicture, Preparation, Prepared
from models.fashn_vton.rotation import wide
from models.fashn_vton.sampling import Sampling
from models.fashn_vton.walk import Walk
from models.flops import FlopCount
from models.preprocess.compositing import restore
from models.preprocess.helpers import Helpers
from models.preprocess.inputs import checked_inputs
from models.registry import APPROXIMATIONS
from models.reuse import Memory
from models.sampling import job_noise
from models.transfer import pinned_array, to_device, uploaded
from models.weights import build_network, load_tensors, precision_on

CLASSES = {"upper": 1, "lower": 2, "overall": 3}
"""Category -> the network's; 0 is none of them."""

NUM_UNGUIDED = 1  # last steps, as published

SAVED = exactly(
    "no null branch in steps without guidance",
    "no garment outputs in the last block",
    "one token for no garment",
    "person and garment embedded once a picture",
    "modulations of all steps computed before the first",
)


@dataclass(slots=True)
class State:
    """A batch under way."""

    prepared: Sequence[Prepared]
    walk: Walk


class FashnVton(TryOnFamily[Prepared, State, Developed]):
    """Try-on in pixel space, without a parser. Its guidance scales 0 and 1 are both no guidance."""

    categories: ClassVar[frozenset[str]] = frozenset(CLASSES)
    approximations = APPROXIMATIONS["fashn_vton"]
    repeated = (DoubleBlock, SingleBlock)

    def __init__(
        self,
        network: TryOnNetwork,
        preparation: Preparation,
        worn: Collection[str],
        device: torch.device,
        *,
        exact_savings: bool,
    ) -> None:
        """`worn`: the categories that the checkpoint is for."""
        self._network, self._device, self._exact_savings = network, device, exact_savings
        self._dtype = network.x_embedder.bias.dtype
        self._preparation, self._worn = preparation, worn

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        config = network_config(card)
        network = build_network(
            lambda: TryOnNetwork(config), load_tensors(card), card, device, precision_on(card, device)
        )
        memory = Memory.of(loading.reuse, card, device)
        preparation = Preparation(card.height, card.width, loading.helpers or Helpers(), memory)
        return cls(
            network, preparation, cls.categories & set(card.categories), device, exact_savings=loading.exact_savings
        )

    @classmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        config = network_config(card)
        return counted(config, card.height, card.width, sampling_of(SamplingSettings.of(card), config))

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"denoiser": self._network}

    def prepare(self, inputs: TryOnInputs) -> Prepared:
        prepared = self._preparation(checked_inputs(inputs, self._worn))
        person, garment = (pinned_array(one, self._device) for one in (prepared.person, prepared.garment))
        return replace(prepared, person=person, garment=garment)

    def warnings(self, prepared: Prepared) -> tuple[str, ...]:
        return prepared.warnings

    def optimisations(self, settings: SamplingSettings) -> tuple[Optimisation, ...]:
        return (SAVED if self._exact_savings else ()) + sampling_of(settings, self._network.config).approximated

    @torch.inference_mode()
    def begin(self, prepared: Sequence[Prepared], settings: SamplingSettings) -> State:
        person = self._on_device([one.person for one in prepared])
        garment = self._on_device([one.garment for one in prepared])
        category = uploaded(torch.tensor([CLASSES[one.inputs.category] for one in prepared]), self._device)
        conditions = Conditions(person[:, :3], person[:, 3:], garment[:, :3], garment[:, 3:], category)
        noise = torch.stack([job_noise(one.inputs.seed, person[0, :3].shape) for one in prepared])
        walk = Walk.starting(
            self._network,
            conditions,
            uploaded(noise, self._device, self._dtype),
            sampling_of(settings, self._network.config),
            exact_savings=self._exact_savings,
        )
        return State(prepared, walk)

    @torch.inference_mode()
    def step(self, state: State) -> None:
        state.walk.step()

    @torch.inference_mode()
    def decode(self, state: State) -> list[Developed]:
        pictures = state.walk.pictures
        levels = ((pictures + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        return Developed.each(levels, pictures)

    def finish(self, prepared: Prepared, canvas: Developed) -> Image:
        return restore(prepared.inputs.person, canvas.image, prepared.fit, prepared.inputs.mask)

    def _on_device(self, pictures: Sequence[PosedPicture]) -> Tensor:
        """`[B, 4, H, W]` in [-1, 1]."""
        there = [to_device(torch.from_numpy(picture), self._device) for picture in pictures]
        stacked = torch.stack(there).permute(0, 3, 1, 2)
        return (stacked.to(wide(self._dtype)) / 127.5 - 1).to(self._dtype)


def network_config(card: ModelCard) -> NetworkConfig:
    """Of the card's `network` table.

    Raises:
        CardError: it makes no network, or the canvas is not made of whole patches.
    """
    try:
        config = NetworkConfig.of(card.network)
    except (TypeError, ValueError) as error:
        raise CardError(f"The model card {card.name} is malformed: {error}.") from error
    if card.height % config.patch_size or card.width % config.patch_size:
        raise CardError(
            f"{card.name}: height {card.height} and width {card.width} must be multiples of {config.patch_size}."
        )
    return config


def sampling_of(settings: SamplingSettings, config: NetworkConfig) -> Sampling:
    """As published. A guidance scale of 0 is none; a network that was distilled from guidance has it built in."""
    num_steps = settings.num_inference_steps
    num_unguided = num_steps if config.guidance_embed else NUM_UNGUIDED
    scale = settings.guidance_scale or 1.0
    return Sampling(num_steps, scale, skip_guidance_last_steps=num_unguided, approximations=settings.approximations)
