"""Planted values are found wherever they were written, in every usual form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.soak.markers import Markers

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_planted_is_found_with_its_place_and_nothing_else_is(tmp_path: Path) -> None:
    markers = Markers()
    markers.plant("photo", "photos/shop.example/0123456789abcdef.jpg")
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "api.log"
    log.write_text("a clean line\n")
    assert markers.leaks_in(tmp_path) == []
    log.write_text(
        f"clean\nGET /?of={markers['e-mail'].replace('@', '%40')}\nphotos%2Fshop.example%2F0123456789abcdef.jpg"
    )
    assert markers.leaks_in(tmp_path) == ["e-mail in api.log:2", "photo in api.log:3"]
    assert markers.leaks_in(log) == markers.leaks_in(tmp_path)


def test_two_runs_plant_different_values() -> None:
    assert not set(Markers().planted.values()) & set(Markers().planted.values())


def test_a_value_that_would_be_found_by_chance_is_not_planted() -> None:
    with pytest.raises(AssertionError):
        Markers().plant("id", "12")
