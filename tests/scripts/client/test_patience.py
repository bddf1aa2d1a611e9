"""What a client repeats, what it ends with, and whom it tells who asks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from scripted_service import BREAKS_OFF, Answer, ScriptedService, scripted_service

from scripts.client.client import opened
from scripts.client.errors import Blocked, ClientError, NotFound, NotTheContract, Refused, Unauthorised, Unreachable
from scripts.client.models import Generation, Place, TryOn
from scripts.client.patience import ONCE, Patience
from scripts.client.shopper import ShopServer

QUICK = Patience(5, first_pause_s=0.01, longest_pause_s=0.02)
WANTED = TryOn(user_image_id="photos/a.jpg", product_id="gid://shopify/Product/1", seed=0)
GENERATION = {
    "generationId": "gen_1",
    "status": "PROCESSING",
    "progress": 0.5,
    "createdAt": "2026-11-24T10:00:00Z",
    "updatedAt": "2026-11-24T10:00:03Z",
}
ENDED = GENERATION | {"status": "FAILED", "progress": 0.5, "errorCode": "PHOTO_UNUSABLE", "errorMessage": "Stand up."}
JOB = {"jobId": "gen_1", "message": "Generation job created successfully"}


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_service() as service:
        yield service


def told(value: object, status: int = 200, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, json.dumps(value).encode()


def stream(*states: object) -> Answer:
    lines = "".join(f"event: generation\ndata: {json.dumps(state)}\n\n: ping\n\n" for state in states)
    return 200, {"Content-Type": "text/event-stream; charset=utf-8"}, lines.encode()


async def test_what_goes_unanswered_is_repeated_as_the_same_generation(service: ScriptedService) -> None:
    service.answers = [BREAKS_OFF, (502, {}, b"no service"), told(JOB)]
    errors: list[ClientError] = []
    async with opened(service.url, patience=replace(QUICK, told=errors.append)) as client:
        assert await client.create(WANTED) == "gen_1"
    assert len({asked.headers["Idempotency-Key"] for asked in service.asked}) == 1
    assert {asked.body for asked in service.asked} == {service.asked[0].body}
    assert json.loads(service.asked[0].body) == {
        "userImageId": "photos/a.jpg",
        "productId": "gid://shopify/Product/1",
        "seed": 0,
    }
    assert [type(error) for error in errors] == [Unreachable, Refused]


async def test_two_generations_have_two_keys_and_one_that_is_not_repeated_needs_none(service: ScriptedService) -> None:
    service.answers = [told(JOB)] * 3
    for patience in (QUICK, QUICK, ONCE):
        async with opened(service.url, patience=patience) as client:
            await client.create(WANTED)
    first, second, third = (asked.headers["Idempotency-Key"] for asked in service.asked)
    assert first != second
    assert third is None


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (told({"message": "Send a key.", "code": "UNAUTHORIZED"}, 401), Unauthorised, "Send a key."),
        (told({"message": "Generation not found", "code": "GENERATION_NOT_FOUND"}, 404), NotFound, "not found"),
        (told({"message": "Choose a smaller one.", "code": "TOO_LARGE"}, 413), Refused, "smaller"),
        (told({"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}), Blocked, "All used."),
        (told({"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}, 402), Blocked, "All used."),
        (told({"message": "Too many.", "code": "RATE_LIMIT_EXCEEDED"}, 429, Retry_After="99"), Refused, "Too many."),
        ((500, {"Content-Type": "text/html"}, b"<h1>"), Refused, "The service answers 500 Internal Server Error."),
        ((200, {"Content-Type": "text/html"}, b"<h1>"), NotTheContract, "is not this service"),
        (told({"hello": "world"}), NotTheContract, "is not this service"),
        (told(["code"], 403), Refused, "The service answers 403 Forbidden."),
    ],
)
async def test_what_waiting_does_not_mend_is_raised_at_once_in_the_service_s_own_words(
    service: ScriptedService, answer: Answer, kind: type[ClientError], sentence: str
) -> None:
    service.answers = [answer]
    async with opened(service.url, patience=QUICK) as client:
        with pytest.raises(kind, match=re.escape(sentence)) as raised:
            await client.create(WANTED)
    assert type(raised.value) is kind


async def test_nobody_there_is_one_sentence() -> None:
    async with opened("http://127.0.0.1:1", patience=ONCE) as client:
        with pytest.raises(Unreachable, match=r"^The service does not answer \(ConnectError\)\.$"):
            await client.check_credits()


async def test_an_upload_whose_completion_was_lost_on_the_way_begins_again(service: ScriptedService) -> None:
    """The second completion finds nothing: a place is completed once."""
    places = [{"uploadUrl": f"{service.url}/storage/{name}", "uploadKey": f"tmp/{name}"} for name in "ab"]
    photo = {"fileId": "photos/b.jpg", "fileUrl": "/storage/c", "message": "Image processed successfully"}
    gone = told({"message": "This upload is unknown.", "code": "UPLOAD_NOT_FOUND"}, 404)
    service.answers = [told(places[0]), told({}), BREAKS_OFF, gone, told(places[1]), told({}), told(photo)]
    async with opened(service.url, patience=QUICK) as client:
        assert (await client.upload(b"photograph")).file_id == "photos/b.jpg"
    assert [asked.line for asked in service.asked if asked.line.startswith("PUT")] == [
        "PUT /storage/a",
        "PUT /storage/b",
    ]


async def test_an_end_is_followed_by_events_and_where_they_break_off_it_is_asked_for(service: ScriptedService) -> None:
    service.answers = [stream(GENERATION), BREAKS_OFF, told(ENDED)]
    seen: list[Generation] = []
    async with opened(service.url, patience=QUICK) as client:
        ended = await client.wait("gen_1", seen.append)
    assert (ended.error_code, ended.error_message) == ("PHOTO_UNUSABLE", "Stand up.")
    assert [state.status for state in seen] == ["PROCESSING", "FAILED"]
    assert [asked.line for asked in service.asked] == [
        "GET /public/generation/gen_1/events",
        "GET /public/generation/gen_1",
        "GET /public/generation/gen_1",
    ]


async def test_a_service_without_events_is_polled(service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.client.client.POLL_EVERY_S", 0.01)
    none = told({"message": "Too many pages.", "code": "UNAVAILABLE"}, 503)
    service.answers = [none, told(GENERATION), none, told(ENDED)]
    async with opened(service.url, patience=QUICK) as client, asyncio.timeout(10):
        assert (await client.wait("gen_1")).status == "FAILED"


async def test_a_key_goes_to_the_service_and_to_no_one_whom_its_links_name(service: ScriptedService) -> None:
    service.answers = [told({"allowed": True}), told({}), told({})]
    async with opened(f"{service.url}/behind/", shopper=ShopServer("gk_key", "me"), patience=ONCE) as client:
        assert await client.check_credits()
        await client.put_upload(Place(upload_url=f"{service.url}/bucket/a", upload_key="a"), b"photograph")
        await client.download(f"{service.url}/bucket/b")
    first, *links = service.asked
    assert first.line == "GET /behind/public/check-credits"
    assert (first.headers["x-api-key"], first.headers["x-shopper-id"]) == ("gk_key", "me")
    assert [(link.headers["x-api-key"], link.headers["x-shopper-id"]) for link in links] == [(None, None)] * 2
    assert links[0].headers["Content-Type"] == "application/octet-stream"
