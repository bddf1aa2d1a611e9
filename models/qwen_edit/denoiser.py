"""Qwen-Image's transformer over a group of jobs whose pictures and texts have equal shapes.

With exact savings the noise's rows alone come out of the last block, where nothing reads the references' and the
text's any more; what the time does not change is computed once; and both branches of guidance share what they have
in common. Without, it is diffusers' own forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import QwenImageTransformer2DModel
from torch import Tensor, nn

from models.placement import beside
from models.qwen_edit.blocks import (
    ATTENTION,
    Heads,
    Modulation,
    attended,
    image_after,
    image_heads,
    text_after,
    text_heads,
)

Grid = tuple[int, int]
"""Height and width in tokens."""


@dataclass(frozen=True, slots=True)
class Text:
    """The text of one branch. `rows`: `[B, T, ...]`; `rotary`: `[T, channels / 2, 2]`, as `blocks.turned` wants it."""

    rows: Tensor
    rotary: Tensor


@dataclass(frozen=True, slots=True)
class Scene:
    """What a group is drawn from. `grids`: of the noise, then of each reference; `references`: `[B, R, ...]`.

    `rotary`: `[N + R, channels / 2, 2]`; `first`: the references' heads in the first block, where they are fixed.
    """

    grids: Sequence[Grid]
    references: Tensor
    texts: Sequence[Text]
    rotary: Tensor
    first: Heads | None = None

    @property
    def num_noise(self) -> int:
        height, width = self.grids[0]
        return height * width

    @property
    def unguided(self) -> Scene:
        """Without the branch that guidance leads away from."""
        return replace(self, texts=self.texts[:1])


@dataclass(frozen=True, slots=True)
class ImageStream:
    """The image stream as it enters the blocks. `rows`: `[B, N + R, D]`; `first`: its heads in the first block."""

    rows: Tensor
    num_noise: int
    rotary: Tensor
    first: Heads


class Denoiser(nn.Module):
    """The transformer, as loaded. Called with exact savings, it is one function of tensors."""

    def __init__(self, network: QwenImageTransformer2DModel, exact_savings: bool) -> None:
        super().__init__()
        self.network, self.exact_savings = network, exact_savings
        self._blocks = list(network.transformer_blocks)
        self._still: list[Tensor] | None = None

    def scene(self, grids: Sequence[Grid], references: Tensor, texts: Sequence[Tensor]) -> Scene:
        """`references`: tokens `[B, R, C]` of all pictures; `texts`: features `[B, T, F]`, one of each branch."""
        shapes = [[(1, *grid) for grid in grids]]
        rotary = [
            self.network.pos_embed(shapes, max_txt_seq_len=text.shape[1], device=references.device) for text in texts
        ]
        if not self.exact_savings:
            with_rotary = [Text(text, own) for text, (_, own) in zip(texts, rotary, strict=True)]
            return Scene(grids, references, with_rotary, rotary[0][0])
        network = self.network
        if network.zero_cond_t and self._still is None:
            self._still = self._modulations(torch.zeros(1, dtype=references.dtype, device=references.device))
        rows = [
            Text(network.txt_in(network.txt_norm(text)), torch.view_as_real(own))
            for text, (_, own) in zip(texts, rotary, strict=True)
        ]
        scene = Scene(grids, network.img_in(references), rows, torch.view_as_real(rotary[0][0]))
        return scene if self._still is None else self._with_first(scene, Modulation(self._still[0]))

    def velocities(self, scene: Scene, noisy: Tensor, time: Tensor) -> list[Tensor]:
        """Where each branch of the scene leads `noisy` `[B, N, C]` from `time` `[]` in [0, 1]: `[B, N, C]` each."""
        if not self.exact_savings:
            return [self._published(scene, text, noisy, time) for text in scene.texts]
        texts = [(text.rows, text.rotary) for text in scene.texts]
        velocities: list[Tensor] = self(noisy, time, scene.references, texts, scene.rotary, scene.first)
        return velocities

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        references: Tensor,
        texts: Sequence[tuple[Tensor, Tensor]],
        rotary: Tensor,
        first: Heads | None,
    ) -> list[Tensor]:
        """`velocities`, with exact savings; the arguments are a scene's parts, `texts` its rows and their rotary."""
        network, num_noise = self.network, noisy.shape[1]
        noise = network.img_in(noisy)
        embedded = network.time_text_embed(time[None].to(noisy.dtype), noisy)
        moving = [block.img_mod(embedded) for block in self._blocks]
        still: Sequence[Tensor | None] = self._still or [None] * len(moving)
        modulations = [Modulation(one, num_noise, other) for one, other in zip(moving, still, strict=True)]
        of_text = [Modulation(block.txt_mod(embedded)) for block in self._blocks]
        rows = torch.cat([noise, references], 1)
        heads = self._first_heads(rows, num_noise, rotary, modulations[0], first)
        image = ImageStream(rows, num_noise, rotary, heads)
        drawn = [self._walked(image, Text(*text), modulations, of_text) for text in texts]
        return [network.proj_out(network.norm_out(one, embedded)) for one in drawn]

    def _walked(
        self, image: ImageStream, text: Text, modulations: Sequence[Modulation], of_text: Sequence[Modulation]
    ) -> Tensor:
        """The noise's rows `[B, N, D]` after all blocks."""
        rows, words = image.rows, text.rows
        first, last = image.first, len(self._blocks) - 1
        for number, (block, modulation, text_modulation) in enumerate(
            zip(self._blocks, modulations, of_text, strict=True)
        ):
            rows, words, rotary, of_words = beside(block, rows, words, image.rotary, text.rotary)
            num_rows, num_words = (image.num_noise, 0) if number == last else (rows.shape[1], words.shape[1])
            entering = text_modulation.shifted(block.txt_norm1(words), ATTENTION)
            word_heads = text_heads(block, entering, of_words, num_queries=num_words)
            if number == 0:
                heads = Heads(first.query[:, :num_rows], first.key, first.value)
            else:
                entering = modulation.shifted(block.img_norm1(rows), ATTENTION)
                heads = image_heads(block, entering, rotary, num_queries=num_rows)
            found_words, found = attended(block, word_heads, heads)
            if number == last:
                return image_after(block, rows[:, :num_rows], found, modulation.of_noise)
            rows = image_after(block, rows, found, modulation)
            words = text_after(block, words, found_words, text_modulation)
        raise AssertionError("there is a block")

    def _first_heads(
        self, rows: Tensor, num_noise: int, rotary: Tensor, modulation: Modulation, first: Heads | None
    ) -> Heads:
        """Of the first block's image stream, which has met no text yet: the same in each branch."""
        block = self._blocks[0]
        rows, rotary = beside(block, rows, rotary)
        if first is not None:
            entering = modulation.of_noise.shifted(block.img_norm1(rows[:, :num_noise]), ATTENTION)
            return image_heads(block, entering, rotary[:num_noise], num_queries=num_noise).then(first)
        entering = modulation.shifted(block.img_norm1(rows), ATTENTION)
        return image_heads(block, entering, rotary, num_queries=rows.shape[1])

    def _with_first(self, scene: Scene, modulation: Modulation) -> Scene:
        block = self._blocks[0]
        references, rotary = beside(block, scene.references, scene.rotary[scene.num_noise :])
        entering = modulation.shifted(block.img_norm1(references), ATTENTION)
        first = image_heads(block, entering, rotary, num_queries=entering.shape[1])
        return Scene(scene.grids, scene.references, scene.texts, scene.rotary, first)

    def _modulations(self, time: Tensor) -> list[Tensor]:
        embedded = self.network.time_text_embed(time, time)
        return [block.img_mod(embedded) for block in self._blocks]

    def _published(self, scene: Scene, text: Text, noisy: Tensor, time: Tensor) -> Tensor:
        velocity: Tensor = self.network(
            hidden_states=torch.cat([noisy, scene.references], 1),
            encoder_hidden_states=text.rows,
            timestep=time.expand(len(noisy)),
            img_shapes=[[(1, *grid) for grid in scene.grids]] * len(noisy),
            return_dict=False,
        )[0]
        return velocity[:, : scene.num_noise]
