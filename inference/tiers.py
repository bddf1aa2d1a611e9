"""A tier of memory: what was used least recently leaves first, for the tier below."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from cachetools import LRUCache

from models.reuse import Key


@dataclass(frozen=True, slots=True)
class Entry:
    """`num_bytes` as it is; `whole_bytes` when it has grown. `written`: when a GPU has written it to the host."""

    key: Key
    value: Any
    num_bytes: int
    whole_bytes: int
    written: torch.cuda.Event | None = None
    kept_at: float = field(default_factory=time.monotonic)


class Tier(LRUCache[str, Entry]):
    """At most `num_bytes` of entries by name. `on_eviction` gets those that have to leave."""

    def __init__(self, num_bytes: int, on_eviction: Callable[[Entry], None]) -> None:
        super().__init__(num_bytes, getsizeof=lambda entry: entry.num_bytes)
        self._on_eviction = on_eviction

    def popitem(self) -> tuple[str, Entry]:
        name, entry = super().popitem()
        self._on_eviction(entry)
        return name, entry

    def drop(self, wanted: Callable[[Entry], bool]) -> int:
        """Throw out what is `wanted` out; how much that was."""
        names = [name for name, entry in self.items() if wanted(entry)]
        for name in names:
            del self[name]
        return len(names)
