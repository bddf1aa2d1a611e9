"""What makes a family's networks faster: chosen by card and device, measured here, and told in the result."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inference.artefacts import Artefacts, key_of
from inference.batching import EngineError
from inference.changes import Attention, Compiled, Graphs, Quantised, TensorFloat32, compiled, lay_out
from inference.forwards import Change, Forward
from inference.quantisation import check_quantisation

if TYPE_CHECKING:
    from models.base import TryOnFamily
    from models.card import ModelCard
    from models.exactness import Optimisation

COMPILERS = ("c++", "g++", "clang++")
MOST_GRAPHS = 64  # of one forward: batch sizes, guided and not, of a generator and of a reader

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Acceleration:
    """What is switched on. Its changes are made when the denoiser is first called, which a warm-up does."""

    denoiser: Forward | None = None
    artefacts: Artefacts | None = None
    is_compiled: bool = False
    warm_guidance: tuple[float | None, ...] = field(default=(None,))
    """Guidance scales that a warm-up runs for each batch size, so that every graph is there; None: the card's."""

    @property
    def optimisations(self) -> tuple[Optimisation, ...]:
        """What makes every picture cheaper, with what it was measured to change."""
        return () if self.denoiser is None else self.denoiser.optimisations

    def settle(self) -> None:
        """After the warm-up: nothing is compiled any more. What fits no graph there is runs as it is, at once."""
        if self.denoiser is None or not self.denoiser.is_ready:
            return  # the family wanted real pictures: it gets warm with the first
        if self.is_compiled:
            torch.compiler.set_stance("eager_on_recompile")
        if self.artefacts is not None:
            self.artefacts.keep()


def accelerate(
    family: TryOnFamily[Any, Any, Any], card: ModelCard, device: torch.device, folder: Path | None
) -> Acceleration:
    """Switch on what the card and the device say; to be called between loading and warm-up.

    `folder`: where what is compiled and measured is kept for the next start; None: nowhere.

    Raises:
        EngineError: the card asks for what cannot be had here; the message says what to do.
    """
    networks = family.networks
    if "denoiser" not in networks:
        return Acceleration()
    dtype = next(networks["denoiser"].parameters()).dtype
    is_compiled = _is_compiled(card, device)
    changes = _changes(family, card, device, dtype, is_compiled=is_compiled)
    if not changes:
        return Acceleration()
    artefacts = _artefacts(folder, key_of(card, networks, device, dtype)) if folder is not None else None
    facts = artefacts.facts if artefacts is not None else {}
    for change in changes:
        if isinstance(change, Attention):
            change.remembered = facts.setdefault("kernels", [])
    if device.type == "cuda":
        lay_out(list(networks.values()))
    if is_compiled:
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, MOST_GRAPHS)
        if "reference" in networks:  # autoencoders are 1% of a picture's work, and would take half a minute each
            networks["reference"].forward = compiled(networks["reference"].forward, is_dynamic=None)
    denoiser = Forward(networks["denoiser"], changes, facts.setdefault("errors", {}))
    networks["denoiser"].forward = denoiser
    guidance = (None, 1.0, 2.0) if is_compiled else (None,)
    return Acceleration(denoiser, artefacts, is_compiled, guidance)


def _artefacts(folder: Path, key: str) -> Artefacts | None:
    try:
        return Artefacts.open(folder, key)
    except OSError as error:
        logger.warning("what is compiled is not kept, and each start compiles again: %s", error)
        return None


def _changes(
    family: TryOnFamily[Any, Any, Any], card: ModelCard, device: torch.device, dtype: torch.dtype, *, is_compiled: bool
) -> list[Change]:
    """In the order in which they are made and measured."""
    switches, has_cuda = card.acceleration, device.type == "cuda"
    changes: list[Change] = []
    if has_cuda and dtype is torch.float32:
        changes.append(TensorFloat32())
    if switches.attention == "on" or (switches.attention == "auto" and has_cuda):
        changes.append(Attention(device, []))
    if switches.quantisation != "none":
        check_quantisation(switches.quantisation, device)
        changes.append(Quantised(switches.quantisation))
    if is_compiled:
        changes.append(Compiled(not family.has_one_canvas, family.repeated))
    if has_cuda and switches.cuda_graphs != "off" and family.has_one_canvas:
        changes.append(Graphs())
    return changes


def _is_compiled(card: ModelCard, device: torch.device) -> bool:
    """By default on a GPU alone: on a CPU it takes longer than it saves in hours, as docs/performance.md shows."""
    wanted = card.acceleration.compile
    if wanted == "off" or (wanted == "auto" and device.type != "cuda"):
        return False
    if any(shutil.which(one) for one in COMPILERS):
        return True
    if wanted == "on":
        raise EngineError(
            f"{card.name} is to be compiled, which needs a C++ compiler: install one (Debian: apt install g++), "
            "or take acceleration.compile out of the card."
        )
    logger.warning("networks are not compiled: there is no C++ compiler (Debian: apt install g++)")
    return False
