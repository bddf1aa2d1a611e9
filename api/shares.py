"""Links to a page that shows one picture: signed, and kept nowhere. What is erased is gone from them at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from itsdangerous import BadData, URLSafeSerializer

from api.errors import ShareNotFound
from inference.jobs import Status

if TYPE_CHECKING:
    from inference.jobs import Generation

LONGEST_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Share:
    """A generation of `shop`, shown until `expires_at` (whole seconds since the epoch) beside a link to `domain`."""

    shop: str
    generation_id: str
    domain: str
    expires_at: int


def share_of(generation: Generation, domain: str, result_s: float) -> Share:
    """For 30 days or as long as the result is kept (`result_s`), whichever ends first; the same at every call."""
    assert generation.status is Status.COMPLETED
    expires_at = int(generation.updated_at + min(LONGEST_S, result_s))
    return Share(generation.shop, generation.generation_id, domain, expires_at)


class Shares:
    """Signed with `key`."""

    def __init__(self, key: bytes) -> None:
        self._signer = URLSafeSerializer(key, salt="share")

    def token(self, share: Share) -> str:
        return str(self._signer.dumps([share.shop, share.generation_id, share.domain, share.expires_at]))

    def read(self, token: str) -> Share:
        """
        Raises:
            ShareNotFound: it is not one of ours, or its time is over.
        """
        try:
            share = Share(*self._signer.loads(token))
        except (BadData, TypeError, ValueError):
            raise ShareNotFound from None
        if self.token(share) != token or share.expires_at <= time.time():  # base64 has several spellings
            raise ShareNotFound
        return share
