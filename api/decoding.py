"""Pictures of strangers are decoded in processes of their own, with a limit of time and of memory.

A decoder that hangs, grows or dies costs its own picture only: its process is ended, and the next picture has another.
"""

from __future__ import annotations

import resource
from functools import cache
from typing import TYPE_CHECKING

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after
from anyio.from_thread import start_blocking_portal
from anyio.to_process import run_sync as run_in_process
from anyio.to_thread import run_sync as run_in_thread

from api.errors import BadPhoto, Unavailable
from api.photos import DAMAGED, Photo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AT_ONCE = 2  # pictures, each of at most `photos.MEGAPIXELS`: of these, and no more, all pixels are in memory
MOST_WAITING = 64  # pictures that wait for their turn, not yet in memory
LONGEST_S = 30.0  # on the clock, for one picture; the largest take a third of it on a slow core
LONGEST_CPU_S = 30  # of processor time: ends a decoder whose API process is gone
MOST_MEMORY = 2 << 30  # bytes, beside what the process has when it begins; the largest take half of it

TOO_SLOW = "This picture takes too long to read. Please upload a smaller version of it."
TOO_MANY = "Many photographs are being read just now. Please send yours again in a moment."


class Decoders:
    """Few processes, started when they are needed and kept for the next picture. Belongs to one event loop."""

    def __init__(self) -> None:
        self._turns = CapacityLimiter(AT_ONCE)
        self._processes = CapacityLimiter(AT_ONCE)
        self._num_asked = 0

    async def decode(self, work: Callable[[bytes], Photo], read: Callable[[], bytes]) -> Photo:
        """What `work` (a function of a module) makes of what `read` gives when its turn comes.

        Raises:
            BadPhoto: with a sentence that says what to do.
            Unavailable: too many wait.
        """
        if self._num_asked >= AT_ONCE + MOST_WAITING:
            raise Unavailable(TOO_MANY)
        self._num_asked += 1
        try:
            async with self._turns:
                return await self._decoded(work, await run_in_thread(read))
        finally:
            self._num_asked -= 1

    async def _decoded(self, work: Callable[[bytes], Photo], data: bytes) -> Photo:
        try:
            with fail_after(LONGEST_S):
                return await run_in_process(_limited, work, data, cancellable=True, limiter=self._processes)
        except (TimeoutError, MemoryError):  # the child may have no room left to tell its answer
            raise BadPhoto(TOO_SLOW) from None
        except BrokenWorkerProcess as error:  # it was ended by the kernel, or by a decoder's own fault
            raise BadPhoto(DAMAGED) from error


def decode_all(work: Callable[[bytes], Photo], pictures: Mapping[str, bytes]) -> dict[str, Photo | BadPhoto]:
    """The same for many, one after the other, where no event loop runs."""

    async def decode(decoders: Decoders) -> dict[str, Photo | BadPhoto]:
        made: dict[str, Photo | BadPhoto] = {}
        for name, data in pictures.items():
            try:
                made[name] = await decoders.decode(work, lambda data=data: data)  # type: ignore[misc]
            except BadPhoto as error:
                made[name] = error
        return made

    with start_blocking_portal() as portal:
        return portal.call(decode, Decoders())


def _limited(work: Callable[[bytes], Photo], data: bytes) -> Photo:
    """In the child."""
    _limit_memory()
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft_s = round(used.ru_utime + used.ru_stime) + LONGEST_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (soft_s, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    try:
        return work(data)
    except MemoryError:
        raise BadPhoto(TOO_SLOW) from None


@cache
def _limit_memory() -> None:
    """Once, by the address space: what it maps already, libraries and their buffers, differs by machine."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_MEMORY, mapped + MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a picture of a person is no crash report
