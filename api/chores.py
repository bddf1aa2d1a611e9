"""Does what was left to be done, task after task, as long as the process lives."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api import emails
from api.erasures import erased_with
from api.shopify_webhooks import (
    FORGET_CUSTOMER,
    FORGET_SHOP,
    PRODUCT_CHANGED,
    PRODUCT_DELETED,
    TELL_CUSTOMER,
    UNINSTALLED,
)
from api.sources.customers import CustomerRefused
from api.sources.kept import Kept
from api.tasks import LOOK_EVERY_S, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from api.services import Services
    from api.tasks import Task

log = logging.getLogger(__name__)

PAUSE_S = 5.0  # while Redis is away
SHOWN = "fitting-room:product-shown:"  # + shop:number -> digest of what its shop told last
SHOWN_S = 30 * 86400
REQUESTS_S = 30 * 86400  # in which a shop has to be told what is held of its customer


@asynccontextmanager
async def tasks_done(shared: Services) -> AsyncIterator[None]:
    """While this lasts, tasks are done, where any can be: Shopify's, and what is told to it."""
    if not any(shop.app_secrets or shared.settings.reaches_admin(shop) for shop in shared.doorkeeper.shops.values()):
        yield
        return
    ending = asyncio.Event()
    doing = asyncio.create_task(_do_tasks(shared, ending))
    try:
        yield
    finally:
        ending.set()  # a library can lose a cancellation
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)


async def _do_tasks(shared: Services, ending: asyncio.Event) -> None:
    """Until it is `ending`. What fails is tried again, what breaks off is done by another process."""
    tasks = Tasks(shared.redis)
    url, timeout_s = shared.settings.redis_url, LOOK_EVERY_S + PAUSE_S
    async with Redis.from_url(url, max_connections=1, socket_timeout=timeout_s) as waiting:
        news = Tasks(waiting)
        while not ending.is_set():
            try:
                found = await tasks.take()
                if isinstance(found, float):
                    await news.wait(found)
                else:
                    await _do(shared, tasks, *found)
            except RedisError as error:
                log.warning("Redis did not answer whoever does the tasks: %s", error)
                await asyncio.sleep(PAUSE_S)


async def _do(shared: Services, tasks: Tasks, name: str, task: Task) -> None:
    try:
        if (work := WORK.get(task.what)) is not None:
            await work(shared, task)
    except Exception as error:
        log.error("%s of %s failed, and is tried again: %s", task.what, task.shop, type(error).__name__)
        await tasks.later(name, task)
    else:
        await tasks.done(name)
        log.info("%s of %s is done", task.what, task.shop)


async def _forget_shop(shared: Services, task: Task) -> None:
    await emails.forget_all(shared.redis, task.shop)
    await erased_with(shared, lambda eraser: eraser.shop(task.shop))
    await _forget_products(shared, task)


async def _forget_customer(shared: Services, task: Task) -> None:
    mailbox, identity = task.told.get("mailbox", ""), task.told["identity"]
    await emails.forget(shared.redis, task.shop, mailbox=mailbox, identity=identity)
    if identity:
        await erased_with(shared, lambda eraser: eraser.shopper(task.shop, identity, everywhere=True))


async def _forget_products(shared: Services, task: Task) -> None:
    await Kept(shared.redis).forget_shop(task.shop)
    async for key in shared.redis.scan_iter(f"{SHOWN}{task.shop}:*", 500):
        await shared.redis.delete(key)


async def _deliver_email(shared: Services, task: Task) -> None:
    if emails.is_too_old(task):
        shared.metrics.collected(task.shop, "GIVEN_UP")
        log.error("%s did not take an e-mail address within three days, so it is forgotten", task.shop)
        return
    consented_at = datetime.fromtimestamp(task.told["at"], UTC) if task.told["consents"] else None
    try:
        await shared.customers.keep(task.shop, task.told["address"], consented_at)
    except CustomerRefused as refusal:
        shared.metrics.collected(task.shop, "REFUSED")
        log.warning("%s refuses an e-mail address, for its %s", task.shop, refusal)
    else:
        shared.metrics.collected(task.shop, "DELIVERED")


async def _note_request(shared: Services, task: Task) -> None:
    """For whoever runs the service, who has a month to tell the shop."""
    key = f"fitting-room:requests:{task.shop}:{task.told['identity']}"
    noted = {"customer": task.told["customer"], "request": task.told["request"], "at": time.time()}
    await shared.redis.set(key, json.dumps(noted), ex=REQUESTS_S)
    log.warning("%s asks what is held of a customer: fitting-room export --requests tells of whom", task.shop)


async def _renew_product(shared: Services, task: Task) -> None:
    product, digest = task.told["product"], task.told["digest"]
    key = f"{SHOWN}{task.shop}:{product.rpartition('/')[2]}"
    before = await shared.redis.get(key)
    if task.what == PRODUCT_CHANGED and before == digest.encode():
        return
    await Kept(shared.redis).change(task.shop, product)
    await shared.redis.set(key, digest, ex=SHOWN_S)


WORK: dict[str, Callable[[Services, Task], Awaitable[None]]] = {
    FORGET_SHOP: _forget_shop,
    FORGET_CUSTOMER: _forget_customer,
    TELL_CUSTOMER: _note_request,
    UNINSTALLED: _forget_products,
    PRODUCT_CHANGED: _renew_product,
    PRODUCT_DELETED: _renew_product,
    emails.DELIVER: _deliver_email,
}
