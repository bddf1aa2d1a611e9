"""Which file is the right one, and what it costs to know."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from models.catalog import ModelCard, WeightFile, load_card
from models.files import checking
from models.files.checking import WeightsError, checked_file, problem_at_a_glance
from models.files.records import Record, write_record

CONTENT = b"weights" * 100


def card_of(folder: Path, sha256: str = hashlib.sha256(CONTENT).hexdigest(), source: str = "") -> ModelCard:
    (folder / "net.safetensors").write_bytes(CONTENT)
    file = WeightFile("net.safetensors", len(CONTENT), sha256, source=source)
    return dataclasses.replace(
        load_card("paperdoll"), name="mine", repository="acme/doll", files=(file,), folder=folder
    )


def recorded(revision: str = "main", source: str = "net.safetensors") -> Record:
    return Record(len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "acme/doll", revision, "c0ffee", source)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to be hashed; every one counts as large."""
    hashed: list[Path] = []
    really = checking.sha256_of
    monkeypatch.setattr(checking, "sha256_of", lambda path: hashed.append(path) or really(path))
    monkeypatch.setattr(checking, "HASHED_AT_EVERY_START", 0)
    return hashed


def test_the_second_start_hashes_nothing(tmp_path: Path, hashed: list[Path]) -> None:
    card = card_of(tmp_path)
    for _ in range(3):
        checked_file(card, card.files[0])
    assert len(hashed) == 1


def test_a_change_is_noticed_even_when_size_and_time_are_set_back(tmp_path: Path, hashed: list[Path]) -> None:
    card = card_of(tmp_path)
    path = checked_file(card, card.files[0])
    before = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WeightsError, match="has another SHA-256"):
        checked_file(card, card.files[0])


def test_another_file_in_its_place_is_noticed(tmp_path: Path, hashed: list[Path]) -> None:
    card = card_of(tmp_path)
    path = checked_file(card, card.files[0])
    (tmp_path / "other").write_bytes(CONTENT[::-1])
    (tmp_path / "other").replace(path)
    with pytest.raises(WeightsError, match="has another SHA-256"):
        checked_file(card, card.files[0])


def test_a_damaged_memory_costs_time_and_nothing_else(tmp_path: Path, hashed: list[Path]) -> None:
    card = card_of(tmp_path)
    checked_file(card, card.files[0])
    (tmp_path / checking.MEMORY).write_text("{")
    checked_file(card, card.files[0])
    assert len(hashed) == 2


def test_where_nothing_can_be_remembered_it_works_all_the_same(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(checking, "write_json", refuse)
    card = card_of(tmp_path)
    assert checked_file(card, card.files[0]) == checked_file(card, card.files[0])


def test_a_small_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    checked_file(card, card.files[0])
    assert list(tmp_path.iterdir()) == [tmp_path / "net.safetensors"]


def test_a_file_that_nobody_described_is_not_trusted(tmp_path: Path) -> None:
    card = card_of(tmp_path, sha256="")
    with pytest.raises(WeightsError, match=r"net\.safetensors was not fetched.*fitting-room fetch mine"):
        checked_file(card, card.files[0])


@pytest.mark.parametrize("source", ["", "net.pth"])
def test_without_a_hash_in_the_card_the_one_first_fetched_counts(tmp_path: Path, source: str) -> None:
    card = card_of(tmp_path, sha256="0" * 64 if source else "", source=source)  # the card's is that of the pickle
    write_record(tmp_path, "net.safetensors", recorded(source=source or "net.safetensors"))
    checked_file(card, card.files[0])
    (tmp_path / "net.safetensors").write_bytes(CONTENT[::-1])
    assert problem_at_a_glance(card, card.files[0]) == ""
    with pytest.raises(WeightsError, match="has another SHA-256"):
        checked_file(card, card.files[0])
    (tmp_path / "net.safetensors").write_bytes(CONTENT[:-1])
    assert "has 699 bytes instead of 700" in problem_at_a_glance(card, card.files[0])


def test_what_was_fetched_of_another_revision_than_the_card_s_is_refused(tmp_path: Path) -> None:
    card = card_of(tmp_path, sha256="")
    write_record(tmp_path, "net.safetensors", recorded(revision="v1"))
    with pytest.raises(WeightsError, match=r"is from acme/doll at v1, the card asks for acme/doll at main\. Fetch"):
        checked_file(card, card.files[0])
    write_record(tmp_path, "net.safetensors", recorded(revision="main"))
    for revision in ("main", "c0ffee"):
        checked_file(dataclasses.replace(card, revision=revision), card.files[0])
