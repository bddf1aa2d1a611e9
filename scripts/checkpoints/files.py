"""The files of a random checkpoint: tensors, settings, and how a card lists them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from models.catalog import Licence, ModelCard, WeightFile

SHARD = 2 * 2**30  # bytes
LICENCE = Licence(code="Apache-2.0", weights="Apache-2.0", commercial="yes", reason="Random numbers.")


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """One safetensors file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def write_shards(tensors: dict[str, Tensor], folder: Path, stem: str) -> None:
    """Several files of about 2 GiB, as large published networks come; `tensors` is emptied on the way."""
    shards: list[list[str]] = [[]]
    size = 0
    for key, tensor in tensors.items():
        if size and size + tensor.nbytes > SHARD:
            shards, size = [*shards, []], 0
        shards[-1].append(key)
        size += tensor.nbytes
    for number, keys in enumerate(shards, 1):
        write_tensors(
            {key: tensors.pop(key) for key in keys}, folder / f"{stem}-{number:05}-of-{len(shards):05}.safetensors"
        )


def write_json(settings: Any, path: Path) -> None:
    """Settings beside the weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


def random_card(card: ModelCard, folder: Path, files: tuple[WeightFile, ...]) -> ModelCard:
    """The card, for random weights in `folder`: no helpers and no restrictions."""
    return replace(
        card,
        title=f"{card.title}, random weights",
        licence=LICENCE,
        files=files,
        helpers=(),
        optional_helpers=(),
        left_out_helpers=(),
        loras=(),
        repository="",
        revision="",
        notice="",
        folder=folder,
    )


def files_in(folder: Path) -> tuple[WeightFile, ...]:
    """Of a checkpoint, as a card lists them; hidden ones are no part of it."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return tuple(file_of(folder, path) for path in paths)


def file_of(folder: Path, path: Path) -> WeightFile:
    """`path` in the checkpoint's `folder`, as it is there now."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return WeightFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256)
