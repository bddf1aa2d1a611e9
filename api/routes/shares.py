"""What a shopper does with a finished picture: save it, or show it to whoever has its page's address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ConfigDict, Field, StringConstraints

from api.contract import JOB_ID, Model, Reply
from api.dependencies import BlobsDep, LinksDep, ServicesDep, SharerDep, ShopDep
from api.errors import (
    BadRequest,
    GenerationNotFound,
    NotCompleted,
    ShareNotFound,
    TooLarge,
    TooManyShares,
    TooManyViews,
    Unauthorised,
    Unavailable,
    replies,
)
from api.routes.generations import GenerationDep
from api.services import Services
from api.share_page import PAGE_HEADERS, page_of
from api.shares import Share, share_of
from api.shops import ShopSettings
from api.small_body import SmallBody
from inference.blobs import content_type
from inference.jobs import Generation, Status

router = APIRouter(tags=["Sharing"], route_class=SmallBody)

TOKEN = "WyJvcGVuLmxvY2FsaG9zdCJd.c2lnbmF0dXJl"  # noqa: S105  # an example
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}


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


@router.post(
    "/public/share-generation",
    responses=replies(BadRequest, Unauthorised, GenerationNotFound, NotCompleted, TooLarge, TooManyShares, Unavailable),
)
async def share_generation(
    wanted: ShareWanted, shared: ServicesDep, shop: ShopDep, _: SharerDep, links: LinksDep
) -> ShareReply:
    """A page with the picture of a COMPLETED generation, for whoever has its address."""
    found = await shared.queue.find(wanted.generation_id, shop.domain)
    if found is None:
        raise GenerationNotFound
    _key(found)
    share = share_of(found, _domain(shop, wanted.effective_domain), shared.settings.terms.result_s)
    token = shared.shares.token(share)
    shared.metrics.shared(shop.domain, "ASKED")
    return ShareReply(
        share_token=token,
        share_url=f"{links.base_url}/s/{token}",
        expires_at=datetime.fromtimestamp(share.expires_at, UTC),
    )


@router.get("/s/{token}", response_class=HTMLResponse, responses=replies(ShareNotFound, TooManyViews, Unavailable))
async def shared_page(token: str, request: Request, shared: ServicesDep, links: LinksDep) -> HTMLResponse:
    """The page that was shared, with what other sites show of it."""
    share, _ = await _shown(shared, token, request)
    shared.metrics.shared(share.shop, "SEEN")
    page = page_of(share.domain, f"{links.base_url}/s/{token}", datetime.fromtimestamp(share.expires_at, UTC))
    return HTMLResponse(page, headers=PAGE_HEADERS)


@router.get(
    "/s/{token}/picture", response_class=Response, responses=PICTURE | replies(ShareNotFound, TooManyViews, Unavailable)
)
async def shared_picture(token: str, request: Request, shared: ServicesDep, blobs: BlobsDep) -> Response:
    """The picture of a page that was shared."""
    _, key = await _shown(shared, token, request)
    try:
        data = await blobs.get_async(key)
    except FileNotFoundError:
        raise ShareNotFound from None
    headers = {"Cache-Control": "private, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(data, media_type=content_type(key), headers=headers)


@router.get(
    "/public/generation/{generation_id}/download",
    response_class=Response,
    responses=PICTURE | replies(Unauthorised, GenerationNotFound, NotCompleted, Unavailable),
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


def _key(found: Generation) -> str:
    if found.status is not Status.COMPLETED or found.result_key is None:
        raise NotCompleted
    return found.result_key


def _domain(shop: ShopSettings, wanted: str | None) -> str:
    """Where the page leads: never to a stranger's."""
    known = {shop.domain, *(origin.partition("://")[2] for origin in shop.origins)}
    return wanted.lower() if wanted and wanted.lower() in known else shop.domain


async def _shown(shared: Services, token: str, request: Request) -> tuple[Share, str]:
    shared.views.count(shared.doorkeeper.visitor(request))
    share = shared.shares.read(token)
    found = await shared.queue.find(share.generation_id, share.shop)
    if found is None or found.status is not Status.COMPLETED or found.result_key is None:
        raise ShareNotFound
    return share, found.result_key
