"""What Qwen-Image-Edit's family adds to the pipeline's mathematics: sizes, photographs, caches, loading, counting."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import calculate_dimensions
from kept import Watched
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration
from verbs import finished

from models.base import Image, Loading, SamplingSettings, TryOnInputs, UnusableInput
from models.catalog import CardError, ModelCard, read_card
from models.flops import count
from models.placement import beside
from models.plan import Step
from models.qwen_edit import networks, published
from models.qwen_edit.coder import Coder
from models.qwen_edit.denoiser import Denoiser
from models.qwen_edit.family import QwenEdit, State
from models.qwen_edit.job import Prepared
from models.qwen_edit.pictures import size_at
from models.qwen_edit.schedule import check, noise_levels
from models.qwen_edit.work import Loop, Sizes
from models.reuse import Kind
from models.weights import WeightsError
from scripts.checkpoints.files import file_of
from scripts.checkpoints.qwen_edit import small_card

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SETTINGS = SamplingSettings(2, 4.0)
WAITS = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "lift_fresh")
"""Operations that wait for the device, or bring it data from the host."""


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def family(card: ModelCard) -> QwenEdit:
    return QwenEdit.load(card, CPU, Loading())


def picture(seed: int, height: int = 150, width: int = 110) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def inputs_of(person: Image, garment: Image | None = None, **changes: Any) -> TryOnInputs:
    return TryOnInputs(person, picture(1, 80, 90) if garment is None else garment, "upper", 5, **changes)


def walked(family: QwenEdit, *prepared: Prepared) -> State:
    state = family.begin(prepared, SETTINGS)
    for _ in range(SETTINGS.num_inference_steps):
        family.step(state)
    return state


def generated(family: QwenEdit, inputs: TryOnInputs) -> Image:
    return finished(family, walked(family, family.prepare(inputs)))[0]


def test_sizes_are_those_of_the_published_pipeline() -> None:
    for height, width in [(1024, 768), (1600, 900), (640, 641), (333, 1999), (4000, 3000), (17, 90)]:
        assert size_at(1024 * 1024, height, width) == calculate_dimensions(1024 * 1024, width / height)[::-1]
        assert size_at(384 * 384, height, width) == calculate_dimensions(384 * 384, width / height)[::-1]


def test_the_person_sets_the_canvas_not_the_garment(family: QwenEdit) -> None:
    tall, wide = picture(1, 300, 150), picture(2, 150, 300)
    state = family.begin([family.prepare(inputs_of(tall, wide))], SETTINGS)
    rows, columns = state.groups[0].scene.grids[0]
    assert rows > columns
    assert state.groups[0].scene.grids[1] == (rows, columns)
    assert state.groups[0].scene.grids[2] == (columns, rows)


def test_the_canvas_of_the_published_card_is_a_megapixel() -> None:
    card = read_card("qwen-image-edit-2511")
    assert Sizes.of(card).size == (card.height, card.width)


def test_outside_a_mask_every_byte_is_the_photograph_s(family: QwenEdit) -> None:
    mask = np.zeros((150, 110), np.uint8)
    mask[40:100, 30:80] = 255
    inputs = inputs_of(picture(3), mask=mask)
    made = generated(family, inputs)
    assert np.array_equal(made[mask == 0], inputs.person[mask == 0])
    assert (made[mask > 0] != inputs.person[mask > 0]).any()


@pytest.mark.parametrize(
    ("changes", "which"),
    [
        ({"person": picture(0, 12, 40)}, "person"),
        ({"garment": picture(0, 20, 400)}, "garment"),
        ({"mask": np.zeros((3, 3), np.uint8)}, "person"),
        ({"mask": np.zeros((150, 110), np.uint8)}, "person"),
        ({"category": "shoes"}, "garment"),
    ],
)
def test_unusable_input_is_refused_in_a_sentence(family: QwenEdit, changes: dict[str, Any], which: str) -> None:
    with pytest.raises(UnusableInput) as caught:
        family.prepare(dataclasses.replace(inputs_of(picture(3)), **changes))
    assert caught.value.which == which
    assert caught.value.sentence.endswith(".")


def test_a_kept_garment_is_looked_at_once_and_changes_no_bit(
    card: ModelCard, family: QwenEdit, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Watched()
    caching = QwenEdit.load(card, CPU, Loading(reuse=store))
    looked: list[str] = []
    look = Coder.encoded
    monkeypatch.setattr(Coder, "encoded", lambda self, pixels: looked.append(digest(pixels)) or look(self, pixels))
    persons, garment = (picture(3), picture(4, 200, 100)), picture(6, 70, 90)
    made = [walked(caching, caching.prepare(inputs_of(person, garment))).groups[0].noisy for person in persons]
    shown = caching.prepare(inputs_of(persons[0], garment)).garment.pixels
    assert looked.count(digest(shown)) == 1
    for person, noisy in zip(persons, made, strict=True):
        assert torch.equal(noisy, walked(family, family.prepare(inputs_of(person, garment))).groups[0].noisy)
    walked(caching, caching.prepare(inputs_of(persons[0], picture(7, 70, 90))))
    assert len(store.of(Kind.LATENTS)) == 4
    assert len(store.of(Kind.READING)) == 3
    again = walked(caching, caching.prepare(inputs_of(persons[0], garment))).groups[0].noisy
    assert torch.equal(again, made[0])
    assert store.found[Kind.READING] == 1, "the same pictures and words"


def digest(pixels: torch.Tensor) -> str:
    return hashlib.sha256(pixels.numpy().tobytes()).hexdigest()


def test_a_single_step_goes_all_the_way(card: ModelCard, family: QwenEdit) -> None:
    settings = json.loads(card.path("scheduler/scheduler_config.json").read_text())
    assert settings["shift_terminal"]
    assert noise_levels(settings, 1, 4000).tolist() == [1.0, 0.0]
    state = family.begin([family.prepare(inputs_of(picture(3)))], SamplingSettings(1, 4.0))
    family.step(state)
    assert state.groups[0].noisy.isfinite().all()


def test_a_gray_mask_is_read_as_black_and_white(family: QwenEdit) -> None:
    gray = np.full((150, 110), 100, np.uint8)
    gray[40:100, 30:80] = 200
    prepared = family.prepare(inputs_of(picture(3), mask=gray))
    assert prepared.inputs.mask is not None
    assert np.array_equal(prepared.inputs.mask, np.where(gray == 200, np.uint8(255), np.uint8(0)))


def test_a_checkpoint_of_exactly_the_files_that_the_published_card_lists_loads(tmp_path: Path) -> None:
    small, listed = small_card(tmp_path), {file.path for file in read_card("qwen-image-edit-2511").files}
    files = tuple(file for file in small.files if file.path in listed or file.path.endswith(".safetensors"))
    for file in set(small.files) - set(files):
        small.path(file.path).unlink()
    assert len(files) < len(small.files)
    assert generated(
        QwenEdit.load(dataclasses.replace(small, files=files), CPU, Loading()), inputs_of(picture(3))
    ).any()


def test_tokens_of_pictures_stand_in_a_grid_as_the_reader_was_trained(family: QwenEdit) -> None:
    """The rule of Qwen2.5-VL, which transformers 4 followed: words in a row, a picture at one time, down and across."""
    reader = family._networks.reader
    image = reader._image_token
    positions = reader._positions([1, 2, *[image] * 6, 3, *[image] * 2, 4, 5], [(4, 6), (4, 2)])[:, 0].T
    first = [[2, 2 + row, 2 + column] for row in range(2) for column in range(3)]
    second = [[6, 6, 6], [6, 7, 6]]
    assert positions.tolist() == [[0] * 3, [1] * 3, *first, [5] * 3, *second, [8] * 3, [9] * 3]


@pytest.mark.parametrize("exact_savings", [True, False])
def test_in_bfloat16_it_computes_nearly_the_same(
    card: ModelCard, family: QwenEdit, monkeypatch: pytest.MonkeyPatch, exact_savings: bool
) -> None:
    monkeypatch.setattr(networks, "precision_on", lambda card, device: torch.bfloat16)
    rough = QwenEdit.load(card, CPU, Loading(exact_savings=exact_savings))
    prepared = family.prepare(inputs_of(picture(3)))
    exact, noisy = (walked(one, prepared).groups[0].noisy for one in (family, rough))
    assert noisy.dtype == torch.float32
    assert 0 < (noisy - exact).norm() / exact.norm() < 0.05
    assert generated(rough, inputs_of(picture(3))).std() > 0


def test_no_step_waits_for_the_device(family: QwenEdit) -> None:
    seen: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    state = family.begin([family.prepare(inputs_of(picture(3)))], SETTINGS)
    with Watch():
        family.step(state)
    assert "linear" in seen
    assert not seen & set(WAITS)


def test_nothing_that_the_checkpoint_leaves_out_is_missing(card: ModelCard, family: QwenEdit) -> None:
    stock = Qwen2_5_VLForConditionalGeneration.from_pretrained(card.folder / "text_encoder", dtype=torch.float32)
    ours, theirs = family._networks.reader._model, stock.model
    assert {name for name, _ in ours.named_buffers()} == {name for name, _ in theirs.named_buffers()}
    for (name, value), (_, expected) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        assert torch.equal(value, expected), name
    for (name, value), (_, expected) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert torch.equal(value, expected), name
    rotary = family._networks.denoiser.network.pos_embed
    expected_rotary = QwenImageTransformer2DModel.from_pretrained(card.folder / "transformer").pos_embed
    assert torch.equal(rotary.pos_freqs, expected_rotary.pos_freqs)
    assert torch.equal(rotary.neg_freqs, expected_rotary.neg_freqs)


def test_qwen_vl_s_newer_names_load_too(card: ModelCard, family: QwenEdit, tmp_path: Path) -> None:
    shutil.copytree(card.folder, tmp_path / "copy")
    newer = tmp_path / "copy" / "text_encoder"
    for shard in newer.glob("*.safetensors"):
        save_file({_newer(key): value for key, value in load_file(shard).items()}, shard)
    files = tuple(file_of(tmp_path / "copy", path) for path in sorted((tmp_path / "copy").rglob("*.*")))
    renamed = QwenEdit.load(dataclasses.replace(card, folder=tmp_path / "copy", files=files), CPU, Loading())
    ours, theirs = (one._networks.reader._model.state_dict() for one in (renamed, family))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def _newer(key: str) -> str:
    if key.startswith("visual."):
        return f"model.{key}"
    return key.replace("model.", "model.language_model.", 1) if key.startswith("model.") else key


@pytest.mark.parametrize("file", ["vae/config.json", "tokenizer/vocab.json", "scheduler/scheduler_config.json"])
def test_a_missing_file_is_named_with_what_to_do(card: ModelCard, tmp_path: Path, file: str) -> None:
    shutil.copytree(card.folder, tmp_path / "copy")
    (tmp_path / "copy" / file).unlink()
    broken = dataclasses.replace(card, folder=tmp_path / "copy")
    with pytest.raises(WeightsError, match=file) as caught:
        QwenEdit.load(broken, CPU, Loading())
    assert broken.mending in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompts": {"upper": "A top."}},
        {"prompts": {"upper": "A top.", "lower": "Trousers.", "overall": "A dress.", "shoes": "Shoes."}},
        {"network": {"negative_promt": " "}},
        {"network": {"negative_prompt": 3}},
        {"network": {"areas": 4096}},
        {"network": {"areas": {"canvas": 0}}},
        {"network": {"text_positions": "spiral"}},
        {"network": {"scheduler": {"stochastic_sampling": True}}},
        {"network": {"areas": {"canvass": 4096}}},
    ],
)
def test_a_card_that_asks_for_what_is_not_done_is_refused(card: ModelCard, changes: dict[str, Any]) -> None:
    with pytest.raises(CardError, match=card.name):
        QwenEdit.load(dataclasses.replace(card, **changes), CPU, Loading())


def test_the_four_step_card_walks_the_levels_that_its_lora_was_made_for(card: ModelCard) -> None:
    settings = json.loads(card.path("scheduler/scheduler_config.json").read_text())
    settings |= read_card("qwen-image-edit-2511-lightning").network["scheduler"]
    even = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])
    for num_tokens in (1000, 4144):
        torch.testing.assert_close(noise_levels(settings, 4, num_tokens), 3 * even / (1 + 2 * even))
    with pytest.raises(ValueError, match="stochastic_sampling"):
        check({"stochastic_sampling": True})


def test_the_full_size_networks_fill_the_published_files() -> None:
    """By the card's sizes: two bytes a number, and for each key of the header about a hundred more."""
    with torch.device("meta"):
        language = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig.from_dict(dict(published.TEXT_ENCODER)))
        made = {
            "transformer/": QwenImageTransformer2DModel.from_config(published.TRANSFORMER).state_dict(),
            "vae/": AutoencoderKLQwenImage.from_config(published.VAE).state_dict(),
            "text_encoder/": language.state_dict(),
        }
    assert [len(tensors) for tensors in made.values()] == [1933, 194, 729]
    weights = [file for file in read_card("qwen-image-edit-2511").files if file.path.endswith(".safetensors")]
    for folder, tensors in made.items():
        size = sum(file.size for file in weights if file.path.startswith(folder))
        header = size - 2 * sum(tensor.numel() for tensor in tensors.values())
        assert 80 < header / len(tensors) < 130, folder


@pytest.mark.parametrize("exact_savings", [True, False])
def test_equal_blocks_are_counted_as_if_each_was_run(card: ModelCard, exact_savings: bool) -> None:
    config = json.loads(card.path("transformer/config.json").read_text()) | {"num_layers": 5}
    sizes = Sizes.of(card)
    num_noise = sizes.grid[0] * sizes.grid[1]
    with torch.device("meta"):
        references = torch.empty(1, 2 * num_noise, config["in_channels"])
        texts = [torch.empty(1, length, config["joint_attention_dim"]) for length in (40, 30)]
        denoiser = Denoiser(QwenImageTransformer2DModel.from_config(config), exact_savings)
        scene = denoiser.scene([sizes.grid] * 3, references, texts)
    once = count(lambda: denoiser.scene([sizes.grid] * 3, references, texts))
    time = torch.empty((), device="meta")
    step = count(lambda: denoiser.velocities(scene, references[:, :num_noise], time))
    counted = Loop(config, sizes, references, texts, [Step(is_guided=True)] * 7).counted(exact_savings=exact_savings)
    assert counted == pytest.approx(once + 7 * step, rel=1e-9)


def test_savings_leave_less_to_do(card: ModelCard) -> None:
    found = QwenEdit.count_flops(card)
    assert found.parts["denoise"] < found.denoise_published
    assert set(found.parts) == {"text", "encode", "denoise", "decode"}
    assert all(found.parts.values())


@pytest.mark.parametrize("exact_savings", [True, False])
@pytest.mark.parametrize("placement", ["offload", "balanced"])
def test_a_placed_network_runs_by_its_hooks_and_changes_no_bit(
    card: ModelCard, placement: str, exact_savings: bool
) -> None:
    expected, found = (
        walked(family, family.prepare(inputs_of(picture(3)))).groups[0].noisy
        for family in (
            QwenEdit.load(dataclasses.replace(card, placement=where), CPU, Loading(exact_savings=exact_savings))
            for where in ("device", placement)
        )
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize(("placement", "hook"), [("offload", "_diffusers_hook"), ("balanced", "_hf_hook")])
def test_every_weight_of_a_placed_network_is_under_a_hook(card: ModelCard, placement: str, hook: str) -> None:
    family = QwenEdit.load(dataclasses.replace(card, placement=placement), CPU, Loading())
    assert "denoiser" not in family.networks, "hooks cannot be compiled"
    for network in (family._networks.denoiser, *family._networks.reader.parts):
        for name, _ in network.named_parameters():
            owner = network.get_submodule(name.rpartition(".")[0])
            assert hasattr(owner, hook), name


def test_tensors_go_beside_the_block_of_a_spread_network() -> None:
    block, tensor = torch.nn.Linear(2, 2), torch.zeros(1)
    assert beside(block, tensor) == (tensor,)
    add_hook_to_module(block, AlignDevicesHook(execution_device="meta"))
    assert beside(block, tensor, tensor)[1].is_meta


def test_no_weight_is_touched_but_by_its_module(card: ModelCard) -> None:
    """accelerate's offload leaves nothing on the device between calls: touching a weight would meet none."""
    family = QwenEdit.load(card, CPU, Loading())
    expected = walked(family, family.prepare(inputs_of(picture(3)))).groups[0].noisy
    family = QwenEdit.load(card, CPU, Loading())
    for network in (family._networks.denoiser, *family._networks.reader.parts):
        cpu_offload(network, CPU, offload_buffers=True)
        assert {parameter.device.type for parameter in network.parameters()} == {"meta"}
    assert torch.equal(walked(family, family.prepare(inputs_of(picture(3)))).groups[0].noisy, expected)
