"""The network's hyper-parameters, named as the published constructor names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from models.fields import filled


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The defaults are the full size: 972 million parameters. The canvas is not among them: any whole patches will do.

    `channels_in`: of a picture; `axes_dim`: rotated channels of a head by axis (nothing, row, column); `n_classes`:
    categories besides the null one; `guidance_embed`: the slot of a checkpoint that was distilled from guidance.

    Raises:
        ValueError: they do not go together; the message says which.
    """

    hidden_size: int = 1280
    n_heads: int = 10
    double_blocks_depth: int = 8
    single_blocks_depth: int = 16
    mlp_ratio: float = 4.0
    channels_in: int = 3
    patch_size: int = 12
    theta: int = 10_000
    axes_dim: tuple[int, int, int] = (16, 56, 56)
    qkv_bias: bool = True
    guidance_embed: bool = False
    n_classes: int = 3
    use_patch_mixer: bool = True
    patch_mixer_depth: int = 4

    def __post_init__(self) -> None:
        if min(self.hidden_size, self.n_heads, self.channels_in, self.patch_size) < 1:
            raise ValueError("hidden_size, n_heads, channels_in and patch_size must be at least 1")
        if self.hidden_size % self.n_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of n_heads {self.n_heads}")
        if len(self.axes_dim) != 3 or any(axis % 2 for axis in self.axes_dim):
            raise ValueError(f"axes_dim must be three even numbers, not {self.axes_dim}")
        if sum(self.axes_dim) != self.head_size:
            raise ValueError(f"axes_dim {self.axes_dim} must add up to a head's {self.head_size} channels")

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """With the fields of `table` in place of the defaults.

        Raises:
            ValueError, TypeError: a field is unknown or of another type, or they do not go together.
        """
        given = dict(table)
        if "axes_dim" in given:
            given["axes_dim"] = tuple(given["axes_dim"])
        return filled(cls, "network.", given)

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.n_heads

    @property
    def mlp_size(self) -> int:
        return int(self.hidden_size * self.mlp_ratio)

    @property
    def patch_channels(self) -> int:
        """Numbers of a picture's patch: channel, row, column."""
        return self.channels_in * self.patch_size**2
