"""What a batch is, who makes it stage by stage, and how long it waits for company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from inference.jobs import BatchKey

if TYPE_CHECKING:
    from inference.stats import Stats
    from models.base import Image, TryOnInputs
    from models.exactness import Optimisation

Prepared = Any  # a job's pictures as its generator wants them
Canvas = Any  # what its generator made of them; the device may still be writing it


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, what its viewer should know about it, in sentences, and what made it cheaper."""

    image: Image
    warnings: tuple[str, ...] = ()
    optimisations: tuple[Optimisation, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """At most `max_jobs` a batch; a worker that was idle waits `window_s` for company before it starts.

    `overlap`: the next batch is made ready and the last one stored while the device works.
    """

    max_jobs: int = 4
    window_s: float = 0.005
    overlap: bool = True

    def __post_init__(self) -> None:
        if self.max_jobs < 1 or self.window_s < 0:
            raise ValueError("a batch needs at least one job, and a window of zero seconds or more")


class Generator(Protocol):
    """What makes pictures: the engine. Its three verbs may run at the same time, on different batches."""

    @property
    def stats(self) -> Stats:
        """Where it counts, and whoever drives its stages."""

    @property
    def policy(self) -> BatchPolicy:
        """What its device can do at once, as it knows by now."""

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> Prepared:
        """One job's pictures, made ready on the CPU; on any thread. `key`: how they are to be made.

        Raises:
            GenerationError: they cannot be used, or not made so.
        """

    def denoise(
        self,
        prepared: Sequence[Prepared],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Canvas | None]:
        """What the device makes of a batch; always on the same thread.

        `on_progress` is told the batch's progress (0 to 1); between two steps, `stopped` is asked which jobs are to
        end: theirs is None, and when none is left, so is everybody's.

        Raises:
            DeviceLostError: the device needs a new process.
        """

    def finish(self, prepared: Prepared, canvas: Canvas) -> Picture:
        """One job's picture, composed on the CPU; on any thread. Waits for the device to have written the canvas.

        Raises:
            DeviceLostError: the device needs a new process.
        """

    def forget(self) -> None:
        """Drop whatever it remembers that shows a person; on any thread."""


class EngineError(RuntimeError):
    """The model cannot run here; the message says what to do."""


class DeviceLostError(RuntimeError):
    """The device needs a new process; the jobs are not to blame."""


def wait_for_company_s(policy: BatchPolicy, num_waiting: int) -> float:
    """How long an idle worker that sees `num_waiting` jobs waits for more: not at all when they fill a batch."""
    return policy.window_s if num_waiting < policy.max_jobs else 0.0


def no_progress(fraction: float) -> None:
    """Nobody is told."""


def never_stopped(index: int) -> bool:
    """Every job runs to its end."""
    return False


def make_one(
    generator: Generator,
    inputs: TryOnInputs,
    key: BatchKey,
    on_progress: Callable[[float], None] = no_progress,
) -> Picture:
    """One picture, one stage after the other, on this thread.

    Raises:
        GenerationError: the inputs cannot be used, or not be made so.
        DeviceLostError: the device needs a new process.
    """
    prepared = generator.prepare(inputs, key)
    (canvas,) = generator.denoise([prepared], key, on_progress, never_stopped)
    return generator.finish(prepared, canvas)
