"""Product pictures at URLs: fetched when first wanted, verified, kept in the store, and once a day asked for anew."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from cachetools import LRUCache

from api.decoding import Decoders
from api.errors import BadPhoto
from api.fetching import NO_VALIDATORS, FetchError, Validators
from api.photos import garment_picture
from inference.blobs import GARMENTS

if TYPE_CHECKING:
    from api.fetching import Fetcher
    from api.sources.remembered import Remembered
    from inference.blobs import BlobStore

log = logging.getLogger(__name__)

EDITION = b"1"  # of what `garment_picture` makes: another edition, other keys
FRESH_S = 24 * 3600.0  # a shop that changes a picture mostly changes its URL as well
RETRY_S = 60.0
MOST_KEPT = 10_000
MOST_AT_A_TIME = 4  # each is up to 20 MB in memory


def is_remote(image: str) -> bool:
    """Whether it is a URL, not a path."""
    return "://" in image


def garment_key(data: bytes) -> str:
    """Of the PNG made of `data`, named after the bytes it came from: the same picture is made and kept once."""
    return f"{GARMENTS}/{hashlib.sha256(EDITION + data).hexdigest()}.png"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a URL until a moment of the monotonic clock: a key, or why there is none."""

    until: float
    key: str = ""
    problem: str = ""
    validators: Validators = NO_VALIDATORS


class RemotePictures:
    """The keys of pictures by their URLs, asked of their servers once a day: by each process, or by one of all that
    have the same `remembered`."""

    def __init__(self, fetcher: Fetcher, blobs: BlobStore, remembered: Remembered | None = None) -> None:
        self._remembered = remembered
        self._fetcher = fetcher
        self._blobs = blobs
        self._decoders = Decoders()
        self._known: LRUCache[str, _Known] = LRUCache(MOST_KEPT)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._fetches = asyncio.Semaphore(MOST_AT_A_TIME)

    def check(self, url: str) -> None:
        """Whether `url` is one that would be asked.

        Raises:
            FetchError: it is not.
        """
        self._fetcher.check(url)

    async def key(self, url: str) -> str:
        """The key of the verified picture at `url`. One that was had before outlives its server's troubles.

        Raises:
            FetchError: it cannot be had; for a minute nobody asks again.
        """
        known = self._known.get(url)
        if known is None or known.until <= time.monotonic():
            known = await self._renewed(url)
        if not known.key:
            raise FetchError(known.problem)
        return known.key

    async def _renewed(self, url: str) -> _Known:
        """Asked for by one at a time: the others wait for what it finds."""
        async with self._turns.setdefault(url, asyncio.Lock()):
            old = self._known.get(url)
            if old is None or old.until <= time.monotonic():
                self._known[url] = await self._asked(url, old)
            return self._known[url]

    async def _asked(self, url: str, old: _Known | None) -> _Known:
        if old is None and self._remembered is not None:
            old = await self._recalled(url, self._remembered)
            if old and old.until > time.monotonic():
                return old
        try:
            async with self._fetches:
                known = await self._fetch(url, old)
        except (BadPhoto, FetchError) as error:
            log.warning("A product's picture at %s cannot be had: %s", urlsplit(url).hostname, error)
            if old and old.key:
                return replace(old, until=time.monotonic() + RETRY_S, problem=str(error))
            return _Known(time.monotonic() + RETRY_S, problem=str(error))
        if self._remembered is not None:
            await self._remembered.keep(url, known.key, known.validators)
        return known

    async def _recalled(self, url: str, remembered: Remembered) -> _Known | None:
        """What another process or an earlier start found, if the store still has it."""
        memory = await remembered.recall(url)
        if memory is None or not await self._blobs.exists_async(memory.key):
            return None
        return _Known(time.monotonic() + FRESH_S - memory.age_s, memory.key, validators=memory.validators)

    async def _fetch(self, url: str, old: _Known | None) -> _Known:
        fetched = await self._fetcher.fetch(url, old.validators if old and old.key else None)
        until = time.monotonic() + FRESH_S
        if (data := fetched.data) is None:
            assert old is not None, "only what is known can be unchanged"
            return replace(old, until=until, problem="")
        key = garment_key(data)
        if not await self._blobs.exists_async(key):
            picture = await self._decoders.decode(garment_picture, lambda: data)
            await self._blobs.put_async(key, picture.data)
        return _Known(until, key, validators=fetched.validators)
