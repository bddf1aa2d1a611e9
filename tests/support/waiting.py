"""What would make the host wait for a GPU, or a GPU for the host, found where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

LOOKED_AT = {"_local_scalar_dense", "nonzero", "equal", "masked_select", "is_nonzero", "_unique2", "bincount"}
"""Operators that bring numbers to the host, or whose result's size does."""

FROM_HOST = {"lift_fresh", "lift_fresh_copy"}
"""`torch.tensor(...)` of Python numbers: a copy to the device."""


class Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in LOOKED_AT | FROM_HOST:
            self.names.append(name)
        return func(*args, **kwargs or {})


@contextmanager
def waiting() -> Iterator[list[str]]:
    """The names of such operators within the block."""
    with Watch() as watch:
        yield watch.names
