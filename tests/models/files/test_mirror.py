"""Fetching from a folder: nothing is asked of a network."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from models.catalog import ModelCard, load_card
from models.files.fetching import fetch
from models.files.hub import FetchError
from models.files.records import read_records

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = os.urandom(5000)

CARD = """
title = "Mine"
family = "paperdoll"
description = "A card of somebody's own."
height = 64
width = 48
num_inference_steps = 2
categories = ["upper"]
repository = "acme/doll"
revision = "main"
licence = { code = "MIT", weights = "MIT", commercial = "yes", reason = "MIT." }

[[files]]
path = "net.safetensors"
size = 5000
source = "nets/net.safetensors"

[[files]]
path = "pickled.safetensors"
size = 1
source = "pickled.pth"
"""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("models.files.hub.get_hf_file_metadata", refuse)
    monkeypatch.setattr("models.files.hub.http_get", refuse)


def card_in(folder: Path) -> ModelCard:
    (folder / "mine.toml").write_text(CARD)
    return load_card(str(folder / "mine.toml"), folder / "weights")


def repository_folder(mirror: Path) -> Path:
    fill(mirror / "acme" / "doll")
    return mirror


def hub_cache(mirror: Path) -> Path:
    repository = mirror / "models--acme--doll"
    fill(repository / "snapshots" / ("a" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    return mirror


def weights_folder(mirror: Path) -> Path:
    """What another machine fetched."""
    other = mirror / "other"
    other.mkdir(parents=True)
    fetch(card_in(other), repository_folder(mirror / "repositories"))
    return other / "weights"


def fill(folder: Path) -> None:
    (folder / "nets").mkdir(parents=True)
    (folder / "nets" / "net.safetensors").write_bytes(CONTENT)
    torch.save({"weight": torch.ones(3)}, folder / "pickled.pth")


@pytest.mark.parametrize("layout", [repository_folder, hub_cache, weights_folder])
def test_each_layout_gives_the_card_whole(tmp_path: Path, layout: Callable[[Path], Path]) -> None:
    card, mirror = card_in(tmp_path), layout(tmp_path / "mirror")
    before = sorted(path for path in mirror.rglob("*"))
    assert len(fetch(card, mirror)) == 2
    assert card.path("net.safetensors").read_bytes() == CONTENT
    assert load_file(card.path("pickled.safetensors"))["weight"].tolist() == [1, 1, 1]
    assert sorted(path for path in mirror.rglob("*")) == before
    assert fetch(card, mirror) == []


def test_where_it_can_a_file_is_linked_and_takes_no_room(tmp_path: Path) -> None:
    card, mirror = card_in(tmp_path), repository_folder(tmp_path / "mirror")
    fetch(card, mirror)
    assert card.path("net.safetensors").samefile(mirror / "acme/doll/nets/net.safetensors")


def test_where_it_cannot_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    card, mirror = card_in(tmp_path), repository_folder(tmp_path / "mirror")
    fetch(card, mirror)
    shutil.rmtree(mirror)
    assert card.path("net.safetensors").read_bytes() == CONTENT


def test_what_the_folder_lacks_is_named_and_nothing_is_taken(tmp_path: Path) -> None:
    card, mirror = card_in(tmp_path), repository_folder(tmp_path / "mirror")
    (mirror / "acme/doll/pickled.pth").unlink()
    with pytest.raises(FetchError, match=r"mirror has no pickled\.safetensors of mine"):
        fetch(card, mirror)
    assert read_records(card.folder) == {}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5000\n"
STANDINS = [(POINTER, "is only Git LFS's pointer"), (b"\n<!DOCTYPE html>\n<html>", "is a web page")]


@pytest.mark.parametrize(("content", "sentence"), STANDINS, ids=["pointer", "page"])
def test_what_stands_in_for_a_file_is_not_taken_for_it(tmp_path: Path, content: bytes, sentence: str) -> None:
    card, mirror = card_in(tmp_path), repository_folder(tmp_path / "mirror")
    (mirror / "acme/doll/nets/net.safetensors").unlink()
    (mirror / "acme/doll/nets/net.safetensors").write_bytes(content)
    with pytest.raises(FetchError, match=f"nets/net.safetensors of mine {sentence}"):
        fetch(card, mirror)
    assert read_records(card.folder) == {}
    assert not card.path("net.safetensors").exists()
    assert (mirror / "acme/doll/nets/net.safetensors").read_bytes() == content


def test_a_damaged_weights_folder_is_refused(tmp_path: Path) -> None:
    card, mirror = card_in(tmp_path), weights_folder(tmp_path / "mirror")
    (mirror / "mine/net.safetensors").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(FetchError, match="where it came from says otherwise"):
        fetch(card, mirror)
    assert not card.path("net.safetensors").exists()
    assert (mirror / "mine/net.safetensors").exists()


def test_a_weights_folder_of_another_revision_is_refused(tmp_path: Path) -> None:
    mirror = weights_folder(tmp_path / "mirror")
    card = dataclasses.replace(card_in(tmp_path), revision="v2")
    with pytest.raises(FetchError, match=r"is from acme/doll at main, the card asks for acme/doll at v2\."):
        fetch(card, mirror)
    assert read_records(card.folder) == {}


def test_files_that_lie_in_place_already_are_only_written_down(tmp_path: Path) -> None:
    card = card_in(tmp_path)
    fetch(card, repository_folder(tmp_path / "mirror"))
    (card.folder / "fetched.json").unlink()
    assert len(fetch(card, card.folder.parent)) == 2
    assert fetch(card) == []


def test_a_card_of_ones_own_files_needs_no_hub(tmp_path: Path) -> None:
    text = CARD.replace('repository = "acme/doll"\nrevision = "main"\n', 'folder = "."\n')
    (tmp_path / "own.toml").write_text(text.split('source = "nets')[0])
    card = load_card(str(tmp_path / "own.toml"), tmp_path / "weights")
    with pytest.raises(ValueError, match=r"net\.safetensors is missing\. Copy the files of own into"):
        fetch(card)
    for content, sentence in STANDINS:
        (tmp_path / "net.safetensors").write_bytes(content)
        with pytest.raises(FetchError, match=rf"net\.safetensors {sentence}"):
            fetch(card)
    (tmp_path / "net.safetensors").write_bytes(CONTENT)
    assert fetch(card) == []
    assert read_records(tmp_path)["net.safetensors"].size == 5000
