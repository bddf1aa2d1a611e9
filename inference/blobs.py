"""Photographs, garments and results by key: a local folder, or any object store that obstore speaks to."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from obstore.store import ObjectStore

PHOTOS, RESULTS, UPLOADS, GARMENTS = "photos", "results", "tmp", "garments"
"""First part of every key. The first two hold people's pictures, the third what they have not yet completed."""

LONGEST_KEY = 512
KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
UPLOAD_TERM_S = 3600.0
STAGED = re.compile(r"#\d+$")  # what the local store appends to a file until it is whole


class StorageError(RuntimeError):
    """The store cannot be used; the message says what to do."""


class NotStoredError(RuntimeError):
    """The store did not take something, as a full disk does not; nothing of it is kept."""


def check_key(key: str) -> str:
    """The key itself, when plain: words of letters, digits, `.`, `_`, `-` between slashes, none starting with a dot.

    Raises:
        ValueError: it is not, so it could lead out of the store.
    """
    if len(key) > LONGEST_KEY or not KEY.fullmatch(key):
        raise ValueError("A storage key is made of letters, digits, dots, dashes and underscores between slashes.")
    return key


def picture_key(shop: str, generation_id: str) -> str:
    """Where a generation's picture lies."""
    return f"{RESULTS}/{shop}/{generation_id}.png"


def content_type(key: str) -> str:
    """The media type that a key's ending names."""
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store tells of a key."""

    key: str
    num_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds for which a photograph is kept, and a result with its record."""

    photo_s: float
    result_s: float

    @property
    def upload_s(self) -> float:
        """For a file that was sent and never made a photograph."""
        return min(self.photo_s, UPLOAD_TERM_S)

    @property
    def longest_s(self) -> float:
        return max(self.photo_s, self.result_s)


class BlobStore:
    """Bytes by key. Every write is whole or absent, also when the writer is killed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._folder = store.prefix if isinstance(store, LocalStore) else None

    @classmethod
    def open(cls, url: str) -> BlobStore:
        """The store at `file:///absolute/folder` (made when missing), `s3://`, `gs://` or `az://bucket/prefix`.

        Credentials of the clouds come from their usual environment variables.

        Raises:
            StorageError: the address is none of these, or cannot be used.
        """
        parts = urlsplit(url)
        try:
            if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
                return cls._open_folder(Path(unquote(parts.path)))
            if parts.scheme in ("s3", "gs", "az") and parts.netloc:
                return cls(from_url(url))
        except (BaseError, OSError, ValueError) as error:
            raise StorageError(f"The storage at {url} cannot be used: {str(error).splitlines()[0]}") from error
        raise StorageError(f"Storage is file:///absolute/folder, s3://, gs:// or az://bucket/prefix, not {url!r}.")

    @classmethod
    def _open_folder(cls, folder: Path) -> BlobStore:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(LocalStore(folder, automatic_cleanup=True))  # an empty folder would still name a shopper

    @property
    def can_sign(self) -> bool:
        """Whether `sign_get` works; a local folder's links are signed by the API."""
        return isinstance(self._store, S3Store | GCSStore | AzureStore)

    def sign_get(self, key: str, expires_in_s: float) -> str:
        """A URL that anybody can read `key` at until it expires."""
        assert isinstance(self._store, S3Store | GCSStore | AzureStore)
        return obstore.sign(self._store, "GET", check_key(key), timedelta(seconds=expires_in_s))

    def put(self, key: str, data: bytes) -> None:
        """Write `data`, over what was there.

        Raises:
            NotStoredError: the store did not take it.
        """
        attributes = None if isinstance(self._store, LocalStore) else {"Content-Type": content_type(key)}
        with self._whole_or_absent(check_key(key)):
            obstore.put(self._store, key, data, attributes=attributes)

    def get(self, key: str) -> bytes:
        """The bytes under `key`.

        Raises:
            FileNotFoundError: there are none.
        """
        return obstore.get(self._store, check_key(key)).bytes().to_bytes()

    def size(self, key: str) -> int:
        """The number of bytes under `key`.

        Raises:
            FileNotFoundError: there are none.
        """
        return obstore.head(self._store, check_key(key))["size"]

    def exists(self, key: str) -> bool:
        """Whether there are bytes under `key`."""
        with contextlib.suppress(FileNotFoundError):
            return self.size(key) >= 0
        return False

    def delete(self, key: str) -> None:
        """Erase `key`; that it was not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, check_key(key))

    def stored(self, prefix: str) -> Iterator[Stored]:
        """What lies below `prefix/`."""
        for page in obstore.list(self._store, check_key(prefix)):
            for meta in page:
                yield Stored(meta["path"], meta["size"], meta["last_modified"])

    def purge(self, prefix: str, older_than_s: float, now: float | None = None) -> int:
        """Erase the keys below `prefix/` last written more than `older_than_s` ago, and tell how many.

        What a killed writer left half-written goes too. `now` in seconds since the epoch, if not by the clock.
        """
        limit = _ago(older_than_s, now)
        self._purge_half_written(check_key(prefix), limit)
        return self._erase(self.older(prefix, older_than_s, now))

    def erase(self, prefix: str) -> int:
        """Erase all below `prefix/`, also what is just being written, and tell how many."""
        self._purge_half_written(check_key(prefix), datetime.max.replace(tzinfo=UTC))
        return self._erase(one.key for one in self.stored(prefix))

    def _erase(self, keys: Iterable[str]) -> int:
        erased = 0
        for key in keys:
            self.delete(key)
            erased += 1
        return erased

    def older(self, prefix: str, than_s: float, now: float | None = None) -> Iterator[str]:
        """The keys below `prefix/` last written more than `than_s` seconds ago."""
        limit = _ago(than_s, now)
        yield from (one.key for one in self.stored(prefix) if one.written_at < limit)

    def _purge_half_written(self, prefix: str, limit: datetime) -> None:
        for folder, _, names in os.walk(self._folder / prefix) if self._folder else ():  # bears folders that vanish
            for path in (Path(folder, name) for name in names if STAGED.search(name)):
                with contextlib.suppress(OSError):
                    if datetime.fromtimestamp(path.stat().st_mtime, UTC) < limit:
                        path.unlink()
                        path.parent.rmdir()  # when it was all there was

    async def put_async(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(self.put, key, data)

    async def get_async(self, key: str) -> bytes:
        return await asyncio.to_thread(self.get, key)

    async def exists_async(self, key: str) -> bool:
        if self._folder is not None:
            return (self._folder / check_key(key)).is_file()  # to look is cheaper than another thread's turn
        with contextlib.suppress(FileNotFoundError):
            await obstore.head_async(self._store, check_key(key))
            return True
        return False

    async def delete_async(self, key: str) -> None:
        await asyncio.to_thread(self.delete, key)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Write chunk by chunk, with little in memory; when `chunks` raises, nothing is written.

        Raises:
            NotStoredError: the store did not take it.
        """
        with self._whole_or_absent(check_key(key)):
            async with obstore.open_writer_async(self._store, key) as writer:
                async for chunk in chunks:
                    await writer.write(chunk)

    @contextlib.contextmanager
    def _whole_or_absent(self, key: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self._folder is not None:
                with contextlib.suppress(OSError):  # it is not empty, or never was
                    (self._folder / key).parent.rmdir()
            if isinstance(error, BaseError) or type(error) is OSError:  # bare, as obstore tells of a local disk
                raise NotStoredError(str(error).partition("\n")[0]) from error
            raise


def _ago(seconds: float, now: float | None) -> datetime:
    return datetime.fromtimestamp((time.time() if now is None else now) - seconds, UTC)


def purge_personal(blobs: BlobStore, terms: Terms, now: float | None = None) -> int:
    """Erase people's pictures past their terms, and uploads nobody completed; tell how many. `now` as of `purge`."""
    kinds = {PHOTOS: terms.photo_s, RESULTS: terms.result_s, UPLOADS: terms.upload_s}
    return sum(blobs.purge(prefix, term_s, now) for prefix, term_s in kinds.items())
