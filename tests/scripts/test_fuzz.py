"""Hostile pictures, from a seed: none is an error of ours, none hangs, none takes more memory than a decoder may."""

from __future__ import annotations

import json
import subprocess

import pytest

from scripts.fuzz.run import fuzz, input_of
from scripts.options import FITTING_ROOM


@pytest.mark.timeout(600)
def test_a_thousand_hostile_pictures_are_each_a_photograph_or_a_clear_sentence() -> None:
    found = fuzz(1_000, seed=5, http_share=0.05, on_step=lambda: None)
    assert found.is_clean, (found.worst, found.sentences)
    assert found.inputs == found.accepted + found.refused == 1_000
    assert min(found.accepted, found.refused) > 50, "some are well, and most are not"
    assert found.peak_memory_mib > 10, "the decoders were watched"


def test_an_input_is_told_by_the_seed_and_its_number_alone() -> None:
    assert [input_of(5, number) for number in range(50)] == [input_of(5, number) for number in range(50)]
    assert len({input_of(seed, 7) for seed in range(20)}) > 15


def test_the_last_line_is_json_with_what_must_not_happen() -> None:
    told = subprocess.run(
        [*FITTING_ROOM, "fuzz", "--inputs", "5", "--http-share", "0"], capture_output=True, check=True
    )
    figures = json.loads(told.stdout.splitlines()[-1])
    assert {name: figures[name] for name in ("inputs", "server_errors", "hangs", "over_memory")} == {
        "inputs": 5,
        "server_errors": 0,
        "hangs": 0,
        "over_memory": 0,
    }
