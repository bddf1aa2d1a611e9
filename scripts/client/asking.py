"""One request to the service: sent, repeated, and read as what the contract says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from httpx_sse import SSEError, aconnect_sse
from pydantic import ValidationError

from scripts.client.errors import NotTheContract, Unreachable, refusal_in
from scripts.client.models import Wire
from scripts.client.patience import Patience

SILENT_FOR_S = 60.0  # an event stream, which says four times as often that it lives

Reply = TypeVar("Reply", bound=Wire)


@dataclass(frozen=True)
class Asking:
    """Asks for `shopper`, as often as `patience` says. A `url` is a path at the service, or one of its signed links."""

    http: httpx.AsyncClient
    shopper: httpx.Auth | None
    patience: Patience

    async def read(self, kind: type[Reply], method: str, url: str, **what: Any) -> Reply:
        """
        Raises:
            scripts.client.errors.ClientError: as `reply`; or the answer is not of this kind.
        """
        reply = await self.reply(method, url, **what)
        with _as_client_errors():
            return kind.model_validate_json(reply.content)

    async def reply(self, method: str, url: str, **what: Any) -> httpx.Response:
        """A success.

        Raises:
            scripts.client.errors.ClientError: there is none, also after all repetitions.
        """
        return await self.patience.repeated(lambda: self._once(method, url, what))

    async def events(self, kind: type[Reply], path: str) -> AsyncGenerator[Reply, None]:
        """What a stream tells until it ends; never repeated.

        Raises:
            scripts.client.errors.ClientError: it breaks off, or is refused.
        """
        timeout = httpx.Timeout(self.http.timeout.connect, read=SILENT_FOR_S)
        with _as_client_errors():
            async with aconnect_sse(self.http, "GET", path, auth=self.shopper, timeout=timeout) as stream:
                if not stream.response.is_success:
                    await stream.response.aread()
                    raise refusal_in(stream.response) or AssertionError
                async for event in stream.aiter_sse():
                    yield kind.model_validate_json(event.data)

    async def _once(self, method: str, url: str, what: dict[str, Any]) -> httpx.Response:
        shopper = self.shopper if url.startswith("/") else None  # a signed link says by itself who may
        with _as_client_errors():
            reply = await self.http.request(method, url, auth=shopper, **what)
        if (refusal := refusal_in(reply)) is not None:
            raise refusal
        return reply


@contextlib.contextmanager
def _as_client_errors() -> Iterator[None]:
    try:
        yield
    except (ValidationError, SSEError) as error:
        raise NotTheContract("What answers there is not this service, or is another version of it.") from error
    except httpx.RequestError as error:
        raise Unreachable(error) from error
