"""Pictures from other machines, fetched so that a stranger's address never leads into this network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import certifi
import httpcore
import httpx

from api.addresses import Address, CheckedAddresses, Refused, Resolver, is_public, resolve
from api.errors import BadPhoto
from api.formats import recognise

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 20 << 20  # bytes
PATIENCE_S = 15.0  # for everything together: names, redirects, and a server that drips
MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
NOT_MODIFIED = 304
LONGEST_VALIDATOR = 256  # characters
HEADERS = [("Accept", "image/*"), ("Accept-Encoding", "identity"), ("User-Agent", "fitting-room")]


@dataclass(frozen=True, slots=True)
class Validators:
    """By which a server tells whether a picture is still the same: its ETag and Last-Modified; empty for none."""

    etag: str = ""
    modified: str = ""

    @property
    def headers(self) -> list[tuple[str, str]]:
        named = (("If-None-Match", self.etag), ("If-Modified-Since", self.modified))
        return [(name, value) for name, value in named if value]


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """`data` is None when the picture is still the one that the asked-for validators are of."""

    data: bytes | None
    validators: Validators


class FetchError(Exception):
    """The picture cannot be had; one sentence that names no address within this network."""


@dataclass(frozen=True)
class Fetcher:
    """Fetches pictures from `hosts` alone, by https at its own port, from public addresses.

    The rest is for tests, which have no public address: other schemes and ports, other addresses, another authority.
    """

    hosts: frozenset[str]
    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] = (443,)
    is_allowed: Callable[[Address], bool] = is_public
    resolver: Resolver = resolve
    patience_s: float = PATIENCE_S
    authority: str = field(default_factory=certifi.where)

    def check(self, url: str) -> httpx.URL:
        """`url`, taken apart.

        Raises:
            FetchError: it is not one that would be asked.
        """
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, ValueError, UnicodeError):
            raise FetchError("The picture's address is not a URL.") from None
        if parts.scheme not in self.schemes:
            raise FetchError("The picture's address must begin with https://.")
        if parts.userinfo or (parts.port or 443) not in self.ports:
            raise FetchError("The picture's address must be without a user and without a port.")
        if parts.raw_host.decode("ascii") not in self.hosts:
            raise FetchError(f"Pictures are not fetched from {parts.host}: name it in image_hosts if you trust it.")
        return parts

    async def picture(self, url: str) -> bytes:
        """The bytes of the JPEG, PNG, WebP or HEIC at `url`, as `fetch` gets them."""
        return (await self.fetch(url)).data or b""

    async def fetch(self, url: str, known: Validators | None = None) -> Fetched:
        """The JPEG, PNG, WebP or HEIC at `url`, which may lead to another allowed host, unless it is the `known` one.

        Raises:
            FetchError: it cannot be had, is too large, too slow or no picture.
        """
        try:
            async with asyncio.timeout(self.patience_s):
                found = await self._following(self.check(url), known or NO_VALIDATORS)
        except TimeoutError:
            raise FetchError(f"The picture's server did not send it within {self.patience_s:g} s.") from None
        except Refused as error:
            raise FetchError(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, UnicodeError):
            raise FetchError("The picture's server does not answer as it should.") from None
        try:
            if found.data is not None:
                recognise(found.data)
        except BadPhoto:
            raise FetchError("What the picture's server sent is not a JPEG, PNG, WebP or HEIC picture.") from None
        return found

    async def _following(self, url: httpx.URL, known: Validators) -> Fetched:
        backend = CheckedAddresses(self.resolver, self.is_allowed)
        async with httpcore.AsyncConnectionPool(network_backend=backend, ssl_context=self._trust) as pool:
            for _ in range(1 + MOST_REDIRECTS):
                async with pool.stream("GET", _wire(url), headers=[*HEADERS, *known.headers]) as reply:
                    headers = httpx.Headers(reply.headers)
                    if reply.status == NOT_MODIFIED and known.headers:
                        return Fetched(None, known)
                    if reply.status not in REDIRECTS:
                        return Fetched(await _body(reply, headers), _validators(headers))
                    url = self._next(url, headers)
        raise FetchError(f"The picture's server redirects more than {MOST_REDIRECTS} times.")

    def _next(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        try:
            return self.check(str(url.join(headers.get("location", ""))))
        except httpx.InvalidURL:
            raise FetchError("The picture's server redirects to no URL.") from None

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)


def _wire(url: httpx.URL) -> httpcore.URL:
    """The same parts: what was checked is what is asked, with no second reading of the text."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _validators(headers: Mapping[str, str]) -> Validators:
    """Of no use when they are too long to keep, or could not be sent back."""
    told = [headers.get(name, "") for name in ("etag", "last-modified")]
    usable = [len(one) <= LONGEST_VALIDATOR and one.isascii() and one.isprintable() for one in told]
    return Validators(*(one if is_usable else "" for one, is_usable in zip(told, usable, strict=True)))


async def _body(reply: httpcore.Response, headers: Mapping[str, str]) -> bytes:
    if reply.status != 200:
        raise FetchError(f"The picture's server answered {reply.status}.")
    if headers.get("content-encoding", "identity") != "identity":
        raise FetchError("The picture's server sent it compressed, which was not asked for.")
    length = headers.get("content-length", "")
    data = bytearray()
    async for chunk in reply.aiter_stream():
        data += chunk
        if len(data) > LARGEST or (length.isdigit() and int(length) > LARGEST):
            raise FetchError(f"The picture is larger than {LARGEST >> 20} MB.")
    return bytes(data)
