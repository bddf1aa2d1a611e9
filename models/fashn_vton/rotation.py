"""Rotary positions: each pair of a head's channels turns by the patch's row or column times a frequency."""

from __future__ import annotations

import torch
from torch import Tensor

from models.fashn_vton.config import NetworkConfig


def wide(dtype: torch.dtype) -> torch.dtype:
    """What norms, angles and the last clamp are computed in."""
    return torch.float64 if dtype is torch.float64 else torch.float32


def rotations(config: NetworkConfig, grid: tuple[int, int], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Cosines and sines `[2, 2 L, head / 2]` for the garment's L patches and the person's, which share their positions.

    `grid`: (rows, columns) of patches, L = rows x columns. The first axis numbers pictures and is 0 for both.
    """
    rows, columns = grid
    row = torch.arange(rows, dtype=torch.float64).repeat_interleave(columns)
    column = torch.arange(columns, dtype=torch.float64).repeat(rows)
    angles = torch.cat(
        [
            positions[:, None] * _frequencies(size, config.theta)
            for positions, size in zip((torch.zeros_like(row), row, column), config.axes_dim, strict=True)
        ],
        dim=1,
    )
    table = torch.stack([angles.cos(), angles.sin()]).repeat(1, 2, 1)
    return table.to(device, wide(dtype))


def _frequencies(size: int, theta: int) -> Tensor:
    return theta ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)


def rotated(vectors: Tensor, table: Tensor) -> Tensor:
    """Queries or keys `[N, heads, L, head]` turned by `[2, L, head / 2]`; two neighbouring channels make a plane."""
    cosine, sine = table.unbind()
    even, odd = torch.unflatten(vectors.to(table.dtype), -1, (-1, 2)).unbind(-1)
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1)
    return turned.flatten(-2).to(vectors.dtype)
