"""How much work a picture is: the family's own networks at full size, run on the meta device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

from models.base import SamplingSettings
from models.catalog import ModelCard
from models.flops import FlopCount, count
from models.plan import Step
from models.qwen_edit import published
from models.qwen_edit.coder import PIXELS_A_TOKEN, Coder
from models.qwen_edit.denoiser import Denoiser
from models.qwen_edit.networks import reader_of
from models.qwen_edit.options import Options
from models.qwen_edit.pictures import Picture, size_at
from models.qwen_edit.reader import MERGED, NUM_DROPPED, Reader
from models.qwen_edit.schedule import plan_of
from models.settings import settings_for_counting

SIDE = 28  # pixels of one of Qwen2.5-VL's tokens
NUM_AROUND = 6  # tokens around each picture, and after the instruction
BYTES_A_TOKEN = 4  # of an instruction in English, about

SAVINGS = (
    "In the last block of the transformer only the noise's rows are asked and projected; the text and the references "
    "give keys and values.",
    "The references' rows, at a fixed time, have their modulations once, and their heads in the first block once.",
    "Where there is guidance, its two branches share the image stream of the first block.",
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
        areas = Options.of(card).areas
        glance = size_at(areas.glance, card.height, card.width)
        height, width = (2 * max(round(side / SIDE), 2) for side in glance)
        return cls(size_at(areas.canvas, card.height, card.width), (height, width))

    @property
    def grid(self) -> tuple[int, int]:
        """In the transformer's tokens."""
        return self.size[0] // PIXELS_A_TOKEN, self.size[1] // PIXELS_A_TOKEN


def counted(card: ModelCard) -> FlopCount:
    """Of one picture at the card's defaults, at the sizes in the card's folder, or the published ones without it."""
    sizes, config = Sizes.of(card), _config(card, "transformer", published.TRANSFORMER)
    num_noise = sizes.grid[0] * sizes.grid[1]
    with torch.device("meta"):
        reader = _reader(card)
        coder = Coder(AutoencoderKLQwenImage.from_config(_config(card, "vae", published.VAE)), exact_savings=True)
        references = torch.empty(1, 2 * num_noise, config["in_channels"])
        features = torch.empty(2 * sizes.glance[0] * sizes.glance[1] // MERGED, reader.width)
    picture, chats = _picture(sizes, _config(card, "text_encoder", published.TEXT_ENCODER)), _chats(card, sizes)
    texts = [torch.empty(1, len(chat) - NUM_DROPPED, reader.width, device="meta") for chat in chats]
    loop = Loop(config, sizes, references, texts, plan_of(SamplingSettings.of(card)))
    parts = {
        "text": 2 * count(lambda: reader.seen(picture))
        + count(lambda: reader.read(chats, features, [sizes.glance] * 2)),
        "encode": 2 * count(lambda: coder.encoded(picture.pixels)),
        "denoise": loop.counted(exact_savings=True),
        "decode": count(lambda: coder.decoded(references[:, :num_noise], *sizes.size)),
    }
    return FlopCount(parts, denoise_published=loop.counted(exact_savings=False), savings=SAVINGS)


@dataclass(frozen=True, slots=True)
class Loop:
    """The denoising of one picture. `references`: tokens `[1, R, C]`; `texts`: features `[1, T, F]`."""

    config: dict[str, Any]
    sizes: Sizes
    references: Tensor
    texts: list[Tensor]
    plan: Sequence[Step]

    def counted(self, *, exact_savings: bool) -> float:
        """TFLOP. All blocks but the first and the last are equal: one of them is counted."""
        least, one_more = (self._of(num_layers, exact_savings) for num_layers in (2, 3))
        return least + (int(self.config["num_layers"]) - 2) * (one_more - least)

    def _of(self, num_layers: int, exact_savings: bool) -> float:
        with torch.device("meta"), torch.inference_mode():
            denoiser = Denoiser(
                QwenImageTransformer2DModel.from_config(self.config | {"num_layers": num_layers}), exact_savings
            )
            scene = denoiser.scene(self._grids, self.references, self.texts)
        noisy, time = self.references[:, : scene.num_noise], torch.empty((), device="meta")
        once = count(lambda: denoiser.scene(self._grids, self.references, self.texts))
        scenes = {step.is_guided: scene if step.is_guided else scene.unguided for step in self.plan}
        each = {guided: count(partial(denoiser.velocities, its, noisy, time)) for guided, its in scenes.items()}
        return once + sum(each[step.is_guided] for step in self.plan)

    @property
    def _grids(self) -> list[tuple[int, int]]:
        return [self.sizes.grid] * 3


def _reader(card: ModelCard) -> Reader:
    config = Qwen2_5_VLConfig.from_dict(dict(_config(card, "text_encoder", published.TEXT_ENCODER)))
    return reader_of(Qwen2_5_VLModel(config).eval(), Options.of(card), torch.device("meta"), exact_savings=True)


def _picture(sizes: Sizes, config: dict[str, Any]) -> Picture:
    side = config["vision_config"]["patch_size"]
    patches = torch.empty(sizes.glance[0] * sizes.glance[1], 3 * 2 * side * side, device="meta")
    return Picture(torch.empty(1, 3, *sizes.size, device="meta"), patches, sizes.glance, "")


def _chats(card: ModelCard, sizes: Sizes) -> list[list[int]]:
    """Tokens of an instruction of the card's, and of the negative one where there is guidance; by number alone."""
    image = _config(card, "text_encoder", published.TEXT_ENCODER).get("image_token_id", 151655)
    shown = [0] * NUM_AROUND + [image] * (sizes.glance[0] * sizes.glance[1] // MERGED)
    shared = [0] * NUM_DROPPED + 2 * shown
    prompts = [max(card.prompts.values(), key=len), Options.of(card).negative_prompt]
    tails = [1 + len(prompt.encode()) // BYTES_A_TOKEN for prompt in prompts]
    chats = [shared + [number] * (tail + NUM_AROUND) for number, tail in enumerate(tails, start=1)]
    return chats if any(step.is_guided for step in plan_of(SamplingSettings.of(card))) else chats[:1]


def _config(card: ModelCard, folder: str, otherwise: dict[str, Any]) -> dict[str, Any]:
    return settings_for_counting(card, f"{folder}/config.json", otherwise)
