"""docs/benchmarking.md tells the truth: its commands run, in the order in which they stand, on fewer rows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.core
import typer.main
from batch_runs import ROOT, manifest

from scripts.batch.manifest import MANIFEST, TIMINGS
from scripts.batch.tables import COLUMNS
from scripts.bench.live import box
from scripts.bench.live.stack import Stack
from scripts.cli import made

PAGE = (ROOT / "docs" / "benchmarking.md").read_text()
BLOCKS = re.findall(r"<!-- (batch|batch service|judge) -->\n```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a clone that was set up, and can be written into."""
    (tmp_path / "api").symlink_to(ROOT / "api")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "fitting-room"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m scripts.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(block: str, clone: Path) -> str:
    said = subprocess.run(["bash", "-e", "-c", block], cwd=clone, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout


def blocks(*kinds: str) -> list[str]:
    return [block for kind, block in BLOCKS if kind in kinds]


def folders_of(*kinds: str) -> list[str]:
    """Where the batches of these blocks go."""
    return re.findall(r"fitting-room batch .*?-o (runs/[\w-]+)", "".join(blocks(*kinds)))


@pytest.mark.timeout(600)
def test_its_batches_make_a_picture_for_each_row(clone: Path) -> None:
    with Stack(clone / "service", {"card": "paperdoll"}) as stack:
        stack.add_box(box.argv(0.05, 1), 1)
        stack.wait_for_workers(1, 120)
        for block in blocks("batch", "batch service"):
            run(block.replace("http://127.0.0.1:8000", stack.url), clone)
    assert len(folders_of("batch", "batch service")) == 3
    for folder in folders_of("batch", "batch service"):
        lines = manifest(clone / folder)
        assert [line["error"] for line in lines] == ["", ""]
        assert all((clone / folder / line["output"]).is_file() for line in lines)


@pytest.mark.timeout(600)
def test_its_comparison_comes_to_a_page(clone: Path) -> None:
    (block,) = blocks("judge")
    assert block.count("--num 40") == 1
    told = json.loads(run(block.replace("--num 40", "--num 2"), clone).splitlines()[-1])
    one, other = folders_of("judge")
    for folder in (one, other):
        assert [line["error"] for line in manifest(clone / folder)] == [""] * 2
        assert json.loads((clone / folder / "evaluation.json").read_text())["metrics"]["ssim_garment"]["num"] == 2
    assert set(told["differences"]) == {Path(other).name}
    assert "identity_kept" in told["differences"][Path(other).name]
    page = (clone / told["page"]).read_text()
    assert page.count("data:image/webp") >= 2 * 5  # person, garment, truth and both results


def test_every_option_and_command_that_it_names_is_there() -> None:
    app = typer.main.get_command(made([]))
    assert isinstance(app, typer.core.TyperGroup)
    assert set(re.findall(r"fitting-room ([a-z]+)", PAGE)) <= set(app.commands)
    parameters = [one for command in app.commands.values() for one in command.params]
    options = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= options


def test_it_names_every_column_and_file() -> None:
    assert set(re.findall(r"`(\w+)`", PAGE[PAGE.index("### Columns") : PAGE.index("### What is in")])) >= set(COLUMNS)
    assert f"`{MANIFEST}`" in PAGE
    assert f"`{TIMINGS}`" in PAGE


def test_every_link_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", PAGE)
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
