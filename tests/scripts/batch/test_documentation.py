"""docs/benchmarking.md tells the truth about batches: its commands run, in the order in which they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from batch_runs import ROOT, manifest

from scripts.batch.manifest import MANIFEST, TIMINGS
from scripts.batch.tables import COLUMNS
from scripts.bench.live import box
from scripts.bench.live.stack import Stack

PAGE = (ROOT / "docs" / "benchmarking.md").read_text()
BLOCKS = re.findall(r"<!-- (batch(?: service)?) -->\n```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a clone that was set up, and can be written into."""
    (tmp_path / "api").symlink_to(ROOT / "api")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "fitting-room"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m scripts.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(block: str, clone: Path) -> None:
    said = subprocess.run(["bash", "-e", "-c", block], cwd=clone, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.timeout(600)
def test_its_commands_make_a_picture_for_each_row(clone: Path) -> None:
    with Stack(clone / "service", {"card": "paperdoll"}) as stack:
        stack.add_box(box.argv(0.05, 1), 1)
        stack.wait_for_workers(1, 120)
        for kind, block in BLOCKS:
            run(block.replace("http://127.0.0.1:8000", stack.url) if "service" in kind else block, clone)
    folders = re.findall(r"fitting-room batch .*?-o (runs/\w+)", "".join(block for _, block in BLOCKS))
    assert len(folders) == len(BLOCKS) == 3
    for folder in folders:
        lines = manifest(clone / folder)
        assert [line["error"] for line in lines] == ["", ""]
        assert all((clone / folder / line["output"]).is_file() for line in lines)


def test_it_names_every_column_and_file() -> None:
    assert set(re.findall(r"`(\w+)`", PAGE[PAGE.index("### Columns") : PAGE.index("### What is in")])) >= set(COLUMNS)
    assert f"`{MANIFEST}`" in PAGE
    assert f"`{TIMINGS}`" in PAGE


def test_every_link_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", PAGE)
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
