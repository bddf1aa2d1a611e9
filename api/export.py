"""What is held about a shopper, for them to be told: ids, times, states and consent, and no picture."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from api.consent import read_consent
from inference.blobs import PHOTOS, UPLOADS
from inference.holdings import owned_key, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from inference.blobs import BlobStore
    from inference.erasing import Eraser, Record


def held(eraser: Eraser, blobs: BlobStore, shop: str, identity: str) -> dict[str, Any]:
    """Of `identity` (hashed) at `shop`, for which every record is looked at.

    Raises:
        redis.exceptions.RedisError: Redis stayed away.
    """
    records = list(eraser.records(shop, identity))
    own = {one.key for one in blobs.stored(owned_key(PHOTOS, shop, identity, ""))}
    used = {record.asked.get(name) or "" for record in records for name in ("person_key", "mask_key", "densepose_key")}
    nobodys = {key for key in used if key.startswith(f"{PHOTOS}/{shop}/") and not owner_of(key)}
    uploads = blobs.stored(owned_key(UPLOADS, shop, identity, ""))
    return {
        "photographs": list(_photographs(blobs, own | nobodys)),
        "uploads": [{"id": one.key, "storedAt": _moment(one.written_at.timestamp())} for one in uploads],
        "generations": [_generation(record) for record in sorted(records, key=lambda record: record.submitted_at)],
    }


def requests_of(redis: Redis, shop: str) -> list[dict[str, Any]]:
    """Of which customers the shop was asked, by Shopify, what is held: each to be told to the shop within a month."""
    found = [redis.get(key) for key in redis.scan_iter(f"fitting-room:requests:{shop}:*")]
    noted = [json.loads(one) for one in found if one]
    return [one | {"at": _moment(one["at"])} for one in sorted(noted, key=lambda one: one["at"])]


def _photographs(blobs: BlobStore, keys: set[str]) -> Iterator[dict[str, Any]]:
    for key in sorted(keys):
        with contextlib.suppress(FileNotFoundError):
            picture = blobs.get(key)
            consent = read_consent(picture)
            yield {"id": key, "bytes": len(picture), "consent": asdict(consent) if consent else None}


def _generation(record: Record) -> dict[str, Any]:
    return {
        "id": record.generation_id,
        "status": record.status,
        "submittedAt": _moment(record.submitted_at),
        "photograph": record.asked.get("person_key"),
        "garment": record.asked.get("garment_key"),
        "category": record.asked.get("category"),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
