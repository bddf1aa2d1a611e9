"""Rendered training examples on disk: shards of `SHARD` drawings, `uint8`, read at random by the trainers."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from models.paperdoll.drawings import Drawings

SHARD = 256
FIRST_SEED = 1_000_000  # evaluation and samples draw from seeds far below


def render_shard(folder: Path, index: int, height: int, width: int) -> None:
    """Draw shard `index` (its seed) into `folder`; a shard that is there already is left alone."""
    path = folder / f"shard-{index:05d}"
    if path.exists():
        return
    drawings = Drawings.draw(FIRST_SEED + index, SHARD, height, width)
    partial = folder / f".shard-{index:05d}"
    partial.mkdir(parents=True, exist_ok=True)
    for field in fields(Drawings):
        value = getattr(drawings, field.name)
        if value.dim() == 4:
            value = (value * 255).round()
        array = value.numpy().astype(np.float32 if "keypoints" in field.name else np.uint8)
        np.save(partial / f"{field.name}.npy", array)
    partial.rename(path)


class Pool:
    """The shards of a folder; those that arrive later are found by `refresh`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._rng = folder, np.random.default_rng(seed)
        self._shards: dict[str, dict[str, np.ndarray]] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._shards) * SHARD

    def refresh(self) -> None:
        for path in sorted(self._folder.glob("shard-*")):
            if path.name not in self._shards:
                self._shards[path.name] = {
                    f.name: np.load(path / f"{f.name}.npy", mmap_mode="r") for f in fields(Drawings)
                }

    def batch(self, num: int) -> Drawings:
        """`num` drawings from two random shards, with one permutation of the colour channels for each."""
        names = self._rng.choice(list(self._shards), 2)
        rows = [np.sort(self._rng.choice(SHARD, num // 2, replace=False)) for _ in names]
        order = np.stack([self._rng.permutation(3) for _ in range(num)])[:, :, None, None]
        values = []
        for field in fields(Drawings):
            value = np.concatenate([self._shards[name][field.name][row] for name, row in zip(names, rows, strict=True)])
            if value.ndim == 4:
                value = np.take_along_axis(value, order, 1)
            tensor = torch.from_numpy(value)
            if value.ndim == 4:
                tensor = tensor.float() / 255
            values.append(tensor.long() if tensor.dtype == torch.uint8 else tensor)
        return Drawings(*values)
