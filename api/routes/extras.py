"""What a storefront tells of its shoppers: e-mail addresses and events."""

from __future__ import annotations

import asyncio
import logging
from functools import cache
from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field, StrictBool, StringConstraints
from redis.exceptions import RedisError

from api import emails
from api.contract import Model, Reply
from api.dependencies import ServicesDep, ShopDep, TellerDep
from api.errors import (
    BadRequest,
    EmailInvalid,
    TooLarge,
    TooManyEmails,
    Unauthorised,
    Unavailable,
    replies,
)
from api.events import Events, append, new_events
from api.small_body import SmallBody

log = logging.getLogger(__name__)
router = APIRouter(tags=["Extras"], route_class=SmallBody)

COLLECTED = "Email collected successfully"


class EmailTold(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com", "marketingConsent": False}})

    email: Annotated[str, StringConstraints(max_length=320)] = Field(json_schema_extra={"format": "email"})
    marketing_consent: StrictBool = Field(False, description="Whether they agreed to be sent advertising by the shop.")


class EmailReply(Reply):
    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "message": COLLECTED}})

    success: bool = Field(description="Whether it is an address; what becomes of it later is not told.")
    message: str


class EventsReply(Reply):
    success: bool = Field(description="Whether they are counted; nothing is to be done when not.")


@router.post(
    "/public/collect-email",
    responses=replies(BadRequest, EmailInvalid, Unauthorised, TooLarge, TooManyEmails, Unavailable),
)
async def collect_email(told: EmailTold, shared: ServicesDep, shop: ShopDep, teller: TellerDep) -> EmailReply:
    """An address for the shop's customers. It is passed on to the shop soon after, and then kept here no longer.

    Nobody is subscribed without `marketingConsent`.
    """
    try:
        address = emails.checked(told.email)
    except EmailInvalid:
        shared.metrics.collected(shop.domain, "INVALID")
        raise
    if shop.domain not in shared.customers.apis:
        shared.metrics.collected(shop.domain, "NOT_KEPT")
        _explain(shop.domain)
        return EmailReply(success=True, message=COLLECTED)
    mailbox, identity = shared.doorkeeper.mailbox(shop.domain, address), teller.identity or ""
    consents = told.marketing_consent
    is_new = await emails.queue(shared.redis, shop.domain, address, mailbox, identity, consents=consents)
    shared.metrics.collected(shop.domain, "QUEUED" if is_new else "REPEATED")
    return EmailReply(success=True, message=COLLECTED)


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


@cache
def _explain(shop: str) -> None:
    """Once."""
    log.warning("%s has no token of the Admin API, so e-mail addresses are not kept: fitting-room doctor --shop", shop)
