"""Shoppers' browsers that do not give up: every request is repeated until it is answered, as a good client's is.

It goes to the next API process when one breaks off, is signed anew, and keeps its Idempotency-Key.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from scripts.client import models
from scripts.client.asking import Asking
from scripts.client.client import NO_LIMITS, Client, connections
from scripts.client.errors import ClientError, Refused
from scripts.client.patience import Patience
from scripts.soak.estate import SHOPS
from scripts.soak.marks import Marks

ANSWER_WITHIN_S = 30.0
PATIENCE_S = 120.0  # of one request with all its repetitions
PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0  # whatever Retry-After says: who comes back early finds more
AGAIN = frozenset({429, 500, 502, 503, 504})


class Crowd:
    """Many shoppers of the API processes at `urls`; a context manager. `repeated`: why, how often."""

    def __init__(self, urls: Sequence[str], marks: Marks) -> None:
        self.repeated: Counter[str] = Counter()
        self._marks = marks
        self._balancer = Balancer(urls)
        self._http = connections(urls[0], ANSWER_WITHIN_S, transport=self._balancer, headers=marks.headers())
        self._endless = Patience(
            PATIENCE_S, PAUSE_S, LONGEST_PAUSE_S, heeds=False, passes=_is_worth_another_try, told=self._count
        )

    @property
    def num_requests(self) -> int:
        return self._balancer.num_requests

    def client(self, person: int, patience: Patience | None = None) -> Client:
        """Of a person, who does not give up unless it has another `patience`."""
        shopper = Signed(self._marks, person)
        return MarkedClient(Asking(self._http, shopper, patience or self._endless), self._marks)

    def _count(self, error: ClientError) -> None:
        self.repeated[error.name] += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()


class Balancer(httpx.AsyncBaseTransport):
    """Takes each request to the next of `urls`, whatever address it was sent to."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.num_requests = 0
        self._turns = itertools.cycle([httpx.URL(url) for url in urls])
        self._network = httpx.AsyncHTTPTransport(limits=NO_LIMITS, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.num_requests += 1
        to = next(self._turns)
        request.url = request.url.copy_with(scheme=to.scheme, host=to.host, port=to.port)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


@dataclass(frozen=True)
class Signed(httpx.Auth):
    """As the app proxy signs for a person."""

    marks: Marks
    person: int

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, Any, None]:
        shop = SHOPS[self.person % len(SHOPS)]
        request.url = request.url.copy_with(query=self.marks.signed(shop, self.person).encode())
        yield request


@dataclass(frozen=True)
class MarkedClient(Client):
    """Notes what it is given: signed links, and the keys of uploads."""

    marks: Marks

    async def prepare_upload(self) -> models.Place:
        place = await super().prepare_upload()
        self.marks.give(_last_part(place.upload_url), _last_part(place.upload_key))
        return place

    async def complete_upload(self, place: models.Place, consent: models.Consent | None = None) -> models.Photo:
        photo = await super().complete_upload(place, consent)
        self.marks.give(_last_part(photo.file_url))
        return photo

    async def status(self, generation_id: str) -> models.Generation:
        state = await super().status(generation_id)
        if state.result_image_url:
            self.marks.give(_last_part(state.result_image_url))
        return state


def _last_part(link: str) -> str:
    return httpx.URL(link).path.rpartition("/")[2]


def _is_worth_another_try(refusal: Refused) -> bool:
    """Also what is refused with status 200, as the published contract has it."""
    return refusal.status in AGAIN or refusal.code == "CREATION_FAILED"
