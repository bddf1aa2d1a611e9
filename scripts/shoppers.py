"""Whose data a command is about, and what it is found with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer
from pydantic import TypeAdapter, ValidationError
from redis import Redis

from api.secret import signing_key
from api.settings import InvalidSettings, Settings
from api.shopper import Doorkeeper
from api.shops import Domain
from inference.blobs import BlobStore
from inference.erasing import Eraser
from inference.redis_server import check_version

TIMEOUT_S = 5


def _domain(shop: str) -> str:
    try:
        return TypeAdapter(Domain).validate_python(shop)
    except ValidationError:
        raise typer.BadParameter("name the shop by its domain, as in the settings.") from None


Shop = Annotated[
    str, typer.Option(callback=_domain, help="Domain of the shop; one that the settings no longer name, too.")
]
Customer = Annotated[
    str | None, typer.Option(help="The shop's own id of its customer, as Shopify or X-Shopper-Id tells it.")
]
ClientId = Annotated[UUID | None, typer.Option(help="The client_id of an anonymous browser.")]


def identity_of(settings: Settings, shop: str, customer: str | None, client_id: UUID | None) -> str:
    """The hash by which the service knows this shopper.

    Raises:
        InvalidSettings: the secret is not here, with another one of which nobody would be found.
        typer.BadParameter: not exactly one of the two ids is given.
    """
    if not settings.secret.get_secret_value() and not (settings.data / "secret").is_file():
        raise InvalidSettings(
            f"There is no secret in {settings.data}, by which shoppers are known: name the service's data folder "
            "with --data, or set the secret that its API has."
        )
    door = Doorkeeper(settings, signing_key(settings, "identities"))
    if customer and client_id is None:
        return door.customer(shop, customer)
    if client_id is not None and not customer:
        return door.anonymous(shop, str(client_id))
    raise typer.BadParameter("name one shopper, by --customer or by --client-id.")


@contextlib.contextmanager
def eraser_of(settings: Settings) -> Iterator[tuple[Eraser, BlobStore]]:
    """Over the settings' Redis and store."""
    check_version(settings.redis_url)
    blobs = BlobStore.open(settings.storage_url)
    with Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S) as redis:
        yield Eraser(redis, blobs), blobs
