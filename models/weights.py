"""Checked files to loaded networks: mapped, cast one tensor at a time, fitted key by key, no weight drawn twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from torch import Tensor, nn

from models.catalog import ModelCard
from models.files.checking import WeightsError, checked_file
from models.files.mapping import mapped_tensors, release
from models.lora import merged

__all__ = ["WeightsError", "autoencoder_precision", "build_network", "checked_file", "load_tensors", "precision_on"]

CPU = torch.device("cpu")
NUM_NAMED = 5  # keys in a message

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def precision_on(card: ModelCard, device: torch.device) -> torch.dtype:
    """The card's precision, where the device computes in it by itself; else float32."""
    dtype: torch.dtype = getattr(torch, card.precision)
    if dtype is torch.bfloat16 and not _has_bfloat16(device):
        return torch.float32
    return torch.float32 if dtype is torch.float16 and device.type == "cpu" else dtype


def autoencoder_precision(dtype: torch.dtype) -> torch.dtype:
    """Of the autoencoder of networks in `dtype`: float32 for float16, whose range Stable Diffusion's leave."""
    return torch.float32 if dtype is torch.float16 else dtype


def _has_bfloat16(device: torch.device) -> bool:
    """Not by emulation, which is slower than float32."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def load_tensors(card: ModelCard, folder: str = "", device: torch.device = CPU) -> dict[str, Tensor]:
    """All tensors of the card's safetensors files, or of those below one of its folders, after `checked_file`.

    Those of the network that the card's LoRAs are for have them merged in (see `models.lora`).
    On the CPU they are views of the mapped files. Give another `device` only to what is kept in the file's own dtype:
    `build_network` takes mapped tensors to the device one by one, and has each there in one dtype only.

    Raises:
        WeightsError: a file is missing, damaged or not safetensors, or two of them have the same key.
    """
    tensors: dict[str, Tensor] = {}
    loras = {lora.file for lora in card.loras}
    for file in card.files:
        if not file.path.endswith(".safetensors") or not file.path.startswith(folder) or file.path in loras:
            continue
        path = checked_file(card, file)
        try:
            read = mapped_tensors(path, device)
        except SafetensorError as error:
            raise WeightsError(f"{path} is no safetensors file: {error}. {card.correcting}") from error
        if twice := sorted(set(tensors) & set(read)):
            raise WeightsError(f"Several files of {card.name} have {_named(twice)}. {card.correcting}")
        tensors.update(read)
    return merged(card, tensors, folder)


def build_network(
    make: Callable[[], NetworkT],
    tensors: Mapping[str, Tensor],
    card: ModelCard,
    device: torch.device,
    dtype: torch.dtype,
) -> NetworkT:
    """`make()`, filled with `tensors` strictly and without drawing its own weights; on `device`, ready to infer.

    Parameters are made on the meta device. Buffers are made really, as a network computes some of them itself and
    keeps them out of its checkpoint (the frequencies of rotary embeddings); those stay in the dtype they were made in.
    Tensors of whole numbers keep their dtype.

    Raises:
        WeightsError: keys are missing or unexpected, or a tensor has another shape; they are named.
    """
    with init_empty_weights(include_buffers=False):
        network = make()
    _check_fit(network.state_dict(), tensors, card)
    network.load_state_dict({key: _placed(value, device, dtype) for key, value in tensors.items()}, assign=True)
    left = [name for name, value in (*network.named_parameters(), *network.named_buffers()) if value.is_meta]
    assert device.type == "meta" or not left, f"{card.name} has no values for {_named(left)}"
    return network.to(device).eval().requires_grad_(False)


def _placed(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """To the device as it lies in the file, and cast there; it is then no longer needed where it was."""
    placed = tensor.to(device)
    placed = placed.to(dtype) if placed.is_floating_point() else placed
    if placed.data_ptr() != tensor.data_ptr():
        release(tensor)
    return placed


def _check_fit(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], card: ModelCard) -> None:
    both = [(key, tensors[key], value) for key, value in wanted.items() if key in tensors]
    shapes = [
        f"{key} {tuple(read.shape)} instead of {tuple(value.shape)}"
        for key, read, value in both
        if read.shape != value.shape
    ]
    kinds = [key for key, read, value in both if read.is_floating_point() != value.is_floating_point()]
    problems = {
        "missing": sorted(set(wanted) - set(tensors)),
        "unexpected": sorted(set(tensors) - set(wanted)),
        "of another shape": shapes,
        "of another kind of number": kinds,
    }
    if told := [f"{problem} {_named(names)}" for problem, names in problems.items() if names]:
        raise WeightsError(f"The weights of {card.name} do not fit its network: {'; '.join(told)}. {card.correcting}")


def _named(keys: list[str]) -> str:
    more = len(keys) - NUM_NAMED
    return ", ".join(keys[:NUM_NAMED]) + (f" and {more} more" if more > 0 else "")
