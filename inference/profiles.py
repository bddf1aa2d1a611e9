"""How many jobs a batch is best made of here: measured once, and remembered for the next start."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

SIZES = (1, 2, 4, 8)
ENOUGH = 0.95  # of the best throughput
BUDGET_S = 20.0
ROOM = 0.9  # of the device's memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Profile:
    """`seconds`: of one picture in a batch of so many; `peak_bytes`: what the device held then, 0 on a CPU.

    `most`: what its memory has turned out to hold, or None.
    """

    seconds: Mapping[int, float]
    peak_bytes: Mapping[int, int]
    most: int | None = None

    @property
    def max_jobs(self) -> int:
        """The smallest batch that is nearly as fast as the fastest, of those that fit."""
        fitting = {size: seconds for size, seconds in self.seconds.items() if size <= (self.most or size)}
        best = min(fitting.values(), default=0.0)
        return min((size for size, seconds in fitting.items() if seconds * ENOUGH <= best), default=1)


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one batch. `compiling_s`: that were spent before it, once, on what stays compiled."""

    seconds: float
    peak_bytes: int
    compiling_s: float = 0.0


def measured(run: Callable[[int], Timing], *, memory_bytes: int | None = None, budget_s: float = BUDGET_S) -> Profile:
    """Time batches until throughput falls, memory would not hold the next, or the next would break the budget.

    `run` times a batch of so many; MemoryError says that it can't. What it compiles is not charged.
    """
    seconds: dict[int, float] = {}
    peaks: dict[int, int] = {}
    give_up_at, next_s = time.monotonic() + budget_s, 0.0
    for size in SIZES:
        began_at = time.monotonic()
        if began_at + next_s > give_up_at or not _is_worth_it(size, seconds, peaks, memory_bytes):
            break
        try:
            timing = run(size)
        except MemoryError:
            break
        seconds[size], peaks[size] = timing.seconds / size, timing.peak_bytes
        give_up_at += timing.compiling_s
        next_s = 2 * (time.monotonic() - began_at - timing.compiling_s)
    return Profile(seconds, peaks)


def _is_worth_it(size: int, seconds: Mapping[int, float], peaks: Mapping[int, int], memory_bytes: int | None) -> bool:
    if not seconds:
        return True
    last = max(seconds)
    if seconds[last] > min(seconds.values()) / ENOUGH:
        return False
    if memory_bytes is None:
        return True
    one_more = (peaks[last] - peaks[1]) / (last - 1) if last > 1 else peaks[1]
    return peaks[last] + one_more * (size - last) <= ROOM * memory_bytes


class Profiles:
    """A file for each circumstance in a folder; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, circumstance: Mapping[str, object]) -> None:
        self._circumstance = json.dumps(circumstance, sort_keys=True, default=str)
        digest = hashlib.sha256(self._circumstance.encode()).hexdigest()[:24]
        self._path = folder / "profiles" / f"{digest}.json" if folder else None

    def load(self) -> Profile | None:
        """What was measured here before, or None."""
        if self._path is None or not self._path.is_file():
            return None
        try:
            told = json.loads(self._path.read_text())["profile"]
            seconds, peaks = (
                {int(size): value for size, value in told[name].items()} for name in ("seconds", "peak_bytes")
            )
            return Profile(seconds, peaks, told["most"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            logger.warning("%s is not a profile: it is measured again", self._path)
            return None

    def save(self, profile: Profile) -> None:
        """For the next start; where that is not possible, it will measure again."""
        if self._path is None:
            return
        told = {"circumstance": json.loads(self._circumstance), "profile": asdict(profile)}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{time.monotonic_ns()}.draft")
            draft.write_text(json.dumps(told, indent=1))
            draft.replace(self._path)
        except OSError as error:
            logger.warning("the profile is not kept: %s", error)


def with_most(profile: Profile, most: int) -> Profile:
    """The profile of a device whose memory turned out to hold `most` jobs at once."""
    return replace(profile, most=most)
