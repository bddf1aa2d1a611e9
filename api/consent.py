"""What a shopper agreed to and when, written into the photograph's own file: it is read, moved and erased with it."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, Field

from api.errors import BadRequest, ConsentMissing

if TYPE_CHECKING:
    from api.settings import Settings

PNG = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = len(PNG) + 25  # with its first chunk, which must stay the first
PNG_KEYWORD = b"Comment\0"
JPEG = b"\xff\xd8"
JPEG_COMMENT = b"\xff\xfe"
HEAD = 512  # bytes from the start of the file, among which it lies

Version = Annotated[
    str,
    Field(
        pattern=r"^[!-~]{1,64}$",
        description="Name or date of the text that the shopper agreed to: 1 to 64 visible characters.",
    ),
]
GivenAt = Annotated[
    AwareDatetime, Field(description="When the shopper agreed; the moment of this request when absent.")
]


@dataclass(frozen=True, slots=True)
class Consent:
    """`given_at` in UTC, as ISO 8601."""

    version: str
    given_at: str


def consent_of(version: str | None, given_at: datetime | None, settings: Settings) -> Consent | None:
    """What was sent, if anything was. No moment is later than now, whatever the clock of a phone says.

    Raises:
        ConsentMissing: the service wants it, and it was not sent.
        BadRequest: a moment was sent, but not what was agreed to.
    """
    if version is None:
        if given_at is not None:
            raise BadRequest("consentVersion is missing: it says what was agreed to at consentGivenAt.")
        if settings.require_consent:
            raise ConsentMissing
        return None
    now = datetime.now(UTC)
    moment = min(given_at or now, now).astimezone(UTC)
    return Consent(version, moment.isoformat(timespec="seconds").replace("+00:00", "Z"))


def stamped(picture: bytes, consent: Consent | None) -> bytes:
    """The JPEG or PNG file with `consent` as its comment; its pixels are as they were."""
    if consent is None:
        return picture
    comment = json.dumps({"consent": asdict(consent)}).encode()
    if picture.startswith(PNG):
        chunk = b"tEXt" + PNG_KEYWORD + comment
        framed = len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return picture[:PNG_HEADER] + framed + picture[PNG_HEADER:]
    assert picture.startswith(JPEG), "photographs are JPEG or PNG"
    return JPEG + JPEG_COMMENT + (len(comment) + 2).to_bytes(2, "big") + comment + picture[len(JPEG) :]


def read_consent(head: bytes) -> Consent | None:
    """What `stamped` wrote, from a file or its first `HEAD` bytes."""
    found = re.search(rb'\{"consent": (\{[^}]*\})\}', head[:HEAD])
    return Consent(**json.loads(found.group(1))) if found else None
