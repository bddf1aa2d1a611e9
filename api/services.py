"""What the routes share, made once when the application starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from api.settings import Settings
    from api.shopper import Doorkeeper
    from inference.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    doorkeeper: Doorkeeper
    redis: Redis
    blobs: BlobStore
