"""Tensors as views of a mapped file, and their pages handed back once they were copied elsewhere."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

IS_MAPPED = "_is_view_of_a_file"


def mapped_tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    """The tensors of a safetensors file; on the CPU, views of the file: nothing is read before it is used.

    Whoever writes into a view uses `overwrite`.

    Raises:
        safetensors.SafetensorError: it is no such file.
    """
    with safe_open(path, framework="pt", device=str(device)) as opened:
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - not a dict
    if device.type == "cpu":
        for tensor in tensors.values():
            setattr(tensor, IS_MAPPED, True)
    return tensors


def overwrite(tensor: Tensor, values: Tensor) -> None:
    """Put `values` into a tensor's place. The mapping is private: the pages become this process's own, the file stays.

    They take the place of the file's pages, so that the memory is what it would be without the change.
    """
    tensor.copy_(values)
    setattr(tensor, IS_MAPPED, False)


def release(tensor: Tensor) -> None:
    """Take the whole pages of a view of a file out of this process; who reads it again has them from the file again.

    Without this, a checkpoint that is cast while it is loaded would lie in memory twice. Other tensors are left alone.
    """
    if sys.platform != "linux" or not getattr(tensor, IS_MAPPED, False):
        return
    begin = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if begin < end:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)
