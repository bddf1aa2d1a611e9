"""Share, download and events: what a storefront does with a finished picture."""

from __future__ import annotations

import io
import json
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from storefront import signed

from api.views import MOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api, Service

WITHIN_S = 30


def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 200), "navy").save(buffer, "PNG")
    return buffer.getvalue()


def asked(api: Api) -> str:
    photo = httpx.post(f"{api.url}/public/upload-image", files={"file": photograph()}, timeout=30).json()["fileId"]
    wanted = {"userImageId": photo, "productId": "gid://shopify/Product/1001"}
    return str(httpx.post(f"{api.url}/public/fitting-room", json=wanted, timeout=30).json()["jobId"])


def completed(api: Api) -> str:
    job, give_up_at = asked(api), time.monotonic() + WITHIN_S
    while httpx.get(f"{api.url}/public/generation/{job}").json()["status"] != "COMPLETED":
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return job


def share(api: Api, job: str, **more: str) -> httpx.Response:
    return httpx.post(f"{api.url}/public/share-generation", json={"generationId": job, **more})


def num_seen(api: Api) -> float:
    found = re.search(r'fitting_room_shares_total\{.*what="SEEN"\} (\S+)', httpx.get(f"{api.url}/metrics").text)
    return float(found[1]) if found else 0.0


def test_a_shared_page_shows_the_picture_until_its_term_or_its_erasure(service: Service) -> None:
    api, job, seen_before = service.api, completed(service.api), num_seen(service.api)
    shared = share(api, job).json()
    assert share(api, job).json() == shared, "the address is used again"
    state = httpx.get(f"{api.url}/public/generation/{job}").json()
    kept = datetime.fromisoformat(shared["expiresAt"]) - datetime.fromisoformat(state["updatedAt"])
    assert 6.99 < kept.total_seconds() / 86400 <= 7, "the result's own term ends first"
    page = httpx.get(shared["shareUrl"])
    assert page.status_code == 200
    assert num_seen(api) == seen_before + 1
    assert page.headers["x-robots-tag"] == "noindex"
    told = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', page.text))
    assert told["og:title"] == told["twitter:title"] == "Tried on at open.localhost"
    assert told["twitter:card"] == "summary_large_image"
    assert told["og:url"] == shared["shareUrl"]
    picture = httpx.get(told["og:image"])
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.size, picture.headers["content-type"]) == ((160, 200), "image/png")
    assert httpx.delete(f"{api.url}/public/me").status_code == 200
    for url in (shared["shareUrl"], told["og:image"]):
        gone = httpx.get(url)
        assert (gone.status_code, gone.json()["code"]) == (404, "SHARE_NOT_FOUND")


def test_a_page_leads_only_to_the_shops_own_domains(service: Service) -> None:
    job = completed(service.api)
    assert share(service.api, job, effectiveDomain="evil.example").json() == share(service.api, job).json()


def test_a_link_of_another_spelling_or_a_made_up_one_opens_nothing(service: Service) -> None:
    token = share(service.api, completed(service.api)).json()["shareToken"]
    for other in (
        token[:-1],
        token + "=",
        token.replace(".", "!"),
        "x",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
    ):
        assert httpx.get(f"{service.api.url}/s/{other}").status_code == 404


def test_a_picture_is_downloaded_as_a_file(service: Service) -> None:
    job = completed(service.api)
    found = httpx.get(f"{service.api.url}/public/generation/{job}/download")
    assert found.headers["content-disposition"] == f'attachment; filename="try-on-{job[4:12]}.png"'
    with Image.open(io.BytesIO(found.content)) as image:
        assert image.size == (160, 200)


@pytest.fixture(scope="module")
def idle(start_api: Callable[..., Api], products: Path, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """Without any worker for its card, and with a file for events."""
    file = tmp_path_factory.mktemp("events") / "events.jsonl"
    env = {"FITTING_ROOM_PRODUCTS": str(products), "FITTING_ROOM_CARD": "nobody-makes-it"}
    return start_api(f'weekly_limit = 1000\nevents_file = "{file}"', env=env)


def test_what_is_not_made_yet_is_neither_shared_nor_downloaded(idle: Api) -> None:
    job = asked(idle)
    for reply in (share(idle, job), httpx.get(f"{idle.url}/public/generation/{job}/download")):
        assert (reply.status_code, reply.json()["code"]) == (409, "NOT_COMPLETED")
    assert share(idle, "gen_" + "0" * 32).status_code == 404


def event(number: int, name: str = "widget:share_clicked") -> dict[str, Any]:
    return {"event": name, "timestamp": "2026-11-24T10:00:00Z", "$insert_id": f"id {number} of the test"}


def tell(api: Api, events: list[dict[str, Any]]) -> httpx.Response:
    return httpx.post(f"{api.url}/public/tracking/events", json={"events": events, "context": {"$timezone": "UTC"}})


def counted(api: Api) -> dict[str, float]:
    found = re.findall(
        r'fitting_room_events_total\{event="([^"]+)",shop="[^"]+"\} (\S+)', httpx.get(f"{api.url}/metrics").text
    )
    return {name: float(number) for name, number in found}


def test_events_count_once_and_a_shopper_names_no_metric(idle: Api) -> None:
    many = [event(number) for number in range(49)] + [event(50, "made:up")]
    assert tell(idle, many).json() == {"success": True}
    assert tell(idle, [*many[:10], event(51)]).json() == {"success": True}
    assert counted(idle) == {"widget:share_clicked": 50, "other": 1}
    file = urlsplit(next(line for line in _settings(idle).splitlines() if "events_file" in line)).path
    lines = (idle.data / file.split('"')[1]).read_text().splitlines()
    assert len(lines) == 51
    assert json.loads(lines[49])["event"] == "made:up"


def _settings(api: Api) -> str:
    return next(api.data.glob("settings-*.toml")).read_text()


@pytest.mark.parametrize("number", [0, 51])
def test_there_are_1_to_50_events(idle: Api, number: int) -> None:
    assert tell(idle, [event(100 + one) for one in range(number)]).status_code == 400


@pytest.fixture(scope="module")
def bounded(start_api: Callable[..., Api], products: Path) -> Api:
    """Behind a proxy of its own, which tells strangers' addresses."""
    shop = '[[shops]]\ndomain = "a.example"\napp_secret_envs = ["APP_SECRET"]'
    env = {"APP_SECRET": "hush", "FITTING_ROOM_PRODUCTS": str(products)}
    return start_api(f'mode = "shopify"\npublic_url = "https://try.example"\ntrusted_proxies = 1\n{shop}', env=env)


def test_a_shopper_asks_for_twenty_links_a_minute_and_another_for_as_many(bounded: Api) -> None:
    wanted = {"generationId": "gen_" + "0" * 32}
    ask = lambda customer: httpx.post(  # noqa: E731
        f"{bounded.url}/public/share-generation?{signed('a.example', 'hush', customer=customer)}", json=wanted
    )
    replies = [ask("1") for _ in range(21)]
    assert [one.status_code for one in replies] == [404] * 20 + [429]
    assert 0 < int(replies[-1].headers["retry-after"]) <= 60
    assert ask("2").status_code == 404


def test_one_address_opens_so_many_pages_a_minute_and_another_as_many(bounded: Api) -> None:
    def look(address: str) -> httpx.Response:
        return client.get("/s/nothing", headers={"X-Forwarded-For": f"6.6.6.6, {address}"})

    with bounded.client() as client:
        replies = [look("1.2.3.4") for _ in range(2 * MOST + 1)]  # a minute may end meanwhile
        assert {one.status_code for one in replies} == {404, 429}
        assert [one.status_code for one in replies[:MOST]] == [404] * MOST
        (refused, *_) = (one for one in replies if one.status_code == 429)
        assert refused.json()["code"] == "RATE_LIMIT_EXCEEDED"
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert look("1.2.3.5").status_code == 404
