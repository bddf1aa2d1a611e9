"""The network: person and garment as patches of pixels, and from them the velocity of the person's picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from models.fashn_vton.blocks import DoubleBlock, KeysValues, SingleBlock, joined
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.layers import Embedder, PatchEmbedding, modulated

POSE_CHANNELS = 1


class FinalLayer(nn.Module):
    num_rows = 2  # of modulation: shift, scale

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.hidden_size, config.patch_channels)
        self.adaLN_modulation = nn.Sequential(
            nn.SiLU(), nn.Linear(config.hidden_size, self.num_rows * config.hidden_size)
        )

    def modulation(self, known: Tensor) -> Tensor:
        return torch.unflatten(self.adaLN_modulation(known), 1, (self.num_rows, -1))

    def forward(self, tokens: Tensor, modulation: Tensor) -> Tensor:
        patches: Tensor = self.linear(modulated(tokens, modulation[:, 0], modulation[:, 1]))
        return patches


class TryOnNetwork(nn.Module):
    """Its parts bear the published names. N: rows of the batch; L: patches of a picture.

    A forward branches on shapes alone and waits for no device.
    """

    patch_mixer_token: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        picture = config.channels_in
        self.t_embedder = Embedder(config.hidden_size)
        self.y_embedder = nn.Embedding(config.n_classes + 1, config.hidden_size)
        self.guidance_embedder = Embedder(config.hidden_size) if config.guidance_embed else None
        self.x_embedder = PatchEmbedding(2 * picture + POSE_CHANNELS, config)
        self.garment_embedder = PatchEmbedding(picture + POSE_CHANNELS, config)
        if config.use_patch_mixer:  # published, and read by nothing
            self.register_buffer("patch_mixer_token", torch.zeros(1, 1, config.patch_channels))
            self.x_patch_mixer = nn.ModuleList(SingleBlock(config) for _ in range(config.patch_mixer_depth))
        self.double_blocks = nn.ModuleList(DoubleBlock(config) for _ in range(config.double_blocks_depth))
        self.single_blocks = nn.ModuleList(SingleBlock(config) for _ in range(config.single_blocks_depth))
        self.final_layer = FinalLayer(config)

    def modulations(self, times: Tensor, categories: Tensor, guidance: Tensor | None = None) -> Tensor:
        """`[N, rows, hidden]`: shifts, scales and gates of all blocks, in their order.

        They depend on `times` `[N]` in [0, 1], `categories` `int64 [N]` (0: the null one), and, where the network has
        the slot, on the scale of `guidance` `[N]`.
        """
        known = self.t_embedder(times) + self.y_embedder(categories)
        if self.guidance_embedder is not None:
            assert guidance is not None, "this checkpoint wants the guidance scale"
            known = known + self.guidance_embedder(guidance)
        blocks: list[SingleBlock | DoubleBlock | FinalLayer] = [*self._mixers, *self._doubles, *self._singles]
        blocks.append(self.final_layer)
        return torch.cat([block.modulation(known) for block in blocks], dim=1)

    def forward(
        self,
        person: Tensor,
        garments: Sequence[Tensor],
        modulations: Tensor,
        table: Tensor,
        *,
        whole_last_block: bool = False,
    ) -> Tensor:
        """The velocity's patches `[N, L, patch channels]`, for `patched`'s inverse, `unpatched`.

        `person`: tokens `[N, L, hidden]`; `garments`: as `DoubleBlock` takes them, N rows together; `modulations`:
        `[N, rows, hidden]`; `table`: of `rotations`. `whole_last_block`: compute the garment's outputs of the last
        block, too, which nothing reads.
        """
        return self._walked(person, garments, modulations, table, None, whole_last_block=whole_last_block)

    def keeping(
        self, person: Tensor, garments: Sequence[Tensor], modulations: Tensor, table: Tensor
    ) -> tuple[Tensor, list[KeysValues]]:
        """`forward`, and the garment's keys and values in each block that has any, for `again`."""
        kept: list[KeysValues] = []
        return self._walked(person, garments, modulations, table, kept), kept

    def again(self, person: Tensor, kept: Sequence[KeysValues], modulations: Tensor, table: Tensor) -> Tensor:
        """`forward` of the person's tokens alone, beside keys and values that were kept at another time."""
        of_mixers, of_doubles, of_singles, of_final = self._by_kind(modulations)
        person = self._mixed(person, of_mixers, table)
        mods = [*_by_block(of_doubles, DoubleBlock.num_rows), *_by_block(of_singles, SingleBlock.num_rows)]
        blocks: list[DoubleBlock | SingleBlock] = [*self._doubles, *self._singles]
        for block, mod, of_garment in zip(blocks, mods, kept, strict=True):
            person = block.again(person, of_garment, mod, table)
        patches: Tensor = self.final_layer(person, of_final)
        return patches

    def _walked(
        self,
        person: Tensor,
        garments: Sequence[Tensor],
        modulations: Tensor,
        table: Tensor,
        kept: list[KeysValues] | None,
        *,
        whole_last_block: bool = False,
    ) -> Tensor:
        length = person.shape[1]
        of_mixers, of_doubles, of_singles, of_final = self._by_kind(modulations)
        person = self._mixed(person, of_mixers, table)
        for double, mod in zip(self._doubles, _by_block(of_doubles, DoubleBlock.num_rows), strict=True):
            person, garment, of_garment = double(person, garments, mod, table)
            garments = (garment,)
            _keep(kept, of_garment, length)
        tokens = torch.cat([joined([rows.expand(-1, length, -1) for rows in garments]), person], dim=1)
        for depth, mod in enumerate(_by_block(of_singles, SingleBlock.num_rows), start=1):
            is_pruned = depth == len(self._singles) and not whole_last_block
            tokens, of_all = self._singles[depth - 1](tokens, mod, table, length if is_pruned else None)
            _keep(kept, of_all, length)
        patches: Tensor = self.final_layer(tokens[:, -length:], of_final)
        return patches

    def _mixed(self, person: Tensor, of_mixers: Tensor, table: Tensor) -> Tensor:
        for mixer, mod in zip(self._mixers, _by_block(of_mixers, SingleBlock.num_rows), strict=True):
            person, _ = mixer(person, mod, table[:, : person.shape[1]])
        return person

    def _by_kind(self, modulations: Tensor) -> tuple[Tensor, ...]:
        """Of the mixers, the double blocks, the single blocks and the final layer."""
        single, double = SingleBlock.num_rows, DoubleBlock.num_rows
        sizes = [single * len(self._mixers), double * len(self._doubles), single * len(self._singles)]
        return torch.split(modulations, [*sizes, FinalLayer.num_rows], dim=1)

    @property
    def _mixers(self) -> list[SingleBlock]:
        return cast("list[SingleBlock]", list(self.x_patch_mixer) if self.config.use_patch_mixer else [])

    @property
    def _doubles(self) -> list[DoubleBlock]:
        return cast("list[DoubleBlock]", list(self.double_blocks))

    @property
    def _singles(self) -> list[SingleBlock]:
        return cast("list[SingleBlock]", list(self.single_blocks))


def _by_block(modulations: Tensor, num_rows: int) -> list[Tensor]:
    return list(torch.split(modulations, num_rows, dim=1)) if modulations.shape[1] else []


def _keep(kept: list[KeysValues] | None, of_block: KeysValues, length: int) -> None:
    """Those of the first `length` tokens, the garment's, without the memory of the others."""
    if kept is not None:
        kept.append((of_block[0][:, :, :length].contiguous(), of_block[1][:, :, :length].contiguous()))


def unpatched(patches: Tensor, grid: tuple[int, int], patch_size: int) -> Tensor:
    """`[N, rows x columns, channels x p x p]` -> pictures `[N, channels, rows x p, columns x p]`."""
    rows, columns = grid
    cells = torch.unflatten(torch.unflatten(patches, 1, (rows, columns)), -1, (-1, patch_size, patch_size))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
