"""Which of torch's operators run within a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Heard(TorchDispatchMode):
    """`names` of the operators that `is_wanted` says of, given the name and all tensors that went in and came out."""

    def __init__(self, is_wanted: Callable[[str, list[Tensor]], bool]) -> None:
        super().__init__()
        self.names: list[str] = []
        self._is_wanted = is_wanted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        if self._is_wanted(name, [one for one in tree_leaves((args, kwargs, result)) if isinstance(one, Tensor)]):
            self.names.append(name)
        return result
