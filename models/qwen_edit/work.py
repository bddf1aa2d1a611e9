"""How much work a picture is: the family's own networks at full size, run on the meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

from models.catalog import ModelCard
from models.flops import FlopCount, count
from models.qwen_edit import published
from models.qwen_edit.coder import PIXELS_A_TOKEN, Coder
from models.qwen_edit.denoiser import Denoiser
from models.qwen_edit.networks import config_of, reader_of
from models.qwen_edit.pictures import Areas, Picture, size_at
from models.qwen_edit.reader import MERGED, NUM_DROPPED, Reader

SIDE = 28  # pixels of one of Qwen2.5-VL's tokens
NUM_AROUND = 6  # tokens around each picture, and after the instruction
BYTES_A_TOKEN = 4  # of an instruction in English, about

SAVINGS = (
    "In the last block of the transformer only the noise's rows are asked and projected; the text and the references "
    "give keys and values.",
    "The references' rows, at a fixed time, have their modulations once, and their heads in the first block once.",
    "Both branches of guidance share the image stream of the first block.",
    "The chat's beginning and the pictures are read once for both instructions, and no next token is predicted.",
    "The autoencoder's convolutions have one slice in time.",
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What enters: both pictures as large as the card's canvas."""

    size: tuple[int, int]
    glance: tuple[int, int]  # in patches

    @classmethod
    def of(cls, card: ModelCard) -> Sizes:
        areas = Areas(**card.network.get("areas", {}))
        glance = size_at(areas.glance, card.height, card.width)
        height, width = (2 * max(round(side / SIDE), 2) for side in glance)
        return cls(size_at(areas.canvas, card.height, card.width), (height, width))

    @property
    def grid(self) -> tuple[int, int]:
        """In the transformer's tokens."""
        return self.size[0] // PIXELS_A_TOKEN, self.size[1] // PIXELS_A_TOKEN


def counted(card: ModelCard) -> FlopCount:
    """Of one picture at the card's defaults, at the sizes in the card's folder, or the published ones without it."""
    sizes = Sizes.of(card)
    chats = _chats(card, sizes)
    with torch.device("meta"):
        reader = _reader(card)
        coder = Coder(AutoencoderKLQwenImage.from_config(_config(card, "vae", published.VAE)), exact_savings=True)
        config = _config(card, "transformer", published.TRANSFORMER)
        transformer = QwenImageTransformer2DModel.from_config(config)
    picture = _picture(sizes, _config(card, "text_encoder", published.TEXT_ENCODER))
    features = torch.empty(2 * sizes.glance[0] * sizes.glance[1] // MERGED, reader.width, device="meta")
    references = torch.empty(1, 2 * sizes.grid[0] * sizes.grid[1], config["in_channels"], device="meta")
    text = 2 * count(lambda: reader.seen(picture))
    text += count(lambda: reader.read(chats, features, [sizes.glance] * 2))
    texts = [torch.empty(1, len(chat) - NUM_DROPPED, reader.width, device="meta") for chat in chats]
    ours, theirs = (
        _denoising(Denoiser(transformer, exact_savings), sizes, references, texts, card.num_inference_steps)
        for exact_savings in (True, False)
    )
    parts = {
        "text": text,
        "encode": 2 * count(lambda: coder.encoded(picture.pixels)),
        "denoise": ours,
        "decode": count(lambda: coder.decoded(references[:, : sizes.grid[0] * sizes.grid[1]], *sizes.size)),
    }
    return FlopCount(parts, denoise_published=theirs, savings=SAVINGS)


def _denoising(denoiser: Denoiser, sizes: Sizes, references: Tensor, texts: list[Tensor], num_steps: int) -> float:
    num_noise = sizes.grid[0] * sizes.grid[1]
    with torch.inference_mode():
        scene = denoiser.scene([sizes.grid] * 3, references, texts)
    once = count(lambda: denoiser.scene([sizes.grid] * 3, references, texts))
    noisy, time = references[:, :num_noise], torch.empty((), device="meta")
    return once + num_steps * count(lambda: denoiser.velocities(scene, noisy, time))


def _reader(card: ModelCard) -> Reader:
    config = Qwen2_5_VLConfig.from_dict(dict(_config(card, "text_encoder", published.TEXT_ENCODER)))
    return reader_of(card, Qwen2_5_VLModel(config).eval(), exact_savings=True)


def _picture(sizes: Sizes, config: dict[str, Any]) -> Picture:
    side = config["vision_config"]["patch_size"]
    patches = torch.empty(sizes.glance[0] * sizes.glance[1], 3 * 2 * side * side, device="meta")
    return Picture(torch.empty(1, 3, *sizes.size, device="meta"), patches, sizes.glance, "")


def _chats(card: ModelCard, sizes: Sizes) -> list[list[int]]:
    """Tokens of an instruction of the card's, and of the negative one where there is guidance; by number alone."""
    image = _config(card, "text_encoder", published.TEXT_ENCODER).get("image_token_id", 151655)
    shown = [0] * NUM_AROUND + [image] * (sizes.glance[0] * sizes.glance[1] // MERGED)
    shared = [0] * NUM_DROPPED + 2 * shown
    prompts = [max(card.prompts.values(), key=len), card.network.get("negative_prompt", " ")]
    tails = [1 + len(prompt.encode()) // BYTES_A_TOKEN for prompt in prompts]
    chats = [shared + [number] * (tail + NUM_AROUND) for number, tail in enumerate(tails, start=1)]
    return chats if card.guidance_scale > 1 else chats[:1]


def _config(card: ModelCard, folder: str, otherwise: dict[str, Any]) -> dict[str, Any]:
    return config_of(card, folder) if card.path(f"{folder}/config.json").is_file() else otherwise
