"""The checkpoint's folders, loaded strictly: transformer, autoencoder, Qwen2.5-VL, and what precedes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2Tokenizer, Qwen2VLImageProcessorPil
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

from models.catalog import CardError, ModelCard
from models.fields import filled
from models.qwen_edit import schedule
from models.qwen_edit.coder import Coder
from models.qwen_edit.denoiser import Denoiser
from models.qwen_edit.pictures import Areas
from models.qwen_edit.reader import Reader
from models.weights import WeightsError, build_network, checked_file, load_tensors, precision_on

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
    def loaded(cls, card: ModelCard, device: torch.device, exact_savings: bool) -> Self:
        """Of a card's folder, in its precision where the device has it.

        Raises:
            WeightsError: a file or key is missing or unexpected.
            CardError: the card asks for something that is not done here.
        """
        for file in card.files:
            if not file.path.endswith(".safetensors"):
                checked_file(card, file)
        dtype = precision_on(card, device)
        return cls(
            Qwen2Tokenizer.from_pretrained(card.path("tokenizer"), local_files_only=True),
            Qwen2VLImageProcessorPil.from_pretrained(card.path("processor"), local_files_only=True),
            _reader(card, device, dtype, exact_savings),
            Coder(_autoencoder(card, device, dtype), exact_savings),
            Denoiser(_transformer(card, device, dtype), exact_savings),
            _scheduler(card),
            device,
            dtype,
        )


def config_of(card: ModelCard, folder: str, file: str = "config.json") -> dict[str, Any]:
    """One of the checkpoint's settings files.

    Raises:
        WeightsError: it is missing or not JSON.
    """
    path = card.path(f"{folder}/{file}")
    try:
        read: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing. {card.mending}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not JSON: {error}. {card.mending}") from error
    return read


def areas_of(card: ModelCard) -> Areas:
    """As the card's table says.

    Raises:
        CardError: it says something else.
    """
    try:
        return filled(Areas, "network.areas.", card.network.get("areas", {}))
    except ValueError as error:
        raise CardError(f"The model card {card.name} is malformed: {error}.") from error


def reader_of(card: ModelCard, model: Qwen2_5_VLModel, exact_savings: bool) -> Reader:
    """As the card's table says."""
    positions = card.network.get("text_positions", "grid")
    if positions not in ("grid", "row"):
        raise CardError(f"The model card {card.name} is malformed: network.text_positions is grid or row.")
    return Reader(model, grid_positions=positions == "grid", exact_savings=exact_savings)


def in_module(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Qwen2.5-VL's tensors under the names of transformers' module, without the head."""
    return {_name_in_module(key): value for key, value in tensors.items() if key != HEAD}


def _name_in_module(key: str) -> str:
    for published, ours in RENAMED:
        if key.startswith(published):
            return ours + key.removeprefix(published)
    return key


def _reader(card: ModelCard, device: torch.device, dtype: torch.dtype, exact_savings: bool) -> Reader:
    config = Qwen2_5_VLConfig.from_dict(config_of(card, "text_encoder"))
    tensors = in_module(load_tensors(card, "text_encoder/"))
    return reader_of(card, build_network(lambda: Qwen2_5_VLModel(config), tensors, card, device, dtype), exact_savings)


def _autoencoder(card: ModelCard, device: torch.device, dtype: torch.dtype) -> AutoencoderKLQwenImage:
    config = config_of(card, "vae")
    tensors = load_tensors(card, "vae/")
    return build_network(lambda: AutoencoderKLQwenImage.from_config(config), tensors, card, device, dtype)


def _transformer(card: ModelCard, device: torch.device, dtype: torch.dtype) -> QwenImageTransformer2DModel:
    config = config_of(card, "transformer")
    tensors = load_tensors(card, "transformer/", device if card.loras else torch.device("cpu"))
    return build_network(lambda: QwenImageTransformer2DModel.from_config(config), tensors, card, device, dtype)


def _scheduler(card: ModelCard) -> Mapping[str, Any]:
    settings = config_of(card, "scheduler", "scheduler_config.json") | dict(card.network.get("scheduler", {}))
    try:
        schedule.check(settings)
    except ValueError as error:
        raise CardError(f"The model card {card.name} cannot be used: {error}.") from error
    return settings
