"""Cutting out what is pointed to, by Segment Anything."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Resampling
from torch import Tensor
from torch.nn import functional
from transformers.models.sam.configuration_sam import SamConfig
from transformers.models.sam.modeling_sam import SamModel

from models.base import Image, Mask
from models.catalog import ModelCard
from models.preprocess.fitting import resized
from models.preprocess.imagenet import normalised
from models.preprocess.published import load_published, read_config


class Sam:
    """A `models.preprocess.helpers.Segmenter`."""

    def __init__(self, network: Any, side: int, device: torch.device) -> None:
        self._network, self._side, self._device = network, side, device

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the card's `config.json` and safetensors.

        Raises:
            WeightsError: a file or key is missing or unexpected.
        """
        config = SamConfig.from_dict(read_config(card))
        network = load_published(lambda: SamModel(config), card, device)
        return cls(network, config.vision_config.image_size, device)

    @torch.inference_mode()
    def __call__(self, image: Image, points: npt.NDArray[np.float32]) -> Mask:
        """255 on what the points `[N, 2]` (x, y) lie on, 0 elsewhere.

        Of the network's three answers (a part, a thing, the whole) the one that holds most points, and of those the
        one that it trusts most.
        """
        height, width = image.shape[:2]
        scale = self._side / max(height, width)
        rows, columns = (max(1, int(side * scale + 0.5)) for side in (height, width))
        places = torch.tensor(points * [columns / width, rows / height], dtype=self._network.dtype)
        answer = self._network(
            pixel_values=self._pixels(resized(image, rows, columns, Resampling.BILINEAR)),
            input_points=places[None, None].to(self._device),
            input_labels=torch.ones(1, 1, len(points), dtype=torch.int64, device=self._device),
        )
        masks = self._grown(answer.pred_masks[0, 0].float(), (rows, columns), (height, width)).cpu().numpy()
        x, y = (points + 0.5).astype(int).clip(0, [width - 1, height - 1]).T
        held = masks[:, y, x].sum(1) + answer.iou_scores[0, 0].float().sigmoid().cpu().numpy()
        return np.where(masks[int(held.argmax())], np.uint8(255), np.uint8(0))

    def _pixels(self, image: Image) -> Tensor:
        """`[1, 3, side, side]`, padded at the right and below by what is 0 after normalisation."""
        pixels = normalised(image, self._device, self._network.dtype)
        return functional.pad(pixels, (0, self._side - pixels.shape[3], 0, self._side - pixels.shape[2]))

    def _grown(self, masks: Tensor, shown: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """Logits `[M, h, w]` of the canvas as regions `bool [M, H, W]` of the picture that it shows."""
        masks = functional.interpolate(masks[None], (self._side, self._side), mode="bilinear", align_corners=False)
        masks = functional.interpolate(masks[:, :, : shown[0], : shown[1]], size, mode="bilinear", align_corners=False)
        return masks[0] > 0
