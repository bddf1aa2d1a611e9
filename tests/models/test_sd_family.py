"""CatVTON and Leffa as families: what is saved, what is remembered, what is refused."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept import Watched, reuse
from verbs import finished
from waiting import waiting

from inference.values import num_bytes_of
from models.base import Image, Loading, SamplingSettings, TryOnInputs, UnusableInput
from models.card import Lora, ModelCard
from models.preprocess.garment import NO_HELPERS
from models.preprocess.helpers import Helpers
from models.preprocess.parts import Part
from models.reuse import Key, Kind
from models.sd_inpaint.counting import counted
from models.sd_inpaint.family import SdInpaint
from models.sd_inpaint.pictures import NO_DENSEPOSE
from models.sd_inpaint.unet import UNet
from models.weights import WeightsError
from scripts.checkpoints import leffa
from scripts.checkpoints.stable_diffusion import written

CPU = torch.device("cpu")
H, W = 90, 70
SETTINGS = SamplingSettings(num_inference_steps=3, guidance_scale=2.5)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["catvton", "leffa"])
def card(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    made: ModelCard = importlib.import_module(f"scripts.checkpoints.{request.param}").small_card(
        tmp_path_factory.mktemp(request.param)
    )
    return made


@pytest.fixture(scope="module")
def leffa_card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return leffa.small_card(tmp_path_factory.mktemp("leffa"))


def inputs(seed: int = 1, *, garment: int | Image = 2, **others: Any) -> TryOnInputs:
    mask = np.zeros((H, W), np.uint8)
    mask[20:70, 15:55] = 255
    defaults = {
        "person": picture(seed),
        "garment": picture(garment) if isinstance(garment, int) else garment,
        "mask": mask,
        "densepose": picture(9),
    }
    return TryOnInputs(**{"category": "upper", "seed": seed, **defaults, **others})


def picture(seed: int) -> Image:
    return noise(H, W, seed)


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def loaded(card: ModelCard, **loading: Any) -> SdInpaint:
    return SdInpaint.load(card, CPU, Loading(**loading))


def latents(family: SdInpaint, *batch: TryOnInputs, settings: SamplingSettings = SETTINGS) -> torch.Tensor:
    state = family.begin([family.prepare(one) for one in batch], settings)
    for _ in range(settings.num_inference_steps):
        family.step(state)
    return state.walk.latents


def tensors_in(kept: Any) -> list[torch.Tensor]:
    return [kept] if isinstance(kept, torch.Tensor) else [tensor for each in kept for tensor in tensors_in(each)]


class Readings:
    """How many rows pass through reference UNets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        features = UNet.features

        def counting(unet: UNet, entered: torch.Tensor, embedding: torch.Tensor) -> list[torch.Tensor]:
            self.rows += len(entered)
            return features(unet, entered, embedding)

        monkeypatch.setattr(UNet, "features", counting)


@pytest.mark.parametrize("guidance_scale", [2.5, 1.0])
def test_the_savings_are_exact(card: ModelCard, guidance_scale: float) -> None:
    assert_savings_are_exact(card, guidance_scale)


def test_the_savings_are_exact_when_the_garment_is_read_once(leffa_card: ModelCard) -> None:
    once = dataclasses.replace(leffa_card, network=dict(leffa_card.network) | {"reuse_garment_features": True})
    assert_savings_are_exact(once, 2.5)


def assert_savings_are_exact(card: ModelCard, guidance_scale: float) -> None:
    exact, settings = dataclasses.replace(card, precision="float64"), SamplingSettings(4, guidance_scale)
    batch = [inputs(1), inputs(2, garment=3)]
    ours, published = (
        latents(loaded(exact, exact_savings=savings), *batch, settings=settings) for savings in (True, False)
    )
    assert (ours - published).norm() <= 1e-10 * published.norm()


def test_no_guidance_and_less_are_the_same(card: ModelCard) -> None:
    family = loaded(card)
    one, less, none = (latents(family, inputs(), settings=SamplingSettings(2, scale)) for scale in (1.0, 0.5, 0.0))
    assert torch.equal(one, less)
    assert torch.equal(one, none)


def test_reading_the_garment_once_is_another_picture_than_reading_it_each_time(leffa_card: ModelCard) -> None:
    once = dataclasses.replace(leffa_card, network=dict(leffa_card.network) | {"reuse_garment_features": True})
    assert not torch.equal(latents(loaded(once), inputs()), latents(loaded(leffa_card), inputs()))


def test_each_garment_is_read_once_a_step_and_no_garment_once_for_all(
    leffa_card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings, family = Readings(monkeypatch), loaded(leffa_card, reuse=reuse())
    latents(family, inputs(1), inputs(2), inputs(3, garment=4))
    assert readings.rows == 3 * (2 + 1), "two garments and none, in three steps"
    latents(family, inputs(1, garment=5))
    assert readings.rows == 9 + 3


def test_a_remembered_garment_is_not_read_again_and_changes_no_bit(
    leffa_card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = loaded(leffa_card, reuse=reuse())
    latents(family, inputs(1))
    readings = Readings(monkeypatch)
    hit = latents(family, inputs(5), inputs(6, garment=7))
    assert readings.rows == 3, "the new garment alone"
    assert torch.equal(hit, latents(loaded(leffa_card), inputs(5), inputs(6, garment=7)))
    assert torch.equal(hit, latents(family, inputs(5), inputs(6, garment=7))), "all of it remembered"
    assert readings.rows == 3 + 9
    other = SamplingSettings(2, 2.5)
    assert torch.equal(
        latents(family, inputs(5), settings=other), latents(loaded(leffa_card), inputs(5), settings=other)
    )


def test_a_store_too_small_for_a_garment_keeps_none_of_it_and_throws_nothing_out(leffa_card: ModelCard) -> None:
    settings, whole = SamplingSettings(3, 1.0), Watched()
    expected = latents(loaded(leffa_card, reuse=whole), inputs(), settings=settings)
    film = whole.of(Kind.FEATURES)[0]
    assert len(film) == 3, "a frame for each step"
    small, another = reuse(num_bytes_of(film) - 1), Key(Kind.LATENTS, "another")
    small.keep(another, torch.zeros(8))
    assert torch.equal(latents(loaded(leffa_card, reuse=small), inputs(), settings=settings), expected)
    assert small.kept(another) is not None
    assert small.stats.snapshot()["reuse.features.host.bytes"] == 0


def test_garments_that_push_each_other_out_change_no_bit(leffa_card: ModelCard) -> None:
    whole = Watched()
    batch = [inputs(1), inputs(2, garment=3), inputs(4, garment=5)]
    expected = latents(loaded(leffa_card, reuse=whole), *batch)
    crowded = reuse(sum(map(num_bytes_of, whole.values.values())) // 2)
    family = loaded(leffa_card, reuse=crowded)
    for _ in range(2):
        assert torch.equal(latents(family, *batch), expected)
    assert crowded.stats.snapshot()["reuse.features.host.bytes"] % num_bytes_of(whole.of(Kind.FEATURES)[0]) == 0, (
        "whole ones"
    )


def test_what_was_read_once_is_remembered_too(leffa_card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    once = dataclasses.replace(leffa_card, network=dict(leffa_card.network) | {"reuse_garment_features": True})
    family, readings = loaded(once, reuse=reuse()), Readings(monkeypatch)
    found = latents(family, inputs())
    assert torch.equal(latents(family, inputs()), found)
    assert readings.rows == 2, "the garment and none, for both pictures"


def test_a_walk_that_was_cut_short_is_gone_on_with(leffa_card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    family = loaded(leffa_card, reuse=reuse())
    state = family.begin([family.prepare(inputs())], SETTINGS)
    family.step(state)
    readings = Readings(monkeypatch)
    found = latents(family, inputs())
    assert readings.rows == 2 * 2, "the garment and none, in the two steps that are left"
    assert torch.equal(found, latents(loaded(leffa_card), inputs()))


@pytest.mark.parametrize("exact_savings", [True, False])
def test_a_step_never_waits_for_the_device(card: ModelCard, exact_savings: bool) -> None:
    family = loaded(card, exact_savings=exact_savings, reuse=reuse())
    for _ in range(2):  # the garment is new, then remembered
        state = family.begin([family.prepare(inputs(1)), family.prepare(inputs(2))], SETTINGS)
        with waiting() as reads:
            for _ in range(SETTINGS.num_inference_steps):
                family.step(state)
            assert reads == []
            with torch.inference_mode():
                state.walk.coefficients[0, 0].item()
        assert reads == ["item"], "the count itself works"


def test_a_remembered_garment_is_that_of_its_canvas_and_precision(leffa_card: ModelCard) -> None:
    store = reuse()
    wider = dataclasses.replace(leffa_card, width=64)
    wide = dataclasses.replace(leffa_card, precision="float64")
    for card in (leffa_card, wider, wide):
        again = latents(loaded(card, reuse=store), inputs())
        assert torch.equal(again, latents(loaded(card), inputs()))


def test_without_densepose_the_picture_carries_a_warning(leffa_card: ModelCard) -> None:
    family = loaded(leffa_card)
    without = family.prepare(inputs(densepose=None))
    assert family.warnings(without) == (NO_DENSEPOSE,)
    assert without.densepose is not None
    assert (without.densepose == -1).all(), "as if nobody were found"
    assert family.warnings(family.prepare(inputs())) == ()
    assert not torch.equal(latents(family, inputs(densepose=None)), latents(family, inputs()))


def test_densepose_s_colours_enter_reversed_and_its_parts_as_they_are(leffa_card: ModelCard) -> None:
    parts = dataclasses.replace(leffa_card, network=dict(leffa_card.network) | {"densepose": "parts"})
    colours, numbers = (loaded(card).prepare(inputs()).densepose for card in (leffa_card, parts))
    assert colours is not None
    assert numbers is not None
    assert torch.equal(colours.flip(1), numbers)


def test_a_densepose_picture_of_another_size_is_refused(leffa_card: ModelCard) -> None:
    with pytest.raises(UnusableInput, match="DensePose"):
        loaded(leffa_card).prepare(inputs(densepose=picture(9)[1:]))


def test_without_a_mask_the_helpers_make_one_or_the_job_is_refused(card: ModelCard) -> None:
    with pytest.raises(UnusableInput, match="mask"):
        loaded(card).prepare(inputs(mask=None))
    labels = np.full((H, W), Part.BACKGROUND, np.uint8)
    helpers = Helpers(parser=lambda image: labels)
    with pytest.raises(UnusableInput, match="No clothes"):
        loaded(card, helpers=helpers).prepare(inputs(mask=None))
    labels[30:60, 20:50] = Part.TOP
    mask = loaded(card, helpers=helpers).prepare(inputs(mask=None)).inputs.mask
    assert mask is not None
    assert (mask[30:60, 20:50] == 255).all()
    assert mask[0, 0] == 0


@pytest.mark.parametrize(("first", "last"), [(0, 20), (200, 231), (140, 220), (30, 330), (0, 360)])
@pytest.mark.parametrize("is_tall", [False, True])
def test_all_of_a_mask_is_drawn_wherever_it_lies(card: ModelCard, first: int, last: int, is_tall: bool) -> None:
    person, mask = noise(H, 4 * H), np.zeros((H, 4 * H), np.uint8)
    mask[20:70, first:last] = 255
    if is_tall:
        person, mask = np.ascontiguousarray(person.transpose(1, 0, 2)), np.ascontiguousarray(mask.T)
    sharp = dataclasses.replace(card, network=dict(card.network) | {"mask_blur": 0.0})
    family = loaded(sharp)
    prepared = family.prepare(inputs(person=person, mask=mask, densepose=person))
    source = prepared.fit.source
    assert mask[source.slices].sum() == mask.sum()
    drawn = prepared.mask.bool()
    assert drawn.any()
    assert not prepared.person[drawn.expand(-1, 3, -1, -1)].any()
    state = family.begin([prepared], SamplingSettings(1, 1.0))
    family.step(state)
    (result,) = finished(family, state)
    assert np.array_equal(result[mask == 0], person[mask == 0])
    inside = np.any(result != person, axis=2)[mask > 0]
    assert inside.mean() > 0.8


def test_catvton_s_canvas_is_covered_and_leffa_s_shows_the_whole_photograph_as_published(card: ModelCard) -> None:
    mask = np.zeros((H, 4 * H), np.uint8)
    mask[20:70, 160:200] = 255
    prepared = loaded(card).prepare(inputs(person=noise(H, 4 * H), mask=mask, densepose=None))
    fit = prepared.fit
    if card.name == "small-leffa":
        assert fit.source == (0, 0, 4 * H, H)
        assert (prepared.person[..., : fit.target.y0, :] == 1).all(), "white above"
        assert not prepared.mask[..., : fit.target.y0, :].any()
    else:
        assert abs(fit.source.x0 + fit.source.x1 - 4 * H) <= 1
        assert fit.target == (0, 0, card.width, card.height)


def test_a_garment_is_shown_whole_on_white(card: ModelCard) -> None:
    shown = loaded(card).prepare(inputs(garment=noise(H, 4 * H, 3))).garment.picture[0]
    rows = card.width // 4
    top = (card.height - rows) // 2
    assert (shown[:, :top] == 1).all()
    assert (shown[:, top + rows :] == 1).all()
    assert (shown[:, top : top + rows] != 1).any(0).all()


def test_a_mask_of_everything_leaves_nothing_of_the_person(card: ModelCard) -> None:
    family = loaded(card)
    everything = np.full((H, W), 255, np.uint8)
    one, another = (family.prepare(inputs(seed, mask=everything)) for seed in (1, 2))
    drawn = one.mask.bool().expand(-1, 3, -1, -1)
    assert torch.equal(one.person[drawn], another.person[drawn])
    assert drawn[..., one.fit.target.slices[0], one.fit.target.slices[1]].all()


def test_a_garment_that_is_worn_is_cut_out_or_the_picture_carries_a_warning(card: ModelCard) -> None:
    labels = np.full((card.height, card.width), Part.BACKGROUND, np.uint8)
    labels[20:40, 10:30] = Part.TOP
    flat = loaded(card).prepare(inputs())
    worn = loaded(card, helpers=Helpers(parser=lambda image: labels)).prepare(inputs(garment_is_worn=True))
    uncut = loaded(card).prepare(inputs(garment_is_worn=True))
    assert torch.equal(worn.garment.picture[..., 20:40, 10:30], flat.garment.picture[..., 20:40, 10:30])
    assert (worn.garment.picture[..., :20, :].abs() < 0.01).all(), "gray around it"
    assert (flat.warnings, worn.warnings, uncut.warnings) == ((), (), (NO_HELPERS,))
    assert torch.equal(uncut.garment.picture, flat.garment.picture)
    assert worn.garment.digest != flat.garment.digest


def test_a_blurred_mask_loses_its_specks(card: ModelCard) -> None:
    blurred, sharp = (
        dataclasses.replace(card, network=dict(card.network) | {"mask_blur": blur}) for blur in (3.0, 0.0)
    )
    mask = np.zeros((H, W), np.uint8)
    mask[30:60, 20:50] = 255
    mask[10:13, 10:13] = 255
    rounded, kept = (loaded(one).prepare(inputs(mask=mask)).mask for one in (blurred, sharp))
    assert rounded[..., :16, :16].sum() == 0
    assert kept[..., :16, :16].sum() > 0


def test_options_that_the_family_does_not_know_are_refused(card: ModelCard) -> None:
    with pytest.raises(WeightsError, match="hue"):
        loaded(dataclasses.replace(card, network=dict(card.network) | {"hue": 1}))
    with pytest.raises(WeightsError, match="conditioning"):
        loaded(dataclasses.replace(card, network=dict(card.network) | {"conditioning": "telepathy"}))


def test_a_canvas_without_whole_latents_is_refused(card: ModelCard) -> None:
    with pytest.raises(WeightsError, match="multiples of 8"):
        loaded(dataclasses.replace(card, height=card.height + 4))


def with_lora(card: ModelCard, folder: Path, module: str) -> tuple[ModelCard, torch.Tensor]:
    """The card with a LoRA for a layer of 16 x 16, and what it adds to the layer's weight."""
    torch.manual_seed(3)
    down, up = torch.randn(2, 16), torch.randn(16, 2)
    path = f"loras/{module}.safetensors"
    tensors = {f"unet.{module}.lora_A.weight": down, f"unet.{module}.lora_B.weight": up}
    shutil.copytree(card.folder, folder, dirs_exist_ok=True)
    file = written(tensors, folder, path)
    loras = (Lora(path, scale=0.5),)
    return dataclasses.replace(card, folder=folder, files=(*card.files, file), loras=loras), 0.5 * up @ down


def test_a_lora_is_in_the_unet_that_denoises_after_all_its_weights_are_in_place(
    card: ModelCard, tmp_path: Path
) -> None:
    module = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    changed, added = with_lora(card, tmp_path, module)
    plain, with_it = (loaded(one)._conditioner.core.unet.network.get_submodule(module) for one in (card, changed))
    torch.testing.assert_close(with_it.weight, plain.weight + added)
    assert latents(loaded(changed), inputs()).isfinite().all()


def test_a_lora_leaves_the_reference_unet_alone(leffa_card: ModelCard, tmp_path: Path) -> None:
    changed, _ = with_lora(leffa_card, tmp_path, "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q")
    readers = [loaded(one)._conditioner.reader.network.state_dict() for one in (leffa_card, changed)]  # type: ignore[union-attr]
    assert all(torch.equal(readers[0][key], readers[1][key]) for key in readers[0])


@pytest.mark.parametrize("attention", ["attn2.to_q", "attn1.to_x"])
def test_a_lora_for_what_is_not_there_is_refused_by_name(card: ModelCard, tmp_path: Path, attention: str) -> None:
    changed, _ = with_lora(card, tmp_path, f"down_blocks.0.attentions.0.transformer_blocks.0.{attention}")
    with pytest.raises(WeightsError, match=attention.replace(".", r"\.")):
        loaded(changed)


def test_the_work_of_the_full_size_is_below_the_published_code_s() -> None:
    from models.catalog import read_card

    catvton, leffa_hd = counted(read_card("catvton-mix")), counted(read_card("leffa-vitonhd"))
    assert catvton.denoise_published == pytest.approx(830.2, abs=0.1)
    assert catvton.parts["denoise"] < 808
    assert catvton.denoise_garment_cached is None
    assert leffa_hd.denoise_published == pytest.approx(573.5, abs=0.1)
    assert leffa_hd.parts["denoise"] + 81.1 < 408, "with what is computed once of no garment"
    assert leffa_hd.denoise_garment_cached is not None
    assert leffa_hd.denoise_garment_cached < 246


def test_bfloat16_is_near_float32(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SamplingSettings(1, 2.5)
    wide = latents(loaded(card), inputs(), settings=settings)
    monkeypatch.setattr("models.sd_inpaint.family.precision_on", lambda card, device: torch.bfloat16)
    store = Watched()
    family = loaded(card, reuse=store)
    narrow = latents(family, inputs(), settings=settings)
    assert narrow.dtype is torch.float32, "the latents between the steps"
    assert 0 < (narrow - wide).norm() < 0.05 * wide.norm()
    kept = tuple(store.of(Kind.LATENTS) + store.of(Kind.FEATURES))
    assert {tensor.dtype for tensor in tensors_in(kept)} == {torch.bfloat16}
    state = family.begin([family.prepare(inputs())], settings)
    family.step(state)
    assert finished(family, state)[0].shape == (H, W, 3)
