"""Who asks: a request -> its shop and its shopper, by the mode of the service."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from api import signature
from api.errors import BadRequest, Unauthorised
from api.shops import OPEN_SHOP
from inference.jobs import SlidingLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from fastapi import Request

    from api.settings import Settings
    from api.shops import ShopSettings


@dataclass(frozen=True, slots=True)
class Caller:
    """A shop, and whom it (or Shopify) says is asking; `customer_id` is empty when nobody vouches for the shopper."""

    shop: ShopSettings
    customer_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Shopper:
    """Keyed hashes of who generates, and of the network address that bounds the anonymous; None where not asked of."""

    identity: str | None = field(repr=False)
    address: str | None = field(default=None, repr=False)

    def limits(self, maximum: int, address_factor: int, window_s: int) -> tuple[SlidingLimit, ...]:
        """At most `maximum` of something in `window_s`, and `address_factor` times as many from one address."""
        found = []
        if self.identity:
            found.append(SlidingLimit(self.identity, maximum, window_s))
        if self.address:
            found.append(SlidingLimit(self.address, maximum * address_factor, window_s))
        return tuple(found)


NOBODY = Shopper(None)


class Doorkeeper:
    """Knows the shops and their secrets, and tells callers apart. Keeps identities only as hashes keyed by `key`."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._settings = settings
        self._key = key
        shops = settings.shops or ((OPEN_SHOP,) if settings.mode == "open" else ())
        self.shops = {shop.domain: shop for shop in shops}
        self._api_keys = [(hashlib.sha256(key).digest(), shop) for shop in shops for key in shop.api_keys]
        self._callers: dict[str, Callable[[Request], Caller]] = {
            "open": self._anyone,
            "api_key": self._key_holder,
            "shopify": self._signed,
        }

    def caller(self, request: Request) -> Caller:
        """The shop that asks.

        Raises:
            Unauthorised: no shop vouches for this request.
        """
        return self._callers[self._settings.mode](request)

    def shopper(self, caller: Caller, request: Request, client_id: UUID | None) -> Shopper:
        """Who generates: the customer the shop vouches for, else the client's own id within its address's cap.

        Raises:
            BadRequest: in `api_key` mode, when the shop's server does not say who its shopper is.
        """
        found = self.sender(caller, request, client_id)
        if found == NOBODY:
            raise BadRequest("Name the shopper in the X-Shopper-Id header: 1 to 255 visible characters.")
        return found

    def sender(self, caller: Caller, request: Request, client_id: UUID | None) -> Shopper:
        """Who sends a photograph: the shopper, or `NOBODY` when in `api_key` mode the shop's server does not say."""
        shop = caller.shop.domain
        if caller.customer_id:
            return Shopper(self.customer(shop, caller.customer_id))
        if self._settings.mode == "api_key":
            return NOBODY
        anonymous = self.anonymous(shop, str(client_id)) if client_id else None
        if self._settings.mode == "open":  # everyone shares the loopback address
            return Shopper(anonymous or self.anonymous(shop, "here"))
        return Shopper(anonymous, self.address(caller, request))

    def address(self, caller: Caller, request: Request) -> str | None:
        """The hash of the network address that asks, where addresses tell people apart."""
        if self._settings.mode != "shopify":
            return None
        return self._hash(caller.shop.domain, "address", self._address(request, 1 + self._settings.trusted_proxies))

    def customer(self, shop: str, customer_id: str) -> str:
        """The identity of a customer that the shop vouches for."""
        return self._hash(shop, "customer", customer_id)

    def anonymous(self, shop: str, client_id: str) -> str:
        """The identity of a browser that calls itself so."""
        return self._hash(shop, "anonymous", client_id)

    def mailbox(self, shop: str, email: str) -> str:
        """By which a shop's customer is found again who is known by an e-mail address alone."""
        return self._hash(shop, "mailbox", email.strip().casefold())

    def visitor(self, request: Request) -> str:
        """The hash of the address of somebody who comes by themselves, not through Shopify."""
        return self._hash("visitor", self._address(request, self._settings.trusted_proxies))

    def _anyone(self, _: Request) -> Caller:
        return Caller(next(iter(self.shops.values())))

    def _key_holder(self, request: Request) -> Caller:
        offered = hashlib.sha256(request.headers.get("x-api-key", "").encode()).digest()
        matching = [shop for digest, shop in self._api_keys if hmac.compare_digest(digest, offered)]
        if not matching:
            raise Unauthorised("Send a known API key in the x-api-key header.")
        shopper_id = request.headers.get("x-shopper-id", "")
        return Caller(matching[0], shopper_id if re.fullmatch(r"[!-~]{1,255}", shopper_id) else "")

    def _signed(self, request: Request) -> Caller:
        query = signature.verify(request.scope["query_string"], self._secrets_of, time.time())
        return Caller(self.shops[query.shop], query.customer_id)

    def _secrets_of(self, domain: str) -> tuple[bytes, ...]:
        shop = self.shops.get(domain)
        return shop.app_secrets if shop else ()

    def _address(self, request: Request, index: int) -> str:
        """The address that the `index`th proxy before us saw, as far as it tells people apart."""
        seen = [part.strip() for part in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
        direct = request.client.host if request.client else ""
        try:
            return _network(seen[-index] if 0 < index <= len(seen) else direct)
        except ValueError:
            return direct

    def _hash(self, *parts: str) -> str:
        return hmac.new(self._key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()


def _network(address: str) -> str:
    """IPv4 as it is, IPv6 to its /64, of which one person has a whole one."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network(f"{found}/64", strict=False))
    return str(found)
