"""`fitting-room parity` agrees with the published code, and says so when something does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from models.parity import FAMILIES, relative_error
from scripts.cli import made

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "parity"
CASES = sorted(path.parent for path in CASES_FOLDER.glob("*/*/case.json"))
needs_cases = pytest.mark.skipif(not CASES, reason=f"there are no parity cases in {CASES_FOLDER}")


def parity(*args: str) -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(made(["parity"]), ["parity", *args])
    return result.exit_code, [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]


@needs_cases
@pytest.mark.parametrize("options", [(), ("--without-savings",)])
def test_every_tensor_of_every_case_agrees(options: tuple[str, ...]) -> None:
    status, lines = parity(*map(str, CASES), *options)
    assert [line for line in lines if not line["holds"]] == []
    expected = sum(len(load_file(case / "expected.safetensors")) for case in CASES)
    assert (status, len(lines)) == (0, expected)
    assert {json.loads((case / "case.json").read_text())["family"] for case in CASES} == set(FAMILIES)


@needs_cases
def test_a_tensor_that_is_off_ends_with_1_and_is_named(tmp_path: Path) -> None:
    case = CASES_FOLDER / "fashn_vton" / "small"
    for file in case.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    expected = load_file(case / "expected.safetensors")
    expected["velocity_conditional"] *= 1.0001
    save_file(expected, tmp_path / "expected.safetensors")
    status, lines = parity(str(case), str(tmp_path))
    assert status == 1
    assert [(line["case"], line["tensor"]) for line in lines if not line["holds"]] == [
        (str(tmp_path), "velocity_conditional")
    ]


def test_a_folder_that_is_no_case_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = CliRunner().invoke(made(["parity"]), ["parity", str(tmp_path)])
    assert result.exit_code == 2
    assert "case.json" in result.output
    (tmp_path / "case.json").write_text('{"family": "unheard-of"}')
    save_file({"image": torch.zeros(1)}, tmp_path / "expected.safetensors")
    assert "unheard-of" in CliRunner().invoke(made(["parity"]), ["parity", str(tmp_path)]).output


def test_the_relative_error_is_of_norms_and_tells_wrong_shapes_and_nan() -> None:
    expected = torch.tensor([3.0, 4.0])
    assert relative_error(torch.tensor([3.0, 4.5]), expected) == pytest.approx(0.1)
    assert relative_error(torch.zeros(1, 2), expected) == float("inf")
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0.0
    nan = relative_error(torch.tensor([float("nan"), 4.0]), expected)
    assert not nan <= 1.0


@needs_cases
def test_a_case_that_does_not_go_together_is_refused_in_a_sentence(tmp_path: Path) -> None:
    case = CASES_FOLDER / "fashn_vton" / "small"
    for file in case.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    weights = load_file(case / "weights.safetensors")
    weights["y_embedder.bias"] = weights.pop("y_embedder.weight")
    save_file(weights, tmp_path / "weights.safetensors")
    assert "y_embedder.bias" in CliRunner().invoke(made(["parity"]), ["parity", str(tmp_path)]).output
    shutil.copyfile(case / "weights.safetensors", tmp_path / "weights.safetensors")
    settings = json.loads((case / "case.json").read_text())
    settings["sampling"]["shift"] = 1
    (tmp_path / "case.json").write_text(json.dumps(settings))
    result = CliRunner().invoke(made(["parity"]), ["parity", str(tmp_path)])
    assert (result.exit_code, "shift" in result.output) == (2, True)
