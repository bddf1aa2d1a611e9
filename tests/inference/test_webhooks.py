from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook

from inference import webhooks
from inference.jobs import Status
from inference.webhooks import WebhookSender, WebhookTarget

if TYPE_CHECKING:
    import redis

SHOP, OTHER = "shop.example", "other.example"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()  # pragma: allowlist secret
DUE = f"fitting-room:webhooks:{SHOP}"
Workshop = Any  # of conftest.py


class Receiver(ThreadingHTTPServer):
    """Keeps every delivery; answers with the statuses in `answers`, then with 204; `delay_s` before each.

    One that drips answers a header line every 0.1 s without end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.delay_s = 0.0
        self.drips = False

    @property
    def target(self) -> WebhookTarget:
        return WebhookTarget(f"http://127.0.0.1:{self.server_port}/hook", SECRET)

    def verified(self) -> list[dict[str, Any]]:
        return [Webhook(SECRET).verify(body, headers) for headers, body in self.deliveries]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        drips = self.server.drips
        self.server.deliveries.append((dict(self.headers), body))
        time.sleep(self.server.delay_s)
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        while drips:
            self.send_header("x-drop", "drip")
            self.flush_headers()
            time.sleep(0.1)
        self.end_headers()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def running_receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        receiver.shutdown()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def sender(client: redis.Redis, receiver: Receiver) -> Iterator[WebhookSender]:
    sender = WebhookSender(client, {SHOP: receiver.target}, pauses_s=(0.2, 0.2))
    sender.start()
    yield sender
    sender.stop()


async def until_delivered(receiver: Receiver, num_deliveries: int) -> None:
    give_up_at = time.monotonic() + 10
    while len(receiver.deliveries) < num_deliveries:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("sender")
async def test_a_shop_is_told_of_success_failure_and_cancellation_and_can_verify_it(
    workshop: Workshop, receiver: Receiver
) -> None:
    cancelled = await workshop.submit(webhook=True)
    await workshop.queue.cancel(cancelled, SHOP)
    completed, failed = await workshop.submit(webhook=True), await workshop.submit("unusable", webhook=True)
    workshop.start()
    await workshop.until_final(completed, failed)
    await until_delivered(receiver, 3)
    events = {event["data"]["generationId"]: event for event in receiver.verified()}
    assert events[completed]["type"] == "generation.completed"
    assert events[completed]["data"] == {
        "generationId": completed,
        "status": "COMPLETED",
        "resultImageKey": f"results/{SHOP}/{completed}.png",
    }
    assert events[failed]["type"] == events[cancelled]["type"] == "generation.failed"
    assert events[failed]["data"] == {
        "generationId": failed,
        "status": "FAILED",
        "errorCode": "PHOTO_UNUSABLE",
        "errorMessage": "Stand up straight.",
    }
    assert events[cancelled]["data"]["errorCode"] == "CANCELLED"


@pytest.mark.usefixtures("sender")
async def test_a_failed_delivery_is_repeated_under_the_same_id_until_it_succeeds(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    receiver.answers = [500, 302]
    await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
    await until_delivered(receiver, 3)
    await asyncio.sleep(1)
    assert len(receiver.deliveries) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.deliveries}) == 1
    assert len({body for _, body in receiver.deliveries}) == 1
    assert client.zcard(DUE) == 0


@pytest.mark.usefixtures("sender")
async def test_a_receiver_that_never_accepts_is_given_up_in_the_end(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    receiver.answers = [500] * 10
    await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
    await until_delivered(receiver, 3)
    await asyncio.sleep(1)
    assert len(receiver.deliveries) == 3
    assert client.zcard(DUE) == 0


@pytest.mark.usefixtures("sender")
async def test_a_receiver_that_is_gone_is_asked_once(workshop: Workshop, receiver: Receiver) -> None:
    receiver.answers = [410]
    await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
    await until_delivered(receiver, 1)
    await asyncio.sleep(1)
    assert len(receiver.deliveries) == 1


@pytest.mark.usefixtures("sender")
async def test_a_slow_receiver_delays_no_generation(workshop: Workshop, receiver: Receiver) -> None:
    receiver.delay_s = 3
    workshop.start(num_steps=1)
    first = await workshop.submit(webhook=True)
    await workshop.until_final(first)
    await until_delivered(receiver, 1)
    asked_at = time.monotonic()
    (done,) = await workshop.until_final(await workshop.submit(webhook=True))
    assert done.status is Status.COMPLETED
    assert time.monotonic() - asked_at < 1


async def test_what_is_due_when_no_sender_runs_is_sent_by_the_next(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    generation_id = await workshop.submit(webhook=True)
    await workshop.queue.cancel(generation_id, SHOP)
    sender = WebhookSender(client, {SHOP: receiver.target})
    sender.start()
    await until_delivered(receiver, 1)
    sender.stop()
    assert json.loads(receiver.deliveries[0][1])["data"]["generationId"] == generation_id


@pytest.mark.usefixtures("sender")
async def test_a_shop_without_a_webhook_has_none_due(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    await workshop.queue.cancel(await workshop.submit(), SHOP)
    assert client.keys("fitting-room:webhooks:*") == []
    await asyncio.sleep(1)
    assert receiver.deliveries == []


@pytest.mark.usefixtures("sender")
async def test_what_is_due_for_a_shop_that_this_sender_does_not_know_waits_for_one_that_does(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    await workshop.queue.cancel(await workshop.submit(shop=OTHER, webhook=True), OTHER)
    await asyncio.sleep(1)
    assert receiver.deliveries == []
    one_that_does = WebhookSender(client, {OTHER: receiver.target})
    one_that_does.start()
    await until_delivered(receiver, 1)
    one_that_does.stop()


async def test_what_is_due_goes_with_the_generations_that_it_is_about(workshop: Workshop, client: redis.Redis) -> None:
    generation_id = await workshop.submit(webhook=True)
    await workshop.queue.cancel(generation_id, SHOP)
    assert client.ttl(DUE) == client.ttl(f"rq:job:{generation_id}") > 0


async def test_a_receiver_that_answers_without_end_delays_no_other_shop_and_no_stop(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    with running_receiver() as endless:
        endless.drips = True
        for _ in range(20):
            await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
        sender = WebhookSender(client, {SHOP: endless.target, OTHER: receiver.target})
        sender.start()
        await until_delivered(endless, 8)
        asked_at = time.monotonic()
        await workshop.queue.cancel(await workshop.submit(shop=OTHER, webhook=True), OTHER)
        await until_delivered(receiver, 1)
        assert time.monotonic() - asked_at < 2
        assert len(endless.deliveries) == 8
        asked_at = time.monotonic()
        await asyncio.to_thread(sender.stop)
        assert time.monotonic() - asked_at < 2
        assert client.zcard(DUE) == 20


async def test_an_answer_without_end_is_a_failed_attempt(
    workshop: Workshop, receiver: Receiver, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    receiver.drips = True
    sender = WebhookSender(client, {SHOP: receiver.target}, pauses_s=(0.1,))
    sender.start()
    await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
    await until_delivered(receiver, 1)
    receiver.drips = False
    await until_delivered(receiver, 2)
    sender.stop()


async def test_an_address_is_never_logged(
    workshop: Workshop, receiver: Receiver, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver.answers = [500]
    sender = WebhookSender(client, {SHOP: WebhookTarget(f"{receiver.target.url}?token=hush", SECRET)}, pauses_s=(0.1,))
    sender.start()
    await workshop.queue.cancel(await workshop.submit(webhook=True), SHOP)
    await until_delivered(receiver, 2)
    sender.stop()
    assert "failed at attempt 1: 500" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("ftp://shop.example", SECRET),
        ("nowhere", SECRET),
        ("https://shop.example", "whsec_"),
        ("https://shop.example", "x"),
    ],
)
def test_a_target_that_could_never_work_is_refused(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match="webhook needs"):
        WebhookTarget(url, secret)


@pytest.mark.usefixtures("sender")
async def test_a_job_that_another_tool_made_wait_again_is_told_when_it_ends(
    workshop: Workshop, receiver: Receiver, client: redis.Redis
) -> None:
    generation_id = await workshop.submit("unusable", webhook=True)
    client.zadd(DUE, {generation_id: 0})
    await asyncio.sleep(1)
    assert receiver.deliveries == []
    workshop.start()
    await until_delivered(receiver, 1)


def test_the_secret_of_a_target_is_not_shown() -> None:
    assert SECRET not in repr(WebhookTarget("https://shop.example/hook", SECRET))
