"""`scripts/setup` installs when something changed, and leaves alone what is current."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """With an environment that is current, whose Python writes down what it is asked."""
    root, environment = tmp_path / "clone", tmp_path / "clone" / ".venv" / "bin"
    environment.mkdir(parents=True)
    (root / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", root / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        (root / name).write_text("")
    write_command(environment / "python", '#!/bin/sh\necho "$@" >>"${0%/bin/python}/asked"\n')
    write_command(environment / "fitting-room", f"#!{environment}/python\n")
    stamp = subprocess.run(["cksum"], input=b"", capture_output=True, check=True).stdout
    (root / ".venv" / "installed-base").write_bytes(stamp)
    return root


def write_command(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def asked_of_pip(clone: Path) -> str:
    subprocess.run([clone / "scripts" / "setup"], check=True, capture_output=True)
    asked = clone / ".venv" / "asked"
    return asked.read_text() if asked.exists() else ""


def test_what_is_current_is_left_alone_however_the_clone_is_reached(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(clone)
    assert asked_of_pip(clone) == asked_of_pip(tmp_path / "link") == ""


def test_a_clone_that_was_moved_is_installed_where_it_is(clone: Path, tmp_path: Path) -> None:
    moved = clone.rename(tmp_path / "moved")
    assert f"--editable {moved}[" in asked_of_pip(moved)


def test_other_versions_are_installed(clone: Path) -> None:
    (clone / "constraints.txt").write_text("numpy==2.0.0")
    assert f"--editable {clone}[" in asked_of_pip(clone)
