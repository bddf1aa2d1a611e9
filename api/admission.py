"""May this shopper generate: what one generation takes from limits and quota, and the sentence when it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from api.contract import JOB_ID, BlockCode, TryOnReply
from inference.jobs import Admission, Refusal, SlidingLimit

if TYPE_CHECKING:
    from api.settings import Settings
    from api.shopper import Shopper
    from api.shops import ShopSettings
    from inference.jobs import Submission

WEEK_S = 7 * 24 * 3600
QUOTA_USED = "This shop has used all its try-ons of this month."
STRICT_STATUS = {
    BlockCode.QUOTA_EXCEEDED: 402,
    BlockCode.BILLING_NOT_ALLOWED: 402,
    BlockCode.CREATION_FAILED: 503,
}


class Blocked(Exception):
    """A generation that is not created: the contract's code and a sentence."""

    def __init__(self, code: BlockCode, message: str, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def reply(self, settings: Settings) -> JSONResponse:
        """The contract's reply: a shape like success's, because its clients look at the code and not at the status."""
        status = STRICT_STATUS.get(self.code, 429) if settings.blocked_status == "strict" else 200
        if self.code is BlockCode.RATE_LIMIT_EXCEEDED:
            status = 429
        body = TryOnReply(job_id="", message=self.message, code=self.code)
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s else None
        return JSONResponse(body.wire(), status, headers)


def blocked_replies() -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of every way in which a generation can be blocked, beside success."""
    examples = {
        "created": {"jobId": JOB_ID, "message": "Generation job created successfully"},
        BlockCode.QUOTA_EXCEEDED: {"jobId": "", "message": QUOTA_USED, "code": "QUOTA_EXCEEDED"},
    }
    content = {"application/json": {"examples": {name: {"value": value} for name, value in examples.items()}}}
    blocked_only = {"model": TryOnReply, "headers": {"Retry-After": {"schema": {"type": "integer"}}}}
    return {
        200: {"description": "Created, or blocked when `code` is there", "content": content},
        402: {"model": TryOnReply, "description": "Blocked by plan or quota, with `blocked_status` strict"},
        429: {**blocked_only, "description": "Blocked by the weekly limit"},
        503: {**blocked_only, "description": "Blocked by a full queue, with `blocked_status` strict"},
    }


def admission(shop: ShopSettings, shopper: Shopper, settings: Settings) -> Admission:
    """What one generation of `shopper` takes.

    Raises:
        Blocked: the shop's plan has expired.
    """
    if shop.plan_has_expired:
        raise Blocked(
            BlockCode.BILLING_NOT_ALLOWED, f"Try-on is not available here now: the {shop.plan} plan has ended."
        )
    maximum = settings.weekly_limit if shop.weekly_limit is None else shop.weekly_limit
    limits = []
    if shopper.identity:
        limits.append(SlidingLimit(shopper.identity, maximum, WEEK_S))
    if shopper.address:
        limits.append(SlidingLimit(shopper.address, maximum * settings.address_factor, WEEK_S))
    return Admission(shop.domain, tuple(limits), shop.monthly_quota)


def blocked(submission: Submission) -> Blocked:
    """Why `submission`, which was refused, was refused."""
    wait_s = submission.retry_after_s
    match submission.refusal:
        case Refusal.RATE_LIMIT:
            sentence = f"This week's try-ons are used up. Please come back {_in(wait_s)}."
            return Blocked(BlockCode.RATE_LIMIT_EXCEEDED, sentence, max(1, wait_s))
        case Refusal.QUOTA:
            return Blocked(BlockCode.QUOTA_EXCEEDED, QUOTA_USED)
        case _:
            sentence = f"The fitting room is full just now. Please try again {_in(wait_s)}."
            return Blocked(BlockCode.CREATION_FAILED, sentence, max(1, wait_s))


def _in(seconds: int) -> str:
    """How long to wait, to one unit, rounded up."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds > length:
            return f"in {-(-seconds // length)} {unit}s"
    return "in a minute"
