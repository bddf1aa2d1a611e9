"""A network's forward as this device runs it: the eager one, changed in turn, each change measured where it is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.exactness import Exactness, Optimisation

Run = Callable[..., Any]
"""A forward: tensors, or lists, tuples and dataclasses of them, to the like."""


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments of a forward."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def of(self, run: Run) -> Any:
        return run(*self.args, **self.kwargs)


class Change(Protocol):
    """Something that makes a forward cheaper."""

    @property
    def name(self) -> str:
        """As pictures tell it; what it did to the numbers is remembered under it."""

    @property
    def exactness(self) -> Exactness: ...

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        """`run`, changed; `call` is of the shapes that it will see."""


class Forward:
    """Takes the place of `network.forward`: changed by `changes` in turn when it is first called.

    `errors`: what each change was measured to do, by name; those that are missing are measured in the first call, as
    the relative error of the forward against the one without the change, and added.
    """

    def __init__(self, network: nn.Module, changes: Sequence[Change], errors: dict[str, float]) -> None:
        self._network, self._changes, self._errors = network, changes, errors
        self._run: Run = network.forward
        self.is_ready = not changes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.is_ready:
            self._get_ready(Call(args, kwargs))
        return self._run(*args, **kwargs)

    def _get_ready(self, call: Call) -> None:
        is_measured = all(change.name in self._errors or _is_exact(change) for change in self._changes)
        before = None if is_measured else _copied(call.of(self._run))
        for change in self._changes:
            self._run = change.applied(self._network, self._run, call)
            if is_measured:
                continue
            after = _copied(call.of(self._run))
            if not _is_exact(change):
                self._errors.setdefault(change.name, relative_error(after, before))
            before = after
        self.is_ready = True

    @property
    def optimisations(self) -> tuple[Optimisation, ...]:
        """Its changes; those that could not be made here are left out."""
        told = (Optimisation(change.name, change.exactness) for change in self._changes if change.name)
        return tuple(replace(one, error=self._errors.get(one.name)) for one in told)


def relative_error(found: Sequence[Tensor], wanted: Sequence[Tensor] | None) -> float:
    """`|found - wanted| / |wanted|`, of all tensors together."""
    assert wanted is not None
    difference = sum(float((one - other).square().sum()) for one, other in zip(found, wanted, strict=True))
    return float((difference / max(sum(float(one.square().sum()) for one in wanted), 1e-30)) ** 0.5)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Those of a nest of lists, tuples, dictionaries and dataclasses with slots, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif hasattr(value, "__dataclass_fields__"):
        yield from tensors_in([getattr(value, name) for name in value.__dataclass_fields__])


def _copied(value: Any) -> list[Tensor]:
    """In float64 on the host: to compare, and out of the way of what runs next."""
    return [one.detach().to("cpu", torch.float64) for one in tensors_in(value)]


def _is_exact(change: Change) -> bool:
    return change.exactness is Exactness.EXACT
