"""Random weights take the place of published ones: same layout, same loader, finite pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.loading import family_of
from models.base import Loading
from models.catalog import CardError, load_card, read_card
from models.flops import FlopCount
from scripts.checkpoints.drawing import POOL, Draw
from scripts.checkpoints.random_weights import layout_of, with_random_weights

CARDS = ("leffa-vitonhd", "catvton-mix", "fashn-vton-1.5", "flux2-klein-4b", "qwen-image-edit-2511")


@pytest.mark.parametrize("name", CARDS)
def test_small_random_weights_load_strictly_and_are_written_once(name: str, tmp_path: Path) -> None:
    published, counts = replace(read_card(name), precision="float32"), []
    card = with_random_weights(published, "small", tmp_path, counts.append)
    assert card.name == f"{name}-random-small"
    assert (card.licence.restricted, card.helpers) == ((), ())
    family_of(card).load(card, torch.device("cpu"), Loading())
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    drawn = len(counts)
    again = with_random_weights(published, "small", tmp_path, counts.append)
    assert again == card
    assert len(counts) == drawn
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == stamps


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashn-vton-1.5", "leffa-vitonhd"])
def test_the_small_size_has_the_published_shares_of_the_work(name: str, tmp_path: Path) -> None:
    card = with_random_weights(replace(read_card(name), precision="float32"), "small", tmp_path)
    full, reduced = (family_of(one).count_flops(one) for one in (read_card(name), card))
    assert saved(reduced) == pytest.approx(saved(full), rel=0.03)
    assert reduced.total < full.total / 500


def saved(count: FlopCount) -> float:
    """How many times the work of ours the published loop is."""
    return count.denoise_published / count.parts["denoise"]


def test_an_interrupted_writing_leaves_nothing_that_loads(tmp_path: Path) -> None:
    published = replace(read_card("fashn-vton-1.5"), precision="float32")

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_random_weights(published, "small", tmp_path, interrupt)
    card = with_random_weights(published, "small", tmp_path)
    family_of(card).load(card, torch.device("cpu"), Loading())


def test_a_card_whose_weights_ship_has_no_random_ones() -> None:
    with pytest.raises(CardError, match="paperdoll"):
        layout_of(load_card("paperdoll"))


def test_what_is_drawn_keeps_the_size_of_what_goes_through_it() -> None:
    drawn = Draw(torch.float32)(lambda: torch.nn.Linear(600, 400))
    through = torch.randn(64, 600, generator=torch.Generator().manual_seed(0)) @ drawn["weight"].T
    assert through.std() == pytest.approx(1, rel=0.05)


def test_more_numbers_than_the_pool_holds_repeat_no_row() -> None:
    weight = Draw(torch.bfloat16).tensors({"weight": torch.empty(4100, 4100, device="meta")})["weight"]
    assert weight.numel() > POOL
    assert len(torch.unique(weight[:, :8].float(), dim=0)) == 4100
