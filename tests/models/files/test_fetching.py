"""Fetching from a hub over real HTTP."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hub import Hub
from huggingface_hub import constants
from safetensors.torch import load_file

from models.catalog import ModelCard, load_card
from models.files import checking
from models.files.checking import WeightsError, checked_file, sha256_of
from models.files.fetching import fetch
from models.files.hub import FetchError
from models.files.records import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
MANY = os.urandom(40_000)
FILES = {"model.safetensors": MANY, "unet/config.json": b"{}"}

CARD = """
title = "Mine"
family = "paperdoll"
description = "A card of somebody's own."
height = 64
width = 48
num_inference_steps = 2
categories = ["upper"]
repository = "acme/doll"
revision = "{revision}"
{fields}
[licence]
code = "MIT"
weights = "CC-BY-NC-4.0"
commercial = "{commercial}"
reason = "Its pictures were for research."
restricted = {restricted}
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


def write_card(
    folder: Path,
    files: tuple[str, ...] = ('path = "model.safetensors"\nsize = 1', 'path = "unet/config.json"\nsize = 2'),
    *,
    name: str = "mine",
    revision: str = "main",
    commercial: str = "yes",
    fields: str = "",
) -> Path:
    restricted = ["weights"] if commercial == "no" else []
    text = CARD.format(revision=revision, commercial=commercial, restricted=restricted, fields=fields)
    path = folder / f"{name}.toml"
    path.write_text(text + "".join(f"\n[[files]]\n{file}\n" for file in files))
    return path


def card_in(folder: Path, *files: str, **options: str) -> ModelCard:
    path = write_card(folder, files, **options) if files else write_card(folder, **options)
    return load_card(str(path), folder / "weights")


def command(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FITTING_ROOM", "HF_", "REDIS"))}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", "fetch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in what a script runs with `&`
        env=kept | {"FITTING_ROOM_WEIGHTS": str(folder / "weights"), "HF_HOME": str(folder / "hf")} | variables,
    )


def visible(folder: Path) -> set[str]:
    """The files under their own names."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def test_what_was_fetched_is_whole_and_written_down(hub: Hub, tmp_path: Path) -> None:
    commit = hub.publish("acme/doll", FILES)
    card = card_in(tmp_path)
    assert fetch(card) == [card.path("model.safetensors"), card.path("unet/config.json")]
    assert {name: card.path(name).read_bytes() for name in FILES} == FILES
    record = read_records(card.folder)["model.safetensors"]
    assert (record.size, record.sha256) == (len(MANY), sha256_of(card.path("model.safetensors")))
    assert (record.repository, record.commit) == ("acme/doll", commit)
    assert not (card.folder / ".partial").exists()


def test_with_everything_there_the_network_is_not_asked(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    fetch(card_in(tmp_path))
    hub.asked.clear()
    (tmp_path / "weights/mine/.lock").unlink()
    assert fetch(card_in(tmp_path)) == []
    assert hub.asked == []
    assert not (tmp_path / "weights/mine/.lock").exists()  # nothing is written: the folder may be read-only


def test_a_branch_is_resolved_once(hub: Hub, tmp_path: Path) -> None:
    first = hub.publish("acme/doll", FILES)
    fetch(card_in(tmp_path))
    hub.publish("acme/doll", {**FILES, "unet/config.json": b"{ }", "model.safetensors": MANY[::-1]})
    card_in(tmp_path).path("model.safetensors").unlink()
    assert len(fetch(card_in(tmp_path))) == 1
    assert card_in(tmp_path).path("model.safetensors").read_bytes() == MANY
    assert {record.commit for record in read_records(tmp_path / "weights/mine").values()} == {first}


def test_another_revision_in_the_card_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    fetch(card_in(tmp_path))
    second = hub.publish("acme/doll", {**FILES, "model.safetensors": MANY[::-1]})
    assert len(fetch(card_in(tmp_path, revision=second))) == 2
    assert card_in(tmp_path).path("model.safetensors").read_bytes() == MANY[::-1]


def test_only_the_damaged_file_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    card = card_in(tmp_path)
    fetch(card)
    card.path("model.safetensors").write_bytes(MANY[:-1] + b"?")
    assert fetch(card) == [card.path("model.safetensors")]
    assert card.path("model.safetensors").read_bytes() == MANY


@pytest.mark.parametrize("cuts", [[15_500], [0, 15_500, 1_200]])
def test_a_transfer_that_breaks_off_goes_on_from_there(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: list[int]
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # what it writes at once, usually 10 MB
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # a second before it tries again
    hub.publish("acme/doll", FILES)
    hub.cut_after += cuts
    card = card_in(tmp_path)
    fetch(card)
    assert card.path("model.safetensors").read_bytes() == MANY
    assert len(MANY) <= hub.num_bytes_sent < len(MANY) + 1000 * len(cuts)


def test_a_beginning_that_is_longer_than_the_file_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    commit = hub.publish("acme/doll", FILES)
    card = card_in(tmp_path)
    (card.folder / ".partial").mkdir(parents=True)
    (card.folder / ".partial" / f"{commit[:12]}-acme--doll-model.safetensors").write_bytes(MANY + b"more")
    fetch(card)
    assert card.path("model.safetensors").read_bytes() == MANY


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_after_a_kill_or_ctrl_c_only_the_rest_is_fetched(hub: Hub, tmp_path: Path, stop: signal.Signals) -> None:
    content = os.urandom(24_000_000)
    hub.publish("acme/doll", {"model.safetensors": content})
    path, hub.stall_at = write_card(tmp_path, ('path = "model.safetensors"\nsize = 1',)), 21_000_000
    killed = command(tmp_path, str(path), HF_ENDPOINT=hub.url)
    assert hub.stalled.wait(60)
    partial = tmp_path / "weights/mine/.partial"
    deadline = time.monotonic() + 60
    while sum(file.stat().st_size for file in partial.iterdir()) < 10_000_000 and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(stop)
    _, err = killed.communicate(timeout=60)
    assert killed.returncode == (130 if stop is signal.SIGINT else -stop)
    assert ("Stopped. The same command goes on from there." in err) == (stop is signal.SIGINT)
    assert "Traceback" not in err
    assert visible(tmp_path / "weights") == set()

    hub.stall_at, hub.num_bytes_sent = None, 0
    fetch(load_card(str(path), tmp_path / "weights"))
    assert (tmp_path / "weights/mine/model.safetensors").read_bytes() == content
    kept = hub.transfers[-1].start
    assert kept >= 10_000_000
    assert hub.num_bytes_sent == len(content) - kept


def test_a_file_that_is_not_the_cards_never_gets_its_name(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    card = card_in(tmp_path, f'path = "unet/config.json"\nsize = 2\nsha256 = "{"0" * 64}"')
    with pytest.raises(FetchError, match=r"unet/config\.json of mine has 2 bytes.*the card says otherwise"):
        fetch(card)
    assert visible(tmp_path / "weights") == set()


@pytest.mark.parametrize(
    ("size", "sha256"),
    [(len(MANY), "0" * 64), (len(MANY) + 1, hashlib.sha256(MANY).hexdigest())],
    ids=["another digest", "another size"],
)
def test_a_large_file_that_is_not_the_cards_is_not_even_fetched(
    hub: Hub, tmp_path: Path, size: int, sha256: str
) -> None:
    hub.publish("acme/doll", FILES)
    card = card_in(tmp_path, f'path = "model.safetensors"\nsize = {size}\nsha256 = "{sha256}"')
    with pytest.raises(FetchError, match=f"has 40000 bytes.*the card says {size} and {sha256}"):
        fetch(card)
    assert hub.transfers == []


def test_a_transfer_that_was_changed_on_the_way_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    hub.contents = {sha256: content[::-1] for sha256, content in hub.contents.items()}
    with pytest.raises(FetchError, match="where it came from says otherwise"):
        fetch(card_in(tmp_path))
    assert visible(tmp_path / "weights") == set()


def test_the_disk_is_asked_before_the_hub_sends(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    hub.claimed_sizes["model.safetensors"] = 10**18
    with pytest.raises(FetchError, match=r"needs 1\.0 EB more in .*mine, where"):
        fetch(card_in(tmp_path))
    assert hub.transfers == []


def test_the_same_file_of_another_card_is_not_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    fetch(card_in(tmp_path))
    hub.asked.clear()
    other = card_in(tmp_path, 'path = "base.safetensors"\nsize = 1\nsource = "model.safetensors"', name="other")
    fetch(other)
    assert other.path("base.safetensors").samefile(tmp_path / "weights/mine/model.safetensors")
    assert hub.transfers == []


def test_neither_of_two_cards_that_share_a_file_is_hashed_again(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "HASHED_AT_EVERY_START", 0)
    hub.publish("acme/doll", FILES)
    cards = [card_in(tmp_path, name=name) for name in ("mine", "other")]
    for card in cards:
        fetch(card)
    monkeypatch.setattr(checking, "sha256_of", lambda path: pytest.fail(f"{path} is hashed again"))
    for card in cards:
        checked_file(card, card.files[0])


def test_helpers_come_with_the_card_and_optional_ones_do_not(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    hub.publish("acme/helper", {"net.onnx": b"onnx"})
    for name, commercial in (("needed", "yes"), ("spare", "yes"), ("bound", "no")):
        onnx = ('path = "net.onnx"\nsize = 4\nrepository = "acme/helper"',)
        path = write_card(tmp_path, onnx, name=name, commercial=commercial)
        path.write_text(path.read_text().replace("paperdoll", "dwpose"))
    fields = 'helpers = ["./needed.toml"]\noptional_helpers = ["./spare.toml", "./bound.toml"]'
    said = command(tmp_path, str(write_card(tmp_path, fields=fields)), HF_ENDPOINT=hub.url)
    out, err = said.communicate(timeout=60)
    assert said.returncode == 0, err
    told = json.loads(out.splitlines()[-1])
    assert told == {"card": "mine", "folder": str(tmp_path / "weights/mine"), "fetched": 3, "bytes": len(MANY) + 6}
    assert (tmp_path / "weights/needed/net.onnx").read_bytes() == b"onnx"
    assert not (tmp_path / "weights/spare").exists()
    assert f"fitting-room fetch {tmp_path / 'spare.toml'}\n" in err
    told_of = f"not for commercial use: fitting-room fetch {tmp_path / 'bound.toml'} --accept-licence bound\n"
    assert told_of in err


def test_two_fetches_of_one_card_are_not_made_at_once(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    card = card_in(tmp_path)
    card.folder.mkdir(parents=True)
    other = os.open(card.folder / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(FetchError, match="being fetched already"):
        fetch(card)
    os.close(other)
    assert len(fetch(card)) == 2


def test_a_token_opens_a_gated_repository_and_stays_with_the_hub(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    hub.gated["acme/doll"] = "hf_right"
    shown = {"TQDM_POSITION": "-1"}  # bars, though this is no terminal
    said = command(tmp_path, str(write_card(tmp_path)), HF_ENDPOINT=hub.url, HF_TOKEN="hf_right", **shown)
    _, err = said.communicate(timeout=60)
    assert said.returncode == 0, err
    assert "model.safetensors: 100%" in err
    elsewhere = [asked for asked in hub.asked if "/resolve/" not in asked.path]
    assert {asked.token for asked in elsewhere} == {""}
    assert {asked.token for asked in hub.asked if asked not in elsewhere} == {"hf_right"}


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda hub: hub.gated.update({"acme/doll": "hf_right"}), "set HF_TOKEN to a token of your account"),
        (lambda hub: hub.commits.clear(), "has no repository acme/doll, or a private one"),
        (lambda hub: hub.publish("acme/doll", {}), "acme/doll has no file model.safetensors at revision main"),
        (lambda hub: hub.__exit__(), "or copy the files from a folder with --from DIR"),
    ],
)
def test_a_hub_that_does_not_give_is_answered_in_one_sentence(
    hub: Hub, tmp_path: Path, break_it, sentence: str
) -> None:  # type: ignore[no-untyped-def]
    hub.publish("acme/doll", FILES)
    card = card_in(tmp_path)
    break_it(hub)
    with pytest.raises(FetchError, match=sentence):
        fetch(card)
    assert visible(tmp_path / "weights") == set()


def test_offline_says_so(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE is set"):
        fetch(card_in(tmp_path))
    assert hub.asked == []


def test_a_restricted_card_is_fetched_only_by_who_accepts_it(hub: Hub, tmp_path: Path) -> None:
    hub.publish("acme/doll", FILES)
    path = write_card(tmp_path, commercial="no")
    said = command(tmp_path, str(path), HF_ENDPOINT=hub.url)
    _, err = said.communicate(timeout=60)
    assert said.returncode == 2
    assert "its weights (CC-BY-NC-4.0)" in err
    assert "--accept-licence mine" in err
    assert "Traceback" not in err
    assert hub.asked == []
    assert len(fetch(load_card(str(path), tmp_path / "weights", ["mine"]))) == 2


def test_a_pickle_becomes_safetensors_once(hub: Hub, tmp_path: Path) -> None:
    weight = torch.randn(2, 3)
    torch.save({"state_dict": {"weight": weight}}, tmp_path / "net.pth")
    hub.publish("acme/doll", {"net.pth": (tmp_path / "net.pth").read_bytes()})
    card = card_in(tmp_path, 'path = "net.safetensors"\nsize = 1\nsource = "net.pth"', fields='precision = "float16"')
    fetch(card)
    assert visible(card.folder) == {"net.safetensors", "fetched.json"}
    assert not (card.folder / ".partial").exists()
    assert torch.equal(load_file(card.path("net.safetensors"))["weight"], weight)  # whatever the card computes in
    hub.asked.clear()
    assert fetch(card) == []
    assert hub.asked == []


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('it was run')",))


def test_a_pickle_that_holds_code_is_refused_and_thrown_away(hub: Hub, tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2), "gift": Malicious()}, tmp_path / "net.pth")
    hub.publish("acme/doll", {"net.pth": (tmp_path / "net.pth").read_bytes()})
    card = card_in(tmp_path, 'path = "net.safetensors"\nsize = 1\nsource = "net.pth"')
    with pytest.raises(WeightsError, match="could run a stranger's code: it is refused"):
        fetch(card)
    assert visible(card.folder) == set()
    assert list((card.folder / ".partial").iterdir()) == []


def test_a_file_put_there_by_hand_counts_when_it_is_the_cards(hub: Hub, tmp_path: Path) -> None:
    card = card_in(tmp_path, f'path = "net.safetensors"\nsize = 4\nsha256 = "{hashlib.sha256(b"mine").hexdigest()}"')
    card.folder.mkdir(parents=True)
    card.path("net.safetensors").write_bytes(b"mine")
    assert fetch(card) == []
    assert hub.asked == []
