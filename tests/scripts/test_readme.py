"""The README tells the truth."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cli import COMMANDS
from scripts.readme import with_settings_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_is_the_settings() -> None:
    assert "<!-- settings -->" in README
    assert with_settings_table(README) == README


def test_every_link_and_picture_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README)
    assert "docs/tryon.png" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_it_names_exists() -> None:
    commands = set(re.findall(r"fitting-room (\w+)", README))
    assert commands
    known = set(COMMANDS)
    assert commands <= known
    assert [path for path in re.findall(r"\bscripts/\w+", README) if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("picture", sorted(set(re.findall(r"api/static/samples/\S+\.png", README))))
def test_every_sample_it_names_exists(picture: str) -> None:
    assert (ROOT / picture).is_file()


def test_its_command_line_example_runs(tmp_path: Path) -> None:
    words = re.search(r"\.venv/bin/fitting-room (tryon .*) -o worn\.png", README)
    assert words
    said = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words[1].split(), "-o", str(tmp_path / "worn.png"), "--device", "cpu"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "worn.png").read_bytes().startswith(b"\x89PNG")
