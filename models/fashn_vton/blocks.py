"""The two kinds of block: of two streams that meet in attention, and of one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.layers import Heads, Modulation, QueryKeyNorm, attended, heads_of, modulated

KeysValues = tuple[Tensor, Tensor]
"""`[N, heads, L, head]` each, normed and not rotated."""


class StreamAttention(nn.Module):
    """One stream's way into joint attention and out of it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=config.qkv_bias)
        self.norm = QueryKeyNorm(config.head_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)
        self._config = config

    def heads(self, tokens: Tensor) -> Heads:
        return heads_of(self.qkv(tokens), self._config, self.norm)


class DoubleBlock(nn.Module):
    """The person's stream (`img`) and the garment's (`txt`), each with weights of its own."""

    num_rows = 12  # of modulation: the person's 6, then the garment's

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.img_mod = Modulation(config.hidden_size, 6)
        self.img_attn = StreamAttention(config)
        self.img_mlp = _mlp(config)
        self.txt_mod = Modulation(config.hidden_size, 6)
        self.txt_attn = StreamAttention(config)
        self.txt_mlp = _mlp(config)

    def modulation(self, known: Tensor) -> Tensor:
        return torch.cat([self.img_mod(known), self.txt_mod(known)], dim=1)

    def forward(
        self, person: Tensor, garments: Sequence[Tensor], modulation: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor, KeysValues]:
        """Both streams `[N, L, hidden]`, and the garment's keys and values.

        `garments`: consecutive rows of the batch, `[n, L, hidden]`, or `[n, 1, hidden]` where all patches are alike:
        until attention tells them their places, one is computed for all.
        """
        length = person.shape[1]
        of_person, of_garment = modulation.chunk(2, dim=1)
        from_person = self.img_attn.heads(modulated(person, of_person[:, 0], of_person[:, 1]))
        from_garment = self._garment_heads(garments, of_garment, length)
        joint = [torch.cat(pair, dim=2) for pair in zip(from_garment, from_person, strict=True)]
        for_garment, for_person = torch.split(attended(joint[0], joint[1], joint[2], table), length, dim=1)
        garment = joined([rows.expand(-1, length, -1) for rows in garments])
        return (
            _advanced(person, for_person, self.img_attn, self.img_mlp, of_person),
            _advanced(garment, for_garment, self.txt_attn, self.txt_mlp, of_garment),
            (from_garment[1], from_garment[2]),
        )

    def again(self, person: Tensor, of_garment: KeysValues, modulation: Tensor, table: Tensor) -> Tensor:
        """The person's stream alone, beside a garment's keys and values of another time."""
        mod = modulation[:, : self.num_rows // 2]
        query, key, value = self.img_attn.heads(modulated(person, mod[:, 0], mod[:, 1]))
        found = attended(query, *_after(of_garment, (key, value)), table)
        return _advanced(person, found, self.img_attn, self.img_mlp, mod)

    def _garment_heads(self, garments: Sequence[Tensor], modulation: Tensor, length: int) -> list[Tensor]:
        parts = []
        for rows, mod in zip(garments, torch.split(modulation, [len(rows) for rows in garments]), strict=True):
            heads = self.txt_attn.heads(modulated(rows, mod[:, 0], mod[:, 1]))
            parts.append([one.expand(-1, -1, length, -1) for one in heads])
        return [joined(kind) for kind in zip(*parts, strict=True)]


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Rows of a batch in one piece; a single part as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _after(first: KeysValues, then: KeysValues) -> KeysValues:
    return torch.cat([first[0], then[0]], dim=2), torch.cat([first[1], then[1]], dim=2)


def _mlp(config: NetworkConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.hidden_size, config.mlp_size),
        nn.GELU(approximate="tanh"),
        nn.Linear(config.mlp_size, config.hidden_size),
    )


def _advanced(tokens: Tensor, found: Tensor, attention: StreamAttention, mlp: nn.Module, mod: Tensor) -> Tensor:
    """`mod`: rows of shift, scale and gate, of the attention and then of the layers after it."""
    tokens = tokens + mod[:, 2, None] * attention.proj(found)
    advanced: Tensor = tokens + mod[:, 5, None] * mlp(modulated(tokens, mod[:, 3], mod[:, 4]))
    return advanced


class SingleBlock(nn.Module):
    """One stream, whose attention and layers run side by side."""

    num_rows = 3  # of modulation: shift, scale, gate

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.linear1 = nn.Linear(hidden, 3 * hidden + config.mlp_size)
        self.linear2 = nn.Linear(hidden + config.mlp_size, hidden)
        self.norm = QueryKeyNorm(config.head_size)
        self.modulation = Modulation(hidden, self.num_rows)
        self._config = config

    def forward(
        self, tokens: Tensor, modulation: Tensor, table: Tensor, num_wanted: int | None = None
    ) -> tuple[Tensor, KeysValues]:
        """`[N, L, hidden]`; of the last `num_wanted` tokens only, if given: of the others, keys and values suffice.

        Beside them, the keys and values of all.
        """
        normed = modulated(tokens, modulation[:, 0], modulation[:, 1])
        num_others = 0 if num_wanted is None else tokens.shape[1] - num_wanted
        others = self._keys_and_values(normed[:, :num_others]) if num_others else None
        return self._advanced(tokens[:, num_others:], normed[:, num_others:], others, modulation, table)

    def again(self, person: Tensor, of_garment: KeysValues, modulation: Tensor, table: Tensor) -> Tensor:
        """The person's tokens alone, beside a garment's keys and values of another time."""
        normed = modulated(person, modulation[:, 0], modulation[:, 1])
        return self._advanced(person, normed, of_garment, modulation, table)[0]

    def _advanced(
        self, tokens: Tensor, normed: Tensor, others: KeysValues | None, modulation: Tensor, table: Tensor
    ) -> tuple[Tensor, KeysValues]:
        """`others`: keys and values that come before the tokens' own."""
        qkv, mlp = torch.split(self.linear1(normed), [3 * self._config.hidden_size, self._config.mlp_size], dim=-1)
        query, *own = heads_of(qkv, self._config, self.norm)
        both = (own[0], own[1]) if others is None else _after(others, (own[0], own[1]))
        found = attended(query, *both, table)
        out = self.linear2(torch.cat([found, F.gelu(mlp, approximate="tanh")], dim=-1))
        return tokens + modulation[:, 2, None] * out, both

    def _keys_and_values(self, normed: Tensor) -> KeysValues:
        rows = slice(self._config.hidden_size, 3 * self._config.hidden_size)
        both = F.linear(normed, self.linear1.weight[rows], self.linear1.bias[rows])
        key, value = torch.unflatten(both, -1, (2, self._config.n_heads, self._config.head_size)).permute(2, 0, 3, 1, 4)
        return self.norm.key_norm(key), value
