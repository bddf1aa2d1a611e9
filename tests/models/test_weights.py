from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.catalog import ModelCard, WeightFile, load_card
from models.weights import WeightsError, build_network, checked_file, load_tensors

CPU = torch.device("cpu")


def card_of(folder: Path, tensors: dict[str, torch.Tensor]) -> ModelCard:
    path = folder / "net.safetensors"
    save_file(tensors, path)
    data = path.read_bytes()
    file = WeightFile(path.name, len(data), hashlib.sha256(data).hexdigest())
    return dataclasses.replace(load_card("paperdoll"), files=(file,), folder=folder)


def test_weights_fill_the_network(tmp_path: Path) -> None:
    wanted = nn.Linear(3, 2)
    card = card_of(tmp_path, {key: value.half() for key, value in wanted.state_dict().items()})
    built = build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)
    torch.testing.assert_close(built.weight, wanted.weight, atol=1e-3, rtol=1e-3)
    assert not built.weight.requires_grad


@pytest.mark.parametrize(
    ("keys", "named"), [(["weight"], "missing bias"), (["weight", "bias", "extra"], "unexpected extra")]
)
def test_keys_that_do_not_fit_are_named_with_the_mending_command(tmp_path: Path, keys: list[str], named: str) -> None:
    card = card_of(tmp_path, {key: torch.zeros(2, 3) if key == "weight" else torch.zeros(2) for key in keys})
    with pytest.raises(WeightsError) as caught:
        build_network(lambda: nn.Linear(3, 2), load_tensors(card), card, CPU, torch.float32)
    assert named in str(caught.value)
    assert card.mending in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    card = card_of(tmp_path, {"weight": torch.zeros(1)})
    (tmp_path / "net.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"net\.safetensors is missing"):
        load_tensors(card)


@pytest.mark.parametrize("change", [lambda data: data + b"x", lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_changed_file_is_refused(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    card = card_of(tmp_path, {"weight": torch.rand(4)})
    path = tmp_path / "net.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(WeightsError, match=r"bytes|SHA-256"):
        checked_file(card, card.files[0])


def test_the_shipped_weights_are_the_cards_and_small() -> None:
    card = load_card("paperdoll")
    for file in card.files:
        assert checked_file(card, file).stat().st_size <= 16_000_000
