"""Instructions about pictures, as features: what Qwen2.5-VL's last layer makes of them.

The chat around an instruction, how many of its first tokens are dropped, and the numbering of pictures are those of
diffusers' QwenImageEditPlusPipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import torch
from torch import Tensor, nn
from transformers import Qwen2Tokenizer
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

from models.qwen_edit.pictures import Picture
from models.transfer import to_device

CHAT = (
    "<|im_start|>system\n"
    "Describe the key features of the input image (color, shape, size, texture, objects, background), then explain how "
    "the user's text instruction should alter or modify the image. Generate a new image that meets the user's "
    "requirements while maintaining consistency with the original input where appropriate.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
NUM_DROPPED = 64
IMAGE = "<|image_pad|>"
NUMBERED = "Picture {}: <|vision_start|>{}<|vision_end|>"
MERGED = 4  # patches a token

Grid = tuple[int, int]
"""Height and width in patches."""


def tokens_of(tokenizer: Qwen2Tokenizer, instruction: str, grids: Sequence[Grid]) -> list[int]:
    """The chat about pictures of so many patches, with a placeholder for each of their tokens."""
    shown = [
        NUMBERED.format(number, IMAGE * (height * width // MERGED))
        for number, (height, width) in enumerate(grids, start=1)
    ]
    tokens: list[int] = tokenizer(CHAT.format("".join(shown) + instruction))["input_ids"]
    return tokens


class Reader:
    """Qwen2.5-VL without the head that names the next token.

    `grid_positions`: whether a picture's tokens stand where they lie in the picture, as the model was trained, or in a
    row, as diffusers has it with a transformers from 5 on (issue 14194 of diffusers). With `exact_savings` what
    several instructions have in common, the chat's beginning and the pictures, is read once.
    """

    def __init__(
        self, model: Qwen2_5_VLModel, device: torch.device, *, grid_positions: bool, exact_savings: bool
    ) -> None:
        self._device = device
        self._model, self._grid_positions, self._exact_savings = model, grid_positions, exact_savings
        self._image_token = model.config.image_token_id

    @property
    def parts(self) -> tuple[nn.Module, nn.Module]:
        """What is called: the tower that sees, and the language model."""
        return self._model.visual, self._model.language_model

    @property
    def width(self) -> int:
        """Channels of a feature."""
        return int(self._model.config.text_config.hidden_size)

    def seen(self, picture: Picture) -> Tensor:
        """Features of a picture, one of each token: `[n, F]`."""
        visual = self._model.visual
        grid = torch.tensor([[1, *picture.grid]])
        window, ends = get_vision_window_index(
            grid, visual.spatial_merge_size, window_size=visual.window_size, patch_size=visual.patch_size
        )
        features: Tensor = visual(
            to_device(picture.patches, self._device, visual.patch_embed.proj.weight.dtype),
            grid_thw=grid,
            position_ids=get_vision_position_ids(grid, visual.spatial_merge_size).to(self._device),
            window_index=window.to(self._device),
            cu_window_seqlens=ends,
        ).pooler_output
        return features

    def read(self, chats: Sequence[Sequence[int]], features: Tensor, grids: Sequence[Grid]) -> list[Tensor]:
        """What each of the `chats` (see `tokens_of`) about the same pictures means: `[1, T, F]` each.

        `features`: `[n, F]` of all pictures, one after the other; `grids`: their sizes.
        """
        if not self._exact_savings or len(chats) == 1:
            return [self._run(torch.tensor([chat]), features, grids, self._positions(chat, grids)) for chat in chats]
        num_shared = len(list(takewhile(lambda tokens: len(set(tokens)) == 1, zip(*chats, strict=False))))
        chat = [*chats[0], *(token for other in chats[1:] for token in other[num_shared:])]
        positions = [self._positions(one, grids)[..., num_shared * (number > 0) :] for number, one in enumerate(chats)]
        tails = [len(one) - num_shared for one in chats]
        visible = _visible(num_shared, tails).to(features.device)
        rows = self._run(torch.tensor([chat]), features, grids, torch.cat(positions, -1), visible, num_dropped=0)
        shared, *own = torch.split(rows, [num_shared, *tails], 1)
        return [torch.cat([shared, tail], 1)[:, NUM_DROPPED:] for tail in own]

    def _run(
        self,
        chat: Tensor,
        features: Tensor,
        grids: Sequence[Grid],
        positions: Tensor,
        visible: Tensor | None = None,
        num_dropped: int = NUM_DROPPED,
    ) -> Tensor:
        """`chat`: `[1, L]`, `positions`: `[3, 1, L]`, both on the CPU; `visible`: `[1, 1, L, L]`, what each reads."""
        language = self._model.language_model
        rows = language.embed_tokens(chat.to(features.device)).to(features.device)
        places = torch.nonzero(chat[0] == self._image_token)[:, 0].to(features.device)
        rows = rows.index_copy(1, places, features[None].to(rows.dtype))
        read: Tensor = language(
            inputs_embeds=rows,
            position_ids=positions.to(features.device),
            attention_mask=None if visible is None else {"full_attention": visible},
            use_cache=False,
        ).last_hidden_state
        return read[:, num_dropped:]

    def _positions(self, chat: Sequence[int], grids: Sequence[Grid]) -> Tensor:
        """Where the tokens stand, `[3, 1, L]`: in time, down and across."""
        if not self._grid_positions:
            return torch.arange(len(chat)).expand(3, 1, -1)
        tokens = torch.tensor([list(chat)])
        positions: Tensor = self._model.get_rope_index(
            tokens,
            mm_token_type_ids=(tokens == self._image_token).int(),
            image_grid_thw=torch.tensor([(1, *grid) for grid in grids]),
        )[0]
        return positions


def _visible(num_shared: int, tails: Sequence[int]) -> Tensor:
    """`bool [1, 1, L, L]`: every token reads those before it, but not other chats' tails."""
    owner = torch.cat([torch.full((num,), number) for number, num in enumerate([num_shared, *tails])])
    order = torch.arange(len(owner))
    readable = (owner[None] == 0) | (owner[None] == owner[:, None])
    return (readable & (order[None] <= order[:, None]))[None, None]
