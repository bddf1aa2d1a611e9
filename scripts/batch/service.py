"""A running service, as a batch asks it: patiently, and in words for whoever runs the batch."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from scripts.batch.reading import RowError
from scripts.batch.rows import BatchError
from scripts.client.client import Client, opened
from scripts.client.errors import Blocked, ClientError, NotFound, NotTheContract, Refused, Unauthorised
from scripts.client.models import Generation, Products, TryOn
from scripts.client.patience import Patience
from scripts.client.shopper import ShopServer

LONGEST_WAIT_S = 600.0  # that a service may ask for, and for which it may be away; beyond, the run stops
SHOPPER = "fitting-room-batch"


class GoneError(Exception):
    """The service does not have any more what it had."""


@dataclass(frozen=True)
class Service:
    """At `url`, where the `client` asks."""

    url: str
    client: Client

    async def products(self) -> Products | None:
        """What can be tried on, and the model; nothing where the service does not tell."""
        try:
            with self._in_our_words():
                return await self.client.products()
        except GoneError:
            return None

    async def upload(self, data: bytes) -> str:
        """The id under which the service has the photograph.

        Raises:
            RowError: it refuses it.
        """
        with self._in_our_words():
            return (await self.client.upload(data)).file_id

    async def submit(self, body: dict[str, Any], key: str) -> str:
        """The id of the generation: of the one that `key` made before, when it did.

        Raises:
            RowError: the service refuses it.
            GoneError: it has the photograph no more.
        """
        with self._in_our_words():
            return await self.client.create(TryOn.model_validate(body), key=key)

    async def ended(self, generation_id: str) -> Generation:
        """How a generation ended.

        Raises:
            GoneError: the service does not know it.
        """
        with self._in_our_words():
            return await self.client.wait(generation_id)

    async def download(self, url: str) -> bytes:
        """
        Raises:
            GoneError: it is there no more.
        """
        with self._in_our_words():
            return await self.client.download(url)

    @contextlib.contextmanager
    def _in_our_words(self) -> Iterator[None]:
        """
        Raises:
            BatchError: the service is away for too long, takes no more for now, or is none.
            GoneError: it does not have it.
            RowError: it refuses.
        """
        try:
            yield
        except NotFound as error:
            raise GoneError(str(error)) from error
        except Unauthorised as error:
            raise BatchError(f"{self.url}: {error} Name the variable that holds it with --api-key-env.") from error
        except NotTheContract as error:
            raise BatchError(f"{self.url}: {error}") from error
        except ClientError as error:
            if _is_about_a_row(error):
                raise RowError(str(error)) from error
            raise BatchError(f"{self.url}: {error} What is done is kept: run the same command again later.") from error


def _is_about_a_row(error: ClientError) -> bool:
    """Others may be made, as long as nobody has said when to come back."""
    if not isinstance(error, Refused) or error.retry_after_s is not None:
        return False
    if isinstance(error, Blocked):
        return error.code == "CREATION_FAILED"
    return 400 <= error.status < 500


@contextlib.asynccontextmanager
async def service_at(url: str, api_key: str = "") -> AsyncIterator[Service]:
    """The service at `url`; `api_key`: where it wants one."""
    shopper = ShopServer(api_key, SHOPPER)
    async with opened(url, shopper=shopper, patience=Patience(LONGEST_WAIT_S)) as client:
        yield Service(url.rstrip("/"), client)
