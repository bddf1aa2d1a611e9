"""What a storefront does with a finished picture, and what it tells of its shoppers: share, download, events."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from pydantic import ConfigDict, Field, StringConstraints
from redis.exceptions import RedisError

from api.contract import JOB_ID, Model, Reply
from api.dependencies import BlobsDep, LinksDep, ServicesDep, ShopDep
from api.errors import (
    BadRequest,
    GenerationNotFound,
    NotCompleted,
    ShareNotFound,
    TooLarge,
    Unauthorised,
    Unavailable,
    replies,
)
from api.events import Events, append, new_events
from api.headers import page_headers
from api.routes.generations import GenerationDep
from api.services import Services
from api.shares import Share, share_of
from api.shops import ShopSettings
from api.small_body import SmallBody
from inference.blobs import content_type
from inference.jobs import Generation, Status

log = logging.getLogger(__name__)
router = APIRouter(tags=["Extras"], route_class=SmallBody)

TOKEN = "WyJvcGVuLmxvY2FsaG9zdCJd.c2lnbmF0dXJl"  # noqa: S105  # an example
STYLE = (
    "body{margin:0;font:16px/1.5 system-ui,sans-serif;text-align:center;background:#fff;color:#222}"
    "main{max-width:40rem;margin:auto;padding:1.5rem}img{max-width:100%;height:auto}a{color:inherit}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = page_headers(f"style-src 'sha256-{STYLE_HASH}'; img-src 'self'") | {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="og:type" content="website"><meta property="og:title" content="{title}">
<meta property="og:description" content="{note}"><meta property="og:url" content="{url}">
<meta property="og:image" content="{url}/picture"><meta property="og:image:type" content="image/png">
<meta name="twitter:card" content="summary_large_image"><meta name="twitter:title" content="{title}">
<meta name="twitter:description" content="{note}"><meta name="twitter:image" content="{url}/picture">
<style>{style}</style></head>
<body><main><h1>{title}</h1><img src="{url}/picture" alt="{title}"><p>{note}</p>
<p><a href="https://{domain}" rel="noopener">{domain}</a></p></main></body></html>
"""
NOTE = "A picture made by a computer: the garment was put on by a model. It can be seen here until {until}."


class ShareWanted(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"generationId": JOB_ID}})

    generation_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    effective_domain: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="The shop's domain as customers know it, one of its origins; its own domain when absent."
    )


class ShareReply(Reply):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "shareToken": TOKEN,
                "shareUrl": f"https://try-on.example/s/{TOKEN}",
                "expiresAt": "2026-12-01T10:00:00Z",
            }
        }
    )

    share_token: str
    share_url: str = Field(description="A page that anybody can see; the same at every call, so use it again.")
    expires_at: datetime = Field(description="30 days after the picture was made, or when it is deleted if sooner.")


class EventsReply(Reply):
    success: bool = Field(description="Whether they are counted; nothing is to be done when not.")


@router.post(
    "/public/share-generation",
    responses=replies(BadRequest, Unauthorised, GenerationNotFound, NotCompleted, TooLarge, Unavailable),
)
async def share_generation(wanted: ShareWanted, shared: ServicesDep, shop: ShopDep, links: LinksDep) -> ShareReply:
    """A page with the picture of a COMPLETED generation, for whoever has its address."""
    found = await shared.queue.find(wanted.generation_id, shop.domain)
    if found is None:
        raise GenerationNotFound
    _key(found)
    share = share_of(found, _domain(shop, wanted.effective_domain), shared.settings.terms.result_s)
    token = shared.shares.token(share)
    return ShareReply(
        share_token=token,
        share_url=f"{links.base_url}/s/{token}",
        expires_at=datetime.fromtimestamp(share.expires_at, UTC),
    )


@router.get("/s/{token}", response_class=HTMLResponse, responses=replies(ShareNotFound, Unavailable))
async def shared_page(token: str, shared: ServicesDep, links: LinksDep) -> HTMLResponse:
    """The page that was shared, with what other sites show of it."""
    share, _ = await _shown(shared, token)
    until = datetime.fromtimestamp(share.expires_at, UTC).strftime("%d %B %Y")
    told = {
        "title": f"Tried on at {share.domain}",
        "note": NOTE.format(until=until),
        "url": f"{links.base_url}/s/{token}",
        "domain": share.domain,
    }
    escaped = {name: html.escape(text) for name, text in told.items()}
    return HTMLResponse(PAGE.format(style=STYLE, **escaped), headers=PAGE_HEADERS)


PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/s/{token}/picture", response_class=Response, responses=replies(ShareNotFound, Unavailable) | PICTURE)
async def shared_picture(token: str, shared: ServicesDep, blobs: BlobsDep) -> Response:
    """The picture of a page that was shared."""
    _, key = await _shown(shared, token)
    try:
        data = await blobs.get_async(key)
    except FileNotFoundError:
        raise ShareNotFound from None
    headers = {"Cache-Control": "private, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(data, media_type=content_type(key), headers=headers)


@router.get(
    "/public/generation/{generation_id}/download",
    response_class=Response,
    responses=replies(Unauthorised, GenerationNotFound, NotCompleted, Unavailable) | PICTURE,
)
async def download(found: GenerationDep, blobs: BlobsDep) -> Response:
    """The picture of a COMPLETED generation as a file to be saved. This route is ours: the contract names none."""
    key = _key(found)
    try:
        data = await blobs.get_async(key)
    except FileNotFoundError:
        raise GenerationNotFound from None
    headers = {"Content-Disposition": f'attachment; filename="try-on-{found.generation_id[4:12]}.png"'}
    return Response(data, media_type=content_type(key), headers=headers | {"Cache-Control": "no-store"})


@router.post("/public/tracking/events", responses=replies(BadRequest, Unauthorised, TooLarge))
async def tracking_events(told: Events, shared: ServicesDep, shop: ShopDep) -> EventsReply:
    """1 to 50 of a page's events. They are counted, by shop and by the names that the contract knows; nothing is kept
    of them but, for a day, that they were told, unless the operator set `events_file`."""
    try:
        new = await new_events(shared.redis, shop.domain, told.events)
        if shared.settings.events_file and new:
            await asyncio.to_thread(append, shared.settings.events_file, shop.domain, new, told.context)
    except (RedisError, OSError) as error:
        log.error("Events are not counted: %s", type(error).__name__)
        return EventsReply(success=False)
    for event in new:
        shared.metrics.told(shop.domain, event.name)
    return EventsReply(success=True)


def _key(found: Generation) -> str:
    if found.status is not Status.COMPLETED or found.result_key is None:
        raise NotCompleted
    return found.result_key


def _domain(shop: ShopSettings, wanted: str | None) -> str:
    """Where the page leads: never to a stranger's."""
    known = {shop.domain, *(origin.partition("://")[2] for origin in shop.origins)}
    return wanted.lower() if wanted and wanted.lower() in known else shop.domain


async def _shown(shared: Services, token: str) -> tuple[Share, str]:
    share = shared.shares.read(token)
    found = await shared.queue.find(share.generation_id, share.shop)
    if found is None or found.status is not Status.COMPLETED or found.result_key is None:
        raise ShareNotFound
    return share, found.result_key
