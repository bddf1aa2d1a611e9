"""A network's first call, kept, and the same call in float32: the error of a card's precision."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from inference.loading import family_of
from models.base import Loading
from models.card import ModelCard


def forward_error(card: ModelCard, device: torch.device, arguments: Any, answer: Any) -> float:
    """Of the denoiser's first call in the card's precision, relative to the same call in float32."""
    precise = family_of(card).load(replace(card, precision="float32"), device, Loading()).networks["denoiser"]
    args, kwargs = in_float32(arguments)
    with torch.inference_mode():
        wanted = precise(*args, **kwargs)
    ones, others = tensors_in(answer), tensors_in(wanted)
    off = sum(squares(one.double() - other.double()) for one, other in zip(ones, others, strict=True))
    return float((off / sum(map(squares, others))) ** 0.5)


def squares(tensor: Tensor) -> float:
    return float(tensor.double().square().sum())


@contextlib.contextmanager
def recorded(network: torch.nn.Module) -> Iterator[list[tuple[Any, Any]]]:
    """The first call of a network: its arguments, as they were, and its answer."""
    calls: list[tuple[Any, Any]] = []

    def keep(_: torch.nn.Module, args: Any, kwargs: Any, answer: Any) -> None:
        if not calls:
            calls.append((copied((args, kwargs)), copied(answer)))

    handle = network.register_forward_hook(keep, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def copied(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.clone())


def in_float32(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """With every tensor in tuples, lists and dictionaries changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(one, change) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(mapped(one, change) for one in value)
    return value


def tensors_in(value: Any) -> list[Tensor]:
    found: list[Tensor] = []
    mapped(value, found.append)
    return found
