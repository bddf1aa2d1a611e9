"""One format for all lines of all processes, and one id to follow a generation by."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from redis import Redis

from api.request_id import request_id
from inference import logs
from tests.api.test_contract import PRODUCT, UNWEARABLE, states_until_final, uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.conftest import Api, Service

GIVEN = "0b6cdc5e-8f6c-4f3a-9a5c-0123456789ab"
KEPT = GIVEN.replace("-", "")


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.api.client() as client:
        yield client


def lines(log: str) -> list[dict[str, Any]]:
    """Every line that is written whole, for each is an object."""
    return [json.loads(line) for line in log[: log.rfind("\n") + 1].splitlines()]


def of(generation_id: str, log: str) -> list[dict[str, Any]]:
    return [
        line for line in lines(log) if generation_id in (line.get("generation_id"), *line.get("generation_ids", ()))
    ]


def until(what: Callable[[], object], within_s: float = 20) -> None:
    give_up_at = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_generation_is_followed_through_api_and_worker(service: Service, client: httpx.Client) -> None:
    body = {"userImageId": uploaded(client), "productId": PRODUCT}
    reply = client.post("/public/fitting-room", json=body, headers={"X-Request-Id": GIVEN})
    job = reply.json()["jobId"]
    done = states_until_final(client, job)[-1]
    assert client.get(done["resultImageUrl"]).status_code == 200
    until(lambda: len(of(job, service.worker_log)) >= 2)
    until(lambda: of(job, service.api.log)[-1]["route"] == "/storage/{token}")

    asked, *polled, fetched = of(job, service.api.log)
    assert {"level", "logger", "time", "message", "process"} <= set(asked)
    assert (asked["process"], asked["method"], asked["route"]) == ("api", "POST", "/public/fitting-room")
    assert asked["request_id"] == reply.headers["x-request-id"] == KEPT
    assert (asked["status"], asked["duration_ms"] > 0) == (200, True)
    assert {line["message"] for line in polled} == {"GET /public/generation/{generation_id} 200"}
    assert fetched["route"] == "/storage/{token}"
    taken, stored = of(job, service.worker_log)
    assert (taken["process"], taken["message"]) == ("worker", "took a batch of 1")
    assert stored["message"].startswith("its picture is stored after ")


def test_so_is_one_that_fails(service: Service, client: httpx.Client) -> None:
    body = {"userImageId": uploaded(client), "productId": UNWEARABLE}
    job = client.post("/public/fitting-room", json=body).json()["jobId"]
    assert states_until_final(client, job)[-1]["status"] == "FAILED"
    until(lambda: len(of(job, service.worker_log)) >= 2)
    assert re.fullmatch(r"PHOTO_UNUSABLE after \d+\.\d\d s", of(job, service.worker_log)[-1]["message"])


def test_every_line_of_every_process_is_an_object(service: Service, client: httpx.Client) -> None:
    client.get("/nowhere")
    loggers = {line["logger"] for line in lines(service.api.log)}
    assert {"uvicorn.error", "fitting_room.access"} <= loggers
    assert lines(service.worker_log)


def test_a_failing_request_is_told_with_its_id(start_api: Callable[..., Api], redis_url: str) -> None:
    api = start_api()
    with Redis.from_url(redis_url) as client:
        client.set("rq:job:gen_broken", "not a hash")
        reply = httpx.get(f"{api.url}/public/generation/gen_broken", headers={"X-Request-Id": GIVEN})
        client.delete("rq:job:gen_broken")
    assert (reply.status_code, reply.headers["x-request-id"]) == (503, KEPT)
    until(lambda: "/public/generation/{generation_id} 503" in api.log)
    told = [line for line in lines(api.log) if line.get("request_id") == KEPT]
    assert [line["level"] for line in told] == ["ERROR", "INFO"]


def test_text_is_for_people(start_api: Callable[..., Api]) -> None:
    api = start_api('log_format = "text"')
    assert httpx.get(f"{api.url}/health/live", headers={"X-Request-Id": GIVEN}).status_code == 200
    until(lambda: "/health/live" in api.log)
    line = api.log.splitlines()[-1]
    assert re.search(r' INFO fitting_room\.access: GET /health/live 200 [\d.]+ ms \{"request_id": "0b6c', line)


MALFORMED = (
    "",
    "short",
    "x" * 40,
    "0" * 65,
    "0123456789abcdef\n",
    '0123456789abcdef"',
    "ada@example.com-0000",
    "é" * 20,
)


@pytest.mark.parametrize("given", MALFORMED)
def test_a_malformed_id_is_replaced(given: str) -> None:
    made = request_id([(b"x-request-id", given.encode())])
    assert re.fullmatch("[0-9a-f]{24}", made)
    assert made != request_id([])


def test_a_library_s_line_an_error_and_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure("json", "worker")
        with logs.about("gen_1", "gen_2"):
            try:
                raise ValueError('no "quotes" harm it')
            except ValueError:
                logging.getLogger("some.library").exception("it broke\nin two lines", extra={"color_message": "x"})
        logging.getLogger("httpx").info("GET https://example.com/?signature=secret")
    finally:
        root.handlers, root.level = before
        logging.captureWarnings(False)
    (line,) = lines(stream.getvalue())
    assert (line["logger"], line["level"], line["generation_ids"]) == ("some.library", "ERROR", ["gen_1", "gen_2"])
    assert "ValueError" in line["error"]
    assert "color_message" not in line
    assert "secret" not in stream.getvalue()
