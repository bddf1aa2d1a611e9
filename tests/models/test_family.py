from __future__ import annotations

import numpy as np
import pytest
import torch
from verbs import finished

from models.base import Image, Loading, SamplingSettings, TryOnInputs, UnusableInput
from models.catalog import load_card
from models.paperdoll.drawings import Drawings
from models.paperdoll.evaluation import images
from models.paperdoll.family import PaperDoll

SETTINGS = SamplingSettings(2, 0.0)


@pytest.fixture(scope="module")
def family() -> PaperDoll:
    card = load_card("paperdoll")
    return PaperDoll.load(card, torch.device("cpu"), Loading())


@pytest.fixture(scope="module")
def inputs() -> list[TryOnInputs]:
    drawings = Drawings.draw(31_000, 3, 256, 192)
    pairs = zip(images(drawings.person), images(drawings.flat), strict=True)
    return [TryOnInputs(person, flat, "upper", seed) for seed, (person, flat) in enumerate(pairs)]


def generate(family: PaperDoll, inputs: list[TryOnInputs], settings: SamplingSettings = SETTINGS) -> list[Image]:
    state = family.begin([family.prepare(one) for one in inputs], settings)
    for _ in range(settings.num_inference_steps):
        family.step(state)
    return finished(family, state)


def test_a_picture_does_not_depend_on_its_batch_mates(family: PaperDoll, inputs: list[TryOnInputs]) -> None:
    together = generate(family, inputs)
    for one, picture in zip(inputs, together, strict=True):
        gap = np.abs(generate(family, [one])[0].astype(int) - picture)
        assert gap.max() <= 8
        assert gap.mean() < 0.05


def test_the_same_seed_makes_the_same_picture(family: PaperDoll, inputs: list[TryOnInputs]) -> None:
    first, second = (generate(family, inputs[:1])[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_outside_the_mask_every_byte_is_the_persons(family: PaperDoll, inputs: list[TryOnInputs]) -> None:
    state = family.begin([family.prepare(one) for one in inputs], SETTINGS)
    for _ in range(SETTINGS.num_inference_steps):
        family.step(state)
    for one, mask, picture in zip(inputs, family.masks(state), finished(family, state), strict=True):
        changed = (picture != one.person).any(2)
        assert changed.any()
        assert not changed[~mask[0].numpy()].any()


@pytest.mark.parametrize("shape", [(400, 320), (301, 500), (777, 130), (64, 64)])
def test_any_shape_of_photograph_comes_back_at_its_own_size(
    family: PaperDoll, inputs: list[TryOnInputs], shape: tuple[int, int]
) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    picture = generate(family, [TryOnInputs(photograph, inputs[0].garment, "upper", 1)])[0]
    assert picture.shape == photograph.shape
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("which", ["person", "garment"])
@pytest.mark.parametrize("shape", [(63, 200), (1, 1), (900, 100)])
def test_unusable_pictures_are_refused_with_a_sentence(
    family: PaperDoll, inputs: list[TryOnInputs], which: str, shape: tuple[int, int]
) -> None:
    pictures = {"person": inputs[0].person, "garment": inputs[0].garment, which: np.zeros((*shape, 3), np.uint8)}
    with pytest.raises(UnusableInput) as caught:
        family.prepare(TryOnInputs(pictures["person"], pictures["garment"], "upper", 0))
    assert caught.value.which == which
    assert caught.value.sentence.endswith(".")


def test_a_category_it_does_not_know_is_refused(family: PaperDoll, inputs: list[TryOnInputs]) -> None:
    with pytest.raises(UnusableInput, match="upper"):
        family.prepare(TryOnInputs(inputs[0].person, inputs[0].garment, "lower", 0))


def test_no_file_is_read_after_loading(
    family: PaperDoll, inputs: list[TryOnInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read a file")

    monkeypatch.setattr("builtins.open", refuse)
    assert len(generate(family, inputs[:1])) == 1
