"""Parsing by a SegFormer of any card: what each pixel of a person shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.segformer.configuration_segformer import SegformerConfig
from transformers.models.segformer.modeling_segformer import SegformerForSemanticSegmentation

from models.base import Image
from models.catalog import CardError, ModelCard
from models.developed import NotNumbersError
from models.preprocess.fitting import resized
from models.preprocess.imagenet import normalised
from models.preprocess.parts import Part
from models.preprocess.published import load_published, read_config


class SegFormer:
    """A `models.preprocess.helpers.Parser`. `parts`: for each of the network's classes the `Part` that it is."""

    def __init__(self, network: Any, parts: npt.NDArray[np.uint8], size: tuple[int, int], device: torch.device) -> None:
        self._network, self._parts, self._size, self._device = network, parts, size, device

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the card's `config.json` and safetensors; its pictures are of the card's height and width.

        Raises:
            CardError: its labels are not those of `Part`, and `[network.labels]` does not translate them.
            WeightsError: a file or key is missing or unexpected.
        """
        config = SegformerConfig.from_dict(read_config(card))
        parts = _parts(card, config.id2label)
        network = load_published(lambda: SegformerForSemanticSegmentation(config), card, device)
        return cls(network, parts, (card.height, card.width), device)

    @torch.inference_mode()
    def __call__(self, image: Image) -> npt.NDArray[np.uint8]:
        """
        Raises:
            NotNumbersError: the network is at fault; of what are not numbers each pixel would be background, and the
                photograph would be told to show nobody.
        """
        pixels = normalised(resized(image, *self._size), self._device, self._network.dtype)
        logits = self._network(pixels).logits.float()
        if not logits.isfinite().all():
            raise NotNumbersError
        classes = _likeliest(logits, image.shape[:2])
        parts: npt.NDArray[np.uint8] = self._parts[classes.cpu().numpy()]
        return parts


def _likeliest(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """The class of each pixel of a picture of `size`, `[H, W]`, from logits `[1, C, h, w]`.

    One class after the other, as all of them at a photograph's size take a gigabyte.
    """
    best = torch.full(size, -torch.inf, device=logits.device)
    classes = torch.zeros(size, dtype=torch.uint8, device=logits.device)
    for number in range(logits.shape[1]):
        grown = functional.interpolate(logits[:, number : number + 1], size, mode="bilinear", align_corners=False)[0, 0]
        classes[grown > best] = number
        best = torch.maximum(best, grown)
    return classes


def _parts(card: ModelCard, labels: Mapping[int, str]) -> npt.NDArray[np.uint8]:
    """`Part` by class: from `[network.labels]` of the card where it has it, else by the names in the checkpoint."""
    translated = card.network.get("labels")
    names = {int(number): name for number, name in (translated or labels).items()}
    unknown = sorted(name for name in names.values() if name.upper() not in Part.__members__)
    if unknown or set(names) != set(labels):
        raise CardError(
            f"[network.labels] of the card {card.name} must name for each class 0 to {len(labels) - 1} one of "
            f"{', '.join(Part.__members__)}" + (f"; not {', '.join(unknown)}." if unknown else ".")
        )
    return np.array([Part[names[number].upper()] for number in range(len(labels))], np.uint8)
