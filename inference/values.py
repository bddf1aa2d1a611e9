"""Values that are kept: tensors and arrays, alone or in tuples and dataclasses, with plain values among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[Any]


def num_bytes_of(value: Any) -> int:
    """Of the tensors and arrays in `value`."""
    if isinstance(value, (Tensor, np.ndarray)):
        return int(value.nbytes)
    if isinstance(value, tuple):
        return sum(map(num_bytes_of, value))
    if is_dataclass(value):
        return sum(num_bytes_of(getattr(value, field.name)) for field in fields(value))
    return 0


def mapped(
    value: Any, change: Callable[[Tensor], Tensor], change_array: Callable[[Array], Array] = lambda array: array
) -> Any:
    """`value` with each of its tensors and arrays changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, np.ndarray):
        return change_array(value)
    if isinstance(value, tuple):
        changed = [mapped(part, change, change_array) for part in value]
        return type(value)(*changed) if hasattr(value, "_fields") else tuple(changed)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **{name: mapped(part, change, change_array) for name, part in parts.items()})
    return value


def settled(value: Any) -> Any:
    """Tensors laid out row by row, arrays with memory of their own.

    The same bits in another layout could lead to other ones, by another kernel, when they come back from the disk.
    """
    return mapped(value, torch.Tensor.contiguous, lambda array: array if array.base is None else array.copy())


def moved(value: Any, device: torch.device) -> Any:
    """On `device`. To and from a GPU nobody waits; what comes to the host is pinned there."""
    return mapped(value, lambda tensor: tensor.to(device, non_blocking=True))


def pinned(value: Any) -> Any:
    """In memory from which a GPU can read by itself."""
    return mapped(value, lambda tensor: tensor.pin_memory())


def unpacked(form: str, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `packed`.

    Raises:
        ValueError, KeyError, TypeError: it is no such form.
    """
    return _filled(json.loads(form), tensors)


def packed(value: Any) -> tuple[str, dict[str, Tensor]]:
    """Tensors by name, and how `value` is made of them, in JSON. Dataclasses have no form.

    Raises:
        TypeError: there is something in it that has no form.
    """
    tensors: dict[str, Tensor] = {}
    return json.dumps(_form(value, tensors)), tensors


def _form(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, (Tensor, np.ndarray)):
        name = str(len(tensors))
        tensors[name] = value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        return {"tensor" if isinstance(value, Tensor) else "array": name}
    if type(value) is tuple:
        return {"tuple": [_form(part, tensors) for part in value]}
    if value is None or isinstance(value, (str, int, float)):
        return {"plain": value}
    raise TypeError(f"{type(value).__name__} has no form on the disk")


def _filled(form: Any, tensors: dict[str, Tensor]) -> Any:
    ((kind, content),) = form.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "tuple":
        return tuple(_filled(part, tensors) for part in content)
    if kind == "plain":
        return content
    raise ValueError(f"{kind} is no kind of value")
