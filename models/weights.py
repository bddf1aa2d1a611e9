"""Card and folder to loaded networks: files checked by size and hash, keys checked by name, no weight drawn twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.catalog import CardError, ModelCard, WeightFile

CPU = torch.device("cpu")

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class WeightsError(CardError):
    """Weights that do not fit the card or the network; the message names the command that mends them."""


def checked_file(card: ModelCard, file: WeightFile) -> Path:
    """The path of a file whose size and SHA-256 are the card's.

    Raises:
        WeightsError: it is not there, or another file than the card's.
    """
    path = card.path(file.path)
    if not path.is_file():
        raise WeightsError(f"{path} is missing. {card.mending}")
    if path.stat().st_size != file.size:
        raise WeightsError(f"{path} has {path.stat().st_size} bytes, the card says {file.size}. {card.mending}")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != file.sha256:
        raise WeightsError(f"{path} has another SHA-256 than the card says. {card.mending}")
    return path


def precision_on(card: ModelCard, device: torch.device) -> torch.dtype:
    """The card's precision, where the device computes in it by itself; else float32."""
    dtype: torch.dtype = getattr(torch, card.precision)
    if dtype is torch.bfloat16 and not _has_bfloat16(device):
        return torch.float32
    return torch.float32 if dtype is torch.float16 and device.type == "cpu" else dtype


def _has_bfloat16(device: torch.device) -> bool:
    """Not by emulation, which is slower than float32."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def load_tensors(card: ModelCard, folder: str = "", device: torch.device = CPU) -> dict[str, Tensor]:
    """All tensors of the card's safetensors files, or of those below one of its folders, after `checked_file`."""
    tensors: dict[str, Tensor] = {}
    for file in card.files:
        if file.path.endswith(".safetensors") and file.path.startswith(folder):
            tensors.update(load_file(checked_file(card, file), device=str(device)))
    return tensors


def build_network(
    make: Callable[[], NetworkT], tensors: dict[str, Tensor], card: ModelCard, device: torch.device, dtype: torch.dtype
) -> NetworkT:
    """`make()` on the meta device, filled with `tensors` strictly, ready to infer.

    Raises:
        WeightsError: keys are missing or unexpected; they are named.
    """
    with torch.device("meta"):
        network = make()
    wanted = set(network.state_dict())
    missing, unexpected = sorted(wanted - set(tensors)), sorted(set(tensors) - wanted)
    if missing or unexpected:
        raise WeightsError(
            f"The weights of {card.name} do not fit its network: missing {missing[:5]} ({len(missing)}), "
            f"unexpected {unexpected[:5]} ({len(unexpected)}). {card.mending}"
        )
    network.load_state_dict({key: value.to(device, dtype) for key, value in tensors.items()}, assign=True)
    return network.eval().requires_grad_(False)
