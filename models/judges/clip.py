"""What a picture shows, as CLIP sees it."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Pillow
from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPVisionModelWithProjection

from models.base import Image
from models.catalog import ModelCard
from models.weights import build_network, load_tensors

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PARTS = ("vision_model.", "visual_projection.")


class Clip:
    """Embeds pictures; of CLIP's two halves, the one that reads words is left out."""

    def __init__(self, network: CLIPVisionModelWithProjection, side: int, device: torch.device) -> None:
        self._network, self._side, self._device = network, side, device

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """From the card's file, in the sizes of its `network` table.

        Raises:
            WeightsError: the file is missing, damaged or another network's.
        """
        config = CLIPVisionConfig(**card.network)
        tensors = {key: value for key, value in load_tensors(card).items() if key.startswith(PARTS)}
        tensors.pop("vision_model.embeddings.position_ids", None)
        network = build_network(lambda: CLIPVisionModelWithProjection(config), tensors, card, device, torch.float32)
        return cls(network, config.image_size, device)

    @torch.inference_mode()
    def __call__(self, image: Image) -> npt.NDArray[np.float64]:
        """The embedding `[D]`, of length 1. The whole picture is shown on a white square, not its middle alone."""
        pixels = torch.tensor(_square(image, self._side), device=self._device).permute(2, 0, 1)[None] / 255
        mean, deviation = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
        embedding = self._network(pixel_values=(pixels - mean) / deviation).image_embeds[0].double().cpu().numpy()
        return np.asarray(embedding / np.linalg.norm(embedding), np.float64)


def _square(image: Image, side: int) -> Image:
    whole = Pillow.fromarray(image)
    scale = side / max(whole.size)
    width, height = (max(1, round(length * scale)) for length in whole.size)
    square = Pillow.new("RGB", (side, side), "white")
    square.paste(whole.resize((width, height), Pillow.Resampling.BICUBIC), ((side - width) // 2, (side - height) // 2))
    return np.array(square)
