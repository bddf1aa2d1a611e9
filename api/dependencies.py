"""What a route may ask for by annotating a parameter."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from redis.asyncio import Redis

from api.links import Links
from api.products import Products
from api.services import Services
from api.settings import Settings
from api.shopper import Caller, Shopper
from api.shops import ShopSettings
from api.upload_limit import WINDOW_S, count_upload
from inference.blobs import BlobStore
from inference.queue import GenerationQueue


async def services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


ServicesDep = Annotated[Services, Depends(services)]


async def settings(shared: ServicesDep) -> Settings:
    return shared.settings


async def redis(shared: ServicesDep) -> Redis:
    return shared.redis


async def blobs(shared: ServicesDep) -> BlobStore:
    return shared.blobs


async def links(request: Request, shared: ServicesDep) -> Links:
    """Signed links at the public address, or without one at the address this request came to."""
    return shared.links if shared.settings.public_url else shared.links.at(str(request.base_url))


async def products(shared: ServicesDep) -> Products:
    return shared.products


async def queue(shared: ServicesDep) -> GenerationQueue:
    return shared.queue


async def caller(request: Request, shared: ServicesDep) -> Caller:
    return shared.doorkeeper.caller(request)


CallerDep = Annotated[Caller, Depends(caller)]


async def shop(asking: CallerDep) -> ShopSettings:
    return asking.shop


ClientId = Annotated[
    UUID | None, Query(description="Tells anonymous shoppers apart: made once in the browser and kept there.")
]
ShopperId = Annotated[
    str | None, Header(description="In `api_key` mode: the shop's own id of its shopper, 1 to 255 characters.")
]


async def shopper(
    request: Request,
    shared: ServicesDep,
    asking: CallerDep,
    client_id: ClientId = None,
    x_shopper_id: ShopperId = None,
) -> Shopper:
    return shared.doorkeeper.shopper(asking, request, client_id)


async def counted_upload(
    request: Request,
    shared: ServicesDep,
    asking: CallerDep,
    client_id: ClientId = None,
    x_shopper_id: ShopperId = None,
) -> None:
    """One upload more of this shopper, unless there were too many; `open` mode counts none on its owner's machine."""
    if shared.settings.mode == "open":
        return
    sender = shared.doorkeeper.sender(asking, request, client_id)
    limits = sender.limits(shared.settings.upload_limit, shared.settings.address_factor, WINDOW_S)
    await count_upload(shared.redis, asking.shop.domain, limits)


SettingsDep = Annotated[Settings, Depends(settings)]
RedisDep = Annotated[Redis, Depends(redis)]
QueueDep = Annotated[GenerationQueue, Depends(queue)]
LinksDep = Annotated[Links, Depends(links)]
ProductsDep = Annotated[Products, Depends(products)]
BlobsDep = Annotated[BlobStore, Depends(blobs)]
ShopDep = Annotated[ShopSettings, Depends(shop)]
ShopperDep = Annotated[Shopper, Depends(shopper)]
