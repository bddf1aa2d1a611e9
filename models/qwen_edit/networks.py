"""The checkpoint's folders, loaded strictly: transformer, autoencoder, Qwen2.5-VL, and what precedes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2Tokenizer, Qwen2VLImageProcessorPil
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

from models.catalog import CardError, ModelCard
from models.components import build_component
from models.placement import home_of, placed
from models.qwen_edit import schedule
from models.qwen_edit.coder import Coder
from models.qwen_edit.denoiser import Denoiser
from models.qwen_edit.options import Options
from models.qwen_edit.reader import Reader
from models.settings import settings_of
from models.weights import autoencoder_precision, build_network, checked_file, load_tensors, precision_on

HEAD = "lm_head.weight"
"""Names the next token: not needed for features."""

RENAMED = (("model.language_model.", "language_model."), ("model.visual.", "visual."), ("model.", "language_model."))
"""How keys of Qwen2.5-VL begin in checkpoints -> in transformers' module from 5 on."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Everything that a picture goes through. `scheduler`: its settings, with those of the card over the file's."""

    tokenizer: Qwen2Tokenizer
    processor: Qwen2VLImageProcessorPil
    reader: Reader
    coder: Coder
    denoiser: Denoiser
    scheduler: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def load(cls, card: ModelCard, device: torch.device, *, exact_savings: bool) -> Self:
        """Of a card's folder, in its precision where the device has it.

        Raises:
            models.weights.WeightsError: a file or key is missing or unexpected.
            CardError: the card asks for something that is not done here.
        """
        options, dtype, home = Options.of(card), precision_on(card, device), home_of(card, device)
        for file in card.files:
            if not file.path.endswith(".safetensors"):
                checked_file(card, file)
        reader = reader_of(_reader(card, home, dtype), options, device, exact_savings=exact_savings)
        for part in reader.parts:
            placed(part, card, device)
        transformer = build_component(QwenImageTransformer2DModel, card, "transformer/", home, dtype)
        denoiser = placed(Denoiser(transformer, exact_savings), card, device)
        return cls(
            Qwen2Tokenizer.from_pretrained(card.path("tokenizer"), local_files_only=True),  # nosec B615: a checked folder
            Qwen2VLImageProcessorPil.from_pretrained(card.path("processor"), local_files_only=True),  # nosec B615
            reader,
            Coder(_autoencoder(card, device, dtype), exact_savings),
            denoiser,
            _scheduler(card, options),
            device,
            dtype,
        )


def reader_of(model: Qwen2_5_VLModel, options: Options, device: torch.device, *, exact_savings: bool) -> Reader:
    """As the card's table says."""
    return Reader(model, device, grid_positions=options.text_positions == "grid", exact_savings=exact_savings)


def in_module(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Qwen2.5-VL's tensors under the names of transformers' module, without the head."""
    return {_name_in_module(key): value for key, value in tensors.items() if key != HEAD}


def _name_in_module(key: str) -> str:
    for published, ours in RENAMED:
        if key.startswith(published):
            return ours + key.removeprefix(published)
    return key


def _reader(card: ModelCard, device: torch.device, dtype: torch.dtype) -> Qwen2_5_VLModel:
    config = Qwen2_5_VLConfig.from_dict(settings_of(card, "text_encoder/config.json"))
    tensors = in_module(load_tensors(card, "text_encoder/"))
    return build_network(lambda: Qwen2_5_VLModel(config), tensors, card, device, dtype)


def _autoencoder(card: ModelCard, device: torch.device, dtype: torch.dtype) -> AutoencoderKLQwenImage:
    return build_component(AutoencoderKLQwenImage, card, "vae/", device, autoencoder_precision(dtype))


def _scheduler(card: ModelCard, options: Options) -> Mapping[str, Any]:
    settings = settings_of(card, "scheduler/scheduler_config.json") | dict(options.scheduler)
    try:
        schedule.check(settings)
    except ValueError as error:
        raise CardError(f"The model card {card.name} cannot be used: {error}.") from error
    return settings
