"""The app-proxy signature: the published vector, ours, and what must not pass."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Unauthorised
from api.signature import ADDED_BY_SHOPIFY, SignedQuery, _parameters, _sign, _signed_text, verify

DOCUMENTED = (
    "extra=1&extra=2&shop=shop-name.myshopify.com&logged_in_customer_id=1"
    "&path_prefix=%2Fapps%2Fawesome_reviews&timestamp=1317327555"
)
DOCUMENTED_SIGNATURE = "4c68c8624d737112c91818c11017d24d334b524cb5c2b8ba08daa056f7395ddb"  # pragma: allowlist secret
DEMO = (
    "shop=demo-shop.myshopify.com&logged_in_customer_id={}&path_prefix=%2Fapps%2Fproxy_genlook-x&timestamp=1764000000"
)
ANONYMOUS = DEMO.format("")
ANONYMOUS_SIGNATURE = "c088c81aab7d6c9a9394a568a112f42e4ccdefc3faa030bf6a4a03fa4b13af75"  # pragma: allowlist secret


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = TEXT.filter(lambda name: name.encode() not in (*ADDED_BY_SHOPIFY, b""))


def ask(query: str, signature: str, *, now: float = 1764000000, secrets: tuple[bytes, ...] = (b"hush",)) -> SignedQuery:
    return verify(f"{query}&signature={signature}".encode(), lambda shop: secrets, now)


def test_the_documented_vector_passes() -> None:
    found = ask(DOCUMENTED, DOCUMENTED_SIGNATURE, now=1317327555)
    assert found == SignedQuery("shop-name.myshopify.com", "1")


def test_a_query_without_a_customer_passes() -> None:
    query = DOCUMENTED.replace("&logged_in_customer_id=1", "")
    found = ask(query, "a9718877bea71c2484f91608a7eaea1532bdf71f5c56825065fa4ccabe549ef3", now=1317327555)
    assert found.customer_id == ""


@pytest.mark.parametrize(
    ("query", "signature", "customer"),
    [
        (ANONYMOUS, ANONYMOUS_SIGNATURE, ""),
        (
            "consented=1&consentGiven=2&" + ANONYMOUS,
            "fa79fd23e30b937fc832961bd70cf03364c4abce5fb5c6daafd61918ebeb3541",  # pragma: allowlist secret
            "",
        ),
        (
            "a=1&a1=2&" + DEMO.format(77),
            "6c355da33d51631ace9eb92c6f3442d95ed18317cae608f391b56bf9c2e031c7",  # pragma: allowlist secret
            "77",
        ),
        (
            "q=caf%C3%A9+au+lait&" + DEMO.format(77),
            "b876b7d9579d64aeaf0d244552e7f5b6e11ae4b7072acb6e91bb6c78c0053184",  # pragma: allowlist secret
            "77",
        ),
    ],
    ids=["a blank customer id is signed", "case sorts bytewise", "a name that begins another", "encoded text"],
)
def test_awkward_queries_pass(query: str, signature: str, customer: str) -> None:
    assert ask(query, signature) == SignedQuery("demo-shop.myshopify.com", customer)


@pytest.mark.parametrize("seconds", [-91, 91, 86400])
def test_a_query_outside_the_90_s_window_is_refused(seconds: int) -> None:
    with pytest.raises(Unauthorised):
        ask(ANONYMOUS, ANONYMOUS_SIGNATURE, now=1764000000 + seconds)


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_query_at_the_edge_of_the_window_passes(seconds: int) -> None:
    assert ask(ANONYMOUS, ANONYMOUS_SIGNATURE, now=1764000000 + seconds)


def test_both_secrets_pass_during_a_rotation() -> None:
    assert ask(ANONYMOUS, ANONYMOUS_SIGNATURE, secrets=(b"new", b"hush"))
    with pytest.raises(Unauthorised):
        ask(ANONYMOUS, ANONYMOUS_SIGNATURE, secrets=(b"new",))


def test_a_shop_without_secrets_is_refused() -> None:
    with pytest.raises(Unauthorised):
        ask(ANONYMOUS, ANONYMOUS_SIGNATURE, secrets=())


@pytest.mark.parametrize("extra", ["logged_in_customer_id=5", "shop=a", "path_prefix=a", "timestamp=1", "signature=0"])
def test_a_repeat_of_an_added_name_is_refused(extra: str) -> None:
    query = f"{ANONYMOUS}&{extra}"
    with pytest.raises(Unauthorised):
        ask(query, _sign(_signed_text(_parameters(query.encode())), b"hush").decode())


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("", ""),
        (ANONYMOUS, ""),
        (ANONYMOUS, ANONYMOUS_SIGNATURE.upper()),
        (ANONYMOUS, ANONYMOUS_SIGNATURE[:-1] + "0"),
        (ANONYMOUS.replace("demo-shop", "other-shop"), ANONYMOUS_SIGNATURE),
        (ANONYMOUS.replace("customer_id=", "customer_id=9"), ANONYMOUS_SIGNATURE),
        (ANONYMOUS + "&more=1", ANONYMOUS_SIGNATURE),
        (ANONYMOUS.replace("=1764000000", "=soon"), ANONYMOUS_SIGNATURE),
        ("%FF=%FF&" + ANONYMOUS, "%FF%00"),
    ],
)
def test_anything_else_is_refused_without_a_crash(query: str, signature: str) -> None:
    with pytest.raises(Unauthorised):
        ask(query, signature)


@given(st.dictionaries(NAMES, st.lists(TEXT, min_size=1, max_size=3), max_size=5), st.text("0123456789", max_size=12))
def test_whatever_is_signed_as_documented_passes_and_with_more_added_does_not(
    extra: dict[str, list[str]], customer: str
) -> None:
    query = {
        **extra,
        "shop": ["demo-shop.myshopify.com"],
        "logged_in_customer_id": [customer],
        "path_prefix": ["/apps/x"],
        "timestamp": ["1764000000"],
    }
    text = b"".join(sorted(f"{name}={','.join(values)}".encode() for name, values in query.items()))
    signature = hmac.new(b"hush", text, hashlib.sha256).hexdigest()
    raw = urlencode(query, doseq=True)
    assert ask(raw, signature) == SignedQuery("demo-shop.myshopify.com", customer)
    with pytest.raises(Unauthorised):
        ask(raw + "&added=1", signature)
