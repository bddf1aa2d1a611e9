"""A patient client: it comes back when it was told to, and says when that would be too long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_service import BREAKS_OFF, Answer, ScriptedService, scripted_service

from scripts.batch.reading import RowError
from scripts.batch.rows import BatchError
from scripts.batch.service import GoneError, service_at


@pytest.fixture
def server() -> Iterator[ScriptedService]:
    with scripted_service() as service:
        yield service


MADE: Answer = (200, {}, b'{"jobId": "gen_1", "message": "Generation job created successfully"}')


async def submit(server: ScriptedService) -> str:
    async with service_at(server.url) as service:
        return await service.submit({"userImageId": "a", "productId": "gid://shopify/Product/1"}, "key")


def keys(server: ScriptedService) -> list[str | None]:
    return [asked.headers["Idempotency-Key"] for asked in server.asked]


@pytest.mark.parametrize("status", [200, 429, 503])
async def test_it_waits_as_long_as_retry_after_says_and_asks_again_with_the_same_key(
    server: ScriptedService, status: int
) -> None:
    full: Answer = (status, {"Retry-After": "1"}, b'{"jobId": "", "message": "Full.", "code": "CREATION_FAILED"}')
    server.answers = [full, MADE]
    assert await submit(server) == "gen_1"
    first, second = server.asked
    assert second.at - first.at >= 1
    assert keys(server) == ["key", "key"]


async def test_a_broken_connection_and_a_proxy_without_a_service_are_asked_again(server: ScriptedService) -> None:
    server.answers = [BREAKS_OFF, (502, {}, b""), MADE]
    assert await submit(server) == "gen_1"
    assert keys(server) == ["key"] * 3


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        ((429, {"Retry-After": "259200"}, b'{"message": "Come back in 3 days.", "jobId": ""}'), BatchError, "3 days"),
        (
            (200, {}, b'{"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}'),
            BatchError,
            "All used. What is",
        ),
        (
            (402, {}, b'{"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}'),
            BatchError,
            "All used. What is",
        ),
        ((401, {}, b'{"message": "Send a key.", "code": "UNAUTHORISED"}'), BatchError, "--api-key-env"),
        ((400, {}, b'{"message": "No such category.", "code": "BAD_REQUEST"}'), RowError, "No such category"),
        (
            (200, {}, b'{"jobId": "", "message": "Not placed.", "code": "CREATION_FAILED"}'),
            RowError,
            "Not placed",
        ),
        ((404, {}, b'{"message": "Product not found", "code": "PRODUCT_NOT_FOUND"}'), GoneError, "not found"),
        ((200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>"), BatchError, "is not this service"),
    ],
)
async def test_what_waiting_does_not_mend_is_said_at_once(
    server: ScriptedService, answer: Answer, error: type[Exception], sentence: str
) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=sentence):
        await submit(server)
