"""The lowest tier of reuse: one safetensors file for each value, whose content is checked when it is read."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from inference.values import num_bytes_of, packed, unpacked
from models.reuse import Key, Kind

SUFFIX = ".safetensors"
ABANDONED_S = 3600.0  # after which a file that is still being written is nobody's

logger = logging.getLogger(__name__)


class Shelf:
    """At most `num_bytes` below `folder`, shared by processes. What was read or written least recently goes first.

    Texts go last: without them an encoder would have to be loaded.
    """

    def __init__(self, folder: Path, num_bytes: int) -> None:
        self._folder, self._num_bytes = folder, num_bytes

    def read(self, key: Key) -> Any | None:
        """What lies there whole and unharmed, on the host. Whatever else does is taken away."""
        path = self._path(key)
        try:
            value = _read(path, key)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s is damaged, and computed anew: %s", path, error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return value

    def write(self, key: Key, value: Any) -> None:
        """All or nothing; nothing where the disk is full or cannot be written."""
        if num_bytes_of(value) > self._num_bytes or self._path(key).is_file():
            return
        try:
            self._write(self._path(key), key, value)
            self._trim()
        except OSError as error:
            logger.warning("nothing can be kept in %s: %s", self._folder, error)

    def _write(self, path: Path, key: Key, value: Any) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        form, tensors = packed(value)
        own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        told = {"key": key.name, "form": form, "sha256": _digest(form, own)}
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        os.close(handle)
        try:
            save_file(own, name, told)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)

    def _trim(self) -> None:
        found = [(path, status) for path in self._folder.glob("*/*") if (status := _status(path)) is not None]
        for path, status in found:
            if path.suffix != SUFFIX and time.time() - status.st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)
        kept = [(path.parent.name == Kind.TEXT, status.st_mtime_ns, status.st_size, path) for path, status in found]
        excess = sum(size for *_, size, _ in kept) - self._num_bytes
        for _, _, size, path in sorted(kept):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size

    def _path(self, key: Key) -> Path:
        return self._folder / key.kind.value / f"{key.name}{SUFFIX}"


def _read(path: Path, key: Key) -> Any:
    if not path.is_file():
        raise FileNotFoundError(path)
    with safe_open(path, framework="pt") as opened:
        told: Mapping[str, str] = opened.metadata()
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118 - not a dict
    if told["key"] != key.name or told["sha256"] != _digest(told["form"], tensors):
        raise ValueError("it is not what was written under this name")
    return unpacked(told["form"], tensors)


def _digest(form: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(form.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
