"""The service's contract over HTTP, as one shopper sees it. `docs/clients.md` shows it in use."""

from __future__ import annotations

import contextlib
import secrets
from asyncio import sleep
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from scripts.client import models
from scripts.client.asking import Asking
from scripts.client.errors import ClientError, NotFound
from scripts.client.patience import PATIENT, Patience

ANSWER_WITHIN_S = 60.0
POLL_EVERY_S = 2.0
MOST_UPLOADS = 5
BINARY = {"Content-Type": "application/octet-stream"}
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


def nobody(_: models.Generation) -> None:
    """Is told."""


@dataclass(frozen=True)
class Client:
    """Requests of one shopper; `opened` makes it. All of them may be repeated, whatever became of the one before.

    Every method raises `scripts.client.errors.ClientError`: `Unreachable` when nobody answers, `Refused` with the
    service's own sentence, `NotFound` where it does not have what it was asked for.
    """

    asking: Asking

    def of(self, shopper: httpx.Auth) -> Self:
        """For another shopper, over the same connections."""
        return replace(self, asking=replace(self.asking, shopper=shopper))

    async def check_credits(self) -> bool:
        """Whether a generation would be allowed; only `create` decides."""
        return (await self.asking.read(models.Credits, "GET", "/public/check-credits")).allowed

    async def products(self) -> models.Products:
        """Of a service in `open` mode."""
        return await self.asking.read(models.Products, "GET", "/products.json")

    async def prepare_upload(self) -> models.Place:
        return await self.asking.read(models.Place, "POST", "/public/prepare-upload")

    async def put_upload(self, place: models.Place, photograph: bytes) -> None:
        await self.asking.reply("PUT", place.upload_url, content=photograph, headers=BINARY)

    async def complete_upload(self, place: models.Place, consent: models.Consent | None = None) -> models.Photo:
        """The photograph as it is kept; a place is completed once."""
        body = {"uploadKey": place.upload_key} | (consent.wire() if consent else {})
        return await self.asking.read(models.Photo, "POST", "/public/upload-complete", json=body)

    @retry(retry=retry_if_exception_type(NotFound), stop=stop_after_attempt(MOST_UPLOADS), reraise=True)
    async def upload(self, photograph: bytes, consent: models.Consent | None = None) -> models.Photo:
        """All three steps, and again from the first where the answer to the last one was lost on its way."""
        place = await self.prepare_upload()
        await self.put_upload(place, photograph)
        return await self.complete_upload(place, consent)

    async def upload_image(self, photograph: bytes) -> models.MeasuredPhoto:
        """All in one request, as older clients do."""
        files = {"file": ("photograph", photograph)}
        return await self.asking.read(models.MeasuredPhoto, "POST", "/public/upload-image", files=files)

    async def delete_photo(self, file_id: str) -> None:
        await self.asking.reply("DELETE", f"/public/image/{quote(file_id)}")

    async def create(self, wanted: models.TryOn, *, key: str = "") -> str:
        """The id of a new generation, or of the one that `key` made before; what is repeated gets a key anyhow.

        Raises:
            scripts.client.errors.Blocked: quota, limit or billing forbid it, or it cannot be made.
        """
        if not key and self.asking.patience.repeats:
            key = secrets.token_hex(16)
        body, headers = wanted.wire(), {"Idempotency-Key": key} if key else {}
        return (await self.asking.read(models.Job, "POST", "/public/fitting-room", json=body, headers=headers)).job_id

    async def status(self, generation_id: str) -> models.Generation:
        return await self.asking.read(models.Generation, "GET", _path(generation_id))

    async def cancel(self, generation_id: str) -> models.Generation:
        """As it then stands: a generation that runs ends after its step."""
        return await self.asking.read(models.Generation, "DELETE", _path(generation_id))

    def events(self, generation_id: str) -> AsyncGenerator[models.Generation, None]:
        """Each change until the final one, unless the stream ends before it."""
        return self.asking.events(models.Generation, f"{_path(generation_id)}/events")

    async def wait(self, generation_id: str, told: Callable[[models.Generation], object] = nobody) -> models.Generation:
        """How it ended, COMPLETED or FAILED: by its events, or by polling where those break off; `told` of each change.

        It waits as long as that takes: bound it with `asyncio.timeout`.
        """
        while True:
            with contextlib.suppress(ClientError):
                async with contextlib.aclosing(self.events(generation_id)) as changes:
                    async for change in changes:
                        told(change)
                        if change.status.is_final:
                            return change
            state = await self.status(generation_id)
            told(state)
            if state.status.is_final:
                return state
            await sleep(POLL_EVERY_S)

    async def download(self, url: str) -> bytes:
        """A picture, by its signed link or by a product's path."""
        return (await self.asking.reply("GET", url)).content

    async def share(self, generation_id: str, domain: str = "") -> models.Share:
        """A page that anybody can see; it leads to `domain`, if that is one of the shop's."""
        body = {"generationId": generation_id} | ({"effectiveDomain": domain} if domain else {})
        return await self.asking.read(models.Share, "POST", "/public/share-generation", json=body)


@contextlib.asynccontextmanager
async def opened(
    url: str,
    *,
    shopper: httpx.Auth | None = None,
    patience: Patience = PATIENT,
    answer_within_s: float = ANSWER_WITHIN_S,
) -> AsyncIterator[Client]:
    """A client of the service at `url`, which may end in a path, as below an app proxy."""
    async with connections(url, answer_within_s) as http:
        yield Client(Asking(http, shopper, patience))


def connections(url: str, answer_within_s: float, **options: Any) -> httpx.AsyncClient:
    """As many as are needed, past any proxy of the environment's."""
    return httpx.AsyncClient(
        base_url=url.rstrip("/"), timeout=answer_within_s, limits=NO_LIMITS, trust_env=False, **options
    )


def _path(generation_id: str) -> str:
    return f"/public/generation/{quote(generation_id, safe='')}"
