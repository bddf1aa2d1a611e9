"""A shopper's browser that does not give up: every request is repeated until it is answered, as a good client's is.

It goes to the next API process when one breaks off, signs each request anew, and keeps its Idempotency-Key.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

import httpx

from scripts.bench.live.shopper import NO_LIMITS
from scripts.soak.estate import SHOPS
from scripts.soak.marks import Marks

ANSWER_WITHIN_S = 30.0
PATIENCE_S = 120.0  # of one request with all its repetitions
PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
AGAIN = (429, 500, 502, 503, 504)


class GaveUp(Exception):
    """A request that was not answered, however often it was repeated."""


class Client:
    """Requests of many shoppers to the API processes at `urls`; a context manager. `repeated`: why, how often."""

    def __init__(self, urls: list[str], marks: Marks) -> None:
        self.repeated: Counter[str] = Counter()
        self.num_requests = 0
        self._marks = marks
        self._https = [
            httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S, limits=NO_LIMITS, trust_env=False) for url in urls
        ]
        self._turns = itertools.cycle(self._https)

    async def ask(
        self, verb: str, path: str, person: int, *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """The answer to a signed request: a success, or a refusal that stays one.

        Raises:
            GaveUp: there was none for two minutes.
        """
        give_up_at, pause_s, why = time.monotonic() + PATIENCE_S, PAUSE_S, ""
        while time.monotonic() < give_up_at:
            self.num_requests += 1
            try:
                answer = await self._once(verb, path, person, headers or {}, options)
            except httpx.HTTPError as error:
                why = type(error).__name__
            else:
                if not _is_worth_another_try(answer):
                    return answer
                why = str(answer.status_code)
            self.repeated[why] += 1
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise GaveUp(f"{verb} was not answered: {why}")

    async def _once(
        self, verb: str, path: str, person: int, headers: dict[str, str], options: dict[str, Any]
    ) -> httpx.Response:
        if path.startswith("/public"):
            path = f"{path}?{self._marks.signed(shop_of(person), person)}"
        headers = self._marks.headers() | headers
        return await next(self._turns).request(verb, path, headers=headers, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for http in self._https:
            await http.aclose()


def shop_of(person: int) -> str:
    return SHOPS[person % len(SHOPS)]


def _is_worth_another_try(answer: httpx.Response) -> bool:
    """Also what is refused with status 200, as the published contract has it."""
    if answer.status_code in AGAIN:
        return True
    is_refused = answer.is_success and answer.headers.get("content-type") == "application/json"
    return is_refused and answer.json().get("code") == "CREATION_FAILED"
