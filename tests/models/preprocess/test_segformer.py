from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helper_checkpoints.cards import card_of
from helper_checkpoints.segformer import small_card
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from transformers import SegformerForSemanticSegmentation

from models.catalog import CardError, ModelCard, read_card
from models.developed import NotNumbersError
from models.preprocess.parts import Part
from models.preprocess.segformer import SegFormer
from models.weights import WeightsError

CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 256, (4, 3, 3), np.uint8).repeat(30, 0).repeat(30, 1)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("segformer"))


@pytest.fixture(scope="module")
def parser(card: ModelCard) -> SegFormer:
    return SegFormer.load(card, CPU)


def test_the_file_has_the_published_names(card: ModelCard) -> None:
    keys = set(load_file(card.path("model.safetensors")))
    assert "segformer.encoder.block.0.0.attention.self.query.weight" in keys
    assert "decode_head.linear_c.0.proj.weight" in keys


def test_labels_are_the_likeliest_classes_of_transformers_own_network(card: ModelCard, parser: SegFormer) -> None:
    labels = parser(IMAGE)
    network = SegformerForSemanticSegmentation.from_pretrained(card.folder).eval()
    small = np.asarray(Pillow.fromarray(IMAGE).resize((64, 96), Pillow.Resampling.BOX), np.float32) / 255
    pixels = torch.tensor((small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], dtype=torch.float32)
    with torch.inference_mode():
        logits = network(pixels.permute(2, 0, 1)[None]).logits
    grown = torch.nn.functional.interpolate(logits, IMAGE.shape[:2], mode="bilinear", align_corners=False)
    assert labels.dtype == np.uint8
    assert len(np.unique(labels)) > 3
    assert (labels == grown[0].argmax(0).numpy()).mean() > 0.999  # but for ties by rounding


def test_a_damaged_network_is_not_taken_for_a_picture_without_a_person(card: ModelCard) -> None:
    broken = SegFormer.load(card, CPU)
    broken._network.decode_head.classifier.weight.fill_(torch.nan)
    with pytest.raises(NotNumbersError, match="NaN"):
        broken(IMAGE)


@pytest.mark.parametrize("size", [(1, 1), (500, 30)])
def test_any_picture_gets_labels_of_its_size(parser: SegFormer, size: tuple[int, int]) -> None:
    assert parser(np.zeros((*size, 3), np.uint8)).shape == size


def test_the_card_translates_other_labels(parser: SegFormer, tmp_path: Path) -> None:
    table = {str(number): Part(number * 7 % 18).name for number in range(18)}
    other = small_card(tmp_path, [f"thing {number}" for number in range(18)], network={"labels": table})
    expected = parser(IMAGE).astype(int) * 7 % 18
    np.testing.assert_array_equal(SegFormer.load(other, CPU)(IMAGE), expected)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        ({}, "not Left-shoe, Upper-clothes"),
        ({"labels": {"0": "BACKGROUND", "1": "TOP", "2": "SHOE"}}, "not SHOE"),
        ({"labels": {"0": "BACKGROUND", "1": "TOP"}}, "each class 0 to 2"),
    ],
)
def test_labels_that_mean_nothing_here_are_refused_by_name(tmp_path: Path, network: dict, named: str) -> None:
    card = small_card(tmp_path, ["Background", "Upper-clothes", "Left-shoe"], network=network)
    with pytest.raises(CardError, match=named):
        SegFormer.load(card, CPU)


@pytest.mark.parametrize("name", ["fashn-human-parser", "segformer-b2-clothes"])
def test_the_cards_that_ship_translate_every_class(name: str) -> None:
    card = read_card(name)
    assert card.licence.commercial == "no"
    assert set(card.network.get("labels", {}).values()) <= set(Part.__members__)
    assert len(card.network.get("labels", Part)) == 18


def test_a_renamed_key_is_refused_by_name(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    path = card.path("model.safetensors")
    tensors = load_file(path)
    tensors["decode_head.classifier.wait"] = tensors.pop("decode_head.classifier.weight")
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=r"decode_head\.classifier\.weight.*decode_head\.classifier\.wait"):
        SegFormer.load(card_of(tmp_path, "segformer"), CPU)


def test_a_config_that_is_not_json_is_named(tmp_path: Path) -> None:
    card = small_card(tmp_path)
    card.path("config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json is not JSON"):
        SegFormer.load(card_of(tmp_path, "segformer"), CPU)
