"""What many ask at once is asked in few calls: while one is under way, the next gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

AnswerT = TypeVar("AnswerT")


class Gathering(Generic[AnswerT]):
    """Asks for names by `ask`, which answers at most `most` of them in their order, one call after the other."""

    def __init__(self, ask: Callable[[list[str]], Awaitable[list[AnswerT]]], most: int) -> None:
        self._ask, self._most = ask, most
        self._wanted: dict[str, asyncio.Future[AnswerT]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def answer(self, name: str) -> AnswerT:
        """Of a call that began after this was asked; what the call raises is raised."""
        found = self._wanted.get(name)
        if found is None:
            found = self._wanted[name] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._run())
        return await asyncio.shield(found)

    async def _run(self) -> None:
        while self._wanted:
            names = list(self._wanted)[: self._most]
            waiting = [self._wanted.pop(name) for name in names]
            try:
                answers = await self._ask(names)
            except Exception as error:
                for one in waiting:
                    one.set_exception(error)
                    one.exception()  # all who waited may have left
            else:
                for one, answer in zip(waiting, answers, strict=True):
                    one.set_result(answer)
