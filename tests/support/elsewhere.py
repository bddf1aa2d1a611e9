"""A device that is not the host, where there is no GPU: torch's meta device, whose tensors have shapes and no values.

As on a GPU, an operator refuses tensors of both; unlike there, a value that is asked for is an error at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from heard import Heard

ELSEWHERE = torch.device("meta")

COPIES = {"to", "_to_copy", "copy_"}


@contextmanager
def meeting() -> Iterator[list[str]]:
    """The names of the operators within the block that saw tensors of two devices."""
    with Heard(lambda _, tensors: len({one.device for one in tensors}) > 1) as heard:
        yield heard.names
