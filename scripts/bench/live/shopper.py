"""A shopper as the contract knows one: uploads, asks, follows, fetches the picture. All of it over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from scripts.bench.live.traffic import Visit

PATIENCE_S = 600.0  # of a shopper with a picture; then it counts as lost
ANSWER_WITHIN_S = 60.0
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a visit. Times in seconds from when it was due, not from when the generator came to it."""

    due_at: float  # seconds since the epoch
    generation_id: str = ""  # empty when the service refused
    answered_s: float = 0.0  # the POST
    picture_s: float | None = None  # the picture's last byte; None when there is none
    problem: str = ""


class Storefront:
    """The service at `url`, its products, and people whose photographs it has; a context manager."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S, limits=NO_LIMITS, trust_env=False)
        self._photos: list[str] = []
        self._garments: list[dict[str, str]] = []
        self._shoppers: list[str] = []

    async def open(self, photographs: Sequence[bytes]) -> None:
        """Learn the products, and upload everybody's photograph."""
        listed = (await self._get("/products.json")).json()["products"]
        self._garments = [
            {"productId": product["productId"]} | ({"variantId": variant["variantId"]} if variant else {})
            for product in listed
            for variant in product["variants"] or [{}]
        ]
        self._photos = [await self._upload(photograph) for photograph in photographs]
        self._shoppers = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(person))) for person in range(len(photographs))]

    @property
    def num_garments(self) -> int:
        return len(self._garments)

    def wanted(self, visit: Visit) -> dict[str, str]:
        """The body of its POST."""
        return {"userImageId": self._photos[visit.person]} | self._garments[visit.garment]

    async def visit(self, visit: Visit, due_at: float) -> Outcome:
        """One visit from its POST to its picture, and what became of it; raises nothing."""
        generation_id, answered_s = "", 0.0
        try:
            async with asyncio.timeout(PATIENCE_S):
                generation_id = await self.submit(visit)
                answered_s = time.time() - due_at
                picture = await self._get(await self._follow(generation_id))
                assert picture.content, "the picture is empty"
        except (httpx.HTTPError, TimeoutError, VisitError, AssertionError) as error:
            return Outcome(due_at, generation_id, answered_s, problem=str(error) or type(error).__name__)
        return Outcome(due_at, generation_id, answered_s, time.time() - due_at)

    async def submit(self, visit: Visit) -> str:
        """The id of the generation.

        Raises:
            VisitError: the service refused.
        """
        shopper = {"client_id": self._shoppers[visit.person]}
        reply = (await self._http.post("/public/fitting-room", json=self.wanted(visit), params=shopper)).json()
        if not reply.get("jobId"):
            raise VisitError(reply.get("message") or str(reply))
        return str(reply["jobId"])

    async def _follow(self, generation_id: str) -> str:
        """The address of the picture, as soon as there is one; asks again when the stream ends early.

        Raises:
            VisitError: the generation failed.
        """
        while True:
            async with self._http.stream("GET", f"/public/generation/{generation_id}/events", timeout=None) as events:
                events.raise_for_status()
                async for line in events.aiter_lines():
                    told = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                    if told.get("status") == "COMPLETED":
                        return str(told["resultImageUrl"])
                    if told.get("status") == "FAILED":
                        raise VisitError(f"{told.get('errorCode')}: {told.get('errorMessage')}")

    async def _upload(self, photograph: bytes) -> str:
        place = (await self._http.post("/public/prepare-upload")).raise_for_status().json()
        (await self._http.put(place["uploadUrl"], content=photograph)).raise_for_status()
        done = await self._http.post("/public/upload-complete", json={"uploadKey": place["uploadKey"]})
        return str(done.raise_for_status().json()["fileId"])

    async def _get(self, url: str) -> httpx.Response:
        return (await self._http.get(url)).raise_for_status()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()


class VisitError(Exception):
    """The service refused, or the generation failed; the message is the service's."""
