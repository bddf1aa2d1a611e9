"""A block of which only some rows are asked, against diffusers' own."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformerBlock

from models.qwen_edit.blocks import ATTENTION, Modulation, attended, image_after, image_heads, text_after, text_heads

pytestmark = pytest.mark.usefixtures("one_thread")

NUM_ROWS = 5  # that are asked of the image


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2), (torch.float16, 1e-3)])
def test_rows_of_a_block_are_those_of_the_whole_block(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    block = QwenImageTransformerBlock(16, 2, 8).requires_grad_(False)
    image, text, time = torch.randn(2, 9, 16), torch.randn(2, 4, 16), torch.randn(1, 16)
    image[0, 2], text[1, 1] = 65000, -65000
    for modulated in (block.img_mod[1], block.txt_mod[1]):
        modulated.bias[80:] = 3e4  # the last gates: beyond what float16 holds
    block, image, text, time = block.to(dtype), image.to(dtype), text.to(dtype), time.to(dtype)
    rotary = [torch.polar(torch.ones(num, 4), torch.randn(num, 4)) for num in (9, 4)]
    turns = [torch.view_as_real(one) for one in rotary]

    of_image, of_text = Modulation(block.img_mod(time)), Modulation(block.txt_mod(time))
    words = text_heads(block, of_text.shifted(block.txt_norm1(text), ATTENTION), turns[1], num_queries=4)
    entering = of_image.shifted(block.img_norm1(image), ATTENTION)
    found_words, found = attended(block, words, image_heads(block, entering, turns[0], num_queries=NUM_ROWS))
    ours = text_after(block, text, found_words, of_text), image_after(block, image[:, :NUM_ROWS], found, of_image)

    their_text, their_image = block(image, text, None, time, tuple(rotary))
    for mine, theirs in zip(ours, (their_text, their_image[:, :NUM_ROWS]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance * float(theirs.abs().max()))
        assert (mine.abs().max() == 65504) == (dtype == torch.float16)
