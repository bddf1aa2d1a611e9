"""The first `serve` of a card brings its weights; where they cannot be had, it says so and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hub import Hub

from models.catalog import CARDS_FOLDER, load_card

ROOT = Path(__file__).parents[2]
OURS = ("FITTING_ROOM", "REDIS", "HF_")


def serve(card: Path, data: Path, hub_url: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    options = ["--card", str(card), "--data", str(data), "--port", "0", "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment | {"HF_ENDPOINT": hub_url},
    )


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The paper doll as a checkpoint on the hub."""
    lines = (CARDS_FOLDER / "paperdoll.toml").read_text().splitlines()
    text = ["repository = 'me/doll'", "revision = 'main'", *(line for line in lines if not line.startswith("folder"))]
    path = tmp_path / "doll.toml"
    path.write_text("\n".join(text))
    return path


def test_the_first_start_brings_the_weights_and_the_page_comes_up(card: Path, tmp_path: Path) -> None:
    doll = load_card("paperdoll")
    with Hub() as hub:
        hub.publish("me/doll", {file.path: doll.path(file.path).read_bytes() for file in doll.files})
        process = serve(card, tmp_path / "data", hub.url)
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Open http"):
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "".join(said)
    assert (tmp_path / "data/weights/doll/paperdoll.safetensors").is_file()


def test_weights_that_cannot_be_had_end_the_start_in_a_sentence(card: Path, tmp_path: Path) -> None:
    with Hub() as hub:
        process = serve(card, tmp_path / "data", hub.url)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "me/doll" in said
    assert "The weights of doll are not here" in said
    assert "Traceback" not in said
