from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helper_checkpoints.sam import small_card as small_sam
from helper_checkpoints.segformer import small_card as small_segformer

from models.catalog import HELPERS, ModelCard, read_card
from models.preprocess.helpers import SLOTS, Helpers
from models.preprocess.segformer import SegFormer
from models.weights import WeightsError

CPU = torch.device("cpu")
IMAGE = np.zeros((40, 30, 3), np.uint8)


def family_card(**helpers: tuple[ModelCard, ...]) -> ModelCard:
    return dataclasses.replace(read_card("paperdoll"), **helpers)


def test_every_kind_of_helper_fills_a_field() -> None:
    fields = {field.name for field in dataclasses.fields(Helpers)}
    assert set(SLOTS) == set(HELPERS)
    assert set(SLOTS.values()) == fields


def test_those_that_are_fetched_are_loaded_and_the_others_left_out(tmp_path: Path) -> None:
    parser = small_segformer(tmp_path)
    unfetched = read_card("sam-vit-base", tmp_path / "none")
    helpers = Helpers.load(family_card(helpers=(parser,), optional_helpers=(unfetched,)), CPU)
    assert helpers.parser is not None
    assert helpers.parser(IMAGE).shape == (40, 30)
    assert helpers.segmenter is None
    assert helpers.pose is None


def test_an_optional_helper_is_used_once_it_is_there(tmp_path: Path) -> None:
    helpers = Helpers.load(family_card(optional_helpers=(small_sam(tmp_path),)), CPU)
    assert helpers.segmenter is not None
    assert helpers.segmenter(IMAGE, np.array([[3, 4]], np.float32)).shape == (40, 30)


def test_a_needed_helper_that_is_missing_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    needed = read_card("fashn-human-parser", tmp_path)
    with pytest.raises(WeightsError, match="fitting-room fetch fashn-human-parser"):
        Helpers.load(family_card(helpers=(needed,)), CPU)


def test_a_card_that_is_missing_with_its_helper_names_the_command_that_fetches_both(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"DWPose.* fitting-room fetch fashn-vton-1\.5"):
        Helpers.load(read_card("fashn-vton-1.5", tmp_path), CPU)


def test_of_two_parsers_only_the_first_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = small_segformer(tmp_path / "first"), small_segformer(tmp_path / "second")
    loaded: list[Path] = []
    monkeypatch.setattr(SegFormer, "load", lambda card, device: loaded.append(card.folder))
    Helpers.load(family_card(helpers=(first,), optional_helpers=(second,)), CPU)
    assert loaded == [first.folder]
