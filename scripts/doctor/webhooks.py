"""Do Shopify's webhooks come here? Told by the subscriptions that the API shows, and by those that came."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from api.settings import Settings
from api.shopify_webhooks import (
    CAME,
    FORGET_CUSTOMER,
    FORGET_SHOP,
    PRODUCT_CHANGED,
    PRODUCT_DELETED,
    TELL_CUSTOMER,
    UNINSTALLED,
)
from api.shops import ShopSettings
from scripts.doctor.address import hook_url
from scripts.doctor.finding import Finding

OF_PRODUCTS = (PRODUCT_CHANGED, PRODUCT_DELETED, UNINSTALLED)
OF_PRIVACY = (TELL_CUSTOMER, FORGET_CUSTOMER, FORGET_SHOP)
UNSEEN = (
    "See in the app's configuration that {topics} go to {url}: the API tells only of subscriptions that were made by "
    "it, and none of these has come yet."
)


def findings(settings: Settings, shop: ShopSettings, subscribed: list[dict[str, Any]]) -> Iterator[Finding]:
    """`subscribed`: as the API tells it."""
    url, came = hook_url(settings), _came(settings, shop)
    known: dict[str, set[str]] = {}
    for one in subscribed:
        known.setdefault(_topic(one["topic"]), set()).add(one["uri"])
    wrong = [
        f"{topic} goes to {', '.join(sorted(known[topic]))}"
        for topic in OF_PRODUCTS
        if topic in known and url not in known[topic]
    ]
    if wrong:
        yield Finding("webhooks", "; ".join(wrong), f"Change the address of these subscriptions to {url}.")
    else:
        yield _seen("webhooks", OF_PRODUCTS, known.keys() | came.keys(), came, url)
    yield _seen("privacy webhooks", OF_PRIVACY, came.keys(), came, url)


def _seen(what: str, topics: tuple[str, ...], seen: Any, came: dict[str, float], url: str) -> Finding:
    told = [f"{topic}, {_ago(came[topic])}" if topic in came else topic for topic in topics if topic in seen]
    found = "; ".join(told) or "none was seen"
    unseen = [topic for topic in topics if topic not in seen]
    return Finding(what, found, look=UNSEEN.format(topics=", ".join(unseen), url=url) if unseen else "")


def _came(settings: Settings, shop: ShopSettings) -> dict[str, float]:
    """Topic -> when one came last."""
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=5) as redis:
            found: Any = redis.hgetall(CAME + shop.domain)
    except (RedisError, ValueError):
        return {}
    return {topic.decode(): float(at) for topic, at in found.items()}


def _ago(at: float) -> str:
    minutes = max(0.0, time.time() - at) / 60
    return f"{minutes:.0f} minutes ago" if minutes < 120 else f"{minutes / 60:.0f} hours ago"


def _topic(name: str) -> str:
    """`PRODUCTS_UPDATE` is `products/update`."""
    return name.lower().replace("_", "/", 1)
