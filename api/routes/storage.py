"""The local store's signed links: pictures out, and every upload in."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.requests import ClientDisconnect

from api.bodies import MEGABYTE, NO_LIMIT, capped
from api.contract import Reply
from api.dependencies import BlobsDep, LinksDep, ServicesDep
from api.error_handlers import store_refusal
from api.errors import ApiError, BadRequest, Forbidden, LinkInvalid, NotFound, TooLarge, Unavailable, replies
from api.services import Services
from inference.blobs import NotStoredError, content_type
from inference.logs import concern

GENERATION = re.compile(r"gen_[0-9a-f]{32}")

router = APIRouter(prefix="/storage/{token}", tags=["Storage"])

LARGEST_UPLOAD = 20 * MEGABYTE
PREFLIGHT_TTL_S = 3600

Origin = Annotated[str | None, Header(description="The page that asks; a browser sends it.")]


class Stored(Reply):
    message: str = "Uploaded"


@router.get(
    "",
    response_class=Response,
    responses=replies(LinkInvalid, NotFound, Unavailable)
    | {200: {"description": "The picture", "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def read(token: str, links: LinksDep, blobs: BlobsDep) -> Response:
    """A picture, by its signed link."""
    key = links.read("GET", token)
    if (name := GENERATION.search(key)) is not None:
        concern(name[0])
    try:
        data = await blobs.get_async(key)
    except FileNotFoundError:
        raise NotFound("This picture has been deleted.") from None
    headers = {
        "Cache-Control": f"private, max-age={min(links.ttl_s, 300)}",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return Response(data, media_type=content_type(key), headers=headers)


@router.put(
    "",
    responses=replies(BadRequest, Forbidden, LinkInvalid, TooLarge, Unavailable),
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    max_body_size=NO_LIMIT,
)
async def write(
    token: str,
    request: Request,
    response: Response,
    shared: ServicesDep,
    links: LinksDep,
    origin: Origin = None,
) -> Stored:
    """Step 2 of an upload: the file's bytes, at most 20 MB of them."""
    allowed = _cors(shared, links.read("PUT", token, may_be_old=True), origin)
    response.headers.update(allowed)
    try:
        key = links.read("PUT", token)
        await shared.blobs.put_stream(key, capped(request, LARGEST_UPLOAD).stream())
    except ClientDisconnect:
        raise BadRequest("The upload broke off. Please send the photograph again.") from None
    except NotStoredError as error:
        refusal = store_refusal(error)
        refusal.headers |= allowed  # the page must be let in to read it
        raise refusal from error
    except ApiError as error:  # so here
        error.headers |= allowed
        raise
    return Stored()


@router.options("", status_code=204, responses=replies(Forbidden, LinkInvalid))
async def preflight(token: str, shared: ServicesDep, links: LinksDep, origin: Origin = None) -> Response:
    """Lets the pages of the upload's own shop send it from another origin."""
    allowed = _cors(shared, links.read("PUT", token, may_be_old=True), origin)
    headers = {
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_TTL_S),
    }
    return Response(status_code=204, headers=headers | allowed)


def _cors(shared: Services, key: str, origin: str | None) -> dict[str, str]:
    """The headers that let `origin` in: a page of the shop that `key` belongs to; in `open` mode any that gets here.

    Raises:
        Forbidden: it is another's page.
    """
    if origin is None:
        return {}
    shop = shared.doorkeeper.shops.get(key.split("/")[1])
    known = {f"https://{shop.domain}", *shop.origins} if shop else set()
    if shared.settings.mode != "open" and origin not in known:
        raise Forbidden("Uploads are taken only from the shop's own pages.")
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
