"""What holds for every family, on small random weights of its published layout."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from elsewhere import COPIES, ELSEWHERE, meeting
from kept import reuse
from safetensors.torch import load_file, save_file
from verbs import finished
from waiting import waiting

from inference.device import without_synchronisation
from inference.loading import family_of
from inference.reuse import Reuse
from inference.values import mapped
from models.base import Image, Loading, Mask, SamplingSettings, TryOnFamily, TryOnInputs, UnusableInput
from models.catalog import FAMILIES, ModelCard, WeightFile, card_names, read_card
from models.developed import NotNumbersError
from models.exactness import NONE, Approximations, Exactness, Optimisation
from models.files.checking import sha256_of
from models.flux2_klein.prompts import PromptReader
from models.weights import WeightsError

CPU = torch.device("cpu")
FAMILY_MODULES = (
    "models.fashn_vton.family",
    "models.sd_inpaint.family",
    "models.flux2_klein.networks",
    "models.qwen_edit.networks",
)
CHECKPOINTS = ("paperdoll", "fashn_vton", "catvton", "leffa", "flux2_klein", "qwen_edit")
H, W = 150, 110  # of photographs; no model's canvas
NUM_STEPS = 2
DETAIL = 12  # pixels of a random picture's squares
TOLERANCE = 2  # of 255: the order of a sum depends on the batch
SHARE_BEYOND = 1e-3  # of the pixels: where a sum decides to which side of an edge a pixel belongs

pytestmark = pytest.mark.usefixtures("one_thread")

Family = TryOnFamily[Any, Any, Any]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A small checkpoint, and its family loaded without a store."""

    card: ModelCard
    family: Family
    person: Callable[[int, int, int], Image]
    garment: Callable[[int, int, int], Image]

    def inputs(self, seed: int, *, person: int = 1, garment: int = 2, size: tuple[int, int] = (H, W)) -> TryOnInputs:
        return TryOnInputs(
            person=self.person(person, *size),
            garment=self.garment(garment, 130, 120),
            category=self.card.categories[seed % len(self.card.categories)],
            seed=seed,
            mask=middle(*size) if "mask" in self.card.needs else None,
            densepose=picture(3, *size) if "densepose" in self.card.needs else None,
        )

    def run(
        self, *batch: TryOnInputs, family: Family | None = None, settings: SamplingSettings | None = None
    ) -> list[Image]:
        """The pictures after two steps, by this family or another; or after those of the `settings`."""
        family, settings = family or self.family, settings or self.settings
        state = family.begin([family.prepare(inputs) for inputs in batch], settings)
        for _ in range(settings.num_inference_steps):
            family.step(state)
        return finished(family, state)

    @property
    def settings(self) -> SamplingSettings:
        return SamplingSettings(NUM_STEPS, self.card.guidance_scale)


@pytest.fixture(scope="module", params=CHECKPOINTS)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    module = importlib.import_module(f"scripts.checkpoints.{request.param}")
    card = module.small_card(tmp_path_factory.mktemp(request.param))
    return Subject(card, loaded(card), getattr(module, "person", picture), getattr(module, "garment", picture))


def loaded(card: ModelCard, store: Reuse | None = None) -> Family:
    return family_of(card).load(card, CPU, Loading(reuse=store))


def picture(seed: int, height: int = H, width: int = W) -> Image:
    """Random squares, so that resizing keeps something of them."""
    squares = np.random.default_rng(seed).integers(0, 256, (height // DETAIL + 1, width // DETAIL + 1, 3), np.uint8)
    return np.kron(squares, np.ones((DETAIL, DETAIL, 1), np.uint8))[:height, :width].copy()


def middle(height: int = H, width: int = W) -> Mask:
    """A mask of the middle of a photograph."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return mask


def agree(ones: list[Image], others: list[Image]) -> bool:
    beyond = [np.abs(one.astype(int) - other).max(-1) > TOLERANCE for one, other in zip(ones, others, strict=True)]
    return max(float(each.mean()) for each in beyond) <= SHARE_BEYOND


def test_the_same_seed_makes_the_same_picture(subject: Subject) -> None:
    one, again = (subject.run(subject.inputs(7))[0] for _ in range(2))
    assert np.array_equal(one, again)


def test_what_are_not_numbers_is_no_picture(subject: Subject) -> None:
    family = loaded(subject.card)
    for weight in family.networks["denoiser"].parameters():
        weight.fill_(torch.nan)
    with pytest.raises(NotNumbersError, match="NaN"):
        subject.run(subject.inputs(7), family=family)


def test_another_seed_makes_another_picture(subject: Subject) -> None:
    inputs = subject.inputs(7)
    one, other = (subject.run(dataclasses.replace(inputs, seed=seed))[0] for seed in (7, 8))
    assert not np.array_equal(one, other)


def test_another_garment_makes_another_picture(subject: Subject) -> None:
    one, other = (subject.run(subject.inputs(7, garment=g))[0] for g in (2, 5))
    assert not np.array_equal(one, other)


def test_a_batch_equals_its_singles(subject: Subject) -> None:
    batch = [subject.inputs(seed, person=seed + 10, garment=seed + 20) for seed in range(3)]
    together = subject.run(*batch)
    alone = [subject.run(inputs)[0] for inputs in batch]
    assert agree(together, alone)


def approximated(subject: Subject, approximations: Approximations, *batch: TryOnInputs) -> list[Image]:
    """The pictures after four steps, but for what the family does not honour."""
    return subject.run(*batch, settings=four_steps(subject, approximations))


def four_steps(subject: Subject, approximations: Approximations) -> SamplingSettings:
    asked, names = approximations.as_dict(), subject.family.approximations
    chosen = Approximations.of({name: value for name, value in asked.items() if name in names})
    return SamplingSettings(4, subject.card.guidance_scale, chosen)


def told_of(subject: Subject, name: str = "", value: Any = None) -> tuple[Optimisation, ...]:
    """What made a picture with this approximation, if the family honours it."""
    chosen = Approximations(**{name: value}) if name in subject.family.approximations else NONE
    return subject.family.optimisations(SamplingSettings(4, subject.card.guidance_scale, chosen))


def test_approximations_that_leave_nothing_out_change_nothing(subject: Subject) -> None:
    inputs = subject.inputs(7)
    neutral = Approximations(guidance_interval=(0.0, 1.0), garment_reuse_steps=1)
    exact, same = (approximated(subject, chosen, inputs)[0] for chosen in (NONE, neutral))
    assert np.array_equal(exact, same)


@pytest.mark.parametrize("interval", [(0.0, 0.6), (0.3, 1.0)])
def test_an_approximated_batch_equals_its_singles(subject: Subject, interval: tuple[float, float]) -> None:
    chosen = Approximations(guidance_interval=interval, garment_reuse_steps=2)
    batch = [subject.inputs(seed, person=seed + 10, garment=seed + 20) for seed in range(3)]
    together = approximated(subject, chosen, *batch)
    assert agree(together, [approximated(subject, chosen, inputs)[0] for inputs in batch])


def test_what_is_approximated_is_another_picture(subject: Subject) -> None:
    inputs = subject.inputs(7)
    exact = approximated(subject, NONE, inputs)[0]
    is_guided = subject.card.guidance_scale > 1
    for name, value in (("guidance_interval", (0.0, 0.5)), ("garment_reuse_steps", 2)):
        other = approximated(subject, Approximations(**{name: value}), inputs)[0]
        works = name in subject.family.approximations and (is_guided or name != "guidance_interval")
        assert np.array_equal(exact, other) != works, name
        assert any(one.exactness is Exactness.APPROXIMATE for one in told_of(subject, name, value)) == works, name
    told = told_of(subject)
    assert len({one.name for one in told}) == len(told)
    assert {one.exactness for one in told} <= {Exactness.EXACT}


def test_outside_the_guidance_interval_the_picture_is_that_of_no_guidance(subject: Subject) -> None:
    if "guidance_interval" not in subject.family.approximations:
        pytest.skip("it has no guidance")
    inputs = subject.inputs(7)
    never = approximated(subject, Approximations(guidance_interval=(0.0, 0.1)), inputs)[0]
    assert np.array_equal(never, subject.run(inputs, settings=SamplingSettings(4, 1.0))[0])


def test_approximations_leave_less_to_do(subject: Subject) -> None:
    count, card = type(subject.family).count_flops, dataclasses.replace(subject.card, num_inference_steps=4)
    asked = {"num_inference_steps": 3, "guidance_interval": (0.0, 0.5), "garment_reuse_steps": 2}
    honoured = {name: value for name, value in asked.items() if name in subject.family.approximations}
    if not honoured:
        pytest.skip("it honours no approximation")
    less = dataclasses.replace(card, approximations=Approximations(**honoured))
    assert count(less).parts["denoise"] < count(card).parts["denoise"]


def test_photographs_of_different_shapes_share_a_batch(subject: Subject) -> None:
    batch = [subject.inputs(1), subject.inputs(2, size=(2 * H, W)), subject.inputs(3)]
    together = subject.run(*batch)
    assert [image.shape for image in together] == [inputs.person.shape for inputs in batch]
    alone = [subject.run(inputs)[0] for inputs in batch]
    assert agree(together, alone)


def test_a_picture_is_of_its_photograph_s_size_and_type(subject: Subject) -> None:
    inputs = subject.inputs(7, size=(203, 171))
    image = subject.run(inputs)[0]
    assert (image.shape, image.dtype) == ((203, 171, 3), np.uint8)


def test_what_lies_outside_the_mask_is_the_photograph_s_byte_for_byte(subject: Subject) -> None:
    mask = middle()
    inputs = dataclasses.replace(subject.inputs(7), mask=mask)
    image = subject.run(inputs)[0]
    assert np.array_equal(image[mask == 0], inputs.person[mask == 0])
    assert not np.array_equal(image, inputs.person)


def test_the_inputs_stay_as_they_were(subject: Subject) -> None:
    inputs = subject.inputs(7)
    pictures = [array for array in (inputs.person, inputs.garment, inputs.mask, inputs.densepose) if array is not None]
    before = [array.copy() for array in pictures]
    subject.run(inputs)
    assert all(np.array_equal(array, kept) for array, kept in zip(pictures, before, strict=True))


def test_a_batch_can_be_left_between_two_steps(subject: Subject) -> None:
    inputs = subject.inputs(7)
    expected = subject.run(inputs)[0]
    left = subject.family.begin([subject.family.prepare(subject.inputs(8))], subject.settings)
    subject.family.step(left)
    del left
    assert np.array_equal(subject.run(inputs)[0], expected)


def test_two_batches_can_be_under_way_at_once(subject: Subject) -> None:
    family = subject.family
    batches = [subject.inputs(7), subject.inputs(8, person=11, garment=12)]
    expected = [subject.run(inputs)[0] for inputs in batches]
    states = [family.begin([family.prepare(inputs)], subject.settings) for inputs in batches]
    for _ in range(NUM_STEPS):
        for state in states:
            family.step(state)
    assert [np.array_equal(finished(family, s)[0], image) for s, image in zip(states, expected, strict=True)] == [
        True
    ] * 2


def test_what_makes_the_host_wait_is_found() -> None:
    numbers = torch.arange(3.0)
    with waiting() as names:
        float(numbers[1])
        numbers[numbers > 1]
        torch.tensor([1.0])
    assert {"_local_scalar_dense", "lift_fresh"} <= set(names)
    with torch.inference_mode(), waiting() as names:
        float(numbers[1])
    assert names == ["item"]


def test_no_step_makes_the_host_wait_for_a_gpu(subject: Subject) -> None:
    state = subject.family.begin([subject.family.prepare(subject.inputs(seed)) for seed in (7, 8)], subject.settings)
    for _ in range(NUM_STEPS):
        with waiting() as names:
            subject.family.step(state)
        assert names == []


@pytest.mark.parametrize(
    "chosen", [NONE, Approximations(guidance_interval=(0.0, 0.6), garment_reuse_steps=2)], ids=["exact", "approximate"]
)
def test_only_copies_pass_between_the_host_and_the_device(
    subject: Subject, chosen: Approximations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in a step not even those, but for a garment's own picture in the first."""
    read_on_the_host(monkeypatch)
    family, settings = family_of(subject.card).load(subject.card, ELSEWHERE, Loading()), four_steps(subject, chosen)
    with meeting() as names:
        state = family.begin([family.prepare(subject.inputs(seed)) for seed in (7, 8)], settings)
    assert set(names) <= COPIES
    for index in range(settings.num_inference_steps):
        with meeting() as names:
            family.step(state)
        assert set(names) <= (COPIES if index == 0 else set())
    with meeting() as names:
        family.decode(state)
    assert names == []


def read_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLUX.2 klein's texts: their reader looks whether one is padded, before there is a loop."""
    load = PromptReader.load

    def reader(card: ModelCard, device: torch.device, dtype: torch.dtype, *, whole: bool) -> Callable[[str], Any]:
        on_host = load(card, CPU, dtype, whole=whole)
        return lambda prompt: on_host(prompt).to(device)

    monkeypatch.setattr(PromptReader, "load", reader)


def test_what_lies_on_the_wrong_device_is_found() -> None:
    there, here = torch.zeros(3, device=ELSEWHERE), torch.zeros(3)
    with meeting() as names:
        there[torch.tensor([0, 1])]
        here.to(ELSEWHERE)
    assert set(names) - COPIES
    with pytest.raises(RuntimeError):
        there + here
    with pytest.raises(RuntimeError):
        there.sum().item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: there is none that a step could wait for")
def test_a_gpu_is_never_waited_for_in_a_step(subject: Subject) -> None:
    gpu = torch.device("cuda", 0)
    family = family_of(subject.card).load(subject.card, gpu, Loading())
    state = family.begin([family.prepare(subject.inputs(7))], subject.settings)
    for _ in range(NUM_STEPS):
        with without_synchronisation(gpu, forbidden=True):
            family.step(state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: nothing is pinned")
def test_a_gpu_reads_a_job_s_pictures_by_itself(subject: Subject) -> None:
    gpu = torch.device("cuda", 0)
    family = family_of(subject.card).load(subject.card, gpu, Loading())
    assert any(tensor.is_pinned() for tensor in tensors_of(family.prepare(subject.inputs(7))))


def tensors_of(value: Any) -> list[torch.Tensor]:
    """Those, and those that arrays lie in, anywhere in a job."""
    found: list[torch.Tensor] = []

    def seen(one: torch.Tensor) -> torch.Tensor:
        found.append(one)
        return one

    mapped(value, seen, lambda array: seen(torch.from_numpy(array)).numpy())
    return found


def test_half_precision_keeps_an_autoencoder_in_float32(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.weights.precision_on", lambda card, device: torch.float16)
    for name in FAMILY_MODULES:
        monkeypatch.setattr(f"{name}.precision_on", lambda card, device: torch.float16, raising=False)
    networks = loaded(subject.card).networks
    if "vae_decoder" not in networks:
        pytest.skip("it has no autoencoder")
    assert next(networks["denoiser"].parameters()).dtype is torch.float16
    for name in ("vae_encoder", "vae_decoder"):
        assert {weight.dtype for weight in networks[name].parameters()} == {torch.float32}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_reused_changes_no_bit_whatever_tier_it_comes_from(
    subject: Subject, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One garment on two persons, in memory; then from the disk, in another process's place, and in no memory."""
    monkeypatch.setattr("models.weights.precision_on", lambda card, device: getattr(torch, precision))
    for name in FAMILY_MODULES:
        monkeypatch.setattr(f"{name}.precision_on", lambda card, device: getattr(torch, precision), raising=False)
    persons = [subject.inputs(6, person=person) for person in (31, 32, 31)]
    plain = loaded(subject.card)
    expected = [subject.run(inputs, family=plain)[0] for inputs in persons]
    for budgets in ({}, {}, {"num_bytes": 0}):
        store = reuse(folder=tmp_path, **budgets)
        family = loaded(subject.card, store)
        found = [subject.run(inputs, family=family)[0] for inputs in persons]
        store.flush()
        assert [np.array_equal(*pair) for pair in zip(found, expected, strict=True)] == [True] * 3
    found_on_disk = any(name.endswith("disk.hits") for name in store.stats.snapshot())
    assert found_on_disk == any(tmp_path.rglob("*.safetensors"))


def test_a_cache_that_keeps_nothing_does_no_harm(subject: Subject) -> None:
    inputs = subject.inputs(7)
    image = subject.run(inputs, family=loaded(subject.card, reuse(0)))[0]
    assert np.array_equal(image, subject.run(inputs)[0])


def num_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def test_nothing_of_a_job_stays_when_it_is_done(subject: Subject) -> None:
    subject.run(subject.inputs(6))
    before = num_tensors()
    inputs = subject.inputs(7)
    pictures = [weakref.ref(inputs.person), weakref.ref(inputs.garment)]
    subject.run(inputs)
    del inputs
    assert num_tensors() == before
    assert [picture() for picture in pictures] == [None, None]


def test_a_garment_worn_otherwise_than_the_card_knows_is_a_value_error(subject: Subject) -> None:
    for category in sorted({"sideways", "upper", "lower", "overall"} - set(subject.card.categories)):
        with pytest.raises(UnusableInput) as caught:
            subject.family.prepare(dataclasses.replace(subject.inputs(7), category=category))
        assert isinstance(caught.value, ValueError)
        assert caught.value.which == "garment"


def test_a_mask_of_another_size_is_refused_in_a_sentence(subject: Subject) -> None:
    inputs = dataclasses.replace(subject.inputs(7), mask=middle(H + 1))
    with pytest.raises(UnusableInput, match="mask"):
        subject.family.prepare(inputs)


def weight_files(card: ModelCard) -> list[WeightFile]:
    return [file for file in card.files if file.path.endswith(".safetensors")]


def with_changed_keys(card: ModelCard, file: WeightFile, folder: Path, rename: Callable[[str], str]) -> ModelCard:
    """A copy of the card, in one of whose files the first key has another name, and whose card says so."""
    for each in card.files:
        target = folder / each.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(card.path(each.path).read_bytes())
    tensors = load_file(card.path(file.path))
    first = sorted(tensors)[0]
    save_file({rename(key) if key == first else key: tensor for key, tensor in tensors.items()}, folder / file.path)
    written = folder / file.path
    changed = dataclasses.replace(file, size=written.stat().st_size, sha256=sha256_of(written))
    files = tuple(changed if each is file else each for each in card.files)
    return dataclasses.replace(card, folder=folder, files=files)


def test_one_renamed_key_in_any_file_is_refused_by_name(subject: Subject, tmp_path: Path) -> None:
    for number, file in enumerate(weight_files(subject.card)):
        card = with_changed_keys(subject.card, file, tmp_path / str(number), lambda key: f"{key}_renamed")
        with pytest.raises(WeightsError, match=r"_renamed|missing"):
            loaded(card)


@pytest.mark.parametrize("name", [name for name in card_names() if not read_card(name).is_helper])
def test_a_card_s_tflop_are_those_that_are_counted(name: str) -> None:
    card = read_card(name)
    counted = family_of(card).count_flops(card)
    assert counted.total == pytest.approx(card.tflop_per_picture, rel=0.01)
    assert counted.parts["denoise"] <= counted.denoise_published
    if counted.denoise_garment_cached is not None:
        assert counted.denoise_garment_cached < counted.parts["denoise"]


def test_every_family_is_held_to_the_laws() -> None:
    held = {importlib.import_module(f"scripts.checkpoints.{name}").small_card for name in CHECKPOINTS}
    assert len(held) == len(CHECKPOINTS)
    families = {"sd_inpaint" if name in ("catvton", "leffa") else name for name in CHECKPOINTS}
    assert families == set(FAMILIES)
