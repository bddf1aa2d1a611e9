"""Networks larger than a GPU: their weights wait on the host, or are shared out between GPUs.

By diffusers' and accelerate's own hooks on the modules, which run on the CPU as well and change no bit. Hooks move
tensors between modules, so whoever walks through a network by hand says `beside` where it enters a block; and they
cannot be traced, so a network that is placed is not compiled.
"""

from __future__ import annotations

import time
from typing import TypeVar

import torch
from accelerate import dispatch_model, infer_auto_device_map
from accelerate.utils import get_balanced_memory, send_to_device
from torch import Tensor, nn

from models.catalog import CardError, ModelCard
from models.footprint import GB, largest_network

CPU = torch.device("cpu")
PROBE_BYTES = 2**28

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def home_of(card: ModelCard, device: torch.device) -> torch.device:
    """Where the networks that `placed` gets are loaded."""
    return device if card.placement == "device" else CPU


def placed(network: NetworkT, card: ModelCard, device: torch.device) -> NetworkT:
    """`network`, to be called on `device`, with its weights where the card says.

    `offload`: on the host, pinned, each layer fetched while the one before computes. `balanced`: in blocks on all GPUs
    that this process sees, and the host where they are not enough.
    """
    if card.placement == "offload":
        from diffusers.hooks import apply_group_offloading  # seconds, and every worker's start reads this file

        streams = device.type == "cuda"
        apply_group_offloading(
            network, device, CPU, offload_type="leaf_level", use_stream=streams, record_stream=streams
        )
    elif card.placement == "balanced":
        dispatch_model(network, _device_map(network, device), main_device=device, force_hooks=True)
    return network


def beside(block: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
    """`tensors` where the weights of a block of a `balanced` network compute; else as they are."""
    where = getattr(getattr(block, "_hf_hook", None), "execution_device", None)
    return tensors if where is None else tuple(send_to_device(tensor, where, non_blocking=True) for tensor in tensors)


def check_fits(card: ModelCard, num_bytes: int) -> None:
    """That a device with `num_bytes` of memory can hold the card.

    Raises:
        CardError: it cannot; the sentence says which field of the card mends it.
    """
    if card.placement == "device" and largest_network(card) > num_bytes:
        raise does_not_fit(card, num_bytes)


def does_not_fit(card: ModelCard, num_bytes: int) -> CardError:
    """The sentence about a card that is larger than the device's `num_bytes`."""
    size = sum(file.size for file in card.files if file.path.endswith(".safetensors"))
    return CardError(
        f"{card.title} has {size / GB:.3g} GB of weights and does not fit the device's {num_bytes / GB:.3g} GB: "
        f'say placement = "offload" (or "balanced", with several GPUs) in its card, or use a larger GPU.'
    )


def link_bytes_s(device: torch.device) -> float:
    """How fast pinned memory comes to a GPU, measured."""
    source = torch.empty(PROBE_BYTES, dtype=torch.uint8, pin_memory=True)
    target = torch.empty_like(source, device=device)
    target.copy_(source)
    torch.cuda.synchronize(device)
    started_at = time.perf_counter()
    target.copy_(source, non_blocking=True)
    torch.cuda.synchronize(device)
    return PROBE_BYTES / (time.perf_counter() - started_at)


def _device_map(network: nn.Module, device: torch.device) -> dict[str, int | str | torch.device]:
    """Name of a part -> where it lies. Without GPUs, all on the CPU, in as many parts."""
    whole = sorted({name for part in network.modules() for name in getattr(part, "_no_split_modules", None) or ()})
    if device.type == "cuda":
        memory = get_balanced_memory(network, no_split_module_classes=whole)
        found: dict[str, int | str | torch.device] = infer_auto_device_map(network, memory, whole)
        return found
    blocks = [name for name, part in network.named_modules() if type(part).__name__ in whole]
    parents = {name.rpartition(".")[0] for name in blocks}
    inner = [
        name
        for name, part in network.named_modules()
        if name and name not in parents and not any(f"{parent}.".startswith(f"{name}.") for parent in parents)
    ]
    outermost = [name for name in inner if not any(name.startswith(f"{other}.") for other in inner)]
    return dict.fromkeys(outermost, "cpu")
