"""POST /public/fitting-room and what follows it, over real HTTP."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from redis import Redis
from storefront import signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api

PRODUCT = "gid://shopify/Product/1001"
VARIANT = "gid://shopify/ProductVariant/2001"
SHOPS = """
mode = "api_key"
public_url = "https://try.example"
weekly_limit = 3
[[shops]]
domain = "a.example"
api_key_envs = ["A_KEY"]
[[shops]]
domain = "b.example"
api_key_envs = ["B_KEY"]
[[shops]]
domain = "expired.example"
plan_expires = 2020-01-01T00:00:00Z
api_key_envs = ["EXPIRED_KEY"]
[[shops]]
domain = "poor.example"
monthly_quota = 1
api_key_envs = ["POOR_KEY"]
"""
KEYS = {f"{name.upper()}_KEY": name for name in ("a", "b", "expired", "poor")}


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path) -> Api:
    api = start_api(SHOPS, env=KEYS | {"FITTING_ROOM_PRODUCTS": str(products)})
    for shop in KEYS.values():
        api.blobs.put(f"photos/{shop}.example/me.jpg", b"a photograph")
    return api


class Shop:
    """A shop's server, speaking for one new shopper."""

    def __init__(self, api: Api, name: str = "a") -> None:
        self._name = name
        self.http = httpx.Client(
            base_url=api.url, headers={"x-api-key": name, "x-shopper-id": uuid.uuid4().hex}, timeout=30
        )

    def post(self, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        body = {"userImageId": f"photos/{self._name}.example/me.jpg", "productId": PRODUCT} | changes
        return self.http.post("/public/fitting-room", json=body, headers=headers)

    def created(self, **headers: str) -> str:
        reply = self.post(headers)
        assert reply.status_code == 200
        job_id = reply.json()["jobId"]
        assert isinstance(job_id, str)
        return job_id


def test_a_created_job_answers_as_documented(api: Api) -> None:
    reply = Shop(api).post(variantId=VARIANT)
    job_id = reply.json()["jobId"]
    assert reply.json() == {"jobId": job_id, "message": "Generation job created successfully"}
    assert (reply.status_code, job_id[:4], len(job_id)) == (200, "gen_", 36)


def test_a_waiting_job_has_no_fields_but_those_it_has(api: Api) -> None:
    shop = Shop(api)
    reply = shop.http.get(f"/public/generation/{shop.created()}")
    assert set(reply.json()) == {"generationId", "status", "progress", "queuePosition", "createdAt", "updatedAt"}
    assert reply.json()["status"] == "PENDING"
    assert reply.json()["createdAt"].endswith("Z")
    assert reply.headers["cache-control"] == "no-store"


def test_a_mask_a_category_and_a_seed_of_the_caller_go_with_the_job(api: Api, redis_url: str) -> None:
    api.blobs.put("photos/a.example/mask.png", b"a mask")
    reply = Shop(api).post(maskImageId="photos/a.example/mask.png", category="overall", seed=0)
    with Redis.from_url(redis_url) as redis:
        request = json.loads(redis.hget(f"rq:job:{reply.json()['jobId']}", "request") or b"")  # type: ignore[arg-type]
    assert (request["mask_key"], request["densepose_key"]) == ("photos/a.example/mask.png", None)
    assert (request["category"], request["garment_is_worn"], request["seed"]) == ("overall", False, 0)


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"userImageId": "photos/a.example/unknown.jpg"}, 404, "User image not found"),
        ({"userImageId": "photos/b.example/me.jpg"}, 404, "User image not found"),
        ({"maskImageId": "photos/b.example/me.jpg"}, 404, "User image not found"),
        ({"denseposeImageId": "photos/a.example/unknown.jpg"}, 404, "User image not found"),
        ({"userImageId": "photos/a.example/../b.example/me.jpg"}, 404, "User image not found"),
        ({"userImageId": "../../secret"}, 404, "User image not found"),
        ({"userImageId": "photos/a.example/\0"}, 404, "User image not found"),
        ({"userImageId": ""}, 400, "userImageId: string should have at least 1 character."),
        ({"productId": "gid://shopify/Product/999"}, 404, "Product not found"),
        ({"variantId": "gid://shopify/ProductVariant/999"}, 404, "Product not found"),
        ({"productId": "1001"}, 400, "productId must look like gid://shopify/Product/1001."),
        ({"productId": None}, 400, "productId: input should be a valid string."),
        ({"productId": VARIANT}, 400, "productId must look like gid://shopify/Product/1001."),
        ({"seed": 2**31}, 400, "seed: input should be less than 2147483648."),
        ({"strict": "yes"}, 400, "strict: input should be a valid boolean."),
        (
            {"strict": True, "approximations": {}},
            400,
            "The body can't be strict and ask for approximations: send one of them.",
        ),
        (
            {"approximations": {"guidanceInterval": [0, 0.5]}},
            400,
            "approximations.guidanceInterval: the model paperdoll has no such, ask without it.",
        ),
        (
            {"approximations": {"numInferenceSteps": 5}},
            400,
            "approximations.numInferenceSteps: at most the model's own 4.",
        ),
        ({"approximations": {"colour": 1}}, 400, "approximations.colour: extra inputs are not permitted."),
        (
            {"approximations": {"numInferenceSteps": 0}},
            400,
            "approximations.numInferenceSteps: input should be greater than or equal to 1.",
        ),
        (
            {"approximations": {"guidanceInterval": [0.5, 0.2]}},
            400,
            "approximations.guidanceInterval must be two rising shares, from 0 to 1.",
        ),
        ({"variantId": PRODUCT}, 400, "variantId must look like gid://shopify/ProductVariant/2001."),
    ],
)
def test_a_wrong_request_says_what_is_wrong(api: Api, changes: dict[str, Any], status: int, message: str) -> None:
    reply = Shop(api).post(**changes)
    assert (reply.status_code, reply.json()["message"]) == (status, message)


def test_a_body_that_is_no_json_is_a_400(api: Api) -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[]", b"null"):
        reply = Shop(api).http.post("/public/fitting-room", content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 400, body
        assert reply.json()["message"]


def test_a_huge_body_is_a_413_in_json(api: Api) -> None:
    reply = Shop(api).post(userImageId="x" * 100_000)
    assert (reply.status_code, set(reply.json())) == (413, {"message", "code"})


def test_beyond_the_weekly_limit_the_shopper_is_told_when_to_come_back(api: Api) -> None:
    shop = Shop(api)
    for _ in range(3):
        assert shop.created()
    reply = shop.post()
    assert reply.status_code == 429
    assert reply.json() == {
        "jobId": "",
        "message": "This week's try-ons are used up. Please come back in 7 days.",
        "code": "RATE_LIMIT_EXCEEDED",
        "retryAfter": int(reply.headers["retry-after"]),
    }
    assert 0 < reply.json()["retryAfter"] <= 7 * 86400
    assert Shop(api).created(), "another shopper is not affected"


def test_an_expired_plan_and_a_used_quota_block_with_their_codes(api: Api) -> None:
    expired = Shop(api, "expired").post()
    assert (expired.status_code, expired.json()["jobId"], expired.json()["code"]) == (200, "", "BILLING_NOT_ALLOWED")
    assert Shop(api, "poor").http.get("/public/check-credits").json() == {"allowed": True}
    assert Shop(api, "poor").created()
    poor = Shop(api, "poor").post()
    assert (poor.status_code, poor.json()["jobId"], poor.json()["code"]) == (200, "", "QUOTA_EXCEEDED")


def test_a_cancelled_job_gives_its_place_back(api: Api) -> None:
    shop = Shop(api)
    jobs = [shop.created() for _ in range(3)]
    assert shop.post().status_code == 429
    reply = shop.http.delete(f"/public/generation/{jobs[0]}")
    assert (reply.json()["status"], reply.json()["errorCode"]) == ("FAILED", "CANCELLED")
    assert "queuePosition" not in reply.json()
    assert shop.created()


def test_another_shops_job_is_unknown(api: Api) -> None:
    job_id = Shop(api).created()
    stranger = Shop(api, "b").http
    for reply in (
        stranger.get(f"/public/generation/{job_id}"),
        stranger.delete(f"/public/generation/{job_id}"),
        stranger.get(f"/public/generation/{job_id}/events"),
        Shop(api).http.get("/public/generation/gen_unknown"),
    ):
        assert reply.status_code == 404
        assert reply.json() == {"message": "Generation not found", "code": "GENERATION_NOT_FOUND"}
    assert Shop(api).http.get(f"/public/generation/{job_id}").json()["status"] == "PENDING"


def test_a_repeat_with_its_key_answers_the_same_job_and_takes_nothing(api: Api) -> None:
    shop = Shop(api)
    key = {"Idempotency-Key": "once"}
    jobs = {shop.post(key).json()["jobId"] for _ in range(5)}
    assert len(jobs) == 1
    conflict = shop.post(key, variantId=VARIANT)
    assert (conflict.status_code, conflict.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Shop(api).post(key).json()["jobId"] not in jobs, "another shopper's key is another key"
    for wrong in ("", "a b", "x" * 256):
        assert shop.post({"Idempotency-Key": wrong}).status_code == 400, wrong


def test_a_repeat_is_the_same_job_though_its_photograph_is_gone_and_its_shops_plan_has_ended(
    api: Api, start_api: Callable[..., Api], products: Path
) -> None:
    api.blobs.put("photos/a.example/gone.jpg", b"a photograph")
    shop = Shop(api)
    once, gone = {"Idempotency-Key": "once"}, {"userImageId": "photos/a.example/gone.jpg"}
    job_id = shop.post(once, **gone).json()["jobId"]
    api.blobs.delete("photos/a.example/gone.jpg")
    assert shop.post(once, **gone).json()["jobId"] == job_id
    assert shop.post(**gone).status_code == 404
    ended = SHOPS.replace('"a.example"', '"a.example"\nplan_expires = 2020-01-01T00:00:00Z')
    later = start_api(ended, env=KEYS | {"FITTING_ROOM_PRODUCTS": str(products)}, data=api.data)
    with httpx.Client(base_url=later.url, headers=shop.http.headers, timeout=30) as http:
        wanted = {"productId": PRODUCT} | gone
        assert http.post("/public/fitting-room", json=wanted, headers=once).json()["jobId"] == job_id
        other = http.post("/public/fitting-room", json=wanted | {"variantId": VARIANT}, headers=once)
        assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_without_a_key_no_shop_is_served(api: Api) -> None:
    for reply in (
        httpx.get(f"{api.url}/public/check-credits"),
        httpx.post(f"{api.url}/public/fitting-room", json={}, headers={"x-api-key": "c"}),
        httpx.get(f"{api.url}/public/generation/gen_1"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHORIZED")


def test_credits_are_cacheable_for_two_minutes(api: Api) -> None:
    reply = Shop(api).http.get("/public/check-credits")
    assert (reply.json(), reply.headers["cache-control"]) == ({"allowed": True}, "private, max-age=120")
    assert Shop(api, "expired").http.get("/public/check-credits").json() == {"allowed": False}


def test_events_tell_every_change_until_the_end(api: Api) -> None:
    shop = Shop(api)
    job_id = shop.created()
    told = []
    with shop.http.stream("GET", f"/public/generation/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: "))["status"])
                shop.http.delete(f"/public/generation/{job_id}")
    assert told == ["PENDING", "FAILED"]


def test_a_listener_that_leaves_is_let_go(api: Api, redis_url: str) -> None:
    shop = Shop(api)
    job_id = shop.created()
    channel = f"fitting-room:changed:{job_id}"
    with Redis.from_url(redis_url) as client:
        with shop.http.stream("GET", f"/public/generation/{job_id}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: generation"
            assert client.pubsub_numsub(channel)[0][1] == 1
        give_up_at = time.monotonic() + 5
        while client.pubsub_numsub(channel)[0][1]:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)


def test_every_error_is_json_with_a_message(api: Api) -> None:
    http = Shop(api).http
    for reply, status in (
        (http.get("/nowhere"), 404),
        (http.get("/public/fitting-room"), 405),
        (http.request("PATCH", "/health/live"), 405),
        (http.get("/products.json"), 404),
    ):
        assert reply.status_code == status
        assert reply.json()["message"]


def test_no_worker_is_not_ready(api: Api, redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.delete("fitting-room:ready")
    reply = httpx.get(f"{api.url}/health/ready")
    assert (reply.status_code, reply.json()["code"]) == (503, "NOT_READY")
    assert httpx.get(f"{api.url}/health/live").json() == {"status": "ok"}


SHOPIFY = """
mode = "shopify"
public_url = "https://try.example"
weekly_limit = 2
address_factor = 2
blocked_status = "strict"
[[shops]]
domain = "demo.myshopify.com"
app_secret_envs = ["OLD_SECRET", "NEW_SECRET"]
[[shops]]
domain = "small.myshopify.com"
monthly_quota = 1
app_secret_envs = ["NEW_SECRET"]
"""


@pytest.fixture(scope="module")
def storefront(start_api: Callable[..., Api], products: Path) -> Api:
    env = {"OLD_SECRET": "old", "NEW_SECRET": "new", "FITTING_ROOM_PRODUCTS": str(products)}
    api = start_api(SHOPIFY, env=env)
    for shop in ("demo", "small"):
        api.blobs.put(f"photos/{shop}.myshopify.com/me.jpg", b"a photograph")
    return api


def proxied(
    api: Api, *, shop: str = "demo", secret: str = "new", customer: str = "", address: str = "192.0.2.1", **extra: str
) -> httpx.Response:
    """A try-on as it comes through the app proxy from a browser at `address`."""
    query = signed(f"{shop}.myshopify.com", secret, customer=customer, **extra)
    body = {"userImageId": f"photos/{shop}.myshopify.com/me.jpg", "productId": PRODUCT}
    headers = {"X-Forwarded-For": address}
    return httpx.post(f"{api.url}/public/fitting-room?{query}", json=body, headers=headers, timeout=30)


def anonymous(api: Api, address: str) -> httpx.Response:
    return proxied(api, address=address, client_id=str(uuid.uuid4()))


def test_both_secrets_of_a_shop_open_it_and_no_other(storefront: Api) -> None:
    assert proxied(storefront, secret="old", customer="1").json()["jobId"]
    assert proxied(storefront, secret="new", customer="1").json()["jobId"]
    assert proxied(storefront, secret="other", customer="1").status_code == 401
    assert proxied(storefront, customer="1").json()["code"] == "RATE_LIMIT_EXCEEDED"


def test_fresh_client_ids_get_no_further_than_the_cap_of_their_address(storefront: Api) -> None:
    here, elsewhere = "203.0.113.9", "203.0.113.10"
    assert [anonymous(storefront, here).status_code for _ in range(4)] == [200] * 4, "twice the weekly limit of 2"
    blocked = anonymous(storefront, here)
    assert (blocked.status_code, blocked.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert proxied(storefront, address=here).status_code == 429, "nor does leaving the id out help"
    assert anonymous(storefront, elsewhere).status_code == 200
    assert proxied(storefront, address=here, customer="7").status_code == 200, "a customer is known without it"


def test_one_client_id_has_the_weekly_limit(storefront: Api) -> None:
    who = str(uuid.uuid4())
    statuses = [proxied(storefront, address="203.0.113.77", client_id=who).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert proxied(storefront, client_id="not a uuid").status_code == 400


def test_a_used_quota_is_a_402_where_the_operator_wants_strict_statuses(storefront: Api) -> None:
    assert proxied(storefront, shop="small", customer="1").status_code == 200
    blocked = proxied(storefront, shop="small", customer="2")
    assert (blocked.status_code, blocked.json()["jobId"], blocked.json()["code"]) == (402, "", "QUOTA_EXCEEDED")


def test_one_shops_secret_signs_for_no_other_shop(storefront: Api) -> None:
    assert proxied(storefront, shop="small", secret="old", customer="9").status_code == 401
    assert proxied(storefront, shop="absent", customer="9").status_code == 401


def test_logs_hold_neither_query_nor_signature(storefront: Api) -> None:
    proxied(storefront, customer="1")
    assert "POST /public/fitting-room" in storefront.log
    for secret in ("signature", "timestamp", "logged_in", "demo.myshopify", "203.0.113"):
        assert secret not in storefront.log
