"""Erase at once: all that is kept of a shopper, or of a shop's shoppers, with every trace of it in Redis.

Every step may be repeated, and what is left over when one fails is found again: the note of a thing goes last.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from redis.exceptions import ResponseError
from rq.defaults import RQ_KEY_PREFIX

from inference.blobs import PHOTOS, RESULTS, UPLOADS, picture_key
from inference.holdings import kept_key, owned_key, owner_of
from inference.patience import PATIENCE_S, patiently
from inference.scripts import ERASED, source

if TYPE_CHECKING:
    from redis import Redis

    from inference.blobs import BlobStore

STILL_STORED_S = 3600  # in which a worker that was cut off may yet store a picture; far beyond a job's time
AT_A_TIME = 500
JOB = f"{RQ_KEY_PREFIX}:job:"
NAMES_SHOPPERS = ("limit", "uploads", "shares", "emails", "idempotency", "kept", "erasures", "requests")
"""Of keys `fitting-room:<this>:<shop>:...`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was found, and is no more."""

    photographs: int = 0
    pictures: int = 0
    uploads: int = 0
    generations: int = 0
    counters: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Erased)))

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Record:
    """A generation's job. `asked`: its request."""

    generation_id: str
    shop: str
    status: str
    submitted_at: float
    asked: dict[str, Any]

    @property
    def shopper(self) -> str:
        return str(self.asked.get("shopper", ""))


class Eraser:
    """Over one Redis, for which it waits `patience_s` seconds when it is away, and one store."""

    def __init__(self, redis: Redis, blobs: BlobStore, patience_s: float = PATIENCE_S) -> None:
        self._redis, self._blobs, self._patience_s = redis, blobs, patience_s
        self._erase = redis.register_script(source("erase"))

    def shopper(self, shop: str, identity: str, *, everywhere: bool = False) -> Erased:
        """Erase what `identity` (hashed) has at `shop`: what was noted, and what the store tells.

        With `everywhere` also what was not noted, for which every record is looked at.

        Raises:
            redis.exceptions.RedisError: Redis stayed away. Call it again.
        """
        _check_named(shop, identity)
        erased, index = Erased(), kept_key(shop, identity)
        found = [record.generation_id for record in self.records(shop, identity)] if everywhere else []
        while names := self._noted(index):
            erased += self._generations(shop, (name for name in names if "/" not in name), identity)
            erased += self._files(name for name in names if "/" in name)
            self._forget()
            self._ask(partial(self._redis.zrem, index, *names))
        erased += self._generations(shop, found, identity)
        erased += Erased(photographs=self._blobs.erase(owned_key(PHOTOS, shop, identity, "")))
        erased += Erased(uploads=self._blobs.erase(owned_key(UPLOADS, shop, identity, "")))
        kinds = ("limit", "uploads", "shares", "emails", "requests")
        counters: list[str | bytes] = [f"fitting-room:{kind}:{shop}:{identity}" for kind in kinds]
        if everywhere:
            counters += self._keys(f"fitting-room:upload:{owned_key(UPLOADS, shop, identity, '*')}")
        erased += Erased(counters=self._ask(lambda: self._redis.delete(*counters)))
        if erased:
            self._forget()
        return erased

    def shop(self, shop: str) -> Erased:
        """Erase what all shoppers have at `shop`; how much it generated stays counted.

        Raises:
            redis.exceptions.RedisError: Redis stayed away. Call it again.
        """
        _check_named(shop)
        erased = self._generations(shop, [record.generation_id for record in self.records(shop)])
        kinds = ((PHOTOS, "photographs"), (RESULTS, "pictures"), (UPLOADS, "uploads"))
        for kind, name in kinds:
            erased += Erased(**{name: self._blobs.erase(f"{kind}/{shop}")})
        patterns = [f"fitting-room:{kind}:{shop}:*" for kind in NAMES_SHOPPERS]
        patterns += [f"fitting-room:upload:{UPLOADS}/{shop}/*", f"fitting-room:webhooks:{shop}"]
        for keys in _batches(key for pattern in patterns for key in self._keys(pattern)):
            erased += Erased(counters=self._ask(partial(self._redis.delete, *keys)))
        if erased:
            self._forget()
        return erased

    def photograph(self, shop: str, key: str) -> None:
        """Erase one photograph, whosever it is."""
        self._forget()  # first: where Redis is away, nothing is erased, and asking again is no mistake
        self._blobs.delete(key)
        self._forget()
        if identity := owner_of(key):
            self._ask(lambda: self._redis.zrem(kept_key(shop, identity), key))

    def generation(self, shop: str, generation_id: str) -> Record | None:
        """Erase one generation and its picture, in whatever state it is; its record as it was, if there was one."""
        picture, word = picture_key(shop, generation_id), f"erased-{secrets.token_hex(8)}"
        self._blobs.delete(picture)  # while it is still found by its record
        arguments: list[str | int] = ["", generation_id, shop, word, picture, STILL_STORED_S]
        reply = self._ask(lambda: self._erase(args=arguments))
        if reply is None:
            return None
        has_ended, request = reply
        if not has_ended:
            self._blobs.delete(picture)
        return Record(generation_id, shop, "", 0.0, _asked(request))

    def records(self, shop: str | None = None, identity: str | None = None) -> Iterator[Record]:
        """Every generation there is a record of, of this shop and this shopper if they are named."""
        for keys in _batches(key for key in self._keys(f"{JOB}gen_*") if key.count(b":") == JOB.count(":")):
            for key, row in zip(keys, self._ask(partial(self._read, keys)), strict=True):
                of, status, at, request = (value or b"" for value in row)
                name, asked = key.decode().removeprefix(JOB), _asked(request)
                record = Record(name, of.decode(), status.decode(), float(at or 0), asked)
                if shop in (None, record.shop) and identity in (None, record.shopper):
                    yield record

    def _keys(self, pattern: str) -> list[bytes]:
        return self._ask(lambda: list(self._redis.scan_iter(pattern, AT_A_TIME)))

    def _noted(self, index: str) -> list[str]:
        names: Any = self._ask(lambda: self._redis.zrange(index, 0, AT_A_TIME - 1))
        return [name.decode() for name in names]

    def _read(self, keys: list[bytes]) -> list[list[bytes | None]]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.hmget(key, ("shop", "status", "submitted_at", "request"))
            return list(pipeline.execute())

    def _generations(self, shop: str, ids: Iterable[str], identity: str = "") -> Erased:
        """These, their pictures, and the photographs they were made of, unless those are another shopper's."""
        erased = Erased()
        for generation_id in ids:
            has_picture = self._blobs.exists(picture_key(shop, generation_id))
            record = self.generation(shop, generation_id)
            erased += Erased(pictures=has_picture, generations=record is not None)
            asked = record.asked if record else {}
            shown = {str(asked.get(name)) for name in ("person_key", "mask_key", "densepose_key")}
            erased += self._files(key for key in shown if _is_of(key, shop, identity))
        return erased

    def _files(self, keys: Iterable[str]) -> Erased:
        erased = Erased()
        for key in keys:
            kind, there = key.partition("/")[0], self._blobs.exists(key)
            self._blobs.delete(key)
            if kind == UPLOADS:
                self._ask(partial(self._redis.delete, f"fitting-room:upload:{key}"))
            erased += Erased(uploads=there) if kind == UPLOADS else Erased(photographs=there)
        return erased

    def _forget(self) -> None:
        """Tell every worker, also one that is away now, to forget whom it remembers; and Redis, what was slow."""
        self._ask(lambda: self._redis.set(ERASED, secrets.token_hex(8)))
        with contextlib.suppress(ResponseError):  # where its host does not let us
            self._ask(self._redis.slowlog_reset)

    def _ask(self, call: Callable[[], T]) -> T:
        return patiently(call, self._patience_s)


def _check_named(*names: str) -> None:
    """That each is one name: nothing, or a pattern, would mean everybody."""
    if not all(re.fullmatch(r"[A-Za-z0-9.-]+", name) for name in names):
        raise ValueError("A shop is named by its domain, a shopper by the hash of their identity.")


def _is_of(key: str, shop: str, identity: str) -> bool:
    """Whether a photograph is this shopper's, or at least nobody else's."""
    return key.startswith(f"{PHOTOS}/{shop}/") and owner_of(key) in ("", identity)


def _asked(request: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        asked = json.loads(request)
        return asked if isinstance(asked, dict) else {}
    return {}


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while some := list(islice(iterator, AT_A_TIME)):
        yield some
