"""How unlike two pictures look: LPIPS and DISTS, both on the features of one VGG-16."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.base import Image
from models.catalog import ModelCard
from models.preprocess.imagenet import normalised
from models.weights import build_network, load_tensors

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
EPSILON = 1e-6  # of DISTS

LPIPS_SHIFT, LPIPS_SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures in [-1, 1]


class Vgg(nn.Module):
    """The convolutions of VGG-16 under the names of the published checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        num_channels = 3
        for widths in WIDTHS:
            for width in widths:
                layers += [nn.Conv2d(num_channels, width, 3, padding=1), nn.ReLU()]
                num_channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, pixels: Tensor, *, smooth: bool = False) -> list[Tensor]:
        """The last features before each of the five poolings; `smooth` pools as DISTS does."""
        found: list[Tensor] = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                found.append(pixels)
                pixels = _l2_pooled(pixels) if smooth else layer(pixels)
            else:
                pixels = layer(pixels)
        return found


class Perceptual:
    """Judges pairs of pictures of one size, one pair at a time."""

    def __init__(self, network: Vgg, heads: list[Tensor], alpha: Tensor, beta: Tensor, device: torch.device) -> None:
        self._network, self._heads, self._alpha, self._beta, self._device = network, heads, alpha, beta, device

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the card's convolutions; the heads, 20 kB, come with torchmetrics.

        Raises:
            WeightsError: the file is missing, damaged or another network's.
        """
        tensors = {key: value for key, value in load_tensors(card).items() if key.startswith("features.")}
        network = build_network(Vgg, tensors, card, device, torch.float32)
        heads, alpha, beta = published_heads()
        return cls(network, [head.to(device) for head in heads], alpha.to(device), beta.to(device), device)

    @torch.inference_mode()
    def __call__(self, one: Image, other: Image) -> dict[str, float]:
        """`lpips` and `dists`, both 0 for equal pictures."""
        return {"lpips": self._lpips(one, other), "dists": self._dists(one, other)}

    def _lpips(self, one: Image, other: Image) -> float:
        pairs = zip(*(self._network(self._scaled(image)) for image in (one, other)), self._heads, strict=True)
        return sum(float((head * (_unit(x) - _unit(y)) ** 2).sum(1).mean()) for x, y, head in pairs)

    def _dists(self, one: Image, other: Image) -> float:
        features = [
            [_pixels(image, self._device), *self._network(normalised(image, self._device, torch.float32), smooth=True)]
            for image in (one, other)
        ]
        ends = torch.tensor([0, *(x.shape[1] for x in features[0])]).cumsum(0).tolist()
        whole = self._alpha.sum() + self._beta.sum()
        alike = torch.zeros((), device=self._device)
        for x, y, (start, end) in zip(*features, pairwise(ends), strict=True):
            mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
            luminance = (2 * mean_x * mean_y + EPSILON) / (mean_x**2 + mean_y**2 + EPSILON)
            spread_x, spread_y = ((z - z.mean((2, 3), keepdim=True)).pow(2).mean((2, 3)) for z in (x, y))
            together = (x * y).mean((2, 3)) - mean_x * mean_y
            structure = (2 * together + EPSILON) / (spread_x + spread_y + EPSILON)
            alike += (self._alpha[start:end] * luminance + self._beta[start:end] * structure).sum() / whole
        return float(1 - alike)

    def _scaled(self, image: Image) -> Tensor:
        pixels = 2 * _pixels(image, self._device) - 1
        shift, scale = (pixels.new_tensor(values)[:, None, None] for values in (LPIPS_SHIFT, LPIPS_SCALE))
        return (pixels - shift) / scale


def published_heads() -> tuple[list[Tensor], Tensor, Tensor]:
    """Of LPIPS `[1, C, 1, 1]` for each of the five features; alpha and beta `[C]` of DISTS."""
    import torchmetrics

    folder = Path(torchmetrics.__file__).parent / "functional" / "image"
    lpips = torch.load(folder / "lpips_models" / "vgg.pth", map_location="cpu", weights_only=True)
    dists = torch.load(folder / "dists_models" / "weights.pt", map_location="cpu", weights_only=True)
    heads = [lpips[f"lin{number}.model.1.weight"] for number in range(len(WIDTHS))]
    return heads, dists["alpha"].detach().flatten(), dists["beta"].detach().flatten()


def _pixels(image: Image, device: torch.device) -> Tensor:
    """`[1, 3, H, W]` in [0, 1]."""
    return torch.tensor(image, device=device).permute(2, 0, 1)[None] / 255


def _unit(features: Tensor) -> Tensor:
    return features / (1e-8 + features.pow(2).sum(1, keepdim=True)).sqrt()


def _l2_pooled(features: Tensor) -> Tensor:
    """The root of a Hann-weighted mean of squares, at half the size."""
    line = torch.tensor([0.25, 0.5, 0.25], device=features.device)
    num = features.shape[1]
    window = (line[:, None] * line)[None, None].repeat(num, 1, 1, 1)
    return (functional.conv2d(features**2, window, stride=2, padding=1, groups=num) + 1e-12).sqrt()
