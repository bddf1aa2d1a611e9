"""A shopper's photograph comes in: three steps, or one for older clients; and goes when asked to."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, Field
from starlette.datastructures import UploadFile

from api.bodies import MEGABYTE, NO_LIMIT, capped
from api.contract import PHOTO_ID, Model, Reply
from api.dependencies import BlobsDep, LinksDep, RedisDep, ShopDep, counted_upload
from api.errors import (
    BadPhoto,
    BadRequest,
    PhotoNotFound,
    TooLarge,
    TooManyUploads,
    Unauthorised,
    Unavailable,
    UploadNotFound,
    replies,
)
from api.links import UPLOAD_TTL_S
from api.photos import Photo, in_background, person_photo
from api.small_body import SmallBody
from inference.blobs import PHOTOS, UPLOADS, BlobStore, check_key

if TYPE_CHECKING:
    from collections.abc import Callable

router = APIRouter(prefix="/public", tags=["Photographs"], route_class=SmallBody, responses=replies(Unauthorised))

LEGACY_LIMIT = 10 * MEGABYTE
FORM_OVERHEAD = 64_000  # bytes; what multipart adds to its one file
PROCESSED: Literal["Image processed successfully"] = "Image processed successfully"

UPLOAD_KEY = "tmp/open.localhost/9f2c4e6a8b0d1f3557799bbddff00224"
SIGNED_URL = "https://try-on.example/storage/InRtcC9vcGVu.aSQ0Zg.c2lnbmF0dXJl"

FILE_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary", "description": "At most 10 MB."}},
            }
        }
    },
}


class PreparedUpload(Reply):
    model_config = ConfigDict(json_schema_extra={"example": {"uploadUrl": SIGNED_URL, "uploadKey": UPLOAD_KEY}})

    upload_url: str = Field(description="PUT the file's bytes here within 15 minutes: at most 20 MB.")
    upload_key: str = Field(description="For upload-complete, which takes it once.")


class UploadComplete(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"uploadKey": UPLOAD_KEY}})

    upload_key: str = Field(min_length=1, max_length=512)


class PhotoReply(Reply):
    model_config = ConfigDict(
        json_schema_extra={"example": {"fileId": PHOTO_ID, "fileUrl": SIGNED_URL, "message": PROCESSED}}
    )

    file_id: str = Field(description="Opaque: the `userImageId` of fitting-room.")
    file_url: str = Field(description="The photograph as it is used: signed, expires.")
    message: Literal["Image processed successfully"] = PROCESSED


class LegacyPhotoReply(PhotoReply):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "fileId": PHOTO_ID,
                "fileUrl": SIGNED_URL,
                "message": PROCESSED,
                "imageWidth": 800,
                "imageHeight": 1000,
                "faces": [],
            }
        }
    )

    image_width: int = Field(ge=1, description="Pixels, of the photograph as it is used.")
    image_height: int = Field(ge=1)
    faces: list[dict[str, float]] = Field([], description="Always empty: no faces are looked for.")


class Deleted(Reply):
    message: Literal["Image deleted successfully"] = "Image deleted successfully"


@router.post(
    "/prepare-upload",
    dependencies=[Depends(counted_upload)],
    responses=replies(BadRequest, TooManyUploads, Unavailable),
)
async def prepare(shop: ShopDep, redis: RedisDep, links: LinksDep) -> PreparedUpload:
    """Step 1: where to send a photograph."""
    key = f"{UPLOADS}/{shop.domain}/{secrets.token_hex(16)}"
    await redis.set(_open_upload(key), "", ex=UPLOAD_TTL_S)
    return PreparedUpload(upload_url=links.upload(key), upload_key=key)


@router.post("/upload-complete", responses=replies(BadPhoto, BadRequest, TooLarge, UploadNotFound, Unavailable))
async def complete(
    done: UploadComplete, shop: ShopDep, redis: RedisDep, blobs: BlobsDep, links: LinksDep
) -> PhotoReply:
    """Step 3: check the photograph that was sent, make it upright, crop it to 4:5, and keep it without metadata."""
    key = _of_shop(done.upload_key, UPLOADS, shop.domain, UploadNotFound)
    if not await blobs.exists_async(key) or await redis.getdel(_open_upload(key)) is None:
        raise UploadNotFound
    try:
        file_id, _ = await _keep(blobs, shop.domain, partial(blobs.get, key))
    except FileNotFoundError:
        raise UploadNotFound from None
    finally:
        await blobs.delete_async(key)
    return PhotoReply(file_id=file_id, file_url=links.picture(file_id))


@router.post(
    "/upload-image",
    dependencies=[Depends(counted_upload)],
    responses=replies(BadPhoto, BadRequest, TooLarge, TooManyUploads, Unavailable),
    openapi_extra={"requestBody": FILE_FORM},
    max_body_size=NO_LIMIT,
)
async def upload(request: Request, shop: ShopDep, blobs: BlobsDep, links: LinksDep) -> LegacyPhotoReply:
    """All in one step, for older clients: a form with the field `file`."""
    async with capped(request, LEGACY_LIMIT, overhead=FORM_OVERHEAD).form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadRequest("Send the photograph as the field `file` of a multipart form.")
        file_id, photo = await _keep(blobs, shop.domain, file.file.read)
    return LegacyPhotoReply(
        file_id=file_id, file_url=links.picture(file_id), image_width=photo.width, image_height=photo.height
    )


@router.delete("/image/{file_id:path}", responses=replies(PhotoNotFound))
async def delete(file_id: str, shop: ShopDep, blobs: BlobsDep) -> Deleted:
    """Erase a photograph at once."""
    key = _of_shop(file_id, PHOTOS, shop.domain, PhotoNotFound)
    if not await blobs.exists_async(key):
        raise PhotoNotFound
    await blobs.delete_async(key)
    return Deleted()


async def _keep(blobs: BlobStore, shop: str, read: Callable[[], bytes]) -> tuple[str, Photo]:
    """The id and the picture of what `read` gives; it is read when its turn comes, so few are in memory at a time."""
    photo = await in_background(lambda: person_photo(read()))
    file_id = f"{PHOTOS}/{shop}/{secrets.token_hex(16)}.{photo.suffix}"
    await blobs.put_async(file_id, photo.data)
    return file_id, photo


def _of_shop(key: str, kind: str, shop: str, otherwise: type[PhotoNotFound | UploadNotFound]) -> str:
    """`key` itself, when it is one of this shop's; another's is as unknown as one that never was."""
    try:
        check_key(key)
    except ValueError:
        raise otherwise from None
    if not key.startswith(f"{kind}/{shop}/"):
        raise otherwise
    return key


def _open_upload(key: str) -> str:
    return f"fitting-room:upload:{key}"
