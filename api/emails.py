"""E-mail addresses that shoppers leave: on their way to the shop's customers, and kept nowhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email

from api.errors import EmailInvalid
from api.tasks import Task, Tasks

if TYPE_CHECKING:
    from redis.asyncio import Redis

DELIVER = "collect-email"
KEPT_S = 3 * 86400  # in which the shop must be able to take it


def checked(address: str) -> str:
    """In the one way of writing it.

    Raises:
        EmailInvalid: it cannot be one.
    """
    try:
        return validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        raise EmailInvalid from None


def written_alike(address: str) -> str:
    """The same of whatever Shopify calls one."""
    try:
        return checked(address)
    except EmailInvalid:
        return address


async def queue(redis: Redis, shop: str, address: str, mailbox: str, identity: str, *, consents: bool) -> bool:
    """Whether it was not on its way already. `mailbox`: its keyed hash; `identity`: of the shopper, if known."""
    told = {"address": address, "consents": consents, "identity": identity, "at": time.time()}
    return await Tasks(redis).add(Task(DELIVER, shop, told), name=_name(mailbox, consents=consents))


async def forget(redis: Redis, shop: str, *, mailbox: str = "", identity: str = "") -> int:
    """How many of a shopper's were yet to be delivered, and are not."""
    names = {_name(mailbox, consents=consents) for consents in (False, True)} if mailbox else set()

    def is_theirs(name: str, task: Task) -> bool:
        if task.what != DELIVER or task.shop != shop:
            return False
        return name in names or bool(identity and task.told["identity"] == identity)

    return await Tasks(redis).drop(is_theirs)


async def forget_all(redis: Redis, shop: str) -> int:
    """The same of everybody at `shop`."""
    return await Tasks(redis).drop(lambda _, task: task.what == DELIVER and task.shop == shop)


def is_too_old(task: Task) -> bool:
    return time.time() > float(task.told["at"]) + KEPT_S


def _name(mailbox: str, *, consents: bool) -> str:
    return f"email:{mailbox}:{int(consents)}"
