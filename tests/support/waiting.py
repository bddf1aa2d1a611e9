"""What would make the host wait for a GPU, or a GPU for the host, found where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from heard import Heard

LOOKED_AT = {
    "_local_scalar_dense",
    "item",  # as inference mode, in which steps run, calls the same
    "nonzero",
    "equal",
    "masked_select",
    "is_nonzero",
    "_unique2",
    "bincount",
}
"""Operators that bring numbers to the host, or whose result's size does."""

FROM_HOST = {"lift_fresh", "lift_fresh_copy"}
"""`torch.tensor(...)` of Python numbers: a copy to the device."""


@contextmanager
def waiting() -> Iterator[list[str]]:
    """The names of such operators within the block."""
    with Heard(lambda name, _: name in LOOKED_AT | FROM_HOST) as heard:
        yield heard.names
