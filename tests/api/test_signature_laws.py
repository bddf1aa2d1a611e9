"""What no forger of a signed query gets past, tried at every byte."""

from __future__ import annotations

import hashlib
import hmac
import string
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import signature
from api.errors import Unauthorised
from api.signature import WINDOW_S, SignedQuery, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOW = 1764000000
SHOP = "demo-shop.myshopify.com"
SHOPIFY_S = {"shop": SHOP, "logged_in_customer_id": "77", "path_prefix": "/apps/x", "timestamp": str(NOW)}
OWN = st.dictionaries(
    st.text(string.ascii_letters + "_[].é ", min_size=1, max_size=6),
    st.text(string.ascii_letters + string.digits + " =&;,%+[]é\0", max_size=8),
    max_size=3,
)


def sign(query: Mapping[str, str], secret: bytes = b"hush") -> str:
    text = "".join(sorted(f"{name}={value}" for name, value in query.items()))
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def signed(query: Mapping[str, str], secret: bytes = b"hush") -> bytes:
    return urlencode({**query, "signature": sign(query, secret)}).encode()


def passes(raw: bytes, *, secrets: tuple[bytes, ...] = (b"hush",), now: float = NOW) -> SignedQuery | None:
    try:
        return verify(raw, lambda shop: secrets if shop == SHOP else (), now)
    except Unauthorised:
        return None


def meaning(raw: bytes) -> list[tuple[str, str]]:
    """What the query says, by the standard library's reading of it."""
    return sorted(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, errors="strict", encoding="latin-1"))


HONEST = signed({"client_id": "0f3a", "q": "a b&c"} | SHOPIFY_S)
WHO = SignedQuery(SHOP, "77")
AWKWARD = [bytes([byte]) for byte in b"&=;,+%0aA\0\xff?#/\\ "]


def test_the_honest_query_passes() -> None:
    assert passes(HONEST) == WHO


def test_no_byte_can_be_any_other_byte() -> None:
    for place, byte in product(range(len(HONEST)), range(256)):
        changed = HONEST[:place] + bytes([byte]) + HONEST[place + 1 :]
        if passes(changed):  # `%2f` for `%2F`: another spelling of the same query
            assert meaning(changed) == meaning(HONEST), changed


def test_no_byte_can_be_left_out_or_put_in() -> None:
    for place in range(len(HONEST) + 1):
        before, after = HONEST[:place], HONEST[place:]
        for changed in (before + after[1:], *(before + one + after for one in AWKWARD)):
            if passes(changed):
                assert meaning(changed) == meaning(HONEST), changed


@given(OWN, st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_and_never_crash(own: dict[str, str], noise: bytes) -> None:
    assert passes(noise) is None
    raw = signed(own | SHOPIFY_S)
    assert passes(raw) == WHO
    for polluted in (noise + raw, raw + noise, raw + b"&" + noise):
        assert passes(polluted) in (None, WHO)
        if passes(polluted):
            assert meaning(polluted) == meaning(raw)


@given(st.sampled_from([*SHOPIFY_S, "signature"]), st.text(string.printable, max_size=12), st.booleans())
def test_a_second_parameter_of_shopifys_is_refused_though_it_were_signed(name: str, value: str, first: bool) -> None:
    pairs = list(SHOPIFY_S.items())
    pairs.insert(0 if first else len(pairs), (name, value))
    joined: dict[str, str] = {}
    for key, one in pairs:
        joined[key] = f"{joined[key]},{one}" if key in joined else one
    joined.pop("signature", None)
    assert passes(urlencode([*pairs, ("signature", sign(joined))]).encode()) is None


@pytest.mark.parametrize("spelling", ["shop[]", "shop[0]", "Shop", "SHOP", "shop ", " shop", "shop%00", "sh%6fp%20"])
def test_a_name_that_only_looks_like_shopifys_is_another_name(spelling: str) -> None:
    others = {name: value for name, value in SHOPIFY_S.items() if name != "shop"}
    raw = signed(others).decode()
    assert passes(f"{spelling}={SHOP}&{raw}".encode()) is None
    assert passes(f"{raw}&{spelling}=other-shop.myshopify.com".encode()) is None


@pytest.mark.parametrize("separator", [";", "%26", "&amp;", "\n", "\t", ",", "|", "&&&", "%3B"])
def test_only_an_ampersand_separates(separator: str) -> None:
    raw = HONEST.decode()
    for place in [index for index, letter in enumerate(raw) if letter == "&"]:
        changed = (raw[:place] + separator + raw[place + 1 :]).encode()
        assert passes(changed) in ((None, WHO) if separator == "&&&" else (None,))


@pytest.mark.parametrize(
    ("own", "reading"),
    [
        ({"a": "1logged_in_customer_id=9path_prefix=/pq="}, {"a": "1", "logged_in_customer_id": "9"}),
        ({"t": f"1timestamp={NOW + 86400}u="}, {"t": "1", "timestamp": str(NOW + 86400)}),
        ({"r": "1shop=other-shop.myshopify.com"}, {"r": "1", "shop": "other-shop.myshopify.com"}),
    ],
    ids=["another customer", "another time", "another shop"],
)
def test_what_a_shopper_had_signed_is_never_read_as_shopifys_own(own: dict[str, str], reading: dict[str, str]) -> None:
    """Shopify signs `name=value` without separators, so a shopper's value could be read as more parameters."""
    assert passes(signed(own | SHOPIFY_S)) is None
    honest = own | SHOPIFY_S
    left_over = {name: value for name, value in honest.items() if name not in reading} | reading
    assert passes(urlencode({**left_over, "signature": sign(honest)}).encode()) is None


@pytest.mark.parametrize("customer", ["7 ", " 7", "+7", "-7", "7.0", "7,8", "x", "७", "7" * 21, "7\n"])
def test_a_customer_is_a_number(customer: str) -> None:
    assert passes(signed(SHOPIFY_S | {"logged_in_customer_id": customer})) is None


@given(st.one_of(st.integers(-(10**13), 10**13), st.floats(-1e12, 1e12)))
def test_only_the_window_around_now_passes(offset: float) -> None:
    assert (passes(HONEST, now=NOW + offset) is not None) == (abs(offset) <= WINDOW_S)


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "0x1", f"{NOW}.0", f" {NOW}", f"+{NOW}", "9" * 13])
def test_a_timestamp_is_seconds(timestamp: str) -> None:
    assert passes(signed(SHOPIFY_S | {"timestamp": timestamp})) is None


@given(
    st.sampled_from([(b"old", b"new"), (b"new", b"old"), (b"old", b"older", b"new")]), st.sampled_from([b"old", b"new"])
)
def test_each_secret_of_a_rotation_passes_and_no_other(secrets: tuple[bytes, ...], secret: bytes) -> None:
    assert passes(signed(SHOPIFY_S, secret), secrets=secrets) == WHO
    for other in (b"", b"hush", secret + b"x", secret[:-1]):
        assert passes(signed(SHOPIFY_S, other), secrets=secrets) is None


@pytest.mark.parametrize("secret", [b"first", b"second", b"neither"])
def test_every_secret_is_compared_in_constant_time_whichever_matches(
    secret: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    honest = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return honest(one, other)

    monkeypatch.setattr(signature.hmac, "compare_digest", counted)
    passes(signed(SHOPIFY_S, secret), secrets=(b"first", b"second"))
    assert len(compared) == 2


@pytest.mark.parametrize("given_signature", ["", "0" * 64, "0" * 63, "é" * 64, "\0", "[]"])
def test_a_signature_that_is_none_is_refused(given_signature: str) -> None:
    raw = urlencode(SHOPIFY_S)
    for query in (raw, f"{raw}&signature", f"{raw}&signature={quote(given_signature)}"):
        assert passes(query.encode()) is None


def test_spelling_the_same_query_otherwise_changes_nothing() -> None:
    raw = HONEST.decode()
    reversed_ = "&".join(reversed(raw.split("&")))
    spelled = "".join(f"%{byte:02x}" if chr(byte).isalnum() else chr(byte) for byte in raw.encode())
    kept: Iterable[str] = (reversed_, raw.replace("%2F", "%2f"), raw.replace("+", "%20"))
    for same in kept:
        assert passes(same.encode()) == WHO
    assert meaning(spelled.encode()) != meaning(HONEST)  # escapes within escapes: another query
    assert passes(spelled.encode()) is None
