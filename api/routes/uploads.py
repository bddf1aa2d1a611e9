"""A shopper's photograph comes in: three steps, or one for older clients; and goes when asked to."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from api.bodies import MEGABYTE, NO_LIMIT, capped
from api.consent import Consent, GivenAt, Version, consent_of, stamped
from api.contract import PHOTO_ID, Model, Reply
from api.dependencies import BlobsDep, LinksDep, SenderDep, ServicesDep, ShopDep
from api.erasures import erased_with
from api.errors import (
    BadPhoto,
    BadRequest,
    ConsentMissing,
    PhotoNotFound,
    TooLarge,
    TooManyUploads,
    Unauthorised,
    Unavailable,
    UploadNotFound,
    replies,
)
from api.links import UPLOAD_TTL_S
from api.photos import Photo, person_photo
from api.services import Services
from api.small_body import SmallBody
from inference.blobs import PHOTOS, UPLOADS, check_key
from inference.holdings import owned_key, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData

router = APIRouter(prefix="/public", tags=["Photographs"], route_class=SmallBody, responses=replies(Unauthorised))

LEGACY_LIMIT = 10 * MEGABYTE
FORM_OVERHEAD = 64_000  # bytes; what multipart adds to its one file
PROCESSED: Literal["Image processed successfully"] = "Image processed successfully"

UPLOAD_KEY = "tmp/open.localhost/9f2c4e6a8b0d1f3557799bbddff00224"
SIGNED_URL = "https://try-on.example/storage/InRtcC9vcGVu.aSQ0Zg.c2lnbmF0dXJl"

VERSION: TypeAdapter[str] = TypeAdapter(Version)
GIVEN_AT: TypeAdapter[datetime] = TypeAdapter(GivenAt)

FILE_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "At most 10 MB."},
                    "consentVersion": VERSION.json_schema(),
                    "consentGivenAt": GIVEN_AT.json_schema(),
                },
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
    consent_version: Version | None = None
    consent_given_at: GivenAt | None = None


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


@router.post("/prepare-upload", responses=replies(BadRequest, TooManyUploads, Unavailable))
async def prepare(shared: ServicesDep, shop: ShopDep, sender: SenderDep, links: LinksDep) -> PreparedUpload:
    """Step 1: where to send a photograph."""
    identity = sender.identity or ""
    key = owned_key(UPLOADS, shop.domain, identity, secrets.token_hex(16))
    await shared.holdings.note(shop.domain, identity, key)
    await shared.redis.set(_open_upload(key), "", ex=UPLOAD_TTL_S)
    return PreparedUpload(upload_url=links.upload(key), upload_key=key)


@router.post(
    "/upload-complete", responses=replies(BadPhoto, BadRequest, ConsentMissing, TooLarge, UploadNotFound, Unavailable)
)
async def complete(done: UploadComplete, shared: ServicesDep, shop: ShopDep, links: LinksDep) -> PhotoReply:
    """Step 3: check the photograph that was sent, make it upright, crop it to 4:5, and keep it without metadata.

    What the shopper agreed to is kept in the photograph's file, and deleted with it.
    """
    key, blobs = _of_shop(done.upload_key, UPLOADS, shop.domain, UploadNotFound), shared.blobs
    if not await blobs.exists_async(key) or await shared.redis.getdel(_open_upload(key)) is None:
        raise UploadNotFound
    try:
        consent = consent_of(done.consent_version, done.consent_given_at, shared.settings)
        file_id, _ = await _keep(shared, shop.domain, owner_of(key), consent, partial(blobs.get, key))
    except FileNotFoundError:
        raise UploadNotFound from None
    finally:
        await blobs.delete_async(key)
        await shared.holdings.drop(shop.domain, owner_of(key), key)
    return PhotoReply(file_id=file_id, file_url=links.picture(file_id))


@router.post(
    "/upload-image",
    responses=replies(BadPhoto, BadRequest, ConsentMissing, TooLarge, TooManyUploads, UploadNotFound, Unavailable),
    openapi_extra={"requestBody": FILE_FORM},
    max_body_size=NO_LIMIT,
)
async def upload(
    request: Request, shared: ServicesDep, shop: ShopDep, sender: SenderDep, links: LinksDep
) -> LegacyPhotoReply:
    """All in one step, for older clients: a form with the field `file`."""
    async with capped(request, LEGACY_LIMIT, overhead=FORM_OVERHEAD).form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadRequest("Send the photograph as the field `file` of a multipart form.")
        consent = _consent_in(form, shared)
        file_id, photo = await _keep(shared, shop.domain, sender.identity or "", consent, file.file.read)
    return LegacyPhotoReply(
        file_id=file_id, file_url=links.picture(file_id), image_width=photo.width, image_height=photo.height
    )


@router.delete("/image/{file_id:path}", responses=replies(PhotoNotFound, Unavailable))
async def delete(file_id: str, shared: ServicesDep, shop: ShopDep, blobs: BlobsDep) -> Deleted:
    """Erase a photograph at once."""
    key = _of_shop(file_id, PHOTOS, shop.domain, PhotoNotFound)
    if not await blobs.exists_async(key):
        raise PhotoNotFound
    await erased_with(shared, lambda eraser: eraser.photograph(shop.domain, key))
    return Deleted()


def _consent_in(form: FormData, shared: Services) -> Consent | None:
    version, given_at = form.get("consentVersion"), form.get("consentGivenAt")
    try:
        return consent_of(
            None if version is None else VERSION.validate_python(version),
            None if given_at is None else GIVEN_AT.validate_python(given_at),
            shared.settings,
        )
    except ValidationError:
        raise BadRequest(
            "consentVersion must be 1 to 64 visible characters, and consentGivenAt an ISO 8601 moment with its zone."
        ) from None


async def _keep(
    shared: Services, shop: str, identity: str, consent: Consent | None, read: Callable[[], bytes]
) -> tuple[str, Photo]:
    """The id and the picture of what `read` gives; it is read when its turn comes, so few are in memory at a time.

    Raises:
        UploadNotFound: its shopper had everything erased meanwhile.
    """
    photo = await shared.decoders.decode(person_photo, read)
    file_id = owned_key(PHOTOS, shop, identity, f"{secrets.token_hex(16)}.{photo.suffix}")
    await shared.holdings.note(shop, identity, file_id)
    await shared.blobs.put_async(file_id, stamped(photo.data, consent))
    if not await shared.holdings.has(shop, identity, file_id):
        await shared.blobs.delete_async(file_id)
        raise UploadNotFound
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
