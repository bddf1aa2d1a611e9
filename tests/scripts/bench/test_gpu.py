"""The suite for a GPU runs whole on a CPU with small weights, and goes on where it was left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.bench.gpu import CARDS, Suite
from scripts.bench.gpu_parts import proof
from scripts.checkpoints import fashn_vton

ROOT = Path(__file__).parents[3]
SUITE = (sys.executable, "-m", "scripts.bench.gpu", "--device", "cpu", "--size", "small", "--steps", "2")


def suite(tmp_path: Path, *words: str) -> dict[str, Any]:
    said = subprocess.run(
        [*SUITE, "--data", str(tmp_path / "data"), "--folder", str(tmp_path / "results"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    logs = "".join(log.read_text()[-2000:] for log in (tmp_path / "results").glob("*.log"))
    assert said.returncode == 0, said.stderr + logs
    told: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("card", CARDS)
def test_every_part_of_a_card_runs(card: str, tmp_path: Path) -> None:
    told = suite(tmp_path, "--card", card)
    assert set(told["parts"].values()) == {"measured"}, told["parts"]
    results = told["results"]
    assert results[f"engine-{card}"]["same_pictures"] is True
    assert results[f"proof-{card}"]["forward_error"] < 1e-5
    assert (tmp_path / "results" / "suite.html").is_file()
    assert set(suite(tmp_path, "--card", card)["parts"].values()) == {"kept"}


def test_a_forward_s_error_is_that_of_its_precision(tmp_path: Path) -> None:
    card = replace(fashn_vton.small_card(tmp_path), precision="float64")
    told = proof(card, torch.device("cpu"), tmp_path / "data", tmp_path / "results")
    assert told["precision"] == "float64"
    assert 1e-8 < told["forward_error"] < 1e-5
    assert (tmp_path / "results" / f"picture-{card.name}.png").read_bytes().startswith(b"\x89PNG")


def test_what_there_is_no_time_for_is_left_to_the_next_call(tmp_path: Path) -> None:
    told = suite(tmp_path, "--minutes", "0")
    assert set(told["parts"].values()) == {"left"}
    assert told["results"] == {}


def test_the_parts_fit_two_calls_of_ten_minutes_with_room_to_spare() -> None:
    parts = Suite("cuda:0", "full", Path("data"), Path("results"), tuple(CARDS)).parts
    assert max(part.limit_s for part in parts) <= 5 * 60
    assert sum(part.limit_s for part in parts) * 0.8 <= 2 * 10 * 60
    assert len({part.name for part in parts}) == len(parts)
