from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from models.base import Loading
from models.catalog import load_card
from models.paperdoll.evaluation import contact_sheet, evaluate
from models.paperdoll.family import PaperDoll


@pytest.fixture(scope="module")
def family() -> PaperDoll:
    card = load_card("paperdoll")
    return PaperDoll.load(card, torch.device("cpu"), Loading())


def test_the_model_has_not_regressed(family: PaperDoll) -> None:
    """On a few of the figures; the bars themselves are `fitting-room bars`'s."""
    told: list[float] = []
    report = evaluate(family, num_seen=10, num_unseen=10, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert report["seen"]["db"] > 23.5
    assert report["seen"]["ssim"] > 0.83
    assert report["seen"]["limb_db"] > 24.5
    assert report["seen"]["kind"] > 0.97
    assert report["unseen"]["db"] > 19.5
    assert report["outside_changed_pixels"] == 0
    assert report["bars"]["denoiser_helps"]
    by_steps = report["by_steps"]
    assert min(by_steps[k]["db"] for k in ("4", "8")) > by_steps["1"]["db"] - 0.2  # the bar is .1 on 200 figures
    assert report["bars"]["small"]
    assert report["seen"]["db"] > report["baselines"]["seen"]["mean_colour"]["db"] + 3


def test_a_contact_sheet_shows_each_example(family: PaperDoll, tmp_path: Path) -> None:
    contact_sheet(family, tmp_path / "sheet.png", num=2)
    with Pillow.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (2 * 5 * 384, 512)
