"""May this shopper generate: what one generation takes from limits and quota, and the sentence when it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.blocked import QUOTA_USED, Blocked
from api.contract import BlockCause, BlockCode
from inference.jobs import Admission, Refusal

if TYPE_CHECKING:
    from api.settings import Settings
    from api.shopper import Shopper
    from api.shops import ShopSettings
    from inference.jobs import Submission

WEEK_S = 7 * 24 * 3600


def admission(shop: ShopSettings, shopper: Shopper, settings: Settings) -> Admission:
    """What one generation of `shopper` takes.

    Raises:
        Blocked: the shop's plan has expired.
    """
    if shop.plan_has_expired:
        sentence = f"Try-on is not available in this shop now: its {shop.plan} plan has ended."
        raise Blocked(BlockCode.BILLING_NOT_ALLOWED, sentence)
    maximum = settings.weekly_limit_of(shop)
    limits = () if maximum is None else shopper.limits(maximum, settings.address_factor, WEEK_S)
    return Admission(
        shop.domain,
        limits,
        shop.monthly_quota,
        shopper.identity or "",
        weight=shop.weight,
        leaves_room=len(settings.shops) > 1,
    )


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
            return Blocked(BlockCode.CREATION_FAILED, sentence, max(1, wait_s), cause=BlockCause.QUEUE_FULL)


def _in(seconds: int) -> str:
    """How long to wait, to one unit, rounded up."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds > length:
            return f"in {-(-seconds // length)} {unit}s"
    return "in a minute"
