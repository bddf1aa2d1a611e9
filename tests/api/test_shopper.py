"""Who asks, by mode: shops apart, shoppers apart, identities only as hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from fastapi import Request

from api.admission import WEEK_S, admission
from api.blocked import Blocked
from api.contract import BlockCode
from api.dependencies import UPLOADS_S
from api.errors import BadRequest, Unauthorised
from api.settings import Settings, load_settings
from api.shopper import Caller, Doorkeeper, Shopper
from inference.jobs import SlidingLimit

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
def shops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    for name in ("A", "B"):
        monkeypatch.setenv(f"{name}_KEY", f"key of {name}")
        monkeypatch.setenv(f"{name}_SECRET", f"secret of {name}")
    tables = [
        {"domain": f"{name.lower()}.example", "api_key_envs": [f"{name}_KEY"], "app_secret_envs": [f"{name}_SECRET"]}
        for name in ("A", "B")
    ]
    return {"public_url": "https://try.example", "shops": tables}


def request(address: str = "10.0.0.1", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "query_string": b"", "client": (address, 1)})


def keeper(**overrides: Any) -> Doorkeeper:
    return Doorkeeper(load_settings(**overrides), b"key")


def anonymous(door: Doorkeeper, asking: Request, client_id: UUID | None = None) -> Shopper:
    return door.shopper(Caller(door.shops["a.example"]), asking, client_id)


def test_a_key_opens_its_own_shop_only(shops: dict[str, Any]) -> None:
    door = keeper(mode="api_key", **shops)
    assert door.caller(request(x_api_key="key of B")).shop.domain == "b.example"
    for wrong in ({}, {"x_api_key": ""}, {"x_api_key": "key of C"}):
        with pytest.raises(Unauthorised):
            door.caller(request(**wrong))


def test_a_server_must_name_its_shopper(shops: dict[str, Any]) -> None:
    door = keeper(mode="api_key", **shops)
    named = request(x_api_key="key of A", x_shopper_id="42")
    assert door.shopper(door.caller(named), named, None).address is None
    for wrong in ("", "a b", "x" * 256):
        unnamed = request(x_api_key="key of A", x_shopper_id=wrong)
        with pytest.raises(BadRequest):
            door.shopper(door.caller(unnamed), unnamed, ONE)


def test_an_unsigned_request_is_nobodys(shops: dict[str, Any]) -> None:
    with pytest.raises(Unauthorised):
        keeper(mode="shopify", **shops).caller(request(x_api_key="key of A"))


def test_shoppers_differ_between_shops_and_kinds(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    asking = request()
    identities = [
        door.shopper(Caller(door.shops["a.example"], "1"), asking, None).identity,
        door.shopper(Caller(door.shops["b.example"], "1"), asking, None).identity,
        door.shopper(Caller(door.shops["a.example"], "2"), asking, None).identity,
        anonymous(door, asking, ONE).identity,
        anonymous(door, asking, TWO).identity,
    ]
    assert len(set(identities)) == 5
    assert all(identity and len(identity) == 64 for identity in identities)


def test_a_signed_customer_has_no_address_cap_and_anonymous_ones_share_theirs(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    assert door.shopper(Caller(door.shops["a.example"], "1"), request(), ONE).address is None
    first, second = anonymous(door, request(), ONE), anonymous(door, request(), TWO)
    assert first.address == second.address is not None
    assert anonymous(door, request()) == Shopper(None, first.address)


def test_the_address_is_the_one_shopify_saw_whatever_the_shopper_claims(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    honest = anonymous(door, request(x_forwarded_for="203.0.113.7"))
    liar = anonymous(door, request(x_forwarded_for="198.51.100.1, 203.0.113.7"))
    assert honest == liar
    twice = request(x_forwarded_for="198.51.100.1")
    twice.scope["headers"].append((b"x-forwarded-for", b"203.0.113.7"))
    assert anonymous(door, twice) == honest
    behind = keeper(mode="shopify", trusted_proxies=1, **shops)
    assert anonymous(behind, request(x_forwarded_for="203.0.113.7, 23.227.38.1")) == honest


def test_one_ipv6_network_is_one_address(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    first = anonymous(door, request(x_forwarded_for="2001:db8:1:2::1"))
    assert first == anonymous(door, request(x_forwarded_for="2001:db8:1:2:ffff::9"))
    assert first != anonymous(door, request(x_forwarded_for="2001:db8:1:3::1"))


def test_ipv4_written_as_ipv6_is_the_same_address(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    mapped = anonymous(door, request(x_forwarded_for="::ffff:203.0.113.7"))
    assert mapped == anonymous(door, request(x_forwarded_for="203.0.113.7"))
    assert mapped != anonymous(door, request(x_forwarded_for="::ffff:203.0.113.8"))


def test_rubbish_for_an_address_is_still_bounded(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    direct = anonymous(door, request())
    for rubbish in ("unknown", "??", "", "1.2.3.4:80"):
        assert anonymous(door, request(x_forwarded_for=rubbish)) == direct


def limits_of(settings: Settings, shopper: Shopper) -> tuple[SlidingLimit, ...]:
    return admission(settings.shops[0], shopper, settings).limits


def test_the_address_cap_is_wider_and_follows_the_shops_own_limit(shops: dict[str, Any]) -> None:
    shops["shops"][0]["weekly_limit"] = 20
    settings = load_settings(mode="shopify", address_factor=3, **shops)
    assert limits_of(settings, Shopper("me", "here")) == (
        SlidingLimit("me", 20, WEEK_S),
        SlidingLimit("here", 60, WEEK_S),
    )


def test_uploads_are_bounded_by_the_address_too_for_ids_are_made_up_at_will(shops: dict[str, Any]) -> None:
    door = keeper(mode="shopify", **shops)
    sender = door.sender(Caller(door.shops["a.example"]), request(), ONE)
    own, shared = sender.limits(10, 5, UPLOADS_S)
    assert (own.maximum, shared.maximum) == (10, 50)
    assert shared.identity == door.sender(Caller(door.shops["a.example"]), request(), TWO).address
    assert len(door.sender(Caller(door.shops["a.example"], "1"), request(), ONE).limits(10, 5, UPLOADS_S)) == 1


def test_an_expired_plan_blocks(shops: dict[str, Any]) -> None:
    shops["shops"][0]["plan_expires"] = "2020-01-01T00:00:00Z"
    with pytest.raises(Blocked) as refusal:
        limits_of(load_settings(mode="shopify", **shops), Shopper("me"))
    assert refusal.value.code is BlockCode.BILLING_NOT_ALLOWED
