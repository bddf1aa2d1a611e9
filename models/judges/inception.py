"""The Inception of the Fréchet inception distance: TensorFlow's of 2015-12-05, under the names of its PyTorch port."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.nn import functional

from models.base import Image
from models.catalog import ModelCard
from models.weights import build_network, load_tensors

SIDE = 299

_averaged = partial(functional.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_largest = partial(functional.max_pool2d, kernel_size=3, stride=1, padding=1)
_halved = partial(functional.max_pool2d, kernel_size=3, stride=2)


class Conv(nn.Module):
    """A convolution that keeps the size unless `stride` is 2 or `pad` is off, a normalisation and a ReLU."""

    def __init__(
        self, width: int, out: int, side: int | tuple[int, int] = 1, stride: int = 1, *, pad: bool = True
    ) -> None:
        super().__init__()
        sides = (side, side) if isinstance(side, int) else side
        padding = (sides[0] // 2, sides[1] // 2) if pad and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(width, out, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = functional.relu(self.bn(self.conv(x)))
        return activated


class BlockA(nn.Module):
    def __init__(self, width: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(width, 64)
        self.branch5x5_1, self.branch5x5_2 = Conv(width, 48), Conv(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(width, 64), Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3)
        self.branch_pool = Conv(width, pooled)

    def forward(self, x: Tensor) -> Tensor:
        triple = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat(
            [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), triple, self.branch_pool(_averaged(x))], 1
        )


class BlockB(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(width, 384, 3, 2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(width, 64), Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        triple = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), triple, _halved(x)], 1)


class BlockC(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(width, 192)
        self.branch7x7_1, self.branch7x7_2 = Conv(width, inner), Conv(inner, inner, (1, 7))
        self.branch7x7_3 = Conv(inner, 192, (7, 1))
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Conv(width, inner), Conv(inner, inner, (7, 1))
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Conv(inner, inner, (1, 7)), Conv(inner, inner, (7, 1))
        self.branch7x7dbl_5 = Conv(inner, 192, (1, 7))
        self.branch_pool = Conv(width, 192)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_averaged(x))], 1)


class BlockD(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Conv(width, 192), Conv(192, 320, 3, 2)
        self.branch7x7x3_1, self.branch7x7x3_2 = Conv(width, 192), Conv(192, 192, (1, 7))
        self.branch7x7x3_3, self.branch7x7x3_4 = Conv(192, 192, (7, 1)), Conv(192, 192, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), long, _halved(x)], 1)


class BlockE(nn.Module):
    """`pool`: the graph averages in the first of these blocks and takes the largest in the last."""

    def __init__(self, width: int, pool: Any) -> None:
        super().__init__()
        self._pool = pool
        self.branch1x1 = Conv(width, 320)
        self.branch3x3_1 = Conv(width, 384)
        self.branch3x3_2a, self.branch3x3_2b = Conv(384, 384, (1, 3)), Conv(384, 384, (3, 1))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(width, 448), Conv(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Conv(384, 384, (1, 3)), Conv(384, 384, (3, 1))
        self.branch_pool = Conv(width, 192)

    def forward(self, x: Tensor) -> Tensor:
        single, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        wide = [self.branch3x3_2a(single), self.branch3x3_2b(single)]
        wide += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        return torch.cat([self.branch1x1(x), *wide, self.branch_pool(self._pool(x))], 1)


class InceptionNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2)
        self.Conv2d_2a_3x3, self.Conv2d_2b_3x3 = Conv(32, 32, 3, pad=False), Conv(32, 64, 3)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Conv(64, 80), Conv(80, 192, 3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = BlockA(192, 32), BlockA(256, 64), BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b, self.Mixed_6c = BlockC(768, 128), BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = BlockC(768, 160), BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b, self.Mixed_7c = BlockE(1280, _averaged), BlockE(2048, _largest)

    def forward(self, pixels: Tensor) -> Tensor:
        """`[B, 3, 299, 299]` in [-1, 1) to `[B, 2048]`."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(pixels)))
        x = _halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_halved(x))))
        for number in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{number}")(x)
        features: Tensor = x.mean((2, 3))
        return features


class Inception:
    """The features that FID and KID are computed from."""

    def __init__(self, network: InceptionNetwork, device: torch.device) -> None:
        self._network, self._device = network, device

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the card's file.

        Raises:
            WeightsError: it is missing, damaged or another network's.
        """
        tensors = {key: value for key, value in load_tensors(card).items() if not key.startswith("fc.")}
        network = InceptionNetwork()
        counters = {key: value for key, value in network.state_dict().items() if key.endswith("num_batches_tracked")}
        return cls(build_network(InceptionNetwork, counters | tensors, card, device, torch.float32), device)

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image]) -> npt.NDArray[np.float64]:
        """`[N, 2048]`, each picture brought to 299 x 299 by an antialiased bicubic, unrounded."""
        pixels = torch.from_numpy(np.stack([_small(image) for image in images])).to(self._device)
        return np.asarray(self._network((pixels - 128) / 128).double().cpu().numpy(), np.float64)


def _small(image: Image) -> npt.NDArray[np.float32]:
    """`[3, 299, 299]` in 0 to 255, as clean-fid does it."""
    channels = (Pillow.fromarray(image[..., number].astype(np.float32), "F") for number in range(3))
    small = [np.asarray(channel.resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)) for channel in channels]
    return np.asarray(np.stack(small).clip(0, 255), np.float32)
