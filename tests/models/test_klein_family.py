"""What a batch of FLUX.2 klein keeps to, on small random weights."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from kept import Watched, reuse
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Qwen3Config, Qwen3Model
from verbs import finished
from waiting import waiting

from models.base import Image, Loading, SamplingSettings, TryOnInputs, UnusableInput
from models.catalog import CardError, Lora, ModelCard, WeightFile, read_card
from models.flux2_klein import latents, networks, published
from models.flux2_klein.family import Flux2Klein
from models.flux2_klein.networks import Networks
from models.flux2_klein.prompts import PromptReader
from models.flux2_klein.work import count_flops
from models.preprocess.helpers import Helpers
from models.preprocess.pose import Pose
from models.reuse import Kind
from models.weights import WeightsError
from scripts.checkpoints.files import file_of
from scripts.checkpoints.flux2_klein import PROMPTS, small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SETTINGS = SamplingSettings(2, 4.0)


def noisy_picture(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


JOBS = (
    TryOnInputs(noisy_picture(0, 96, 64), noisy_picture(10, 80, 64), "upper", seed=1),
    TryOnInputs(noisy_picture(1, 96, 64), noisy_picture(11, 80, 64), "lower", seed=2),
    TryOnInputs(noisy_picture(2, 70, 140), noisy_picture(12, 64, 100), "overall", seed=3),
)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("klein"), is_distilled=False)


@pytest.fixture(scope="module")
def family(card: ModelCard) -> Flux2Klein:
    return Flux2Klein.load(card, CPU, Loading())


def canvases(family: Flux2Klein, *jobs: TryOnInputs) -> list[Tensor]:
    state = family.begin([family.prepare(job) for job in jobs], SETTINGS)
    for _ in range(SETTINGS.num_inference_steps):
        family.step(state)
    return family.canvases(state)


def picture(family: Flux2Klein, job: TryOnInputs) -> Image:
    state = family.begin([family.prepare(job)], SETTINGS)
    for _ in range(SETTINGS.num_inference_steps):
        family.step(state)
    return finished(family, state)[0]


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("exact_savings", [True, False])
def test_a_batch_of_different_requests_equals_its_singles(card: ModelCard, exact_savings: bool) -> None:
    family = Flux2Klein.load(card, CPU, Loading(exact_savings=exact_savings))
    for together, job in zip(canvases(family, *JOBS), JOBS, strict=True):
        (alone,) = canvases(family, job)
        assert relative_error(together, alone) < 1e-5
    first, second = canvases(family, *JOBS)[:2]
    assert relative_error(first, second) > 1e-2


def test_jobs_of_equal_shapes_share_a_forward(family: Flux2Klein) -> None:
    state = family.begin([family.prepare(job) for job in JOBS], SETTINGS)
    assert [group.jobs for group in state.groups] == [[0, 1], [2]]


def test_savings_change_nothing_in_float64(card: ModelCard) -> None:
    card = replace(card, precision="float64")
    lean, whole = (
        canvases(Flux2Klein.load(card, CPU, Loading(exact_savings=exact_savings)), *JOBS)
        for exact_savings in (True, False)
    )
    for ours, theirs in zip(lean, whole, strict=True):
        assert relative_error(ours, theirs) < 1e-10


@pytest.mark.parametrize("exact_savings", [True, False])
def test_a_step_never_waits_for_the_device(card: ModelCard, exact_savings: bool) -> None:
    family = Flux2Klein.load(card, CPU, Loading(exact_savings=exact_savings))
    state = family.begin([family.prepare(job) for job in JOBS], SETTINGS)
    with waiting() as reads:
        family.step(state)
        family.step(state)
        assert reads == []
        with torch.inference_mode():
            state.groups[0].schedule.sigmas[0].item()
    assert reads == ["item"]  # the count itself works


def test_the_text_encoder_leaves_before_the_others_come(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[weakref.ref[torch.nn.Module]] = []
    load, build = PromptReader.load, networks.build_component

    def watched(*args: Any, **kwargs: Any) -> PromptReader:
        reader = load(*args, **kwargs)
        read.append(weakref.ref(reader.model))
        return reader

    def checked(*args: Any) -> torch.nn.Module:
        assert [one() for one in read] == [None]
        return build(*args)

    monkeypatch.setattr(PromptReader, "load", watched)
    monkeypatch.setattr(networks, "build_component", checked)
    assert Networks.load(card, CPU, exact_savings=True).reader is None


def test_the_second_start_does_not_open_the_text_encoder_and_changes_no_bit(tmp_path: Path) -> None:
    card = small_card(tmp_path / "card", is_distilled=False)
    first = reuse(folder=tmp_path / "reuse")
    expected = canvases(Flux2Klein.load(card, CPU, Loading(reuse=first)), *JOBS)
    first.flush()
    for folder in ("text_encoder", "tokenizer"):
        shutil.rmtree(card.path(folder))
    again = canvases(Flux2Klein.load(card, CPU, Loading(reuse=reuse(folder=tmp_path / "reuse"))), *JOBS)
    assert all(torch.equal(*pair) for pair in zip(again, expected, strict=True))
    other = replace(card, prompts={**card.prompts, "upper": "Another text."})
    with pytest.raises(CardError, match="text_encoder"):
        Flux2Klein.load(other, CPU, Loading(reuse=reuse(folder=tmp_path / "reuse")))
    encoder, *_ = [file for file in card.files if file.path.startswith("text_encoder/model-")]
    swapped = tuple(replace(file, sha256="0" * 64) if file is encoder else file for file in card.files)
    with pytest.raises(CardError, match="text_encoder"):
        Flux2Klein.load(replace(card, files=swapped), CPU, Loading(reuse=reuse(folder=tmp_path / "reuse")))


@pytest.mark.parametrize("exact_savings", [True, False])
def test_nothing_stays_on_the_meta_device(card: ModelCard, exact_savings: bool) -> None:
    loaded = Networks.load(card, CPU, exact_savings=exact_savings)
    modules = [loaded.transformer, loaded.vae, *([loaded.reader.model] if loaded.reader else [])]
    for module in modules:
        assert not [name for name, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("transformer/diffusion_pytorch_model.safetensors", "x_embedder.weight"),
        ("vae/diffusion_pytorch_model.safetensors", "bn.running_var"),
        ("text_encoder/model-00002-of-00003.safetensors", None),
    ],
)
def test_a_renamed_key_is_named(tmp_path: Path, file: str, key: str | None) -> None:
    card = small_card(tmp_path)
    tensors = load_file(card.path(file))
    key = key or next(iter(tensors))
    tensors["renamed"] = tensors.pop(key)
    save_file(tensors, card.path(file))
    with pytest.raises(WeightsError, match=key.removeprefix("model.").replace(".", r"\.")) as caught:
        Flux2Klein.load(_with_file(card, file), CPU, Loading())
    assert "renamed" in str(caught.value)


def _with_file(card: ModelCard, path: str) -> ModelCard:
    """The card of a file that was written anew."""
    changed = file_of(card.folder, card.path(path))
    return replace(card, files=tuple(changed if file.path == path else file for file in card.files))


def test_a_lost_shard_is_named(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    card.path("text_encoder/model-00003-of-00003.safetensors").unlink()
    with pytest.raises(WeightsError, match="model-00003-of-00003"):
        Flux2Klein.load(card, CPU, Loading())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prompts": {**PROMPTS, "lower": ""}}, "lower"),
        ({"prompts": {**PROMPTS, "lower": 3}}, "lower"),
        ({"prompts": {**PROMPTS, "shoes": "In shoes."}}, "shoes"),
        ({"network": {"distilled": True}}, "distilled"),
        ({"network": {"is_distilled": "yes"}}, "is_distilled"),
    ],
)
def test_what_a_card_says_wrong_is_named(card: ModelCard, change: dict[str, Any], named: str) -> None:
    with pytest.raises(CardError, match=rf"small-flux2-klein .*{named}.*\.$"):
        Flux2Klein.load(replace(card, **change), CPU, Loading())


def test_a_checkpoint_of_exactly_the_files_that_the_published_card_lists_loads(tmp_path: Path) -> None:
    small, listed = small_card(tmp_path), {file.path for file in read_card("flux2-klein-4b").files}
    files = tuple(file for file in small.files if file.path in listed or file.path.endswith(".safetensors"))
    (expected,) = canvases(Flux2Klein.load(small, CPU, Loading()), JOBS[0])
    for file in set(small.files) - set(files):
        small.path(file.path).unlink()
    assert len(files) < len(small.files)
    (ours,) = canvases(Flux2Klein.load(replace(small, files=files), CPU, Loading()), JOBS[0])
    assert torch.equal(ours, expected)


def test_a_lora_of_a_card_changes_the_picture_and_its_scale_how_much(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    name = "transformer_blocks.0.attn.to_q"
    weight = load_file(card.path("transformer/diffusion_pytorch_model.safetensors"))[f"{name}.weight"]
    drawn = torch.Generator().manual_seed(0)
    lora = {
        f"transformer.{name}.lora_A.weight": torch.randn(2, weight.shape[1], generator=drawn),
        f"transformer.{name}.lora_B.weight": torch.randn(weight.shape[0], 2, generator=drawn),
    }
    save_file(lora, tmp_path / "lora.safetensors")
    with_file = _with_file(replace(card, files=(*card.files, WeightFile("lora.safetensors", 0))), "lora.safetensors")
    plain, none, whole = (
        canvases(Flux2Klein.load(replace(with_file, loras=loras), CPU, Loading()), JOBS[0])[0]
        for loras in ((), (Lora("lora.safetensors", 0.0),), (Lora("lora.safetensors"),))
    )
    assert torch.equal(plain, none)
    assert relative_error(whole, plain) > 1e-3


def test_a_cached_garment_is_not_encoded_again_and_changes_no_bit(
    card: ModelCard, family: Flux2Klein, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Watched()
    cached = Flux2Klein.load(card, CPU, Loading(reuse=store))
    (miss,) = canvases(cached, JOBS[0])
    _, stored = store.of(Kind.LATENTS)
    num_encodes, encode = 0, latents.encode

    def counted(*args: Any) -> Tensor:
        nonlocal num_encodes
        num_encodes += 1
        return encode(*args)

    monkeypatch.setattr(latents, "encode", counted)
    (hit,) = canvases(cached, JOBS[0])
    assert num_encodes == 0, "neither the garment nor the person"
    assert torch.equal(hit, miss)
    assert torch.equal(canvases(family, JOBS[0])[0], miss)
    assert stored.shape == (1, 20, 16)
    canvases(cached, replace(JOBS[0], garment=JOBS[1].garment))
    assert len(store.of(Kind.LATENTS)) == 3


@pytest.mark.parametrize("size", [(96, 64), (150, 90), (300, 900), (67, 71)])
def test_the_picture_has_the_photographs_size_and_the_canvas_its_shape(
    family: Flux2Klein, size: tuple[int, int]
) -> None:
    job = replace(JOBS[0], person=noisy_picture(3, *size))
    grid = family.prepare(job).canvas
    assert picture(family, job).shape == (*size, 3)
    assert abs(np.log(grid.height / grid.width) - np.log(size[0] / size[1])) < 0.35
    assert 0.6 < grid.num_tokens / 24 < 1.5


def test_outside_a_given_mask_every_byte_is_the_photographs(family: Flux2Klein) -> None:
    mask = np.zeros((96, 64), np.uint8)
    mask[20:70, 10:50] = 255
    made = picture(family, replace(JOBS[0], mask=mask))
    assert np.array_equal(made[mask == 0], JOBS[0].person[mask == 0])
    assert (made != JOBS[0].person)[30:60, 20:40].mean() > 0.9


def test_a_gray_mask_is_read_as_black_and_white(family: Flux2Klein) -> None:
    gray = np.full((96, 64), 100, np.uint8)
    gray[20:70, 10:50] = 200
    black_and_white = np.where(gray == 200, np.uint8(255), np.uint8(0))
    of_gray, of_other = (picture(family, replace(JOBS[0], mask=mask)) for mask in (gray, black_and_white))
    assert np.array_equal(of_gray, of_other)


def test_a_pose_narrows_the_work_to_the_person(card: ModelCard) -> None:
    def pose(image: Image) -> Pose:
        body = np.zeros((18, 3), np.float32)
        body[:, 0], body[:, 1], body[:, 2] = 100, np.linspace(100, 160, 18), 1
        return Pose(body, *(np.zeros(shape, np.float32) for shape in ((6, 3), (2, 21, 3), (68, 3))))

    family = Flux2Klein.load(card, CPU, Loading(Helpers(pose=pose)))
    job = replace(JOBS[0], person=noisy_picture(4, 400, 600))
    box = family.prepare(job).fit.source
    made = picture(family, job)
    assert box.height < 200
    made[box.slices] = job.person[box.slices]
    assert np.array_equal(made, job.person)
    mask = np.zeros((400, 600), np.uint8)
    mask[100:160, 90:230] = 255
    assert family.prepare(replace(job, mask=mask)).fit.source.x1 >= 230


@pytest.mark.parametrize(
    ("which", "change"),
    [
        ("person", {"person": noisy_picture(0, 63, 80)}),
        ("garment", {"garment": noisy_picture(0, 64, 520)}),
        ("person", {"mask": np.full((64, 96), 255, np.uint8)}),
        ("person", {"mask": np.zeros((96, 64), np.uint8)}),
        ("garment", {"category": "shoes"}),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(family: Flux2Klein, which: str, change: dict[str, Any]) -> None:
    with pytest.raises(UnusableInput, match=r"\.$") as caught:
        family.prepare(replace(JOBS[0], **change))
    assert caught.value.which == which


def test_the_published_architecture_has_the_bytes_of_the_published_files() -> None:
    card = read_card("flux2-klein-4b")
    with torch.device("meta"):
        parts = {
            "transformer/": Flux2Transformer2DModel.from_config(published.TRANSFORMER),
            "vae/": AutoencoderKLFlux2.from_config(published.VAE),
            "text_encoder/": Qwen3Model(Qwen3Config.from_dict(published.TEXT_ENCODER)),
        }
    for folder, network in parts.items():
        num_bytes = sum(2 * parameter.numel() for parameter in network.parameters())
        files = [file.size for file in card.files if file.path.startswith(folder) and file.path.endswith("tensors")]
        assert 0 < sum(files) - num_bytes < 1e5  # the headers


def test_a_picture_costs_less_than_by_the_published_loop() -> None:
    work = count_flops(read_card("flux2-klein-4b"))
    assert work.denoise_published == pytest.approx(355, rel=0.005)
    assert work.parts["denoise"] < 346.5


def test_guidance_doubles_the_work_of_the_undistilled(card: ModelCard) -> None:
    guided, plain = (count_flops(replace(card, guidance_scale=scale)) for scale in (4.0, 1.0))
    assert guided.parts["denoise"] == pytest.approx(2 * plain.parts["denoise"])
