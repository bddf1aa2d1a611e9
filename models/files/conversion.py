"""Pickled checkpoints, read without running what they hold, to safetensors."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.files.checking import WeightsError

NUM_NAMED = 5  # entries in a message


def convert(pickled: Path, path: Path, name: str = "") -> None:
    """Write the tensors of a `torch.save` file as safetensors to `path`, each in the precision that it has.

    What a card computes in, its loading casts to: rounded here, the file would no longer serve a card of a higher one.
    `name`: what messages call it, if not by its own.

    The file is mapped and written from there, so that host memory holds next to nothing of it.

    Raises:
        WeightsError: it holds anything but tensors, flat or below `state_dict`, or it is damaged.
    """
    tensors = {key: value.detach().contiguous() for key, value in _read(pickled, name or pickled.name).items()}
    save_file(_apart(tensors), path)


def _read(path: Path, name: str) -> dict[str, Tensor]:
    try:
        read = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{name} holds more than tensors{_what_more(error)}, and opening it could run a stranger's code: it is "
            "refused. Use another repository or file."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(f"{name} cannot be read as a PyTorch checkpoint ({_first_line(error)}).") from error
    nested = read.get("state_dict", read) if isinstance(read, Mapping) else read
    if not _is_flat(nested):
        raise WeightsError(
            f"{name} is not a flat table of tensors, nor has one under 'state_dict'; it holds {_told(nested)}. Save "
            "the network's tensors alone, best as safetensors, and name that file in the card."
        )
    return dict(nested)


def _is_flat(read: Any) -> bool:
    return (
        isinstance(read, Mapping)
        and bool(read)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in read.items())
    )


def _told(read: Any) -> str:
    """What it holds besides tensors, shortly."""
    if not isinstance(read, Mapping):
        return f"a {type(read).__name__}"
    others = [f"{key!r} ({type(value).__name__})" for key, value in read.items() if not isinstance(value, Tensor)]
    return ", ".join(others[:NUM_NAMED]) + " and more" * (len(others) > NUM_NAMED) or "nothing"


def _what_more(error: Exception) -> str:
    """The class that a pickle asks for, as torch tells it among advice to open the file all the same."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f" ({found[1]})" if found else ""


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory are written each by itself: safetensors knows no sharing."""
    seen: set[int] = set()
    apart = {}
    for key, tensor in tensors.items():
        address = tensor.untyped_storage().data_ptr()
        apart[key] = tensor.clone() if address in seen else tensor
        seen.add(address)
    return apart


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
