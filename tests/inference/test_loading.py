"""A card that does not fit is refused by a sentence that says what to do; a placement tells its cost."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
import torch

from inference import loading
from inference.loading import loaded
from models.base import Loading
from models.card import WeightFile
from models.catalog import CardError, read_card
from models.footprint import Footprint, largest_network, told_of
from models.placement import check_fits
from models.qwen_edit.family import QwenEdit

CPU = torch.device("cpu")
QWEN = read_card("qwen-image-edit-2511")
FASTER = read_card("qwen-image-edit-2511-lightning")


def test_a_card_larger_than_the_gpu_is_refused_by_the_field_that_mends_it() -> None:
    assert 55e9 < Footprint.of(QWEN).device_bytes < 60e9
    assert 40e9 < largest_network(QWEN) < 42e9
    with pytest.raises(CardError, match=r'57\.\d GB .* 24 GB: say placement = "offload"'):
        check_fits(QWEN, 24 * 10**9)
    for placement in ("offload", "balanced"):
        check_fits(dataclasses.replace(QWEN, placement=placement), 24 * 10**9)
    check_fits(QWEN, 80 * 10**9)


def test_a_card_that_runs_out_of_memory_while_it_is_loaded_is_refused_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*args: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(QwenEdit, "load", too_large)
    monkeypatch.setattr(loading, "device_bytes", lambda device: 48 * 10**9)
    with pytest.raises(CardError, match="placement"):
        loaded(QWEN, CPU, Loading())


def test_a_guided_card_s_weights_move_twice_a_step_and_the_cost_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guided, distilled = (dataclasses.replace(card, placement="offload") for card in (QWEN, FASTER))
    assert Footprint.of(guided).moved_bytes == 2 * largest_network(QWEN)
    assert Footprint.of(distilled).moved_bytes < 1.1 * largest_network(QWEN)
    assert Footprint.of(guided).device_bytes < 1e9, "the autoencoder"
    assert Footprint.of(guided).seconds_a_step(1e10) == pytest.approx(2 * largest_network(QWEN) / 1e10)
    monkeypatch.setattr(QwenEdit, "load", lambda *args: None)
    with caplog.at_level(logging.INFO):
        loaded(guided, CPU, Loading())
    assert told_of(guided) in caplog.text
    assert told_of(QWEN) == ""


def test_a_family_that_cannot_be_placed_so_says_how_it_can() -> None:
    card = dataclasses.replace(read_card("paperdoll"), placement="balanced")
    with pytest.raises(CardError, match="placement = 'device'"):
        loaded(card, CPU, Loading())


def test_an_unknown_placement_is_a_malformed_card() -> None:
    with pytest.raises(ValueError, match="placement must be one of device, offload, balanced"):
        dataclasses.replace(QWEN, placement="cloud")


def test_files_without_a_folder_are_one_network() -> None:
    files = (WeightFile("a.safetensors", 3), WeightFile("b.safetensors", 4), WeightFile("x/c.safetensors", 5))
    assert largest_network(dataclasses.replace(QWEN, files=files)) == 7
