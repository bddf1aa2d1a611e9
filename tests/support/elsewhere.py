"""A device that is not the host, where there is no GPU: torch's meta device, whose tensors have shapes and no values.

As on a GPU, an operator refuses tensors of both; unlike there, a value that is asked for is an error at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ELSEWHERE = torch.device("meta")

COPIES = {"to", "_to_copy", "copy_"}


class Meetings(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves((args, kwargs, result)) if isinstance(one, torch.Tensor)]
        if len({one.device for one in tensors}) > 1:
            self.names.append(func.overloadpacket.__name__)
        return result


@contextmanager
def meeting() -> Iterator[list[str]]:
    """The names of the operators within the block that saw tensors of two devices."""
    with Meetings() as meetings:
        yield meetings.names
