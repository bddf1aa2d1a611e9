"""Webhooks: a shop is told how each of its generations ended, signed as Standard Webhooks asks, at least once.

RQ's own webhooks are sent once, unsigned, by the worker while its device waits, so they do not serve. Here the script
that ends a job also notes that its webhook is due, and a sender of its own, away from any device, makes it good.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from redis import Redis
from redis.exceptions import RedisError
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from inference.events import Event
from inference.scripts import source

PAUSES_S = (5, 300, 1800, 7200, 18000, 36000, 50400)
"""Before each further attempt, as Standard Webhooks advises: about 32 hours in all."""

TIMEOUT_S = 10.0  # of an attempt in all, however the receiver spends it
AGAIN_S = 3 * TIMEOUT_S  # until what a sender took and never settled is due again
AT_ONCE = 8  # to one shop
LOOK_EVERY_S = 0.5
STOPPED_WITHIN_S = 10.0  # Redis may be slow to answer; no receiver is waited for
GONE = 410  # the receiver wants no more of these

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a shop is told, and the secret (`whsec_...`) that signs it.

    Raises:
        ValueError: one of them cannot be used.
    """

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            usable = httpx.URL(self.url).scheme in ("http", "https") and Webhook(self.secret) is not None
        except (httpx.InvalidURL, ValueError, EmptyWebhookSecretError):
            usable = False
        if not usable:
            raise ValueError("A webhook needs an http(s) address and a secret of the form whsec_ and base64.")


class WebhookSender:
    """Delivers what is due for `targets` (shop -> target) in a thread of its own; what is due for others stays due."""

    def __init__(
        self, redis: Redis, targets: Mapping[str, WebhookTarget], pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._targets = targets
        self._pauses_s = pauses_s
        self._take = redis.register_script(source("deliveries"))
        self._settle = redis.register_script(source("delivered"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="webhooks", daemon=True)
        for name in ("httpx", "httpcore"):  # they log whole addresses, which can hold a secret
            logging.getLogger(name).setLevel(logging.WARNING)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Break off the running attempts; they, and what else is due, wait in Redis."""
        self._ended.set()
        self._thread.join(STOPPED_WITHIN_S)

    async def _run(self) -> None:
        running: dict[asyncio.Task[None], str] = {}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, limits=limits) as http:
            while not self._ended.is_set():
                for event in self._due(Counter(running.values())):
                    running[asyncio.create_task(self._deliver(http, event))] = event.shop
                if not running:
                    await asyncio.sleep(LOOK_EVERY_S)
                    continue
                _, left = await asyncio.wait(running, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                running = {task: running[task] for task in left}
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _due(self, running: Counter[str]) -> list[Event]:
        """What to deliver now. Each shop has a share of its own, so that a slow receiver delays its own shop alone."""
        room = [part for shop in self._targets for part in (shop, AT_ONCE - running[shop])]
        try:
            return [Event.from_row(row) for row in self._take(args=["", AGAIN_S, *room])]
        except RedisError as error:
            logger.warning("Redis did not answer the webhooks' sender: %s", error)
        except Exception:  # what is due stays due
            logger.exception("the webhooks that are due cannot be read")
        return []

    async def _deliver(self, http: httpx.AsyncClient, event: Event) -> None:
        is_last = event.num_attempts >= len(self._pauses_s)
        try:
            is_done = await self._attempt(http, self._targets[event.shop], event) or is_last
            pause_s = "" if is_done else self._pauses_s[event.num_attempts]
            self._settle(args=["", event.shop, event.generation_id, pause_s])
        except RedisError as error:
            logger.warning("Redis did not answer the webhooks' sender: %s", error)
        except Exception:  # what is due stays due
            logger.exception("a webhook could not be sent")

    async def _attempt(self, http: httpx.AsyncClient, target: WebhookTarget, event: Event) -> bool:
        """Whether nothing is left to do. An address can hold a secret, so only its host is logged."""
        headers = _headers(target, event)
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                http.stream("POST", target.url, content=event.body, headers=headers) as answer,
            ):
                if answer.is_success or answer.status_code == GONE:
                    return True
                said = str(answer.status_code)
        except (httpx.HTTPError, TimeoutError) as error:
            said = type(error).__name__
        host = httpx.URL(target.url).host
        logger.warning(
            "webhook of %s to %s failed at attempt %d: %s", event.generation_id, host, event.num_attempts + 1, said
        )
        return False


def _headers(target: WebhookTarget, event: Event) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": event.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(target.secret).sign(event.message_id, now, event.body),
    }
