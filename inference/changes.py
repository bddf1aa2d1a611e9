"""What may be changed in a network's forward: its matmuls' precision, attention kernels, weights, and who runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from inference.forwards import Call, Run
from inference.graphs import Graphed
from inference.kernels import Kernel, fastest, within
from models.exactness import Exactness

BACKEND = "inductor"


@dataclass(frozen=True, slots=True)
class TensorFloat32:
    """float32 matmuls and convolutions on tensor cores, with 10 bits after the point; for the whole process."""

    name: str = "TF32 matmuls"
    exactness: Exactness = Exactness.NEAR

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        return run


@dataclass(slots=True)
class Attention:
    """The kernel that is fastest over the attentions of one forward, first; what it cannot do, the next ones do."""

    device: torch.device
    remembered: list[str]  # filled by `applied`, in order of speed
    name: str = "attention kernel chosen by timing"
    exactness: Exactness = Exactness.NEAR

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        if not self.remembered:
            self.remembered.extend(kernel.value for kernel in fastest(run, call, self.device))
        kernels = [Kernel(one) for one in self.remembered]
        if self.device.type == "cpu":  # where torch heeds no order
            kernels = kernels[:1]
        return within(kernels, run) if kernels else run


@dataclass(frozen=True, slots=True)
class Quantised:
    """Linear layers in 8 bits by torchao: int8, or fp8 by rows, both with the activations' scale found as they come."""

    kind: str
    exactness: Exactness = Exactness.APPROXIMATE

    @property
    def name(self) -> str:
        return f"{self.kind} linear layers"

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        from inference.quantisation import quantise

        quantise(network, self.kind)
        return run


@dataclass(frozen=True, slots=True)
class Compiled:
    """One graph without a break, or one for each kind of block in `blocks`, if there are any.

    `is_dynamic`: with free shapes, for families whose canvases differ. Else shapes are static; but a whole network's
    second size of batch frees that of the batch, as a graph for each would take a minute each.
    """

    is_dynamic: bool
    blocks: tuple[type[nn.Module], ...] = ()
    name: str = "compiled"
    exactness: Exactness = Exactness.NEAR

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        if not self.blocks:
            return compiled(run, is_dynamic=self.is_dynamic or None)
        for module in network.modules():
            if isinstance(module, self.blocks):
                module.forward = compiled(module.forward, is_dynamic=self.is_dynamic)
        return run


@dataclass(slots=True)
class Graphs:
    """A CUDA graph of the forward for one job, which spares the launches of its kernels; see `inference.graphs`."""

    name: str = "CUDA graph for one job"
    exactness: Exactness = Exactness.EXACT

    def applied(self, network: nn.Module, run: Run, call: Call) -> Run:
        return Graphed(run, on_failure=self._give_up)

    def _give_up(self) -> None:
        self.name = ""


def compiled(run: Run, *, is_dynamic: bool | None) -> Run:
    """`run` as one graph; a forward that breaks into several is an error, not a slower program.

    `is_dynamic` None: sizes are free once they were seen to differ.
    """
    made: Run = torch.compile(run, fullgraph=True, dynamic=is_dynamic, backend=BACKEND)
    return made


def lay_out(networks: Sequence[nn.Module]) -> None:
    """Convolutions' weights channels last, as tensor cores and oneDNN want them."""
    for network in networks:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
