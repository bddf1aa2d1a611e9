"""CatVTON's person without the garment's half of the canvas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.base import Loading
from models.sd_inpaint.family import SdInpaint
from models.sd_inpaint.halves import Alone, Keeping, walked
from models.sd_inpaint.unet import UNet
from scripts.checkpoints import catvton

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> UNet:
    card = catvton.small_card(Path(tmp_path_factory.mktemp("catvton")))
    family = SdInpaint.load(card, torch.device("cpu"), Loading())
    return family._conditioner.core.unet.double()


@pytest.mark.parametrize("width", [6, 7])
@torch.inference_mode()
def test_the_person_s_half_is_the_same_beside_what_was_kept_as_on_the_whole_canvas(unet: UNet, width: int) -> None:
    torch.manual_seed(0)
    entered, embedding = torch.randn(4, 16, 16, width).double(), torch.randn(1, 64).double()
    keeping = Keeping()
    whole = walked(unet, entered, embedding, keeping)
    assert torch.equal(whole, unet(entered, embedding)), "keeping changes nothing"
    alone = walked(unet, entered[:, :, :8], embedding, Alone(keeping.kept, 4))
    torch.testing.assert_close(alone, whole[:, :, :8], rtol=0, atol=1e-12)
    conditional = walked(unet, entered[2:, :, :8], embedding, Alone(keeping.kept, 2))
    torch.testing.assert_close(conditional, whole[2:, :, :8], rtol=0, atol=1e-12)


@torch.inference_mode()
def test_another_garment_s_half_makes_another_person_s(unet: UNet) -> None:
    entered, embedding = torch.randn(2, 16, 16, 6).double(), torch.randn(1, 64).double()
    kept = Keeping()
    whole = walked(unet, torch.cat([entered[:, :, :8], entered[:, :, 8:] + 1], 2), embedding, kept)
    alone = walked(unet, entered[:, :, :8], embedding, Alone(kept.kept, 2))
    torch.testing.assert_close(alone, whole[:, :, :8], rtol=0, atol=1e-12)
    assert (alone - unet(entered, embedding)[:, :, :8]).abs().max() > 1e-3
