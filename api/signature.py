"""Shopify's app-proxy signature over the raw query."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from api.errors import Unauthorised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WINDOW_S = 90
ADDED_BY_SHOPIFY = (b"shop", b"logged_in_customer_id", b"path_prefix", b"timestamp", b"signature")
SIGNED_NAMES = ADDED_BY_SHOPIFY[:-1]


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """What the signature vouches for. `customer_id` is empty when nobody is logged in."""

    shop: str
    customer_id: str = field(repr=False)


def verify(raw_query: bytes, secrets_of: Callable[[str], Iterable[bytes]], now: float) -> SignedQuery:
    """What Shopify signed in `raw_query`; `secrets_of` a shop may give several, while one replaces the other.

    Raises:
        Unauthorised: unsigned, signed with another secret, signed more than 90 s from `now` (seconds since the
            epoch), or with a parameter of Shopify's that is repeated or hidden in another's value, which a shopper
            could have added.
    """
    values = _parameters(raw_query)
    if any(len(values[name]) > 1 for name in ADDED_BY_SHOPIFY):
        raise Unauthorised
    shop, customer_id, _, timestamp, signature = (b"".join(values[name]) for name in ADDED_BY_SHOPIFY)
    text = _signed_text(values)
    if not _has_one_reading(text, values) or not re.fullmatch(rb"[0-9]{0,20}", customer_id):
        raise Unauthorised
    name = shop.decode("ascii", "replace").lower()
    expected = [_sign(text, secret) for secret in secrets_of(name)]
    matches = [hmac.compare_digest(signature, one) for one in expected]  # all of them, so that time tells nothing
    if not any(matches) or not _is_fresh(timestamp, now):
        raise Unauthorised
    return SignedQuery(name, customer_id.decode("ascii", "replace"))


def _parameters(raw_query: bytes) -> defaultdict[bytes, list[bytes]]:
    """Decoded names and values, blanks kept: an empty customer id is signed too."""
    values: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for pair in raw_query.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            values[unquote_to_bytes(name)].append(unquote_to_bytes(value))
    return values


def _signed_text(values: defaultdict[bytes, list[bytes]]) -> bytes:
    """Whole `name=value` strings are sorted bytewise: sorting by name differs where one name begins another."""
    pairs = [name + b"=" + b",".join(found) for name, found in values.items() if name != b"signature" and found]
    return b"".join(sorted(pairs))


def _has_one_reading(text: bytes, values: defaultdict[bytes, list[bytes]]) -> bool:
    """Nothing separates what is signed: `a=1shop=x` signs `a` and `shop`, and as well an `a` that ends in `shop=x`."""
    return all(text.count(name + b"=") == len(values[name]) for name in SIGNED_NAMES)


def _sign(text: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, text, hashlib.sha256).hexdigest().encode()


def _is_fresh(timestamp: bytes, now: float) -> bool:
    return re.fullmatch(rb"[0-9]{1,12}", timestamp) is not None and abs(now - int(timestamp)) <= WINDOW_S
