"""Pictures as tokens: the autoencoder's latents in 2x2 patches, standardised by the statistics stored beside it.

Pictures are `[1, 3, H, W]` in [-1, 1]; a token stands for a cell of 16 pixels a side and has `4 * latent_channels`
numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from torch import Tensor

REFERENCE_DISTANCE = 10  # between two pictures along the first axis of positions
NUM_AXES = 4


class Grid(NamedTuple):
    """A picture's size in tokens."""

    height: int
    width: int

    @property
    def num_tokens(self) -> int:
        return self.height * self.width


def cell(vae: AutoencoderKLFlux2) -> int:
    """Pixels along a token's side: what the encoder halves, and once more for the 2x2 patches."""
    return int(2 ** len(vae.config.block_out_channels))


def encode(vae: AutoencoderKLFlux2, picture: Tensor) -> Tensor:
    """A picture's tokens `[1, h * w, C]`, from the mode of the posterior."""
    patches = _patched(vae.encode(picture).latent_dist.mode())
    mean, deviation = _statistics(vae, patches)
    return packed((patches - mean) / deviation)


def decode(vae: AutoencoderKLFlux2, tokens: Tensor, grid: Grid) -> Tensor:
    """The picture `[1, 3, H, W]`, about [-1, 1], of tokens `[1, h * w, C]`."""
    patches = torch.unflatten(tokens.transpose(1, 2), 2, grid)
    mean, deviation = _statistics(vae, patches)
    decoded: Tensor = vae.decode(_unpatched(patches * deviation + mean).to(vae.dtype)).sample
    return decoded


def packed(patches: Tensor) -> Tensor:
    """`[B, C, h, w]` as tokens `[B, h * w, C]`, row by row."""
    return patches.flatten(2).transpose(1, 2)


def positions(num_text_tokens: int, canvas: Grid, references: tuple[Grid, ...], device: torch.device) -> Tensor:
    """Where each token lies, `int64 [L + N + R, 4]` as (picture, row, column, word): text, canvas, references.

    The text counts words and the canvas is picture 0; references are pictures 10, 20, ...
    """
    words = torch.zeros(num_text_tokens, NUM_AXES, dtype=torch.int64, device=device)
    words[:, 3] = torch.arange(num_text_tokens, device=device)
    pictures = [
        _picture_positions(index * REFERENCE_DISTANCE, grid, device) for index, grid in enumerate((canvas, *references))
    ]
    return torch.cat([words, *pictures])


def _picture_positions(picture: int, grid: Grid, device: torch.device) -> Tensor:
    at = torch.zeros(*grid, NUM_AXES, dtype=torch.int64, device=device)
    at[..., 0] = picture
    at[..., 1] = torch.arange(grid.height, device=device)[:, None]
    at[..., 2] = torch.arange(grid.width, device=device)
    return at.flatten(0, 1)


def _patched(latents: Tensor) -> Tensor:
    """`[B, c, 2h, 2w]` to `[B, 4c, h, w]`, the patch's pixels next to each other."""
    return torch.nn.functional.pixel_unshuffle(latents, 2)


def _unpatched(patches: Tensor) -> Tensor:
    return torch.nn.functional.pixel_shuffle(patches, 2)


def _statistics(vae: AutoencoderKLFlux2, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, `[1, C, 1, 1]`."""
    deviation = torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps)
    return vae.bn.running_mean.view(1, -1, 1, 1).to(like), deviation.view(1, -1, 1, 1).to(like)
