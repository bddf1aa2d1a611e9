"""What a route may ask for by annotating a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from pydantic import TypeAdapter

from api.errors import TooMany, TooManyEmails, TooManyShares, TooManyUploads
from api.links import Links
from api.products import Products
from api.rates import count
from api.services import Services
from api.settings import Settings
from api.shopper import Caller, Shopper
from api.shops import ShopSettings
from inference.blobs import BlobStore
from inference.queue import GenerationQueue

CALLER = "fitting_room.caller"
UPLOADS_S = 300  # in which `upload_limit` are taken
SHARES_A_MINUTE = 20
EMAILS_AN_HOUR = 5

# Each asks the request itself: the framework would solve a dependency of a dependency again for each that names it.


def services_of(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


def caller_of(request: Request) -> Caller:
    """Who asks, told apart once a request.

    Raises:
        Unauthorised: no shop vouches for this request.
    """
    found = request.scope.get(CALLER)  # not `request.state`, which a server may share between requests
    if found is None:
        found = request.scope[CALLER] = services_of(request).doorkeeper.caller(request)
    assert isinstance(found, Caller)
    return found


async def services(request: Request) -> Services:
    return services_of(request)


async def settings(request: Request) -> Settings:
    return services_of(request).settings


async def blobs(request: Request) -> BlobStore:
    return services_of(request).blobs


async def links(request: Request) -> Links:
    """Signed links at the public address, or without one at the address this request came to."""
    shared = services_of(request)
    return shared.links if shared.settings.public_url else shared.links.at(str(request.base_url))


async def products(request: Request) -> Products:
    """Of the folder, which `open` mode always has."""
    folder = services_of(request).folder
    assert folder is not None
    return folder


async def queue(request: Request) -> GenerationQueue:
    return services_of(request).queue


async def shop(request: Request) -> ShopSettings:
    return caller_of(request).shop


ClientId = Annotated[
    UUID | None, Query(description="Tells anonymous shoppers apart: made once in the browser and kept there.")
]
CLIENT_ID: TypeAdapter[UUID | None] = TypeAdapter(UUID | None)
ShopperId = Annotated[
    str | None, Header(description="In `api_key` mode: the shop's own id of its shopper, 1 to 255 characters.")
]


@dataclass(frozen=True, slots=True)
class Visit:
    """Who wants to try something on, and where."""

    shared: Services
    shop: ShopSettings
    shopper: Shopper


async def visit(request: Request, client_id: ClientId = None, x_shopper_id: ShopperId = None) -> Visit:
    shared, asking = services_of(request), caller_of(request)
    return Visit(shared, asking.shop, shared.doorkeeper.shopper(asking, request, client_id))


async def counted_upload(request: Request, client_id: ClientId = None, x_shopper_id: ShopperId = None) -> Shopper:
    """Who sends one upload more, unless there were too many; `open` mode counts none on its owner's machine."""
    maximum = services_of(request).settings.upload_limit
    return await _counted(request, client_id, "uploads", maximum, UPLOADS_S, TooManyUploads)


async def counted_share(request: Request, client_id: ClientId = None, x_shopper_id: ShopperId = None) -> Shopper:
    """The same who shares."""
    return await _counted(request, client_id, "shares", SHARES_A_MINUTE, 60, TooManyShares)


async def counted_email(request: Request, client_id: ClientId = None, x_shopper_id: ShopperId = None) -> Shopper:
    """The same who tells an e-mail address."""
    return await _counted(request, client_id, "emails", EMAILS_AN_HOUR, 3600, TooManyEmails)


async def _counted(
    request: Request, client_id: UUID | None, what: str, maximum: int, window_s: int, refusal: type[TooMany]
) -> Shopper:
    shared, asking = services_of(request), caller_of(request)
    sender = shared.doorkeeper.sender(asking, request, client_id)
    if shared.settings.mode != "open":
        limits = sender.limits(maximum, shared.settings.address_factor, window_s)
        await count(shared.redis, what, asking.shop.domain, limits, refusal)
    return sender


ServicesDep = Annotated[Services, Depends(services)]
SettingsDep = Annotated[Settings, Depends(settings)]
QueueDep = Annotated[GenerationQueue, Depends(queue)]
LinksDep = Annotated[Links, Depends(links)]
ProductsDep = Annotated[Products, Depends(products)]
BlobsDep = Annotated[BlobStore, Depends(blobs)]
ShopDep = Annotated[ShopSettings, Depends(shop)]
SenderDep = Annotated[Shopper, Depends(counted_upload)]
SharerDep = Annotated[Shopper, Depends(counted_share)]
TellerDep = Annotated[Shopper, Depends(counted_email)]
VisitDep = Annotated[Visit, Depends(visit)]
