"""Model cards, read without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.catalog import CardError, card_names, load_card


@pytest.mark.parametrize("name", card_names())
def test_every_card_that_ships_is_whole(name: str) -> None:
    card = load_card(name)
    assert card.licence.code
    assert card.licence.weights
    assert all((card.folder / file.path).stat().st_size == file.size for file in card.files)


def test_a_weights_folder_is_used_for_the_cards_that_it_holds(tmp_path: Path) -> None:
    assert load_card("paperdoll", tmp_path).folder == load_card("paperdoll").folder
    (tmp_path / "paperdoll").mkdir()
    assert load_card("paperdoll", tmp_path).folder == tmp_path / "paperdoll"


@pytest.mark.parametrize("name", ["nobody", "", "../cards/paperdoll"])
def test_an_unknown_card_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(CardError, match="Known cards: paperdoll"):
        load_card(name)


def test_what_mends_a_card_depends_on_where_its_files_lie(tmp_path: Path) -> None:
    (tmp_path / "paperdoll").mkdir()
    assert "git checkout" in load_card("paperdoll").mending
    assert str(tmp_path) in load_card("paperdoll", tmp_path).mending
