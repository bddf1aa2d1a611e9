"""The checkpoint's parts on the device, each built from its own configuration and filled strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from models.catalog import ModelCard
from models.components import build_component
from models.flux2_klein.options import Options
from models.flux2_klein.prompts import NO_PROMPT, PromptReader, known_texts
from models.prompts import prompts_of
from models.reuse import Store
from models.settings import settings_of
from models.weights import autoencoder_precision, precision_on


@dataclass(frozen=True, slots=True)
class Networks:
    """All that `flux2_klein` computes with, in one precision on one device.

    `texts`: prompt -> embedding `[1, L, J]`, for every prompt of the card (and the empty one, for guidance); `reader`
    is there when prompts are to be read anew for every batch, as the published pipeline does.
    """

    transformer: Flux2Transformer2DModel
    vae: AutoencoderKLFlux2
    scheduler: FlowMatchEulerDiscreteScheduler
    texts: Mapping[str, Tensor]
    reader: PromptReader | None
    is_distilled: bool

    @classmethod
    def load(
        cls, card: ModelCard, device: torch.device, *, exact_savings: bool, store: Store | None = None
    ) -> Networks:
        """Text encoder first: with `exact_savings` it leaves before the others come, so memory never holds both.

        It is not even opened then when the `store` has the card's prompts, as this encoder reads them.

        Raises:
            models.catalog.CardError: the card lacks a prompt or a file, or its network table is malformed.
            models.weights.WeightsError: a file or key is missing or unexpected.
        """
        dtype, is_distilled = precision_on(card, device), Options.of(card).is_distilled
        prompts = [*prompts_of(card).values(), *([] if is_distilled else [NO_PROMPT])]
        reader = None if exact_savings else PromptReader.load(card, device, dtype, whole=True)
        texts = known_texts(card, prompts, device, dtype, store) if exact_savings else {}
        if device.type == "cuda":
            torch.cuda.empty_cache()
        transformer = build_component(Flux2Transformer2DModel, card, "transformer/", device, dtype)
        vae = build_component(AutoencoderKLFlux2, card, "vae/", device, autoencoder_precision(dtype))
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(settings_of(card, "scheduler/scheduler_config.json"))
        return cls(transformer, vae, scheduler, texts, reader, is_distilled)

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.transformer.dtype
        return dtype

    @property
    def device(self) -> torch.device:
        device: torch.device = self.transformer.device
        return device

    def text(self, prompt: str) -> Tensor:
        """A prompt's embedding `[1, L, J]`."""
        return self.texts[prompt] if self.reader is None else self.reader(prompt)
