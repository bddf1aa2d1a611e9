"""Cases of CatVTON and Leffa, whichever noise went into them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.parity import compare
from models.sd_inpaint.ancestral import Walk
from models.sd_inpaint.parity import run_case
from models.sd_inpaint.repaint import repainted

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "parity"
CASES = ["catvton/small", "catvton/batch", "leffa/per_step", "leffa/reused"]

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not CASES_FOLDER.is_dir(), reason=f"there are no parity cases in {CASES_FOLDER}"),
]


@pytest.mark.parametrize("name", CASES)
def test_float64_agrees_as_well(name: str) -> None:
    agreements = list(compare(CASES_FOLDER / name, dtype=torch.float64))
    assert [each for each in agreements if not each.holds] == []


@pytest.mark.parametrize("name", ["catvton/batch", "leffa/reused"])
def test_a_case_whose_noise_is_the_one_it_names_is_read_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The given ones were recorded with other noise (see `models.sd_inpaint.recorded`)."""
    folder = tmp_path / "case"
    folder.mkdir()
    for file in (CASES_FOLDER / name).iterdir():
        shutil.copyfile(file, folder / file.name)
    case = json.loads((folder / "case.json").read_text())
    given = load_file(folder / "expected.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr("models.sd_inpaint.parity.nearest", as_named)
        expected = run_case(case, folder, True, torch.float32)
    assert not torch.allclose(expected["latents_final"], given["latents_final"])
    save_file({key: tensor.contiguous() for key, tensor in expected.items()}, folder / "expected.safetensors")
    assert [each for each in compare(folder) if not each.holds] == []


def as_named(walks: list[Walk], noise: Tensor, expected: Tensor) -> Walk:
    """With the noise that `case.json` names."""
    walks[0].step(noise)
    return walks[0]


def test_outside_the_blurred_mask_is_the_person_and_inside_it_the_result() -> None:
    person, result = torch.full((200, 80, 3), 10).byte().numpy(), torch.full((200, 80, 3), 250).byte().numpy()
    mask = torch.zeros(200, 80).byte().numpy()
    mask[50:150, 20:60] = 255
    for heights in (50, 100):
        composite = repainted(person, result, mask, heights)
        assert (composite[:30] == 10).all()
        assert (composite[90:110, 35:45] == 250).all()
        assert 10 < composite[100, 20, 0] < 250
