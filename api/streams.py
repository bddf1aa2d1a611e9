"""Event streams end when the process is asked to, not when their generation is final."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from api.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

T = TypeVar("T")

MOST_STREAMS = 1000  # of one API process: each holds a connection to Redis


class Places:
    """So many event streams may be open at a time."""

    def __init__(self) -> None:
        self._num_taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place, until the context ends.

        Raises:
            Unavailable: there is none.
        """
        if self._num_taken >= MOST_STREAMS:
            raise Unavailable("Too many pages follow their pictures just now. Please ask for the state instead.")
        self._num_taken += 1
        try:
            yield
        finally:
            self._num_taken -= 1


async def until(closing: asyncio.Event, changes: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The `changes`, until they or the process end; a browser then connects again, to another process."""
    closed = asyncio.create_task(closing.wait())
    async with aclosing(changes):
        try:
            while not closing.is_set():
                change = asyncio.ensure_future(anext(changes))
                try:
                    await asyncio.wait((change, closed), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    change.cancel()  # nothing, when it is done
                    await asyncio.wait((change,))
                if change.cancelled() or isinstance(change.exception(), StopAsyncIteration):
                    return
                yield change.result()
        finally:
            closed.cancel()
