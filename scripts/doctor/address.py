"""The public address: does it answer, and does it know Shopify's signatures from false ones?"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx

from api.settings import Settings
from api.shops import ShopSettings
from scripts.doctor.finding import Finding

TOPIC = "fitting-room/doctor"  # of a webhook with which nothing is done


def proxied(settings: Settings, shop: ShopSettings, path: str, secret: bytes | None = None, **query: str) -> str:
    """The URL that Shopify's app proxy asks for `path`, signed with the app's first secret."""
    told = query | {
        "shop": shop.domain,
        "logged_in_customer_id": "",
        "path_prefix": "/apps/fitting-room",
        "timestamp": str(int(time.time())),
    }
    text = "".join(sorted(f"{name}={value}" for name, value in told.items()))
    told["signature"] = hmac.new(secret or shop.app_secrets[0], text.encode(), hashlib.sha256).hexdigest()
    return f"{settings.public_url.rstrip('/')}{path}?{urlencode(told)}"


async def findings(http: httpx.AsyncClient, settings: Settings, shop: ShopSettings) -> AsyncIterator[Finding]:
    """Nothing further when it does not answer."""
    if not settings.public_url.startswith("https://"):
        yield Finding(
            "public_url", settings.public_url, "Set public_url to an https:// address: browsers take no other."
        )
    for number, (name, secret) in enumerate(zip(shop.app_secret_envs, shop.app_secrets, strict=True)):
        finding = await _proxy(http, settings, shop, name, secret)
        yield finding
        if number == 0 and finding.fix:
            return
    yield await _false_signature(http, settings, shop)
    yield await _webhook(http, settings, shop)


async def _proxy(http: httpx.AsyncClient, settings: Settings, shop: ShopSettings, name: str, secret: bytes) -> Finding:
    what, url = f"app proxy, {name}", f"{settings.public_url}/public/check-credits"
    try:
        reply = await http.get(proxied(settings, shop, "/public/check-credits", secret))
    except httpx.HTTPError as error:
        fix = f"Let {settings.public_url} lead to this service, from the internet and with a valid certificate."
        return Finding(what, f"{url} does not answer: {type(error).__name__}", fix)
    if reply.status_code == 401:
        fix = (
            f"Start the API again with the {name} that is here, and set this machine's clock: it refuses what is "
            "signed with it."
        )
        return Finding(what, "401", fix)
    allowed = _json(reply).get("allowed")
    if reply.status_code != 200 or not isinstance(allowed, bool):
        fix = f"Let {url} lead to this service's path /public/check-credits: something else answers there."
        return Finding(what, f"{reply.status_code}, not this service's answer", fix)
    if not allowed:
        return Finding(what, "answers, and refuses", "Raise this shop's monthly_quota, or plan_expires: it is used up.")
    return Finding(what, f"{settings.public_url} answers what is signed with it")


async def _false_signature(http: httpx.AsyncClient, settings: Settings, shop: ShopSettings) -> Finding:
    url = proxied(settings, shop, "/public/check-credits", secrets.token_bytes(32))
    status = await _status(http.get(url))
    if status == 401:
        return Finding("false signature", "refused, as it must be")
    fix = "Let the signed query reach this service untouched, and nothing answer in its place: false ones are let in."
    return Finding("false signature", f"answered {status or 'nothing'}", fix)


async def _webhook(http: httpx.AsyncClient, settings: Settings, shop: ShopSettings) -> Finding:
    url = hook_url(settings)
    false = await _status(http.post(url, **_signed(shop, secrets.token_bytes(32))))
    true = await _status(http.post(url, **_signed(shop, shop.app_secrets[0])))
    if (false, true) == (401, 200):
        return Finding("webhooks' address", f"{url} answers Shopify and refuses others")
    if false != 401:
        fix = f"Let {url} lead to this service: a webhook with a false signature has to be answered 401 there."
        return Finding("webhooks' address", f"answered {false or 'nothing'} to a false signature", fix)
    fix = f"Let the raw body and the X-Shopify headers reach {url} untouched: a true signature is refused."
    return Finding("webhooks' address", f"answered {true or 'nothing'} to a true signature", fix)


def hook_url(settings: Settings) -> str:
    return f"{settings.public_url.rstrip('/')}/webhooks/shopify"


def _signed(shop: ShopSettings, secret: bytes) -> dict[str, Any]:
    body = json.dumps({"shop_domain": shop.domain}).encode()
    signature = base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-Shopify-Topic": TOPIC,
        "X-Shopify-Shop-Domain": shop.domain,
        "X-Shopify-Webhook-Id": secrets.token_hex(16),
        "X-Shopify-Hmac-SHA256": signature,
    }
    return {"content": body, "headers": headers}


async def _status(asked: Any) -> int:
    """0 for none."""
    try:
        return int((await asked).status_code)
    except httpx.HTTPError:
        return 0


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
