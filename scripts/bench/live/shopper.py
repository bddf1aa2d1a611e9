"""A shopper as the contract knows one: uploads, asks, follows, fetches the picture. All of it over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from scripts.bench.live.traffic import Visit
from scripts.client.client import Client, opened
from scripts.client.errors import ClientError
from scripts.client.models import TryOn
from scripts.client.patience import ONCE
from scripts.client.shopper import Browser

PATIENCE_S = 600.0  # of a shopper with a picture; then it counts as lost


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a visit. Times in seconds from when it was due, not from when the generator came to it."""

    due_at: float  # seconds since the epoch
    generation_id: str = ""  # empty when the service refused
    answered_s: float = 0.0  # the POST
    picture_s: float | None = None  # the picture's last byte; None when there is none
    problem: str = ""


class Storefront:
    """The service at `url`, its products, and people whose photographs it has; a context manager.

    No request is repeated: a visit that is not answered is told as such.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ends = contextlib.AsyncExitStack()
        self._garments: list[tuple[str, str | None]] = []  # product and variant
        self._photos: list[str] = []
        self._clients: list[Client] = []

    async def open(self, photographs: Sequence[bytes]) -> None:
        """Learn the products, and upload everybody's photograph."""
        client = await self._ends.enter_async_context(opened(self._url, patience=ONCE))
        for product in (await client.products()).products:
            variants: list[str | None] = [variant.variant_id for variant in product.variants]
            self._garments += [(product.product_id, variant) for variant in variants or [None]]
        self._photos = [(await client.upload(photograph)).file_id for photograph in photographs]
        names = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(person))) for person in range(len(photographs))]
        self._clients = [client.of(Browser(name)) for name in names]

    @property
    def num_garments(self) -> int:
        return len(self._garments)

    def wanted(self, visit: Visit) -> TryOn:
        product, variant = self._garments[visit.garment]
        return TryOn(user_image_id=self._photos[visit.person], product_id=product, variant_id=variant)

    async def visit(self, visit: Visit, due_at: float) -> Outcome:
        """One visit from its POST to its picture, and what became of it; raises nothing."""
        client, generation_id, answered_s = self._clients[visit.person], "", 0.0
        try:
            async with asyncio.timeout(PATIENCE_S):
                generation_id = await self.submit(visit)
                answered_s = time.time() - due_at
                ended = await client.wait(generation_id)
                if ended.result_image_url is None:
                    problem = f"{ended.error_code}: {ended.error_message}"
                    return Outcome(due_at, generation_id, answered_s, problem=problem)
                picture = await client.download(ended.result_image_url)
                assert picture, "the picture is empty"
        except (ClientError, TimeoutError, AssertionError) as error:
            return Outcome(due_at, generation_id, answered_s, problem=str(error) or type(error).__name__)
        return Outcome(due_at, generation_id, answered_s, time.time() - due_at)

    async def submit(self, visit: Visit) -> str:
        """The id of the generation.

        Raises:
            scripts.client.errors.ClientError: the service refused, or did not answer.
        """
        return await self._clients[visit.person].create(self.wanted(visit))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._ends.aclose()
