"""A shopper's data, erased when they ask for it."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from api import emails
from api.contract import Reply
from api.dependencies import ClientId, ServicesDep, ShopperId, caller_of
from api.erasures import erased_with
from api.errors import BadRequest, TooManyErasures, Unauthorised, Unavailable, replies
from api.services import Services

router = APIRouter(prefix="/public", tags=["Privacy"], responses=replies(Unauthorised))

WEEK_S = 7 * 86400
MOST_A_WEEK = 10  # of one network address: each starts its shopper's weekly limit anew


class ErasedReply(Reply):
    model_config = ConfigDict(
        json_schema_extra={"example": {"photographs": 2, "generations": 3, "message": "Your data has been deleted"}}
    )

    photographs: int = Field(ge=0, description="That were found, and are deleted.")
    generations: int = Field(ge=0, description="The same; those that waited or ran are stopped.")
    message: Literal["Your data has been deleted"] = "Your data has been deleted"


@router.delete("/me", responses=replies(BadRequest, TooManyErasures, Unavailable))
async def erase_me(
    request: Request, shared: ServicesDep, client_id: ClientId = None, x_shopper_id: ShopperId = None
) -> ErasedReply:
    """Erase all that is kept of this shopper: photographs, pictures, generations in any state, limits. Repeatable.

    The shopper is told as when generating: by the shop's customer, by `client_id`, in `api_key` mode by `X-Shopper-Id`.
    """
    caller = caller_of(request)
    shop, sender = caller.shop.domain, shared.doorkeeper.sender(caller, request, client_id)
    if not sender.identity:
        raise BadRequest("Say whose data is to be deleted: log in, or send the client_id or X-Shopper-Id used before.")
    await _count(shared, shop, shared.doorkeeper.address(caller, request))
    identity = sender.identity
    await emails.forget(shared.redis, shop, identity=identity)
    erased = await erased_with(shared, lambda eraser: eraser.shopper(shop, identity))
    return ErasedReply(photographs=erased.photographs + erased.uploads, generations=erased.generations)


async def _count(shared: Services, shop: str, address: str | None) -> None:
    if address is None:
        return
    key = f"fitting-room:erasures:{shop}:{address}"
    await shared.redis.set(key, 0, ex=WEEK_S, nx=True)
    if await shared.redis.incr(key) > MOST_A_WEEK:
        raise TooManyErasures(max(1, await shared.redis.ttl(key)))
