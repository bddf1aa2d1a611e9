"""Webhooks: a shop is told how each of its generations ended, signed as Standard Webhooks asks, at least once.

RQ's own webhooks are sent once, unsigned, by the worker while its device waits, so they do not serve. Here the script
that ends a job also notes that its webhook is due, and a sender of its own, away from any device, makes it good.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import RedisError
from rq.job import JobStatus
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from inference.jobs import Status
from inference.records import STATUSES
from inference.scripts import source

PAUSES_S = (5, 300, 1800, 7200, 18000, 36000, 50400)
"""Before each further attempt, as Standard Webhooks advises: about 32 hours in all."""

TIMEOUT_S = 10.0
AT_ONCE = 8
LOOK_EVERY_S = 0.5
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


@dataclass(frozen=True, slots=True)
class Event:
    """How one generation ended, and how often that has been told in vain."""

    generation_id: str
    num_attempts: int
    shop: str
    body: str
    ended_at: datetime

    @property
    def message_id(self) -> str:
        """The same for every attempt: receivers drop repeats by it."""
        return f"msg_{self.generation_id}"


class WebhookSender:
    """Delivers what is due for `targets` (shop -> target) in a thread of its own; other shops' events are dropped."""

    def __init__(
        self, redis: Redis, targets: Mapping[str, WebhookTarget], pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._targets = targets
        self._pauses_s = pauses_s
        self._take = redis.register_script(source("deliveries"))
        self._settle = redis.register_script(source("delivered"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the running attempts; what is still due waits in Redis."""
        self._ended.set()
        self._thread.join(timeout=TIMEOUT_S + 1)

    def _run(self) -> None:
        with (
            ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool,
            httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as http,
        ):
            while not self._ended.is_set():
                try:
                    rows = self._take(args=["", AT_ONCE, 2 * TIMEOUT_S])
                    list(pool.map(lambda row: self._deliver(http, _event(row)), rows))
                except RedisError as error:
                    logger.warning("Redis did not answer the webhooks' sender: %s", error)
                    rows = []
                except Exception:  # what is due stays due
                    logger.exception("a webhook could not be sent")
                    rows = []
                if len(rows) < AT_ONCE:
                    self._ended.wait(LOOK_EVERY_S)

    def _deliver(self, http: httpx.Client, event: Event) -> None:
        target = self._targets.get(event.shop)
        done = target is None or self._attempt(http, target, event)
        if done or event.num_attempts >= len(self._pauses_s):
            self._settle(args=["", event.generation_id, ""])
        else:
            self._settle(args=["", event.generation_id, self._pauses_s[event.num_attempts]])

    def _attempt(self, http: httpx.Client, target: WebhookTarget, event: Event) -> bool:
        """Whether nothing is left to do. An address can hold a secret, so only its host is logged."""
        try:
            answer = http.post(target.url, content=event.body, headers=_headers(target, event))
            said = str(answer.status_code)
        except httpx.HTTPError as error:
            answer, said = None, type(error).__name__
        if answer is not None and (answer.is_success or answer.status_code == GONE):
            return True
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


def _event(row: Sequence[bytes | None]) -> Event:
    texts = [value.decode() if value is not None else None for value in row]
    generation_id, attempts, shop, rq_status, ended_at, result_key, error_code, error_message = texts
    assert generation_id is not None
    status = STATUSES[JobStatus(rq_status)]
    when = datetime.fromtimestamp(float(ended_at or 0), UTC)
    data: dict[str, Any] = {"generationId": generation_id, "status": status.value}
    if status is Status.COMPLETED:
        data["resultImageKey"] = result_key
    else:
        data |= {"errorCode": error_code, "errorMessage": error_message}
    kind = "generation.completed" if status is Status.COMPLETED else "generation.failed"
    body = json.dumps({"type": kind, "timestamp": when.isoformat().replace("+00:00", "Z"), "data": data})
    return Event(generation_id, int(attempts or 0), shop or "", body, when)
