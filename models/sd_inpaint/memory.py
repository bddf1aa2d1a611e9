"""What was read of a garment, timestep by timestep, kept as one and streamed to the device a timestep ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from models.reuse import Key, Store
from models.streaming import Ahead

Tensors = tuple[Tensor, ...]


class Film:
    """A sequence of `num_frames` tensors that is remembered in order, as far as it was computed before.

    It grows under one `key` of the store, which therefore throws it out as a whole. One that could not be kept whole is
    not begun, so that it pushes nothing else out; one that was thrown out while it grew is not begun again half-way.
    """

    def __init__(self, store: Store | None, key: Key, num_frames: int, device: torch.device) -> None:
        self._store, self._key, self._num_frames = store, key, num_frames
        self._ahead: Ahead[int] = Ahead(device)

    def frame(self, index: int, compute: Callable[[], Tensors]) -> Tensors:
        """On the device. Frames are of one size, and asked for in order."""
        kept: tuple[Tensors, ...] = self._kept()
        if index < len(kept):
            frame = self._ahead.taken(index, kept[index])
            if index + 1 < len(kept):
                self._ahead.start(index + 1, kept[index + 1])
            return frame
        computed = tuple(tensor.contiguous() for tensor in compute())
        whole_bytes = self._num_frames * sum(tensor.nbytes for tensor in computed)
        if self._store is not None and len(kept) == index and self._store.has_room(self._key.kind, whole_bytes):
            self._store.keep(self._key, (*kept, computed), whole_bytes=whole_bytes)
        return computed

    def _kept(self) -> tuple[Tensors, ...]:
        kept: Any = self._store.kept(self._key) if self._store is not None else None
        return cast("tuple[Tensors, ...]", kept or ())
