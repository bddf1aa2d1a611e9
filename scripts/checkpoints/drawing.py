"""Random numbers for networks that exist on the meta device only: gigabytes in seconds, and activations stay finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

POOL = 2**24 + 43  # a prime: no row of a weight repeats another
BIAS, NORM = 0.02, 0.1  # deviations

Tensors = dict[str, Tensor]


class Draw:
    """Fills the state of networks on the meta device, in `dtype`, cut from one pool of normal numbers.

    Weights keep the size of what goes through them, norms scale by about 1, and what is a variance is above 0.
    `on_bytes` is told how many bytes were drawn each time.
    """

    def __init__(self, dtype: torch.dtype, on_bytes: Callable[[int], None] = lambda count: None) -> None:
        self._dtype, self._on_bytes = dtype, on_bytes
        self._rng = torch.Generator().manual_seed(0)
        self._pool = torch.randn(POOL, generator=self._rng)

    def __call__(self, make: Callable[[], nn.Module]) -> Tensors:
        """The state of `make()`, whose own numbers are never drawn."""
        with torch.device("meta"):
            shapes = make().state_dict()
        return self.tensors(shapes)

    def tensors(self, shapes: Mapping[str, Tensor]) -> Tensors:
        """Numbers for tensors of these names and shapes."""
        return {key: self._drawn(key, tensor) for key, tensor in shapes.items()}

    def _drawn(self, key: str, like: Tensor) -> Tensor:
        if not like.is_floating_point():
            return torch.zeros(like.shape, dtype=like.dtype)
        normal = self._normal(like.numel()).view(like.shape)
        drawn = _scaled(key, normal).to(self._dtype)
        self._on_bytes(drawn.nbytes)
        return drawn

    def _normal(self, count: int) -> Tensor:
        start = int(torch.randint(POOL, (1,), generator=self._rng))
        if start + count <= POOL:
            return self._pool[start : start + count]
        turned = torch.cat([self._pool[start:], self._pool[:start]])
        return turned.repeat(-(-count // POOL))[:count]


def _scaled(key: str, normal: Tensor) -> Tensor:
    if key.endswith("running_var"):
        return normal.abs() + 0.5
    if normal.ndim < 2:
        is_scale = key.endswith(("weight", "scale", "gamma"))
        return normal * NORM + 1 if is_scale else normal * BIAS
    if key.endswith("gamma"):  # a norm of the video autoencoder: [C, 1, 1]
        return normal * NORM + 1
    fan_in = normal.numel() // len(normal)
    return normal / math.sqrt(fan_in)
