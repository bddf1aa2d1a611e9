"""Ours against diffusers' own pipeline on the same small checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinPipeline
from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.base import Image, Loading, SamplingSettings, TryOnInputs
from models.catalog import Lora, ModelCard
from models.flux2_klein import pictures
from models.flux2_klein.family import Flux2Klein
from models.flux2_klein.networks import Networks
from models.flux2_klein.schedule import shift
from models.flux_names import in_diffusers
from models.pixels import to_tensor
from models.preprocess.fitting import Box
from models.sampling import job_noise
from scripts.checkpoints.files import file_of
from scripts.checkpoints.flux2_klein import small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
STREAMS = (("double_stream", "_img"), ("double_stream", "_txt"), ("single_stream", ""))


def noisy_picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


def generated(
    card: ModelCard, jobs: Sequence[TryOnInputs], settings: SamplingSettings, loading: Loading
) -> list[Tensor]:
    family = Flux2Klein.load(card, CPU, loading)
    state = family.begin([family.prepare(job) for job in jobs], settings)
    for _ in range(settings.num_inference_steps):
        family.step(state)
    return family.canvases(state)


def by_the_pipeline(
    card: ModelCard,
    job: TryOnInputs,
    settings: SamplingSettings,
    dtype: torch.dtype = torch.float32,
    lora: Path | None = None,
) -> Tensor:
    pipeline = Flux2KleinPipeline.from_pretrained(card.folder, dtype=dtype)
    if lora is not None:
        pipeline.load_lora_weights(lora.parent, weight_name=lora.name)
    pipeline.set_progress_bar_config(disable=True)
    whole = Box(0, 0, job.person.shape[1], job.person.shape[0])
    canvas, _ = pictures.on_canvas(job.person, whole, card.height * card.width, 16)
    height, width = canvas.shape[:2]
    channels = pipeline.transformer.config.in_channels
    (picture,) = pipeline(
        image=[Pillow.fromarray(canvas), Pillow.fromarray(job.garment)],
        prompt=card.prompts[job.category],
        height=height,
        width=width,
        num_inference_steps=settings.num_inference_steps,
        guidance_scale=settings.guidance_scale,
        latents=job_noise(job.seed, (channels, height // 16, width // 16))[None],
        output_type="pt",
    ).images
    return picture


@pytest.mark.parametrize("exact_savings", [True, False])
@pytest.mark.parametrize(("is_distilled", "guidance_scale"), [(True, 1.0), (True, 4.0), (False, 4.0), (False, 1.0)])
def test_a_request_comes_out_as_the_published_pipeline_makes_it(
    tmp_path: Path, is_distilled: bool, guidance_scale: float, exact_savings: bool
) -> None:
    card = small_card(tmp_path, is_distilled=is_distilled)
    job = TryOnInputs(noisy_picture(0, 150, 90), noisy_picture(1, 75, 130), "lower", seed=5)
    settings = SamplingSettings(3, guidance_scale)
    (ours,) = generated(card, [job], settings, Loading(exact_savings=exact_savings))
    assert relative_error(ours, by_the_pipeline(card, job, settings)) < 1e-5


def test_half_precision_rounds_as_the_published_pipeline_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.flux2_klein.networks.precision_on", lambda card, device: torch.bfloat16)
    card = small_card(tmp_path, is_distilled=False)
    job = TryOnInputs(noisy_picture(0, 150, 90), noisy_picture(1, 75, 130), "overall", seed=5)
    settings = SamplingSettings(3, 4.0)
    (ours,) = generated(card, [job], settings, Loading())
    assert relative_error(ours, by_the_pipeline(card, job, settings, torch.bfloat16)) < 1e-3


MODULES = (
    *(f"double_blocks.1.{part}" for part in ("img_attn.qkv", "img_attn.proj", "img_mlp.0", "img_mlp.2")),
    *(f"double_blocks.0.{part}" for part in ("txt_attn.qkv", "txt_attn.proj", "txt_mlp.0", "txt_mlp.2")),
    *(f"single_blocks.{number}.{part}" for number in (0, 2) for part in ("linear1", "linear2")),
    *("img_in", "txt_in", "time_in.in_layer", "time_in.out_layer", "final_layer.linear"),
    *(f"{stream}_modulation{which}.lin" for stream, which in STREAMS),
)


def lora_under_the_authors_names(card: ModelCard, path: Path) -> None:
    """Of rank 2, as trainers write it."""
    weights = load_file(card.path("transformer/diffusion_pytorch_model.safetensors"))
    drawn = torch.Generator().manual_seed(0)
    lora = {}
    for module in MODULES:
        shapes = [weights[f"{name}.weight"].shape for name in in_diffusers(module)]
        rows, (columns,) = sum(shape[0] for shape in shapes), {shape[1] for shape in shapes}
        lora[f"diffusion_model.{module}.lora_A.weight"] = 0.1 * torch.randn(2, columns, generator=drawn)
        lora[f"diffusion_model.{module}.lora_B.weight"] = 0.1 * torch.randn(rows, 2, generator=drawn)
    save_file(lora, path)


def test_a_lora_under_the_authors_names_equals_the_pipelines_adapter(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="the stock pipeline loads LoRAs with it")
    card = small_card(tmp_path)
    lora_under_the_authors_names(card, tmp_path / "lora.safetensors")
    file = file_of(tmp_path, tmp_path / "lora.safetensors")
    merged = replace(card, files=(*card.files, file), loras=(Lora(file.path),))
    job, settings = (
        TryOnInputs(noisy_picture(0, 96, 64), noisy_picture(1, 64, 64), "upper", 5),
        SamplingSettings(2, 1.0),
    )
    (ours,), (without,) = (generated(one, [job], settings, Loading()) for one in (merged, card))
    theirs = by_the_pipeline(card, job, settings, lora=tmp_path / "lora.safetensors")
    assert relative_error(ours, theirs) < 1e-5
    assert relative_error(without, theirs) > 1e-3


def test_a_card_alone_turns_guidance_on(tmp_path: Path) -> None:
    """`[network] is_distilled` outweighs the checkpoint's model_index.json."""
    card = small_card(tmp_path, is_distilled=True)
    job = TryOnInputs(noisy_picture(0, 96, 64), noisy_picture(1, 64, 64), "upper", seed=5)
    base = replace(card, network={"is_distilled": False})
    plain, guided = (
        generated(base, [job], SamplingSettings(1, guidance_scale), Loading()) for guidance_scale in (1.0, 4.0)
    )
    assert relative_error(guided[0], plain[0]) > 1e-3


def test_loading_gives_what_from_pretrained_gives(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    theirs = Flux2KleinPipeline.from_pretrained(card.folder)
    for exact_savings in (True, False):
        ours = Networks.load(card, CPU, exact_savings=exact_savings)
        for prompt in card.prompts.values():
            assert torch.equal(ours.text(prompt), theirs.encode_prompt(prompt)[0])
        for mine, published in ((ours.transformer, theirs.transformer), (ours.vae, theirs.vae)):
            assert mine.state_dict().keys() == published.state_dict().keys()
            assert all(torch.equal(value, published.state_dict()[key]) for key, value in mine.state_dict().items())


@pytest.mark.parametrize(("height", "width"), [(1500, 900), (1024, 1024), (1030, 1020), (97, 131), (64, 512)])
def test_references_are_cut_as_the_pipeline_cuts_them(height: int, width: int) -> None:
    picture, processor = noisy_picture(0, height, width), Flux2ImageProcessor(vae_scale_factor=16)
    theirs = processor._resize_if_exceeds_area(Pillow.fromarray(picture))
    size = {"width": theirs.width // 16 * 16, "height": theirs.height // 16 * 16}
    theirs = processor.preprocess(theirs, **size, resize_mode="crop")
    assert torch.equal(to_tensor(pictures.reference(picture, 16)), theirs)


@pytest.mark.parametrize("num_tokens", [24, 3072, 4300, 4301, 9000])
@pytest.mark.parametrize("num_steps", [1, 4, 50])
def test_the_schedule_leans_as_the_pipeline_leans(num_tokens: int, num_steps: int) -> None:
    assert shift(num_tokens, num_steps) == compute_empirical_mu(num_tokens, num_steps)
