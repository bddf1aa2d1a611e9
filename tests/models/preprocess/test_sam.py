from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helper_checkpoints.cards import card_of
from helper_checkpoints.sam import small_card
from safetensors.torch import load_file, save_file
from transformers import SamModel
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from models.catalog import ModelCard
from models.preprocess.sam import Sam
from models.weights import WeightsError

CPU = torch.device("cpu")
TIED = "prompt_encoder.shared_embedding.positional_embedding"


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    return small_card(tmp_path_factory.mktemp("sam"))


@pytest.fixture(scope="module")
def sam(card: ModelCard) -> Sam:
    return Sam.load(card, CPU)


@pytest.fixture(scope="module")
def stock(card: ModelCard) -> SamModel:
    return SamModel.from_pretrained(card.folder).eval()


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(100, 70), (50, 90)])
@pytest.mark.parametrize("points", [[[12, 30]], [[12, 30], [35, 22], [3, 3]]])
def test_masks_are_those_of_transformers_own_processor_and_network(
    sam: Sam, stock: SamModel, size: tuple[int, int], points: list[list[float]]
) -> None:
    image, places = picture(*size), np.array(points, np.float32)
    mask = sam(image, places)
    assert mask.shape == size
    assert set(np.unique(mask)) <= {0, 255}

    processor = SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}, mask_size={"longest_edge": 16}
    )
    inputs = processor(image, return_tensors="pt")
    shown = inputs["reshaped_input_sizes"][0].tolist()
    scaled = torch.tensor(places * [shown[1] / size[1], shown[0] / size[0]], dtype=torch.float32)
    with torch.inference_mode():
        answer = stock(pixel_values=inputs["pixel_values"], input_points=scaled[None, None])
    regions = processor.post_process_masks(answer.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"])[
        0
    ][0].numpy()
    x, y = places.astype(int).T
    held = regions[:, y, x].sum(1)
    agreeing = [(mask > 0) == region for region in regions]
    best = max(range(3), key=lambda k: (held[k], answer.iou_scores[0, 0, k].item()))
    assert agreeing[best].mean() > 0.999


@pytest.mark.parametrize("saved", ["once", "twice"])
def test_the_shared_embedding_may_be_saved_once_or_twice(card: ModelCard, sam: Sam, tmp_path: Path, saved: str) -> None:
    tensors = load_file(card.path("model.safetensors"))
    shared = tensors["shared_image_embedding.positional_embedding"]
    tensors.pop(TIED, None)
    if saved == "twice":
        tensors[TIED] = shared.clone()
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(card.path("config.json").read_bytes())
    image, points = picture(30, 40), np.array([[5, 5]], np.float32)
    again = Sam.load(card_of(tmp_path, "sam"), CPU)(image, points)
    np.testing.assert_array_equal(again, sam(image, points))


def test_a_missing_key_is_refused_by_name(card: ModelCard, tmp_path: Path) -> None:
    tensors = load_file(card.path("model.safetensors"))
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(card.path("config.json").read_bytes())
    with pytest.raises(WeightsError, match=r"missing mask_decoder\.iou_token\.weight"):
        Sam.load(card_of(tmp_path, "sam"), CPU)
