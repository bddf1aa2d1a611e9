"""Cases of CatVTON and Leffa, whichever noise went into them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from published.stable_diffusion import Recording, record_catvton, record_leffa

from models.parity import compare
from models.sd_inpaint.repaint import repainted

CASES_FOLDER = Path(__file__).parents[3] / "shared" / "parity"
CASES = ["catvton/small", "catvton/batch", "leffa/per_step", "leffa/reused"]

SHALLOW: dict[str, Any] = {
    "in_channels": 9,
    "out_channels": 4,
    "layers_per_block": 1,
    "block_out_channels": [16, 32],
    "norm_num_groups": 8,
    "cross_attention_dim": 16,
    "attention_head_dim": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}
DEEP = SHALLOW | {
    "layers_per_block": 2,
    "block_out_channels": [16, 16, 32, 32],
    "attention_head_dim": [2, 4, 4, 8],
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}
TALL = (128, 64)  # latents that four levels halve evenly


def settings(seed: int, steps: int, scale: float, **others: Any) -> dict[str, Any]:
    return {"generator_seed": seed, "num_inference_steps": steps, "guidance_scale": scale, **others}


def referring(
    seed: int, steps: int, scale: float, *, guided: bool = True, reuse: bool = False, **others: Any
) -> dict[str, Any]:
    return settings(seed, steps, scale, do_classifier_free_guidance=guided, reuse_garment_features=reuse, **others)


RECORDINGS = {
    "catvton": ("catvton", Recording(SHALLOW, settings(7, 3, 2.5, eta=1.0))),
    "catvton, deep": ("catvton", Recording(DEEP, settings(91, 2, 1.5, eta=1.0), size=TALL)),
    "catvton, one step": ("catvton", Recording(SHALLOW, settings(8, 1, 2.0, eta=1.0), batch=2, size=(40, 72))),
    "catvton, eta 0, unguided": ("catvton", Recording(SHALLOW, settings(9, 7, 1.0, eta=0.0), batch=3)),
    "leffa": ("leffa", Recording(SHALLOW, referring(17, 3, 2.5))),
    "leffa, deep": ("leffa", Recording(DEEP, referring(1001, 2, 2.5), size=TALL)),
    "leffa, reused": ("leffa", Recording(SHALLOW, referring(18, 5, 1.5, reuse=True), batch=3)),
    "leffa, one step": ("leffa", Recording(SHALLOW, referring(19, 1, 2.0), batch=2, size=(40, 72))),
    "leffa, unguided": ("leffa", Recording(SHALLOW, referring(20, 4, 2.5, guided=False), batch=2)),
    "leffa, whose scheduler knows no eta": ("leffa", Recording(SHALLOW, referring(22, 2, 2.5, eta=0.0))),
    "leffa, scale 1": ("leffa", Recording(SHALLOW, referring(21, 3, 1.0))),
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.skipif(not CASES_FOLDER.is_dir(), reason=f"there are no parity cases in {CASES_FOLDER}")
@pytest.mark.parametrize("name", CASES)
def test_float64_agrees_as_well(name: str) -> None:
    agreements = list(compare(CASES_FOLDER / name, dtype=torch.float64))
    assert [each for each in agreements if not each.holds] == []


def made(folder: Path, name: str, *, as_named: bool) -> Path:
    """A case of RECORDINGS, recorded by plain diffusers."""
    family, recording = RECORDINGS[name]
    record = record_leffa if family == "leffa" else record_catvton
    record(folder, dataclasses.replace(recording, as_named=as_named))
    return folder


@pytest.mark.parametrize(("as_named", "exact_savings"), [(True, True), (False, False)])
@pytest.mark.parametrize("name", RECORDINGS)
def test_plain_diffusers_gives_the_same_pictures(
    name: str, as_named: bool, exact_savings: bool, tmp_path: Path
) -> None:
    agreements = list(compare(made(tmp_path, name, as_named=as_named), exact_savings=exact_savings))
    assert len(agreements) == 5
    assert [each for each in agreements if not each.holds] == []


@pytest.mark.parametrize("name", ["catvton", "leffa"])
def test_noise_that_the_case_does_not_name_is_told(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folders = [tmp_path / "named", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        list(compare(made(folder, name, as_named=folder.name == "named")))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(folders[1]) in caplog.text
    assert "not with" in caplog.text


def test_outside_the_blurred_mask_is_the_person_and_inside_it_the_result() -> None:
    person, result = torch.full((200, 80, 3), 10).byte().numpy(), torch.full((200, 80, 3), 250).byte().numpy()
    mask = torch.zeros(200, 80).byte().numpy()
    mask[50:150, 20:60] = 255
    for heights in (50, 100):
        composite = repainted(person, result, mask, heights)
        assert (composite[:30] == 10).all()
        assert (composite[90:110, 35:45] == 250).all()
        assert 10 < composite[100, 20, 0] < 250
