"""What Shopify tells: is it Shopify that tells it, and what is to be done."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from api.emails import written_alike
from api.errors import BadRequest, Unauthorised
from api.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from redis.asyncio import Redis

    from api.shopper import Doorkeeper

# The signature covers the body alone. So a body that names its shop has to name the one of the header, and one that is
# about a customer is never taken for one that is about the whole shop.
FORGET_SHOP, FORGET_CUSTOMER, TELL_CUSTOMER = "shop/redact", "customers/redact", "customers/data_request"
UNINSTALLED, PRODUCT_CHANGED, PRODUCT_DELETED = "app/uninstalled", "products/update", "products/delete"

CAME = "fitting-room:webhooks-came:"  # + shop: topic -> when one came last, for whoever looks whether they do
CAME_S = 90 * 86400


class _Customer(BaseModel):
    id: int | None = None
    email: str | None = None


class _DataRequest(BaseModel):
    id: int


class _AboutShop(BaseModel):
    shop_domain: str
    customer: None = None


class _AboutCustomer(BaseModel):
    shop_domain: str
    customer: _Customer


class _Redact(_AboutCustomer):
    orders_to_redact: list[Any]


class _Asked(_AboutCustomer):
    data_request: _DataRequest


class _Uninstalled(BaseModel):
    myshopify_domain: str


class _Product(BaseModel):
    id: int = Field(ge=0)


def check_signature(body: bytes, signature: str, secrets: Iterable[bytes]) -> None:
    """That `signature` is base64 of the HMAC-SHA256 of the raw `body`, with one of `secrets`.

    Raises:
        Unauthorised: it is not.
    """
    expected = [base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()) for secret in secrets]
    matches = [hmac.compare_digest(signature.encode(), one) for one in expected]  # all, so that time tells nothing
    if not any(matches):
        raise Unauthorised


async def note(redis: Redis, shop: str, topic: str) -> None:
    """That a true one came."""
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.hset(CAME + shop, topic, str(time.time()))
        pipeline.expire(CAME + shop, CAME_S)
        await pipeline.execute()


def task_of(topic: str, shop: str, body: bytes, doorkeeper: Doorkeeper) -> Task | None:
    """What is to be done about it; None when nothing is. A customer is named by the hash alone wherever that does.

    Raises:
        BadRequest: the body is not what Shopify sends on this topic.
        Unauthorised: it is about another shop.
    """
    read = _READERS.get(topic)
    if read is None:
        return None
    try:
        told = read(body, shop, doorkeeper)
    except (ValidationError, ValueError):
        raise BadRequest(f"This is not the body of {topic}.") from None
    return None if told is None else Task(topic, shop, told)


def _is_about(shop: str, named: str) -> None:
    if named.lower() != shop:
        raise Unauthorised


def _shop(body: bytes, shop: str, _: Doorkeeper) -> dict[str, Any]:
    _is_about(shop, _AboutShop.model_validate_json(body).shop_domain)
    return {}


def _uninstalled(body: bytes, shop: str, _: Doorkeeper) -> dict[str, Any]:
    _is_about(shop, _Uninstalled.model_validate_json(body).myshopify_domain)
    return {}


def _redact(body: bytes, shop: str, doorkeeper: Doorkeeper) -> dict[str, Any] | None:
    found = _Redact.model_validate_json(body)
    _is_about(shop, found.shop_domain)
    number, address = found.customer.id, found.customer.email
    if number is None and not address:
        return None
    return {
        "identity": "" if number is None else doorkeeper.customer(shop, str(number)),
        "mailbox": doorkeeper.mailbox(shop, written_alike(address)) if address else "",
    }


def _asked(body: bytes, shop: str, doorkeeper: Doorkeeper) -> dict[str, Any] | None:
    found = _Asked.model_validate_json(body)
    _is_about(shop, found.shop_domain)
    if (customer := found.customer.id) is None:
        return None
    identity = doorkeeper.customer(shop, str(customer))
    return {"identity": identity, "customer": str(customer), "request": found.data_request.id}


def _product(body: bytes, _: str, __: Doorkeeper) -> dict[str, Any]:
    """With a digest of what shows: a product is told to have changed each time that one is sold."""
    product = _Product.model_validate_json(body)
    whole: Mapping[str, Any] = json.loads(body)
    shown = {name: whole.get(name) for name in ("title", "status", "product_type", "tags", "category")}
    shown["images"] = [_part(one, "id", "src", "position", "variant_ids") for one in _list(whole, "images")]
    shown["media"] = [_part(one, "id", "position", "status", "preview_image") for one in _list(whole, "media")]
    shown["variants"] = [_part(one, "id", "image_id") for one in _list(whole, "variants")]
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
    return {"product": f"gid://shopify/Product/{product.id}", "digest": digest}


def _list(whole: Mapping[str, Any], name: str) -> list[Any]:
    found = whole.get(name)
    return found if isinstance(found, list) else []


def _part(one: Any, *names: str) -> dict[str, Any]:
    return {name: one.get(name) for name in names} if isinstance(one, dict) else {}


_READERS: dict[str, Callable[[bytes, str, Doorkeeper], dict[str, Any] | None]] = {
    FORGET_SHOP: _shop,
    UNINSTALLED: _uninstalled,
    FORGET_CUSTOMER: _redact,
    TELL_CUSTOMER: _asked,
    PRODUCT_CHANGED: _product,
    PRODUCT_DELETED: _product,
}
TOPICS = frozenset(_READERS)
"""All that are acted upon."""
