"""A photograph's whole way in and out, as a storefront's page takes it, and from which pages."""

from __future__ import annotations

import io
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from PIL import Image

from api.settings import Settings
from api.shops import ShopSettings
from scripts.doctor.address import proxied
from scripts.doctor.finding import Finding

SIZE = (480, 600)  # pixels
WHAT = "photographs"


async def findings(
    http: httpx.AsyncClient, settings: Settings, shop: ShopSettings, domains: Sequence[str]
) -> AsyncIterator[Finding]:
    """`domains`: at which customers know the shop, whose pages are to be let in."""
    client_id = str(uuid.uuid4())
    try:
        prepared = await _asked(http.post(proxied(settings, shop, "/public/prepare-upload", client_id=client_id)))
    except _Refused as refusal:
        yield Finding(WHAT, f"prepare-upload: {refusal}", _mending(settings, "prepare-upload"))
        return
    for origin in dict.fromkeys([f"https://{shop.domain}", *shop.origins, *(f"https://{one}" for one in domains)]):
        yield await _page(http, prepared["uploadUrl"], origin)
    yield await _photograph(http, settings, shop, prepared, client_id)


async def _page(http: httpx.AsyncClient, url: str, origin: str) -> Finding:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    try:
        reply = await http.options(url, headers=asked)
        allowed = reply.headers.get("access-control-allow-origin", "")
    except httpx.HTTPError as error:
        allowed = type(error).__name__
    if allowed == origin:
        return Finding(f"pages of {origin}", "may upload")
    fix = (
        f'Add "{origin}" to the origins of this shop and start the API again; if it is there, let OPTIONS requests of '
        "/storage reach this service with their Origin."
    )
    return Finding(f"pages of {origin}", "may not upload", fix)


async def _photograph(
    http: httpx.AsyncClient, settings: Settings, shop: ShopSettings, prepared: dict[str, Any], client_id: str
) -> Finding:
    step = "the upload"
    try:
        headers = {"Content-Type": "application/octet-stream"}
        await _asked(http.put(prepared["uploadUrl"], content=_picture(), headers=headers))
        step = "upload-complete"
        done = {"uploadKey": prepared["uploadKey"], "consentVersion": "doctor"}
        url = proxied(settings, shop, "/public/upload-complete", client_id=client_id)
        photo = await _asked(http.post(url, json=done))
        step = "the signed link"
        shown = await http.get(photo["fileUrl"])
        is_shown = shown.status_code == 200 and shown.headers.get("content-type", "").startswith("image/")
        found = "" if is_shown else f"answered {shown.status_code}"
        await _asked(http.delete(proxied(settings, shop, f"/public/image/{quote(photo['fileId'])}")))
    except (_Refused, httpx.HTTPError, KeyError) as refusal:
        found = str(refusal) or type(refusal).__name__
    if found:
        return Finding(WHAT, f"{step}: {found}", _mending(settings, step))
    return Finding(WHAT, "taken, kept, shown by a signed link, and deleted")


def _mending(settings: Settings, step: str) -> str:
    return (
        f"Let every path of {settings.public_url} reach this service with bodies of 20 MB, and its storage_url be "
        f"writable and have room: {step} did not work (the API's log says more)."
    )


class _Refused(Exception):
    """What was answered instead."""


async def _asked(asking: Any) -> dict[str, Any]:
    try:
        reply = await asking
        found = reply.json()
    except httpx.HTTPError as error:
        raise _Refused(type(error).__name__) from None
    except ValueError:
        raise _Refused(f"answered {reply.status_code}, not this service's answer") from None
    if not reply.is_success or not isinstance(found, dict):
        raise _Refused(f"answered {reply.status_code}: {str(found)[:200]}")
    return found


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", SIZE, "grey").save(buffer, "PNG")
    return buffer.getvalue()
