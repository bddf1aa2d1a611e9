"""Qwen-Image-Edit against diffusers' own pipeline, on small random weights in the published layout."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as published
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import Tensor
from transformers import Qwen2Tokenizer, Qwen2VLImageProcessorPil
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration

from models.base import Image, Loading, SamplingSettings, TryOnInputs
from models.catalog import Lora, ModelCard
from models.qwen_edit.family import QwenEdit, State
from models.qwen_edit.reader import IMAGE, MERGED
from models.weights import load_tensors
from scripts.checkpoints.files import file_of
from scripts.checkpoints.qwen_edit import small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
NUM_STEPS = 3
AREA = 96 * 64


class Processor:
    """What the pipeline asks of Qwen2VLProcessor, which cannot be made without torchvision."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Qwen2Tokenizer.from_pretrained(folder / "tokenizer")
        self._pictures = Qwen2VLImageProcessorPil.from_pretrained(folder / "processor")
        self.types = torch.zeros(0)  # of the last tokens

    def __call__(self, *, text: list[str], images: Any, padding: bool, return_tensors: str) -> Any:
        seen = self._pictures(images, return_tensors=return_tensors)
        (chat,) = text
        parts = chat.split(IMAGE)
        pads = [IMAGE * (int(grid.prod()) // MERGED) for grid in seen["image_grid_thw"]]
        whole = "".join(part + pad for part, pad in zip(parts, [*pads, ""], strict=True))
        tokens = self._tokenizer([whole], padding=padding, return_tensors=return_tensors)
        seen.update(tokens)
        self.types = (tokens["input_ids"] == self._tokenizer.convert_tokens_to_ids(IMAGE)).int()
        return seen


@pytest.fixture(scope="module", params=[True, False], ids=["zero_cond_t", "plain"])
def card(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("qwen"), zero_cond_t=request.param)


def pipeline_of(card: ModelCard) -> QwenImageEditPlusPipeline:
    """The stock pipeline; with the card's `text_positions` grid its text encoder is told which tokens are pictures'."""
    processor = Processor(card.folder)
    encoder = Qwen2_5_VLForConditionalGeneration.from_pretrained(card.folder / "text_encoder", dtype=torch.float32)
    if card.network["text_positions"] == "grid":
        forward = encoder.forward
        encoder.forward = lambda *args, **kwargs: forward(*args, mm_token_type_ids=processor.types, **kwargs)
    pipeline = QwenImageEditPlusPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(card.folder / "scheduler"),
        vae=AutoencoderKLQwenImage.from_pretrained(card.folder / "vae"),
        text_encoder=encoder,
        tokenizer=Qwen2Tokenizer.from_pretrained(card.folder / "tokenizer"),
        processor=processor,
        transformer=QwenImageTransformer2DModel.from_pretrained(card.folder / "transformer"),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def small_areas() -> Iterator[None]:
    before = published.CONDITION_IMAGE_SIZE, published.VAE_IMAGE_SIZE
    published.CONDITION_IMAGE_SIZE = published.VAE_IMAGE_SIZE = AREA
    try:
        yield
    finally:
        published.CONDITION_IMAGE_SIZE, published.VAE_IMAGE_SIZE = before


def stock(
    card: ModelCard, inputs: TryOnInputs, guidance_scale: float, lora: Path | None = None
) -> tuple[Tensor, Tensor]:
    """Final tokens `[N, C]` and pixels `[3, H, W]` in [0, 1] of the stock pipeline at the person's size."""
    pipeline = pipeline_of(card)
    if lora is not None:
        pipeline.load_lora_weights(lora.parent, weight_name=lora.name)
    height, width = inputs.person.shape[:2]
    width, height = published.calculate_dimensions(AREA, width / height)
    request = {
        "image": [Pillow.fromarray(inputs.person), Pillow.fromarray(inputs.garment)],
        "prompt": card.prompts[inputs.category],
        "negative_prompt": card.network["negative_prompt"] if guidance_scale > 1 else None,
        "true_cfg_scale": guidance_scale,
        "height": height,
        "width": width,
        "num_inference_steps": NUM_STEPS,
    }
    results = []
    with small_areas():
        for output_type in ("latent", "pt"):
            generator = torch.Generator().manual_seed(inputs.seed)
            results.append(pipeline(**request, generator=generator, output_type=output_type).images[0])
    return results[0], results[1]


def walked(family: QwenEdit, inputs: list[TryOnInputs], guidance_scale: float) -> State:
    state = family.begin([family.prepare(one) for one in inputs], SamplingSettings(NUM_STEPS, guidance_scale))
    for _ in range(NUM_STEPS):
        family.step(state)
    return state


def tokens_by_job(state: State) -> list[Tensor]:
    found = {job: group.noisy[row] for group in state.groups for row, job in enumerate(group.jobs)}
    return [found[job] for job in range(len(state.prepared))]


def picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def distance(ours: Tensor, expected: Tensor) -> float:
    return float((ours - expected).norm() / expected.norm())


BATCH = [
    TryOnInputs(picture(0, 150, 110), picture(1, 120, 120), "upper", 7),
    TryOnInputs(picture(2, 90, 130), picture(3, 170, 90), "lower", 8),
    TryOnInputs(picture(4, 150, 110), picture(5, 120, 121), "overall", 9),
    TryOnInputs(picture(6, 150, 111), picture(7, 121, 120), "upper", 10),
]


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
@pytest.mark.parametrize("exact_savings", [True, False], ids=["savings", "published"])
def test_one_request_equals_the_stock_pipeline(card: ModelCard, guidance_scale: float, exact_savings: bool) -> None:
    family = QwenEdit.load(card, CPU, Loading(exact_savings=exact_savings))
    for inputs in BATCH[:2]:
        tokens, pixels = stock(card, inputs, guidance_scale)
        state = walked(family, [inputs], guidance_scale)
        assert distance(tokens_by_job(state)[0], tokens) < 1e-5
        canvas = family._networks.coder.decoded(state.groups[0].noisy, *state.prepared[0].person.size)[0]
        assert distance((canvas / 2 + 0.5).clamp(0, 1), pixels) < 1e-5


def test_the_stock_pipeline_s_own_text_positions_are_a_setting(tmp_path: Path) -> None:
    card = small_card(tmp_path, text_positions="row")
    tokens, _ = stock(card, BATCH[0], 4.0)
    found = {}
    for positions in ("row", "grid"):
        set_so = dataclasses.replace(card, network={**card.network, "text_positions": positions})
        family = QwenEdit.load(set_so, CPU, Loading())
        found[positions] = distance(tokens_by_job(walked(family, [BATCH[0]], 4.0))[0], tokens)
    assert found["row"] < 1e-5
    assert found["grid"] > 1e-3


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
def test_a_batch_of_different_requests_equals_its_singles(card: ModelCard, guidance_scale: float) -> None:
    family = QwenEdit.load(card, CPU, Loading())
    state = walked(family, BATCH, guidance_scale)
    assert sorted(len(group.jobs) for group in state.groups) == [1, 1, 2]
    for inputs, ours in zip(BATCH, tokens_by_job(state), strict=True):
        alone = tokens_by_job(walked(family, [inputs], guidance_scale))[0]
        assert distance(ours, alone) < 1e-5


@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
def test_savings_change_nothing_in_float64(card: ModelCard, guidance_scale: float) -> None:
    exact = dataclasses.replace(card, precision="float64")
    with_savings, without = (
        walked(QwenEdit.load(exact, CPU, Loading(exact_savings=savings)), BATCH, guidance_scale)
        for savings in (True, False)
    )
    for ours, expected in zip(tokens_by_job(with_savings), tokens_by_job(without), strict=True):
        assert ours.dtype == torch.float64
        assert distance(ours, expected) < 1e-10


def with_lora(card: ModelCard, folder: Path) -> ModelCard:
    """The card with a LoRA laid out as the published four-step one: of attention and MLPs, with alphas."""
    shutil.copytree(card.folder, folder, dirs_exist_ok=True)
    weights = load_tensors(card, "transformer/")
    drawn = torch.Generator().manual_seed(3)
    lora = {}
    for key, weight in weights.items():
        if weight.ndim == 2 and (".attn." in key or "_mlp." in key):
            module = key.removesuffix(".weight")
            lora[f"{module}.lora_down.weight"] = torch.randn(4, weight.shape[1], generator=drawn) * 0.1
            lora[f"{module}.lora_up.weight"] = torch.randn(weight.shape[0], 4, generator=drawn) * 0.1
            lora[f"{module}.alpha"] = torch.tensor(2.0)
    path = folder / "loras" / "steps.safetensors"
    path.parent.mkdir()
    save_file(lora, path)
    file = file_of(folder, path)
    return dataclasses.replace(card, files=(*card.files, file), loras=(Lora(file.path),), folder=folder)


def test_a_merged_lora_equals_the_stock_pipeline_s_adapter(card: ModelCard, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="the stock pipeline loads LoRAs with it")
    merged = with_lora(card, tmp_path / "merged")
    tokens, _ = stock(card, BATCH[0], 1.0, merged.path(merged.loras[0].file))
    ours, without = (
        tokens_by_job(walked(QwenEdit.load(one, CPU, Loading()), [BATCH[0]], 1.0))[0] for one in (merged, card)
    )
    assert distance(ours, tokens) < 1e-5
    assert distance(without, tokens) > 1e-3
