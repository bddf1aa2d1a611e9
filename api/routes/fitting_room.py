"""The shopper's question: may I, and please do."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from pydantic import StringConstraints, TypeAdapter
from redis.exceptions import RedisError

from api.admission import admission, blocked
from api.approximations import approximations_of
from api.blocked import CREATED, Blocked, blocked_replies
from api.contract import BlockCause, BlockCode, CreditsReply, TryOn, TryOnReply
from api.dependencies import ServicesDep, ShopDep, Visit, VisitDep
from api.errors import (
    BadRequest,
    IdempotencyKeyReused,
    PhotoNotFound,
    ProductNotFound,
    TooLarge,
    Unauthorised,
    Unavailable,
    replies,
)
from api.fetching import FetchError
from api.services import Services
from api.shopper import Shopper
from api.shops import ShopSettings
from api.small_body import SmallBody
from inference import tracing
from inference.blobs import PHOTOS, check_key
from inference.jobs import GenerationRequest, Refusal, new_generation_id
from inference.logs import concern
from models.catalog import name_of

log = logging.getLogger(__name__)
router = APIRouter(prefix="/public", tags=["Fitting room"], route_class=SmallBody)

CREDITS_TTL_S = 120
NO_PICTURE = "This product's picture cannot be fetched just now. Please try another product, or again in a minute."

NOT_PLACED = "This product cannot be tried on yet: the shop has not told how it is worn."

KEY_PATTERN = r"^[!-~]{1,255}$"
IDEMPOTENCY_KEY: TypeAdapter[str | None] = TypeAdapter(Annotated[str, StringConstraints(pattern=KEY_PATTERN)] | None)
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=KEY_PATTERN,
        description="Yours to choose: 1 to 255 visible characters. A repeat of the same request answers the same job.",
    ),
]


@router.get("/check-credits", responses=replies(Unauthorised))
async def check_credits(shared: ServicesDep, shop: ShopDep, response: Response) -> CreditsReply:
    """Whether this shop's plan and monthly quota allow a generation. Fails open: fitting-room decides."""
    response.headers["Cache-Control"] = f"private, max-age={CREDITS_TTL_S}"
    if (known := shared.credits.get(shop.domain)) and time.monotonic() < known[0]:
        return CreditsReply(allowed=known[1])
    try:
        allowed = not shop.plan_has_expired and await shared.queue.quota_left(shop.domain, shop.monthly_quota) > 0
    except RedisError as error:
        log.error("check-credits fails open: %s", error)
        response.headers["Cache-Control"] = "no-store"
        return CreditsReply(allowed=True)
    shared.credits[shop.domain] = (time.monotonic() + CREDITS_TTL_S, allowed)
    return CreditsReply(allowed=allowed)


@router.post(
    "/fitting-room",
    response_model=TryOnReply,
    response_model_exclude_none=True,
    responses=replies(BadRequest, Unauthorised, PhotoNotFound, ProductNotFound, TooLarge, IdempotencyKeyReused)
    | blocked_replies(),
)
async def try_on(wanted: TryOn, visit: VisitDep, idempotency_key: IdempotencyKey = None) -> TryOnReply | JSONResponse:
    """Queue a generation and answer at once; a blocked one has an empty `jobId` and a `code`."""
    try:
        job_id = await _job(visit, wanted, idempotency_key)
    except Blocked as refusal:
        _count(visit, refusal.code)
        return refusal.reply(visit.shared.settings)
    except RedisError as error:
        _count(visit, "UNAVAILABLE")
        log.error("A generation could not be queued: %s", error)
        away = Blocked(BlockCode.CREATION_FAILED, Unavailable.example, 5, cause=BlockCause.UNAVAILABLE)
        return away.reply(visit.shared.settings)
    return TryOnReply(job_id=job_id, message=CREATED)


async def _job(visit: Visit, wanted: TryOn, key: str | None) -> str:
    """The id of the job that `key` made before, whatever has changed since; else of a new one."""
    shared, shop, shopper = visit.shared, visit.shop, visit.shopper
    once = _once(key, _name(shopper), wanted)
    submission = await shared.queue.repeated(shop.domain, once) if once else None
    told = "REPEATED"
    if submission is None:
        told = "ACCEPTED"
        request = await _request(visit, wanted)
        submission = await shared.queue.submit(request, admission(shop, shopper, shared.settings), idempotency=once)
    if submission.refusal is Refusal.IDEMPOTENCY_CONFLICT:
        raise IdempotencyKeyReused
    if submission.refusal:
        raise blocked(submission)
    _count(visit, told)
    concern(submission.generation_id)
    return submission.generation_id


def _count(visit: Visit, code: str) -> None:
    visit.shared.metrics.admitted(visit.shop.domain, code)


async def _request(visit: Visit, wanted: TryOn) -> GenerationRequest:
    shared, shop = visit.shared, visit.shop
    for image_id in filter(None, (wanted.user_image_id, wanted.mask_image_id, wanted.densepose_image_id)):
        await _check_photo(shared, shop, image_id)
    try:
        garment = await shared.products.find(wanted.product_id, wanted.variant_id, shop.domain)
    except FetchError:
        cause = BlockCause.GARMENT_UNREACHABLE
        raise Blocked(BlockCode.CREATION_FAILED, NO_PICTURE, retry_after_s=60, cause=cause) from None
    if garment is None:
        raise ProductNotFound
    category = wanted.category or garment.category
    if category is None:
        raise Blocked(BlockCode.CREATION_FAILED, NOT_PLACED, cause=BlockCause.GARMENT_NOT_PLACED)
    traceparent = tracing.traceparent()
    return GenerationRequest(
        generation_id=new_generation_id(),
        shop=shop.domain,
        shopper=_name(visit.shopper),
        person_key=wanted.user_image_id,
        garment_key=garment.garment_key,
        category=category,
        card=name_of(shared.settings.card),
        seed=secrets.randbelow(2**31) if wanted.seed is None else wanted.seed,
        mask_key=wanted.mask_image_id,
        densepose_key=wanted.densepose_image_id,
        garment_is_worn=garment.is_worn,
        webhook=shop.webhook_url is not None,
        approximations=approximations_of(wanted, shared.settings.card),
        strict=wanted.strict,
        traceparent=traceparent,
        asked_at=time.time() if traceparent else None,
    )


async def _check_photo(shared: Services, shop: ShopSettings, key: str) -> None:
    if not key.startswith(f"{PHOTOS}/{shop.domain}/"):
        raise PhotoNotFound
    try:
        exists = await shared.blobs.exists_async(check_key(key))
    except ValueError:
        raise PhotoNotFound from None
    if not exists:
        raise PhotoNotFound


def _name(shopper: Shopper) -> str:
    return shopper.identity or shopper.address or ""


def _once(key: str | None, shopper: str, wanted: TryOn) -> tuple[str, str] | None:
    """The caller's key within its shopper, and a digest of what it asked for."""
    if key is None:
        return None
    scoped = hashlib.sha256(f"{shopper}:{key}".encode()).hexdigest()
    return scoped, hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()
