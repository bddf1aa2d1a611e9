"""Event streams end when the process is asked to, not when their generation is final."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")


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
