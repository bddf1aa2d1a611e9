"""CUDA graphs: a forward recorded once for a signature and replayed, with one launch instead of hundreds.

Recorded by hand and not by the compiler's `reduce-overhead`, whose recordings belong to the thread that made them: the
worker warms up in one thread and denoises in another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from inference.forwards import Run

MOST_ROWS = 2  # of one job: with and without its garment, when guided
WARM_UP = 3  # runs on a side stream before a recording, as torch's documentation asks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """A graph, the tensors that it reads, and what it writes."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outputs: Any

    def replay(self, leaves: list[Tensor]) -> Any:
        """What the forward makes of `leaves`. Copied, as the next replay writes into the same memory."""
        for fixed, given in zip(self.inputs, leaves, strict=True):
            fixed.copy_(given)
        self.graph.replay()
        return pytree.tree_map_only(Tensor, torch.clone, self.outputs)


class Graphed:
    """`run`, recorded when a signature of few rows comes for the second time, which is once it is compiled."""

    def __init__(self, run: Run, on_failure: Callable[[], None]) -> None:
        self._run, self._on_failure = run, on_failure
        self._recordings: dict[Hashable, Recording | None] = {}  # None: seen once
        self.is_recording = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not tensors or len(tensors[0]) > MOST_ROWS or not all(one.is_cuda for one in tensors):
            return self._run(*args, **kwargs)
        signature = (spec, tuple(_signature(leaf) for leaf in leaves))
        recording = self._recordings.get(signature)
        if recording is None and self.is_recording:
            recording = self._met(signature, leaves, spec)
        return self._run(*args, **kwargs) if recording is None else recording.replay(tensors)

    def _met(self, signature: Hashable, leaves: list[Any], spec: Any) -> Recording | None:
        if signature not in self._recordings:
            self._recordings[signature] = None
            return None
        device = next(leaf.device for leaf in leaves if isinstance(leaf, Tensor))
        try:
            with torch.cuda.device(device):  # a recording hears the current device alone, whatever the tensors are on
                self._recordings[signature] = self._recorded(leaves, spec)
        except RuntimeError as error:  # what runs here waits for the host: it cannot be recorded
            logger.warning("no CUDA graph: %s", error)
            self.is_recording = False
            self._on_failure()
        return self._recordings[signature]

    def _recorded(self, leaves: list[Any], spec: Any) -> Recording:
        fixed = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        args, kwargs = pytree.tree_unflatten(fixed, spec)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._run(*args, **kwargs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Other threads put photographs on the device meanwhile: only this one's calls must bear being recorded.
        with torch.cuda.graph(graph, stream=aside, capture_error_mode="thread_local"):
            outputs = self._run(*args, **kwargs)
        return Recording(graph, [leaf for leaf in fixed if isinstance(leaf, Tensor)], outputs)


def _signature(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape), tuple(leaf.stride()), leaf.dtype, leaf.device
    return leaf
