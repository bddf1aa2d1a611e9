"""Signed, expiring URLs: where a browser reads a picture, and where it sends one."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from api.errors import LinkInvalid
from inference.blobs import check_key

if TYPE_CHECKING:
    from inference.blobs import BlobStore

UPLOAD_TTL_S = 900

Verb = Literal["GET", "PUT"]


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links. `base_url` is the address of this API as browsers know it, without a slash at its end."""

    blobs: BlobStore
    key: bytes
    ttl_s: int
    base_url: str

    def at(self, base_url: str) -> Links:
        """The same links, to the API at another address."""
        return replace(self, base_url=base_url.rstrip("/"))

    def picture(self, key: str) -> str:
        """Where anybody can read the picture for `ttl_s`: at the cloud's own address, or through `/storage`."""
        if self.blobs.can_sign:
            return self.blobs.sign_get(key, self.ttl_s)
        return self._through_us("GET", key)

    def upload(self, key: str) -> str:
        """Where anybody can send one file, for 15 minutes.

        Always through `/storage`, for every kind of store: there the size is capped while it streams, and the shops'
        pages are let in without settings at the cloud.
        """
        return self._through_us("PUT", key)

    def read(self, verb: Verb, token: str, *, may_be_old: bool = False) -> str:
        """The key that a token of `/storage` opens for `verb`.

        Raises:
            LinkInvalid: the token is not ours, is for another verb, or has expired (unless it `may_be_old`).
        """
        ttl_s = self.ttl_s if verb == "GET" else UPLOAD_TTL_S
        try:
            return check_key(self._signer(verb).loads(token, max_age=None if may_be_old else ttl_s))
        except (BadData, ValueError, TypeError):
            raise LinkInvalid from None

    def _through_us(self, verb: Verb, key: str) -> str:
        return f"{self.base_url}/storage/{self._signer(verb).dumps(check_key(key))}"

    def _signer(self, verb: Verb) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt=f"storage {verb}", signer=_ExactSigner)


class _ExactSigner(TimestampSigner):
    """Takes a signature in the one spelling that it gives: base64 has several for the same bytes."""

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        return hmac.compare_digest(self.get_signature(value), sig.encode() if isinstance(sig, str) else sig)
