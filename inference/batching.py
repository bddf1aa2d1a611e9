"""What a batch is, and how long it waits for company; which jobs go together, their `BatchKey` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from inference.jobs import GenerationError
from models.exactness import NONE, Approximations, Optimisation

if TYPE_CHECKING:
    from models.base import Image, TryOnInputs


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures to make together; settings that are None are left to the model card.

    `strict`: nothing approximate may make them, of the card's neither.
    """

    inputs: Sequence[TryOnInputs]
    num_inference_steps: int | None
    guidance_scale: float | None
    approximations: Approximations = NONE
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, what its viewer should know about it, in sentences, and what made it cheaper."""

    image: Image
    warnings: tuple[str, ...] = ()
    optimisations: tuple[Optimisation, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """At most `max_jobs` a batch; a worker that was idle waits `window_s` for company before it starts."""

    max_jobs: int = 4
    window_s: float = 0.05

    def __post_init__(self) -> None:
        if self.max_jobs < 1 or self.window_s < 0:
            raise ValueError("a batch needs at least one job, and a window of zero seconds or more")


class Generator(Protocol):
    """What makes pictures: the engine."""

    @property
    def policy(self) -> BatchPolicy:
        """What its device can do at once."""

    def generate(
        self, batch: Batch, on_progress: Callable[[float], None], stopped: Callable[[int], bool]
    ) -> Iterator[tuple[int, Picture | GenerationError]]:
        """Each input's index and outcome, as soon as it is known, once each.

        `on_progress` is told the batch's progress (0 to 1); an input for which `stopped` says so ends at once.
        """


class EngineError(RuntimeError):
    """The model cannot run here; the message says what to do."""


class DeviceLostError(RuntimeError):
    """The device needs a new process; the jobs are not to blame."""


def wait_for_company_s(policy: BatchPolicy, num_waiting: int) -> float:
    """How long an idle worker that sees `num_waiting` jobs waits for more: not at all when they fill a batch."""
    return policy.window_s if num_waiting < policy.max_jobs else 0.0
