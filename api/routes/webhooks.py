"""Where Shopify tells what happened in a shop: checked, noted, and answered at once."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request
from starlette.requests import ClientDisconnect

from api.bodies import MEGABYTE, NO_LIMIT
from api.contract import Reply
from api.dependencies import ServicesDep
from api.errors import BadRequest, TooLarge, Unauthorised, Unavailable, replies
from api.shopify_webhooks import TOPICS, check_signature, note, task_of
from api.tasks import Tasks

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])

LARGEST_MB = 8  # a product with all the variants that it may have


class Received(Reply):
    message: Literal["Received"] = "Received"


Named = Annotated[str, Header(description="Set by Shopify.", max_length=512)]


@router.post(
    "/shopify",
    responses=replies(BadRequest, TooLarge, Unauthorised, Unavailable),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
    max_body_size=NO_LIMIT,
)
async def shopify(
    request: Request,
    shared: ServicesDep,
    x_shopify_topic: Named = "",
    x_shopify_shop_domain: Named = "",
    x_shopify_webhook_id: Named = "",
    x_shopify_hmac_sha256: Named = "",
) -> Received:
    """The privacy topics, `app/uninstalled`, `products/update` and `products/delete`.

    Signed with the app's client secret over the raw body; told twice, it is done once. Other topics are ignored.
    """
    body = await _body(request)
    shop = shared.doorkeeper.shops.get(x_shopify_shop_domain.lower())
    check_signature(body, x_shopify_hmac_sha256, shop.app_secrets if shop else ())
    assert shop is not None, "nobody signs for a shop that there is not"
    topic = x_shopify_topic.lower()
    task = task_of(topic, shop.domain, body, shared.doorkeeper)
    if topic in TOPICS:
        await note(shared.redis, shop.domain, topic)
    if task is not None:
        await Tasks(shared.redis).add(task, x_shopify_webhook_id, goes_first=True)
    return Received()


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_MB * MEGABYTE:
                raise TooLarge(f"The body is larger than {LARGEST_MB} MB.")
    except ClientDisconnect:
        raise BadRequest("The body broke off.") from None
    return bytes(body)
