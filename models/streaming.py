"""Tensors on their way from pinned host memory to the device while it computes something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

NameT = TypeVar("NameT")

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Copy(Generic[NameT]):
    """`arrived`: when it is whole; None where nobody has to wait for it."""

    name: NameT
    tensors: Tensors
    arrived: torch.cuda.Event | None


class Ahead(Generic[NameT]):
    """Fetches by name what will be needed next, on a stream of its own; where there are no streams, at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._next: Copy[NameT] | None = None

    def start(self, name: NameT, tensors: Tensors) -> None:
        """Begin to fetch `tensors`; nobody waits. Of several that were begun, the last is kept."""
        if self._stream is None or all(tensor.device.type == "cuda" for tensor in tensors):
            self._next = Copy(name, self._moved(tensors), None)
            return
        # The memory is of the computing stream, which may still be at work on what lay there before.
        fetched = tuple(torch.empty_like(tensor, device=self._device) for tensor in tensors)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            for target, source in zip(fetched, tensors, strict=True):
                target.copy_(source, non_blocking=True)
                target.record_stream(self._stream)  # a batch may be left before it was fetched
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(self._stream)
        self._next = Copy(name, fetched, arrived)

    def taken(self, name: NameT, tensors: Tensors) -> Tensors:
        """`tensors` on the device: what was begun under this name, or else fetched now."""
        begun, self._next = self._next, None
        if begun is None or begun.name != name:
            return self._moved(tensors)
        if begun.arrived is not None:
            torch.cuda.current_stream(self._device).wait_event(begun.arrived)
        return begun.tensors

    def _moved(self, tensors: Tensors) -> Tensors:
        return tuple(tensor.to(self._device, non_blocking=True) for tensor in tensors)
