"""A block for some of its tokens against diffusers' own for all of them."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.transformers.transformer_flux2 import Flux2SingleTransformerBlock

from models.flux2_klein.block import HIGHEST_FLOAT16, through_block

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS = slice(3, 8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2), (torch.float16, 1e-3)])
def test_rows_of_a_block_are_those_of_the_whole_block(dtype: torch.dtype, tolerance: float) -> None:
    drawn = torch.Generator().manual_seed(0)
    block = Flux2SingleTransformerBlock(16, 2, 8).to(dtype).requires_grad_(False)
    joint, modulation = torch.randn(2, 12, 16, generator=drawn), torch.randn(1, 48, generator=drawn)
    joint[0, 4], modulation[:, 32:] = 65000, 3e4  # beyond what float16 holds
    angles = torch.randn(12, 8, generator=drawn)
    rotation = angles.cos(), angles.sin()
    joint, modulation = joint.to(dtype), modulation.to(dtype)
    ours = through_block(block, joint, modulation, rotation, ROWS)
    theirs = block(joint, None, modulation, rotation)[:, ROWS]
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * float(theirs.abs().max()))
    assert (ours.abs().max() == HIGHEST_FLOAT16) == (dtype == torch.float16)
