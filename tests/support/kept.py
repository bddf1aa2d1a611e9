"""Stores of what is reused, for tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch

from inference.options import Budgets
from inference.reuse import Reuse
from models.reuse import Key, Kind

GIB = 2**30


def reuse(num_bytes: int = GIB, folder: Path | None = None, **budgets: Any) -> Reuse:
    """In host memory, and on the disk where there is a `folder`."""
    disk = GIB if folder is not None else 0
    return Reuse(torch.device("cpu"), Budgets(**{"host": num_bytes, "disk": disk, **budgets}), folder)


class Watched(Reuse):
    """Keeps what it was given in sight, too. `found` counts what was asked for and there, by kind."""

    def __init__(self, num_bytes: int = GIB) -> None:
        super().__init__(torch.device("cpu"), Budgets(host=num_bytes))
        self.values: dict[Key, Any] = {}
        self.found: Counter[Kind] = Counter()

    def keep(self, key: Key, value: Any, *, whole_bytes: int | None = None) -> None:
        self.values[key] = value
        super().keep(key, value, whole_bytes=whole_bytes)

    def kept(self, key: Key) -> Any | None:
        value = super().kept(key)
        self.found[key.kind] += value is not None
        return value

    def of(self, kind: Kind) -> list[Any]:
        """What was kept of a kind."""
        return [value for key, value in self.values.items() if key.kind is kind]
