"""The paper doll's three networks: readers of the person and of the flat-lay, and the denoiser. Architecture only.

All work on 128x96 pictures and share one U-shaped trunk at half that size.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.paperdoll.geometry import NUM_KEYPOINTS, frame_grid

TIME_CHANNELS = 64


class ResBlock(nn.Module):
    """Two 3x3 convolutions, scaled and shifted by the time embedding where there is one."""

    def __init__(self, channels: int, *, timed: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(TIME_CHANNELS, 2 * channels) if timed else None

    def forward(self, x: Tensor, time: Tensor | None) -> Tensor:
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(x))))
        if self.time is not None:
            assert time is not None
            scale, shift = self.time(time)[:, :, None, None].chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        changed: Tensor = x + self.conv2(functional.silu(hidden))
        return changed


class Attention(nn.Module):
    """Self-attention over all places of a small map."""

    def __init__(self, channels: int, num_heads: int = 4) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        split = (*tokens.shape[:2], self.num_heads, -1)
        q, k, v = (t.reshape(split).transpose(1, 2) for t in self.qkv(tokens).chunk(3, 2))
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        changed: Tensor = x + self.out(mixed).transpose(1, 2).reshape(x.shape)
        return changed


class Blocks(nn.ModuleList):
    """Residual blocks in a row."""

    def __init__(self, channels: int, num_blocks: int, *, timed: bool) -> None:
        super().__init__(ResBlock(channels, timed=timed) for _ in range(num_blocks))

    def forward(self, x: Tensor, time: Tensor | None) -> Tensor:
        for block in self:
            x = block(x, time)
        return x


class Trunk(nn.Module):
    """`[B, widths[0], H, W]` to the same shape, by way of three halvings; also answers the smallest map."""

    def __init__(self, widths: tuple[int, int, int, int], *, timed: bool) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs)
        self.before = nn.ModuleList(Blocks(c, 1 + (k > 0), timed=timed) for k, c in enumerate(widths))
        self.after = nn.ModuleList(Blocks(c, 1 + (k == 1), timed=timed) for k, c in enumerate(widths[:-1]))
        self.attention = Attention(widths[-1])

    def forward(self, x: Tensor, time: Tensor | None = None) -> tuple[Tensor, Tensor]:
        skips = []
        for k, blocks in enumerate(self.before):
            x = blocks(x, time)
            if k < len(self.down):
                skips.append(x)
                x = self.down[k](x)
        x = deepest = self.attention(x)
        for k in reversed(range(len(self.after))):
            x = self.after[k](skips[k] + self.up[k](x), time)
        return x, deepest


class Reader(nn.Module):
    """Reads a picture `[B, 3, 128, 96]` in [0, 1]: keypoints `[B, 12, 2]` in frame units, logits `[B, L, 128, 96]`."""

    def __init__(self, num_labels: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(14, widths[0], 3, padding=1)
        self.trunk = Trunk(widths, timed=False)
        self.norm = nn.GroupNorm(8, widths[0])
        self.heat = nn.Conv2d(widths[0], NUM_KEYPOINTS, 1)
        self.labels = nn.Conv2d(widths[0], 4 * num_labels, 3, padding=1)
        self.squeeze = nn.Conv2d(widths[3], 24, 1)
        self.adjust = nn.Sequential(nn.Linear(24 * 48, 128), nn.SiLU(), nn.Linear(128, 2 * NUM_KEYPOINTS))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        height, width = picture.shape[2] // 2, picture.shape[3] // 2
        grid = frame_grid(height, width, picture.device)
        places = grid.permute(2, 0, 1).expand(len(picture), -1, -1, -1)
        x = self.stem(torch.cat([functional.pixel_unshuffle(picture * 2 - 1, 2), places], 1))
        x, deepest = self.trunk(x)
        x = functional.silu(self.norm(x))
        heat = self.heat(x).float().flatten(2).softmax(2)
        adjustment = self.adjust(self.squeeze(deepest).flatten(1)).float().reshape(-1, NUM_KEYPOINTS, 2)
        expected = (heat[..., None] * grid.flatten(0, 1)).sum(2)  # a matmul would be rounded to bfloat16
        return expected + 0.2 * adjustment, functional.pixel_shuffle(self.labels(x), 2).float()


class Denoiser(nn.Module):
    """One look at a noisy picture and its conditions: what each pixel is, and how light falls on it.

    `noisy`: `[B, 3, 128, 96]` about [-1, 1]; `conditions`: `[B, C, 128, 96]`; `time`: `[B]` in (0, 1].
    Answers changes of the part logits, and a brightness for each part about 0: `[B, num_parts, 128, 96]` both.
    """

    def __init__(self, num_conditions: int, num_parts: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(16, TIME_CHANNELS), nn.SiLU(), nn.Linear(TIME_CHANNELS, TIME_CHANNELS), nn.SiLU()
        )
        self.stem = nn.Conv2d(4 * (3 + num_conditions), widths[0], 3, padding=1)
        self.trunk = Trunk(widths, timed=True)
        self.norm = nn.GroupNorm(8, widths[0])
        self.head = nn.Conv2d(widths[0], 4 * 2 * num_parts, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, noisy: Tensor, conditions: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        angles = time[:, None] * 2.0 ** torch.arange(8, device=time.device) * 1.5
        embedding = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
        x = self.stem(functional.pixel_unshuffle(torch.cat([noisy, conditions], 1), 2))
        x, _ = self.trunk(x, embedding)
        out = functional.pixel_shuffle(self.head(functional.silu(self.norm(x))), 2).float()
        changes, brightness = out.chunk(2, 1)
        return changes, brightness


def lay_out(network: nn.Module) -> None:
    """Store convolution weights channels last, which is several times faster on a CPU in bfloat16."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
